//! Faults of reference data: all of them at once, each with its file and line.

use std::fmt;

use super::files::File;

/// A place in the reference data.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub struct Place {
    /// The file.
    pub file: File,
    /// Its line, from 1; a record of several lines is named by its first.
    pub line: u64,
}

/// One thing that is wrong, and what to do about it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Fault {
    /// Where it is.
    pub place: Place,
    /// The field, its value, what is wrong with it and what to do.
    pub text: String,
}

/// Every fault of all files; reference data with a fault are refused as a whole (contract section 7).
#[derive(Clone, PartialEq, Eq, Default, Debug)]
pub struct Faults(Vec<Fault>);

impl Faults {
    /// The faults in the order of files and lines.
    pub fn iter(&self) -> impl Iterator<Item = &Fault> {
        self.0.iter()
    }

    /// Whether there is none.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// How many there are.
    pub fn len(&self) -> usize {
        self.0.len()
    }

    pub(super) fn add(&mut self, place: Place, text: impl Into<String>) {
        self.0.push(Fault { place, text: text.into() });
    }

    /// In the order of files and lines; faults of one line stay as they were found.
    pub(super) fn sorted(mut self) -> Self {
        self.0.sort_by_key(|fault| fault.place);
        self
    }
}

impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}:{}: {}", self.place.file, self.place.line, self.text)
    }
}

impl fmt::Display for Faults {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        for (n, fault) in self.0.iter().enumerate() {
            if n > 0 {
                f.write_str("\n")?;
            }
            write!(f, "{fault}")?;
        }
        Ok(())
    }
}

impl std::error::Error for Faults {}
