//! The reference data files: where their text comes from, and the digest that names one state of all of them.

use std::borrow::Cow;
use std::fmt;
use std::io::ErrorKind;
use std::path::{Path, PathBuf};

use sha2::{Digest, Sha256};

/// How many files there are.
const COUNT: usize = 9;

/// The files of reference data, in the order in which faults are listed.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum File {
    /// The cut-off day of each calendar.
    Calendars,
    /// The indicator catalogue.
    Indicators,
    /// Provinces, districts and wards with their validity.
    Units,
    /// What became of units.
    Lineage,
    /// Names that units bore before.
    Renames,
    /// The source registry.
    Sources,
    /// The target registry.
    Targets,
    /// Days off, and days worked for them.
    Holidays,
    /// When reports are closed.
    Schedule,
}

impl File {
    /// All files.
    pub const ALL: [Self; COUNT] = [
        Self::Calendars,
        Self::Indicators,
        Self::Units,
        Self::Lineage,
        Self::Renames,
        Self::Sources,
        Self::Targets,
        Self::Holidays,
        Self::Schedule,
    ];

    /// Its path inside the reference directory; also its name in ClickHouse.
    pub const fn path(self) -> &'static str {
        match self {
            Self::Calendars => "calendars.csv",
            Self::Indicators => "indicators.csv",
            Self::Units => "admin-units/units.csv",
            Self::Lineage => "admin-units/lineage.csv",
            Self::Renames => "admin-units/renames.csv",
            Self::Sources => "sources.csv",
            Self::Targets => "targets.csv",
            Self::Holidays => "holidays.csv",
            Self::Schedule => "report-schedule.csv",
        }
    }

    const fn embedded(self) -> &'static str {
        match self {
            Self::Calendars => include_str!("../../reference/calendars.csv"),
            Self::Indicators => include_str!("../../reference/indicators.csv"),
            Self::Units => include_str!("../../reference/admin-units/units.csv"),
            Self::Lineage => include_str!("../../reference/admin-units/lineage.csv"),
            Self::Renames => include_str!("../../reference/admin-units/renames.csv"),
            Self::Sources => include_str!("../../reference/sources.csv"),
            Self::Targets => include_str!("../../reference/targets.csv"),
            Self::Holidays => include_str!("../../reference/holidays.csv"),
            Self::Schedule => include_str!("../../reference/report-schedule.csv"),
        }
    }

    /// What stands for a file that need not be there: no holidays, and no report that is closed by itself.
    const fn absent(self) -> Option<&'static str> {
        match self {
            Self::Holidays => Some("day,kind,name_vi,basis\n"),
            Self::Schedule => Some("calendar,period,levels,grace,grace_days,time,from,name_vi\n"),
            _ => None,
        }
    }
}

impl fmt::Display for File {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.path())
    }
}

/// The text of every reference file: one state of the reference data, not yet checked.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Files([Cow<'static, str>; COUNT]);

/// Reference files that cannot be had.
#[derive(Debug, thiserror::Error)]
pub enum FilesError {
    /// A file of the directory is missing or no text.
    #[error("cannot read reference file {}: {cause}; the directory must hold {}", path.display(), listed(&required()))]
    Unreadable {
        /// The file.
        path: PathBuf,
        /// What the system says.
        cause: std::io::Error,
    },
    /// The store lacks parts of the reference data.
    #[error("the stored reference data lack {}; run chiso-rollup migrate to store them again", listed(.0))]
    Missing(Vec<File>),
}

fn required() -> Vec<File> {
    File::ALL.into_iter().filter(|file| file.absent().is_none()).collect()
}

fn listed(files: &[File]) -> String {
    files.iter().map(|file| file.path()).collect::<Vec<_>>().join(", ")
}

impl Files {
    /// The files that are compiled into the program.
    pub fn embedded() -> Self {
        Self(File::ALL.map(|file| Cow::Borrowed(file.embedded())))
    }

    /// The files of a directory laid out like `schemas/reference/`.
    ///
    /// # Errors
    /// One of them is missing, unreadable or not UTF-8; the first such file is named.
    pub fn read(dir: &Path) -> Result<Self, FilesError> {
        let mut files = Self::embedded();
        for file in File::ALL {
            let path = dir.join(file.path());
            let text = match (std::fs::read_to_string(&path), file.absent()) {
                (Ok(text), _) => text,
                (Err(cause), Some(absent)) if cause.kind() == ErrorKind::NotFound => absent.to_owned(),
                (Err(cause), _) => return Err(FilesError::Unreadable { path, cause }),
            };
            files.set(file, text);
        }
        Ok(files)
    }

    /// The files as a store returns them by their path.
    ///
    /// # Errors
    /// The store lacks some; all of those are named.
    pub fn from_parts(part: impl Fn(&str) -> Option<String>) -> Result<Self, FilesError> {
        let mut files = Self::embedded();
        let mut missing = Vec::new();
        for file in File::ALL {
            match part(file.path()).or_else(|| file.absent().map(str::to_owned)) {
                Some(text) => files.set(file, text),
                None => missing.push(file),
            }
        }
        if missing.is_empty() { Ok(files) } else { Err(FilesError::Missing(missing)) }
    }

    /// The text of one file.
    pub fn text(&self, file: File) -> &str {
        &self.0[file as usize]
    }

    /// Replaces the text of one file.
    pub fn set(&mut self, file: File, text: String) {
        self.0[file as usize] = Cow::Owned(text);
    }

    /// Path and text of each file.
    pub fn iter(&self) -> impl Iterator<Item = (&'static str, &str)> {
        File::ALL.into_iter().map(|file| (file.path(), self.text(file)))
    }

    /// SHA-256 in hex over all paths and texts: the same digest means the same reference data.
    pub fn digest(&self) -> String {
        let mut hash = Sha256::new();
        for (path, text) in self.iter() {
            for part in [path, text] {
                // The length before each part keeps the borders, so that no two states look alike.
                hash.update((part.len() as u64).to_le_bytes());
                hash.update(part.as_bytes());
            }
        }
        hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}
