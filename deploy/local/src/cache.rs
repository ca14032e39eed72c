//! The engines on disk: fetched once per pinned version, outside the checkout, shared by all who start them.

use std::env;
use std::fs::{self, File, TryLockError};
use std::path::{Path, PathBuf};
use std::process;

use anyhow::Context;

use crate::download::{self, LIB};
use crate::requirements::{self, Program};
use crate::terminal::{Progress, say};
use crate::verify::{self, FileList};

/// Free space wanted before a fetch: both engines unpacked, and what npm and Maven keep of them.
const FETCH_BYTES: u64 = 1_500_000_000;

/// Extension of a folder in the making.
const PARTIAL: &str = "partial";

/// One engine as pinned by the files in `engines/`.
struct Pinned {
    name: &'static str,
    version: &'static str,
    files: FileList,
    /// Whether every start compares the hashes: cheap for the jars, 2 seconds for ClickHouse.
    hash_always: bool,
    fetched_by: Program,
    download: fn(&Path, &mut Progress) -> anyhow::Result<()>,
}

const KAFKA: Pinned = Pinned {
    name: "kafka",
    version: "4.3.1",
    files: FileList { hashes: include_str!("../engines/jars.sha256"), bytes: 45_025_529 },
    hash_always: true,
    fetched_by: Program::Maven,
    download: download::kafka,
};

const CLICKHOUSE: Pinned = Pinned {
    name: "clickhouse",
    version: "26.7.3-stable.1",
    files: FileList { hashes: include_str!("../engines/libchdb-x86_64.sha256"), bytes: 566_330_096 },
    hash_always: false,
    fetched_by: Program::Npm,
    download: download::clickhouse,
};

/// Where the fetched engines are.
pub(crate) struct EnginePaths {
    /// The folder of Kafka's jars.
    pub(crate) kafka_lib: PathBuf,
    /// ClickHouse as a library.
    pub(crate) libchdb: PathBuf,
}

/// The folder of all engines.
pub(crate) struct Cache {
    root: PathBuf,
}

impl Cache {
    /// `$XDG_CACHE_HOME/chiso`, or `~/.cache/chiso`.
    pub(crate) fn locate() -> anyhow::Result<Self> {
        // The XDG specification says to ignore a relative path.
        let absolute = |name| env::var_os(name).map(PathBuf::from).filter(|path| path.is_absolute());
        let base = absolute("XDG_CACHE_HOME")
            .or_else(|| absolute("HOME").map(|home| home.join(".cache")))
            .context("neither XDG_CACHE_HOME nor HOME is set: no place to keep the engines")?;
        Ok(Self { root: base.join("chiso") })
    }

    /// Fetches what is not there or damaged, once it is sure that this can work and that `also` is there.
    pub(crate) fn ensure(&self, also: &[Program]) -> anyhow::Result<EnginePaths> {
        requirements::machine()?;
        let absent: Vec<&Pinned> =
            [&KAFKA, &CLICKHOUSE].into_iter().filter(|engine| !engine.is_whole(&self.folder(engine))).collect();
        let fetchers = absent.iter().map(|engine| engine.fetched_by);
        requirements::programs(&also.iter().copied().chain(fetchers).collect::<Vec<_>>())?;
        if !absent.is_empty() {
            fs::create_dir_all(&self.root).with_context(|| format!("cannot make {}", self.root.display()))?;
            requirements::disk_space(&self.root, FETCH_BYTES)?;
        }
        for engine in absent {
            self.fetch_once(engine)?;
        }
        Ok(EnginePaths {
            kafka_lib: self.folder(&KAFKA).join(LIB),
            libchdb: self.folder(&CLICKHOUSE).join(LIB).join("libchdb.so"),
        })
    }

    /// A folder of its own for every pin: other hashes, another folder.
    fn folder(&self, engine: &Pinned) -> PathBuf {
        let pin = verify::sha256(engine.files.hashes.as_bytes());
        self.root.join(format!("{}-{}-{}", engine.name, engine.version, &pin[..8]))
    }

    /// Fetches an engine, unless another process has just done so.
    fn fetch_once(&self, engine: &Pinned) -> anyhow::Result<()> {
        let folder = self.folder(engine);
        let _lock = lock(&folder.with_added_extension("lock"), engine)?;
        if engine.is_whole(&folder) {
            return Ok(());
        }
        engine.fetch(&folder).with_context(|| format!("cannot fetch {} {}", engine.name, engine.version))
    }
}

impl Pinned {
    /// Whether the folder can be used as it is; a damaged one is said to be so.
    fn is_whole(&self, folder: &Path) -> bool {
        if !folder.exists() {
            return false;
        }
        let lib = folder.join(LIB);
        let checked = if self.hash_always { self.files.check_hashes(&lib) } else { self.files.check_names(&lib) };
        match checked {
            Ok(()) => true,
            Err(error) => {
                say(&format!("{error:#}; it will be fetched again"));
                false
            }
        }
    }

    /// Fetches beside the final folder and renames as the last step, so that a half is never taken for a whole.
    fn fetch(&self, folder: &Path) -> anyhow::Result<()> {
        remove_leftovers(folder)?;
        // A folder of our own: a tool of a killed fetch may be slow to notice.
        let work = folder.with_added_extension(format!("{PARTIAL}-{}", process::id()));
        fs::create_dir_all(&work).with_context(|| format!("cannot make {}", work.display()))?;
        let mut progress = Progress::start(&format!("fetching {} {}", self.name, self.version), self.files.bytes);
        (self.download)(&work, &mut progress)?;
        self.files.check_hashes(&work.join(LIB))?;
        sync(&work.join(LIB))?;
        remove(folder)?;
        fs::rename(&work, folder).with_context(|| format!("cannot rename {}", work.display()))?;
        progress.done();
        Ok(())
    }
}

/// Holds off every other process that fetches the same engine, until the file is dropped.
fn lock(path: &Path, engine: &Pinned) -> anyhow::Result<File> {
    let file = File::create(path).with_context(|| format!("cannot write {}", path.display()))?;
    match file.try_lock() {
        Ok(()) => return Ok(file),
        Err(TryLockError::WouldBlock) => {
            say(&format!("another process is fetching {}, waiting for it", engine.name));
        }
        Err(TryLockError::Error(error)) => {
            return Err(error).with_context(|| format!("cannot lock {}", path.display()));
        }
    }
    file.lock().with_context(|| format!("cannot lock {}", path.display()))?;
    Ok(file)
}

/// A power failure after the rename must not leave files with holes.
fn sync(folder: &Path) -> anyhow::Result<()> {
    for entry in fs::read_dir(folder)? {
        let path = entry?.path();
        File::open(&path).and_then(|file| file.sync_all()).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}

/// Removes what interrupted fetches left beside the final folder.
fn remove_leftovers(folder: &Path) -> anyhow::Result<()> {
    let beside = folder.with_added_extension(PARTIAL);
    let (Some(parent), Some(start)) = (beside.parent(), beside.file_name()) else {
        return Ok(());
    };
    for entry in fs::read_dir(parent).with_context(|| format!("cannot read {}", parent.display()))? {
        let entry = entry?;
        if entry.file_name().as_encoded_bytes().starts_with(start.as_encoded_bytes()) {
            remove(&entry.path())?;
        }
    }
    Ok(())
}

fn remove(folder: &Path) -> anyhow::Result<()> {
    if folder.exists() {
        fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))?;
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use std::sync::atomic::{AtomicUsize, Ordering};
    use std::time::Duration;

    use super::*;

    const ABC: FileList =
        FileList { hashes: "ba7816bf8f01cfea414140de5dae2223b00361a396177a9cb410ff61f20015ad  abc.jar\n", bytes: 3 };

    fn engine(download: fn(&Path, &mut Progress) -> anyhow::Result<()>) -> Pinned {
        Pinned { name: "abc", version: "1", files: ABC, hash_always: true, fetched_by: Program::Java, download }
    }

    fn bring(work: &Path, content: &str) -> anyhow::Result<()> {
        fs::create_dir(work.join(LIB))?;
        fs::write(work.join(LIB).join("abc.jar"), content)?;
        Ok(())
    }

    fn good(work: &Path, _: &mut Progress) -> anyhow::Result<()> {
        bring(work, "abc")
    }

    fn damaged(work: &Path, _: &mut Progress) -> anyhow::Result<()> {
        bring(work, "abd")
    }

    fn broken_off(work: &Path, _: &mut Progress) -> anyhow::Result<()> {
        bring(work, "ab")?;
        anyhow::bail!("connection lost")
    }

    #[test]
    fn a_damaged_or_half_fetch_is_never_used() {
        let root = tempfile::tempdir().unwrap();
        let cache = Cache { root: root.path().to_owned() };
        let folder = cache.folder(&engine(good));
        let jar = folder.join(LIB).join("abc.jar");
        for download in [damaged, broken_off] {
            cache.fetch_once(&engine(download)).unwrap_err();
            assert!(!folder.exists());
        }
        let leftover = folder.with_added_extension("partial-1");
        fs::create_dir(&leftover).unwrap();
        cache.fetch_once(&engine(good)).unwrap();
        assert!(!leftover.exists());
        assert_eq!(fs::read_to_string(&jar).unwrap(), "abc");
        assert!(engine(good).is_whole(&folder));

        // Damage after the fetch is seen at the next start, and repaired by whole files only.
        fs::write(&jar, "abd").unwrap();
        assert!(!engine(good).is_whole(&folder));
        cache.fetch_once(&engine(damaged)).unwrap_err();
        assert!(!engine(good).is_whole(&folder));
        cache.fetch_once(&engine(good)).unwrap();
        assert_eq!(fs::read_to_string(&jar).unwrap(), "abc");
    }

    #[test]
    fn several_at_once_fetch_once() {
        fn counted(work: &Path, _: &mut Progress) -> anyhow::Result<()> {
            static COUNT: AtomicUsize = AtomicUsize::new(0);
            anyhow::ensure!(COUNT.fetch_add(1, Ordering::SeqCst) == 0, "fetched twice");
            std::thread::sleep(Duration::from_millis(100));
            bring(work, "abc")
        }
        let root = tempfile::tempdir().unwrap();
        std::thread::scope(|scope| {
            let fetches: Vec<_> =
                (0..4).map(|_| scope.spawn(|| Cache { root: root.path().to_owned() }.fetch_once(&engine(counted)))).collect();
            for fetch in fetches {
                fetch.join().unwrap().unwrap();
            }
        });
    }

    #[test]
    fn the_committed_lists_pin_each_engine() {
        assert_eq!(KAFKA.files.hashes.lines().count(), 46);
        assert!(KAFKA.files.hashes.contains("kafka_2.13-4.3.1.jar"));
        assert!(include_str!("../engines/pom.xml").contains(KAFKA.version));
        for npm in [include_str!("../engines/package.json"), include_str!("../engines/package-lock.json")] {
            assert!(npm.contains(CLICKHOUSE.version));
            assert!(!npm.contains("resolved"), "the lock file must not name a host");
        }
    }
}
