//! The ClickHouse process: this program again, which loads libchdb.so and runs the server in it.
//!
//! The library exports the entry point of clickhouse-local, and that can listen. It ends when its last
//! statement ends, so the last one sleeps until it is killed from outside.

use std::ffi::{CStr, CString, c_char, c_int, c_void};
use std::mem::ManuallyDrop;
use std::path::Path;

use anyhow::{Context, bail};
use libloading::Library;

use crate::terminal::say;

/// What the server runs, in the working folder, as the user `default`; a quota in users.xml allows just these.
pub(crate) const STARTUP_STATEMENTS: [&str; 3] = [
    "SYSTEM START LISTEN HTTP",
    "SYSTEM START LISTEN TCP",
    "SELECT sleepEachRow(0.5) FROM system.numbers \
     SETTINGS function_sleep_max_microseconds_per_block = 100000000000, max_block_size = 1 FORMAT Null",
];

/// Ends the last startup statement, and with it the server, in order.
pub(crate) const STOP_STATEMENT: &str = "KILL QUERY WHERE query LIKE 'SELECT sleepEachRow(0.5)%' ASYNC";

/// `local_result_v2` of chdb.h.
#[repr(C)]
struct LocalResult {
    buffer: *mut c_char,
    length: usize,
    vector: *mut c_void,
    elapsed: f64,
    rows_read: u64,
    bytes_read: u64,
    error_message: *mut c_char,
}

/// `query_stable_v2` of chdb.h.
type QueryStable = unsafe extern "C" fn(argc: c_int, argv: *mut *mut c_char) -> *mut LocalResult;

/// Runs the server with `config.xml` and `data` of the working folder, and ends the process when it has stopped.
pub(crate) fn serve(library: &Path) -> ! {
    let code = match run(library) {
        Ok(()) => 0,
        Err(error) => {
            say(&format!("{error:#}"));
            1
        }
    };
    // SAFETY: ends the process at once. Destructors of the library must not run: threads of it may still live.
    unsafe { nix::libc::_exit(code) }
}

fn run(library: &Path) -> anyhow::Result<()> {
    // SAFETY: the file is the one whose hash was checked when it was fetched.
    let library = unsafe { Library::new(library) }.with_context(|| format!("cannot load {}", library.display()))?;
    // Never unloaded, for the same reason as the exit above.
    let library = ManuallyDrop::new(library);
    // SAFETY: the type is that of the function in chdb.h.
    let query_stable =
        unsafe { library.get::<QueryStable>(c"query_stable_v2") }.context("the ClickHouse library has no entry point")?;
    let arguments = [
        "clickhouse".to_owned(),
        "--config-file=config.xml".to_owned(),
        // An absolute path, or fsync_part_directory looks for a part in data/data. Independent of the folder's name.
        "--path=/proc/self/cwd/data".to_owned(),
        "--query".to_owned(),
        STARTUP_STATEMENTS.join("; "),
    ];
    let arguments = arguments.into_iter().map(CString::new).collect::<Result<Vec<_>, _>>()?;
    let mut pointers: Vec<*mut c_char> = arguments.iter().map(|argument| argument.as_ptr().cast_mut()).collect();
    let count = c_int::try_from(pointers.len())?;
    // SAFETY: `count` pointers to strings that outlive the call, which does not write to them.
    let result = unsafe { query_stable(count, pointers.as_mut_ptr()) };
    // SAFETY: it is null or a result that nobody has freed.
    let Some(result) = (unsafe { result.as_ref() }) else {
        return Ok(());
    };
    if result.error_message.is_null() {
        return Ok(());
    }
    // SAFETY: a C string that belongs to the result.
    let message = unsafe { CStr::from_ptr(result.error_message) }.to_string_lossy();
    bail!("ClickHouse could not start: {message}")
}
