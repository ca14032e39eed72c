//! What the integration tests stand on: one pair of real engines for the whole test process.
//!
//! Rules: a topic and a database per test (`unique`), never a fixed sleep but a condition with a deadline
//! (`wait_until`), and no cleaning up: the engines go when the process goes.

mod acls;
mod admin;
mod certificates;
mod compare;
mod engines;
mod product;
mod secure;
mod tls_proxy;
mod world;

use std::path::PathBuf;
use std::process;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;
use std::time::{Duration, Instant, SystemTime};

pub(crate) use compare::assert_same;
pub(crate) use engines::{Engines, engines};
pub(crate) use product::{Ended, Place, ReferenceCopy, shipped_reference, small_country};
pub(crate) use secure::{PUBLISHER, SecureKafka, WORKER, Way, secure_kafka};
pub(crate) use tls_proxy::TlsProxy;
pub(crate) use world::{Outgoing, STRUCTURED, World};

/// A name nobody else uses: for a topic, a database (the analyst may read it) or a consumer group.
pub(crate) fn unique(name: &str) -> String {
    static COUNT: AtomicU32 = AtomicU32::new(0);
    let count = COUNT.fetch_add(1, Ordering::Relaxed);
    let now = SystemTime::now().duration_since(SystemTime::UNIX_EPOCH).unwrap();
    format!("chiso_{name}_{}_{count}_{:x}", process::id(), now.as_millis())
}

/// The path of one of the project's programs, built before the tests into the same folder.
pub(crate) fn program(name: &str) -> PathBuf {
    // .../release/deps/it-0123abcd -> .../release
    let test = std::env::current_exe().unwrap();
    let path = test.parent().unwrap().parent().unwrap().join(name);
    assert!(path.is_file(), "{} is missing: run `cargo build --release -p {name}`, or `make test`", path.display());
    path
}

/// Waits until the condition holds; panics with `what` if it does not hold in time.
pub(crate) fn wait_until(what: &str, time: Duration, mut condition: impl FnMut() -> bool) {
    let deadline = Instant::now() + time;
    while !condition() {
        assert!(Instant::now() < deadline, "not within {} s: {what}", time.as_secs());
        thread::sleep(Duration::from_millis(50));
    }
}
