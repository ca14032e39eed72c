//! Whether a fetched folder holds exactly the files it must hold, byte for byte.

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::fs::{self, File};
use std::io::{self, Read};
use std::path::Path;

use anyhow::{Context, bail};
use sha2::{Digest, Sha256};

/// The files a folder must hold: what a committed list in the format of `sha256sum` says.
#[derive(Clone, Copy)]
pub(crate) struct FileList {
    /// Lines of 64 hex digits, two spaces, a file name.
    pub(crate) hashes: &'static str,
    /// Size of all the files together, in bytes.
    pub(crate) bytes: u64,
}

impl FileList {
    /// Fails, naming every fault, unless `folder` has exactly the listed files and their sizes add up.
    pub(crate) fn check_names(&self, folder: &Path) -> anyhow::Result<()> {
        let mut expected = self.entries()?;
        let mut faults = Vec::new();
        let mut bytes = 0;
        let entries = fs::read_dir(folder).with_context(|| format!("cannot read {}", folder.display()))?;
        for entry in entries {
            let entry = entry?;
            bytes += entry.metadata()?.len();
            if expected.remove(&*entry.file_name().to_string_lossy()).is_none() {
                faults.push(format!("{} does not belong there", entry.file_name().display()));
            }
        }
        faults.extend(expected.keys().map(|name| format!("{name} is not there")));
        if faults.is_empty() && bytes != self.bytes {
            faults.push(format!("{bytes} bytes instead of {}", self.bytes));
        }
        refuse(folder, &faults)
    }

    /// As `check_names`, and compares the SHA-256 of every file.
    pub(crate) fn check_hashes(&self, folder: &Path) -> anyhow::Result<()> {
        self.check_names(folder)?;
        let mut faults = Vec::new();
        for (name, expected) in self.entries()? {
            let path = folder.join(name);
            let found = file_sha256(&path).with_context(|| format!("cannot read {}", path.display()))?;
            if found != expected {
                faults.push(format!("{name} has SHA-256 {found} instead of {expected}"));
            }
        }
        refuse(folder, &faults)
    }

    /// Hash by file name.
    fn entries(&self) -> anyhow::Result<BTreeMap<&'static str, &'static str>> {
        self.hashes
            .lines()
            .map(|line| {
                let (hash, name) = line.split_once("  ").with_context(|| format!("bad line in a hash list: {line}"))?;
                Ok((name, hash))
            })
            .collect()
    }
}

fn refuse(folder: &Path, faults: &[String]) -> anyhow::Result<()> {
    if faults.is_empty() {
        return Ok(());
    }
    bail!("{} is not what it must be: {}", folder.display(), faults.join("; "))
}

/// SHA-256 of some bytes as 64 lower-case hex digits.
pub(crate) fn sha256(bytes: &[u8]) -> String {
    hex(&Sha256::digest(bytes))
}

fn file_sha256(path: &Path) -> io::Result<String> {
    let mut file = File::open(path)?;
    let mut hasher = Sha256::new();
    let mut block = vec![0; 1 << 20];
    loop {
        let read = file.read(&mut block)?;
        if read == 0 {
            return Ok(hex(&hasher.finalize()));
        }
        hasher.update(&block[..read]);
    }
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().fold(String::new(), |mut text, byte| {
        let _ = write!(text, "{byte:02x}");
        text
    })
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    const LIST: FileList = FileList {
        hashes: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc.jar\n\
                 e3b0c44298fc1c149afbf4c8996fb92427ae41e4649b934ca495991b7852b855  empty.jar\n",
        bytes: 3,
    };

    #[test]
    fn a_whole_folder_passes_and_every_damage_is_named() {
        let folder = tempfile::tempdir().unwrap();
        let abc = folder.path().join("abc.jar");
        let empty = folder.path().join("empty.jar");
        let extra = folder.path().join("extra.jar");
        let fault = |expected: &str| {
            let text = LIST.check_hashes(folder.path()).unwrap_err().to_string();
            assert!(text.contains(expected), "{text}");
        };
        fs::write(&abc, "abc").unwrap();
        fault("empty.jar is not there");
        fs::write(&empty, "").unwrap();
        LIST.check_hashes(folder.path()).unwrap();
        fs::write(&extra, "").unwrap();
        fault("extra.jar does not belong there");
        fs::remove_file(&extra).unwrap();
        fs::write(&abc, "abd").unwrap();
        LIST.check_names(folder.path()).unwrap();
        fault("abc.jar has SHA-256 a52d159f262b2c6ddb724a61840befc36eb30c88877a4030b65cbe86298449c9 instead of ba78");
        fs::write(&abc, "ab").unwrap();
        fault("2 bytes instead of 3");
    }

    #[test]
    fn a_folder_that_is_not_there_fails() {
        let text = LIST.check_names(Path::new("/nonexistent")).unwrap_err().to_string();
        assert!(text.contains("/nonexistent"), "{text}");
    }
}
