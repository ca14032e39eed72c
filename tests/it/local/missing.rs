//! What `chiso-local` says, and does not start, when something is missing or damaged.

use std::fs;
use std::os::unix::fs::symlink;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

use tempfile::TempDir;

use super::up::run;
use crate::harness::program;

#[test]
fn what_is_missing_is_said_in_one_line() {
    let empty = TempDir::new().unwrap();
    let (code, text) = run(&["up"], &[("PATH", empty.path())]);
    assert_eq!(code, Some(3), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("missing: java") && text.contains("apt-get install -y openjdk-17-jre-headless"), "{text}");

    // Nothing fetched yet: the tools that fetch are wanted too, all in the same line.
    let (code, text) = run(&["up"], &[("PATH", empty.path()), ("XDG_CACHE_HOME", empty.path())]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("apt-get install -y openjdk-17-jre-headless maven npm"), "{text}");

    let (code, _) = run(&["up", "--partitions", "none"], &[]);
    assert_eq!(code, Some(2));
}

#[test]
fn a_damaged_or_half_fetched_engine_is_never_started() {
    let fetched = Command::new(program("chiso-local")).arg("fetch").stderr(Stdio::inherit()).output().unwrap();
    let paths = String::from_utf8(fetched.stdout).unwrap();
    let path = |name: &str| {
        let line = paths.lines().find(|line| line.starts_with(name)).unwrap();
        PathBuf::from(line.split_once('/').map(|(_, path)| format!("/{path}")).unwrap())
    };
    let (kafka, clickhouse) = (path("Kafka"), path("ClickHouse").parent().unwrap().to_owned());

    // A cache with the real ClickHouse, and a Kafka of which one byte of one jar is wrong.
    let folder = TempDir::new().unwrap();
    let cache = folder.path().join("chiso");
    let home = |lib: &Path| cache.join(lib.parent().unwrap().file_name().unwrap());
    fs::create_dir_all(&cache).unwrap();
    symlink(clickhouse.parent().unwrap(), home(&clickhouse)).unwrap();
    let lib = home(&kafka).join("lib");
    fs::create_dir_all(&lib).unwrap();
    for entry in fs::read_dir(&kafka).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), lib.join(entry.file_name())).unwrap();
    }
    let jar = lib.join("kafka_2.13-4.3.1.jar");
    let whole = fs::read(&jar).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&jar, damaged).unwrap();

    // Without Maven the damage cannot be repaired, and the damaged one is not used either.
    let (empty, none) = (folder.path().join("bin"), [("XDG_CACHE_HOME", folder.path())]);
    fs::create_dir(&empty).unwrap();
    let without_tools = [none[0], ("PATH", &*empty)];
    let (code, text) = run(&["fetch"], &without_tools);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("kafka_2.13-4.3.1.jar has SHA-256") && text.contains("apt-get install -y maven\n"), "{text}");

    fs::write(&jar, &whole).unwrap();
    let (code, text) = run(&["fetch"], &without_tools);
    assert_eq!((code, &*text), (Some(0), ""), "the whole one is used without any tool");

    // What an interrupted fetch leaves is another folder, never looked into.
    fs::rename(home(&kafka), home(&kafka).with_added_extension("partial-1")).unwrap();
    let (code, text) = run(&["fetch"], &without_tools);
    assert_eq!(code, Some(3), "{text}");
}
