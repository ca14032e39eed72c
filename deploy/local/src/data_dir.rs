//! The folder that holds what the engines keep: one `up` at a time, the same passwords and cluster id each time.

use std::fs::{self, DirBuilder, File, OpenOptions};
use std::io::{ErrorKind, Read, Seek, Write};
use std::os::unix::fs::DirBuilderExt;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use nix::fcntl::{FcntlArg, FdFlag, fcntl};
use serde::{Deserialize, Serialize};
use tempfile::{NamedTempFile, TempDir};

use crate::random;

/// How long the engines of a killed `up` may take to end.
const LOCK_DEADLINE: Duration = Duration::from_secs(3);

/// What a folder keeps from one `up` to the next.
#[derive(Debug, Deserialize, PartialEq, Serialize)]
pub(crate) struct Identity {
    /// Kafka's name for the data.
    pub(crate) cluster_id: String,
    /// Password of the ClickHouse user `chiso`, which may do everything.
    pub(crate) password: String,
    /// Password of the ClickHouse user `analyst`, who may read.
    pub(crate) analyst_password: String,
}

/// An opened data folder; ours alone as long as it, or an engine that we started, lives.
pub(crate) struct DataDir {
    path: PathBuf,
    /// What earlier runs decided.
    pub(crate) identity: Identity,
    temporary: Option<TempDir>,
    _lock: File,
}

impl DataDir {
    /// Opens `dir`, made if absent; without one, a temporary folder that is removed at the end.
    pub(crate) fn open(dir: Option<&Path>) -> anyhow::Result<Self> {
        let (path, temporary) = match dir {
            Some(dir) => {
                DirBuilder::new()
                    .recursive(true)
                    .mode(0o700)
                    .create(dir)
                    .with_context(|| format!("cannot make {}", dir.display()))?;
                (dir.to_owned(), None)
            }
            None => {
                let temporary = tempfile::Builder::new().prefix("chiso-local-").tempdir().context("cannot make a folder")?;
                (temporary.path().to_owned(), Some(temporary))
            }
        };
        let path = path.canonicalize().with_context(|| format!("cannot use {}", path.display()))?;
        let lock = lock(&path)?;
        let identity = identity(&path.join("identity.json"))?;
        Ok(Self { path, identity, temporary, _lock: lock })
    }

    /// The folder of one engine, made if absent.
    pub(crate) fn engine(&self, name: &str) -> anyhow::Result<PathBuf> {
        let folder = self.path.join(name);
        fs::create_dir_all(&folder).with_context(|| format!("cannot make {}", folder.display()))?;
        Ok(folder)
    }

    /// The folder itself.
    pub(crate) fn path(&self) -> &Path {
        &self.path
    }

    /// Whether the folder goes away with us.
    pub(crate) fn is_temporary(&self) -> bool {
        self.temporary.is_some()
    }

    /// Leaves a temporary folder behind, for its logs.
    pub(crate) fn keep(self) {
        if let Some(temporary) = self.temporary {
            let _ = temporary.keep();
        }
    }
}

/// Takes the folder for us alone.
fn lock(folder: &Path) -> anyhow::Result<File> {
    let path = folder.join("lock");
    let mut file = OpenOptions::new()
        .read(true)
        .write(true)
        .create(true)
        .truncate(false)
        .open(&path)
        .with_context(|| format!("cannot write {}", path.display()))?;
    // The engines inherit the lock: after a kill -9 of ours it holds until the last of them has ended.
    fcntl(&file, FcntlArg::F_SETFD(FdFlag::empty())).context("cannot share the lock with the engines")?;
    let deadline = Instant::now() + LOCK_DEADLINE;
    while file.try_lock().is_err() {
        if Instant::now() > deadline {
            let mut holder = String::new();
            let _ = file.read_to_string(&mut holder);
            bail!(
                "{} is in use by another chiso-local (process {}): stop that one, or give another --dir",
                folder.display(),
                holder.trim()
            );
        }
        thread::sleep(Duration::from_millis(50));
    }
    file.set_len(0)
        .and_then(|()| file.rewind())
        .and_then(|()| writeln!(file, "{}", std::process::id()))
        .with_context(|| format!("cannot write {}", path.display()))?;
    Ok(file)
}

/// Reads what earlier runs decided, or decides and writes it.
fn identity(path: &Path) -> anyhow::Result<Identity> {
    match fs::read(path) {
        Ok(text) => serde_json::from_slice(&text)
            .with_context(|| format!("{} is damaged: repair it, or begin anew with another --dir", path.display())),
        Err(error) if error.kind() == ErrorKind::NotFound => {
            let identity = Identity {
                cluster_id: random::cluster_id()?,
                password: random::password()?,
                analyst_password: random::password()?,
            };
            let folder = path.parent().context("a file has a folder")?;
            // tempfile gives it mode 0600.
            let mut file = NamedTempFile::new_in(folder).context("cannot write in the data folder")?;
            serde_json::to_writer_pretty(&mut file, &identity).context("cannot write the identity")?;
            file.persist(path).with_context(|| format!("cannot write {}", path.display()))?;
            Ok(identity)
        }
        Err(error) => Err(error).with_context(|| format!("cannot read {}", path.display())),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::os::unix::fs::PermissionsExt;

    use super::*;

    #[test]
    fn a_folder_keeps_its_identity_and_admits_one() {
        let parent = tempfile::tempdir().unwrap();
        let dir = parent.path().join("a/b");
        let first = DataDir::open(Some(&dir)).unwrap();
        let mode = |path: &Path| fs::metadata(path).unwrap().permissions().mode() & 0o777;
        assert_eq!(mode(&dir), 0o700);
        assert_eq!(mode(&dir.join("identity.json")), 0o600);
        let refused = DataDir::open(Some(&dir)).err().unwrap().to_string();
        assert!(refused.contains("in use") && refused.contains(&std::process::id().to_string()), "{refused}");
        let identity = first.identity;
        drop(first._lock);
        assert_eq!(DataDir::open(Some(&dir)).unwrap().identity, identity);
    }

    #[test]
    fn a_temporary_folder_goes_away() {
        let dir = DataDir::open(None).unwrap();
        let path = dir.path().to_owned();
        assert!(dir.is_temporary() && path.is_dir());
        drop(dir);
        assert!(!path.exists());
    }
}
