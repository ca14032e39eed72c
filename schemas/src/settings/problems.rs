//! Everything that is wrong with the settings, told at once.

use std::fmt;

use super::key::{Key, variable};

/// One thing that is wrong with the settings.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problem {
    /// Where: the key in the file and the environment variable, or the file.
    pub place: String,
    /// What is wrong there, and what to write.
    pub what: String,
}

impl Problem {
    pub(super) fn bad(key: &Key, what: impl fmt::Display) -> Self {
        Self { place: key.to_string(), what: format!("{what}; write {}", key.write) }
    }

    pub(super) fn unknown(path: &str, what: impl Into<String>) -> Self {
        Self { place: format!("{path} ({})", variable(path)), what: what.into() }
    }

    pub(super) fn at(place: impl Into<String>, what: impl Into<String>) -> Self {
        Self { place: place.into(), what: what.into() }
    }
}

/// All that is wrong with the settings; the programs print it and leave with exit code 2 (contract section 9).
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Problems(pub Vec<Problem>);

impl fmt::Display for Problems {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let count = self.0.len();
        write!(f, "{count} problem{} in the settings:", if count == 1 { "" } else { "s" })?;
        self.0.iter().try_for_each(|problem| write!(f, "\n  {}: {}", problem.place, problem.what))
    }
}

impl std::error::Error for Problems {}
