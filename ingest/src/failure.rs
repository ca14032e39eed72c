//! How a command ends when it does not end well: a line for the operator and an exit code (contract section 9).

use std::fmt;

use chiso_schemas::settings::Problems;
use chiso_schemas::store::{Fault, StoreError};

/// Why a command ended.
#[derive(Debug)]
pub enum Failure {
    /// 1: a finding or a refused input, or something that a person must change.
    Finding(String),
    /// 2: wrong usage or configuration.
    Usage(String),
    /// 3: a dependency is not there.
    Dependency(String),
}

impl Failure {
    /// The same, of a setting that is named first.
    #[must_use]
    pub fn told(self, of: &str) -> Self {
        match self {
            Self::Finding(text) => Self::Finding(format!("{of}: {text}")),
            Self::Usage(text) => Self::Usage(format!("{of}: {text}")),
            Self::Dependency(text) => Self::Dependency(format!("{of}: {text}")),
        }
    }

    /// The exit code.
    pub fn code(&self) -> u8 {
        match self {
            Self::Finding(_) => 1,
            Self::Usage(_) => 2,
            Self::Dependency(_) => 3,
        }
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let (Self::Finding(text) | Self::Usage(text) | Self::Dependency(text)) = self;
        f.write_str(text)
    }
}

impl std::error::Error for Failure {}

impl From<Problems> for Failure {
    fn from(problems: Problems) -> Self {
        Self::Usage(problems.to_string())
    }
}

impl From<StoreError> for Failure {
    fn from(error: StoreError) -> Self {
        match error.fault() {
            Fault::Stop | Fault::Bisect | Fault::Unlisted => Self::Finding(error.to_string()),
            Fault::Retry | Fault::Wait => Self::Dependency(error.to_string()),
        }
    }
}

impl From<chiso_schemas::store::TrustError> for Failure {
    fn from(error: chiso_schemas::store::TrustError) -> Self {
        Self::Usage(error.to_string())
    }
}
