//! Fetches the pinned engines with npm and Maven into a work folder.

use std::fs::{self, File};
use std::io;
use std::path::Path;
use std::process::{Command, Stdio};
use std::thread;
use std::time::Duration;

use anyhow::{Context, bail};
use nix::sys::signal::Signal;

use crate::process;
use crate::terminal::Progress;

/// Where a download leaves exactly the files of its list.
pub(crate) const LIB: &str = "lib";
/// How often the size of what has come is looked at.
const LOOK_EVERY: Duration = Duration::from_millis(300);

/// Brings the jars of Kafka into `work`/lib.
pub(crate) fn kafka(work: &Path, progress: &mut Progress) -> anyhow::Result<()> {
    write(work, "pom.xml", include_str!("../engines/pom.xml"))?;
    let mut maven = Command::new("mvn");
    maven.args(["-B", "--strict-checksums", "dependency:copy-dependencies"]);
    maven.arg(format!("-DoutputDirectory={LIB}"));
    run(maven, work, progress)
}

/// Brings libchdb.so, which holds ClickHouse, into `work`/lib.
pub(crate) fn clickhouse(work: &Path, progress: &mut Progress) -> anyhow::Result<()> {
    write(work, "package.json", include_str!("../engines/package.json"))?;
    write(work, "package-lock.json", include_str!("../engines/package-lock.json"))?;
    let mut npm = Command::new("npm");
    npm.args(["ci", "--ignore-scripts", "--no-audit", "--no-fund", "--no-update-notifier"]);
    run(npm, work, progress)?;
    let modules = work.join("node_modules");
    let lib = work.join(LIB);
    fs::create_dir(&lib)
        .and_then(|()| fs::rename(modules.join("@chdb/lib-linux-x64-gnu/libchdb.so"), lib.join("libchdb.so")))
        .and_then(|()| fs::remove_dir_all(modules))
        .with_context(|| format!("the package of ClickHouse is not as expected in {}", work.display()))
}

/// Runs a tool in the work folder, its output in a log beside what it brings.
fn run(mut tool: Command, work: &Path, progress: &mut Progress) -> anyhow::Result<()> {
    let name = tool.get_program().display().to_string();
    let log = work.join("fetch.log");
    let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
    tool.current_dir(work).stdin(Stdio::null()).stdout(output.try_clone().context("cannot share the log")?).stderr(output);
    // Not SIGTERM: npm answers that by tidying up its folder, at leisure.
    process::end_with_us(&mut tool, Signal::SIGKILL);
    let mut child = tool.spawn().with_context(|| format!("cannot start {name}"))?;
    loop {
        if let Some(status) = child.try_wait().with_context(|| format!("cannot watch {name}"))? {
            if status.success() {
                return Ok(());
            }
            bail!(
                "{name} could not fetch it ({status}); check the network and try again\n{}",
                process::tail(&log).unwrap_or_default()
            );
        }
        progress.at(size(work));
        thread::sleep(LOOK_EVERY);
    }
}

fn write(work: &Path, name: &str, text: &str) -> anyhow::Result<()> {
    let path = work.join(name);
    fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))
}

/// Bytes in a folder whose files come and go meanwhile.
fn size(folder: &Path) -> u64 {
    let entries = fs::read_dir(folder).into_iter().flatten().filter_map(io::Result::ok);
    entries
        .map(|entry| match entry.metadata() {
            Ok(metadata) if metadata.is_dir() => size(&entry.path()),
            Ok(metadata) => metadata.len(),
            Err(_) => 0,
        })
        .sum()
}
