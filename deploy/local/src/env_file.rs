//! The file of shell lines by which the programs and the tests find the engines.

use std::fs;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use tempfile::NamedTempFile;

/// Every line starts like this; a file with other lines is somebody else's.
const LINE_START: &str = "export CHISO_";

/// The file of `--env-file`: there only while the engines answer.
pub(crate) struct EnvFile {
    path: PathBuf,
}

impl EnvFile {
    /// Takes the path and removes what an earlier run left there, so that the file's being there means ready.
    pub(crate) fn claim(path: &Path) -> anyhow::Result<Self> {
        match fs::read(path) {
            Err(error) if error.kind() == ErrorKind::NotFound => {}
            Err(error) => return Err(error).with_context(|| format!("cannot use {} as env file", path.display())),
            Ok(old) => {
                let old = String::from_utf8_lossy(&old);
                if !old.lines().all(|line| line.starts_with(LINE_START)) {
                    bail!("{} is not a file of chiso-local, give another --env-file", path.display());
                }
                fs::remove_file(path).with_context(|| format!("cannot replace {}", path.display()))?;
            }
        }
        let file = Self { path: path.to_owned() };
        // Tried now rather than after the engines have started.
        file.temporary()?;
        Ok(file)
    }

    /// Writes the lines whole or not at all, readable by the owner only.
    pub(crate) fn write(&self, lines: &str) -> anyhow::Result<()> {
        let mut file = self.temporary()?;
        file.write_all(lines.as_bytes()).with_context(|| format!("cannot write {}", self.path.display()))?;
        file.persist(&self.path).with_context(|| format!("cannot write {}", self.path.display()))?;
        Ok(())
    }

    /// A file beside the final one; tempfile makes it with mode 0600.
    fn temporary(&self) -> anyhow::Result<NamedTempFile> {
        let folder = match self.path.parent() {
            Some(parent) if !parent.as_os_str().is_empty() => parent,
            _ => Path::new("."),
        };
        NamedTempFile::new_in(folder).with_context(|| format!("cannot write in {}", folder.display()))
    }
}

impl Drop for EnvFile {
    /// The servers it names are gone.
    fn drop(&mut self) {
        let _ = fs::remove_file(&self.path);
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn it_is_private_and_gone_at_the_end() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("env");
        fs::write(&path, "export CHISO__KAFKA__BROKERS=old\n").unwrap();
        let file = EnvFile::claim(&path).unwrap();
        assert!(!path.exists());
        file.write("export CHISO__KAFKA__BROKERS=new\n").unwrap();
        assert_eq!(fs::read_to_string(&path).unwrap(), "export CHISO__KAFKA__BROKERS=new\n");
        assert_eq!(fs::metadata(&path).unwrap().permissions().mode() & 0o777, 0o600);
        drop(file);
        assert_eq!(fs::read_dir(folder.path()).unwrap().count(), 0);
    }

    #[test]
    fn somebody_elses_file_is_left_alone() {
        let folder = tempfile::tempdir().unwrap();
        let path = folder.path().join("letter");
        fs::write(&path, "Dear all,\n").unwrap();
        assert!(EnvFile::claim(&path).is_err());
        assert_eq!(fs::read_to_string(&path).unwrap(), "Dear all,\n");
        assert!(EnvFile::claim(&folder.path().join("no/such/folder")).is_err());
    }
}
