//! What this machine must have before anything is fetched or started, and how to get it.

use std::env;
use std::path::{Path, PathBuf};
use std::process::Command;

use anyhow::Context;
use nix::sys::statvfs::statvfs;

/// The oldest Java that runs Kafka 4.
const JAVA_OLDEST: u32 = 17;

/// Something this machine lacks; the program ends with exit code 3 and this one line.
#[derive(Debug, PartialEq, thiserror::Error)]
#[error("missing: {what}; to get it: {remedy}")]
pub(crate) struct Missing {
    what: String,
    remedy: String,
}

/// A program that must be there.
#[derive(Clone, Copy, PartialEq)]
pub(crate) enum Program {
    /// Runs Kafka.
    Java,
    /// Fetches Kafka.
    Maven,
    /// Fetches ClickHouse.
    Npm,
}

/// Fails with one line that names all the programs that are not there and how to get them.
pub(crate) fn programs(needed: &[Program]) -> Result<(), Missing> {
    let mut absent = Vec::new();
    let mut packages = Vec::new();
    for program in needed {
        let (what, package) = match program {
            Program::Java => match java() {
                Ok(_) => continue,
                Err(what) => (what, "openjdk-17-jre-headless"),
            },
            Program::Maven if find("mvn").is_some() => continue,
            Program::Maven => ("mvn (Maven fetches Kafka)".to_owned(), "maven"),
            Program::Npm if find("npm").is_some() => continue,
            Program::Npm => ("npm (it fetches ClickHouse)".to_owned(), "npm"),
        };
        absent.push(what);
        packages.push(package);
    }
    if absent.is_empty() {
        return Ok(());
    }
    Err(Missing { what: absent.join(", "), remedy: format!("apt-get install -y {}", packages.join(" ")) })
}

/// The path of a Java new enough for Kafka, or what is wrong with the one that is there.
pub(crate) fn java() -> Result<PathBuf, String> {
    let home = env::var_os("JAVA_HOME").filter(|home| !home.is_empty());
    let path = match home {
        Some(home) => Some(PathBuf::from(home).join("bin/java")).filter(|java| java.is_file()),
        None => find("java"),
    };
    let path = path.ok_or_else(|| {
        let place = if env::var_os("JAVA_HOME").is_some() { ", none in JAVA_HOME" } else { "" };
        format!("java (Java {JAVA_OLDEST} or newer runs Kafka{place})")
    })?;
    // `java -version` speaks on standard error.
    let said = Command::new(&path)
        .arg("-version")
        .output()
        .map(|output| String::from_utf8_lossy(&output.stderr).into_owned())
        .unwrap_or_default();
    match java_version(&said) {
        Some(version) if version >= JAVA_OLDEST => Ok(path),
        found => Err(format!(
            "java {JAVA_OLDEST} or newer ({} is {})",
            path.display(),
            found.map_or_else(|| "of an unknown version".to_owned(), |version| format!("version {version}"))
        )),
    }
}

/// The major version in what `java -version` says, for example 17 for `openjdk version "17.0.15" 2025-04-15`.
fn java_version(said: &str) -> Option<u32> {
    let quoted = said.split('"').nth(1)?;
    let mut numbers = quoted.split(['.', '-', '+', '_']);
    match numbers.next()?.parse().ok()? {
        // Up to Java 8 the version was written 1.8.
        1 => numbers.next()?.parse().ok(),
        major => Some(major),
    }
}

/// The first executable file of this name in PATH.
pub(crate) fn find(name: &str) -> Option<PathBuf> {
    env::split_paths(&env::var_os("PATH")?).map(|folder| folder.join(name)).find(|path| path.is_absolute() && path.is_file())
}

/// Fails if the file system of `folder` has fewer than `bytes` free.
pub(crate) fn disk_space(folder: &Path, bytes: u64) -> anyhow::Result<()> {
    let free = statvfs(folder).with_context(|| format!("cannot ask for the free space of {}", folder.display()))?;
    let free = free.blocks_available() * free.fragment_size();
    if free >= bytes {
        return Ok(());
    }
    Err(Missing {
        what: format!("disk space ({} MB free in {}, {} MB needed)", free / 1_000_000, folder.display(), bytes / 1_000_000),
        remedy: "free some, or set XDG_CACHE_HOME to a folder on a larger disk".to_owned(),
    }
    .into())
}

/// Fails where the pinned ClickHouse library cannot run.
pub(crate) fn machine() -> Result<(), Missing> {
    if cfg!(all(target_os = "linux", target_arch = "x86_64", target_env = "gnu")) {
        return Ok(());
    }
    Err(Missing {
        what: format!("a ClickHouse library for {} on {}", env::consts::ARCH, env::consts::OS),
        remedy: "use x86_64 Linux with glibc (Debian 12 or newer), or your own servers: \
                 set CHISO__KAFKA__BROKERS and CHISO__CLICKHOUSE__URL"
            .to_owned(),
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn java_versions_are_read_in_every_spelling() {
        assert_eq!(java_version("openjdk version \"17.0.15\" 2025-04-15\nOpenJDK"), Some(17));
        assert_eq!(java_version("openjdk version \"21\" 2023-09-19"), Some(21));
        assert_eq!(java_version("openjdk version \"26-ea\" 2026-03-17"), Some(26));
        assert_eq!(java_version("java version \"1.8.0_392\""), Some(8));
        assert_eq!(java_version("no such file"), None);
    }

    #[test]
    fn too_little_disk_space_is_something_missing() {
        let folder = tempfile::tempdir().unwrap();
        disk_space(folder.path(), 1).unwrap();
        let error = disk_space(folder.path(), u64::MAX).unwrap_err();
        assert!(error.is::<Missing>());
        assert!(error.to_string().contains("disk space"), "{error}");
    }
}
