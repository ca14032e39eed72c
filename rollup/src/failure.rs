//! Why a command did not do what it was asked, and the exit code that says so (contract section 9).

use chiso_schemas::calendar::PeriodError;
use chiso_schemas::reference::{Faults, FilesError};
use chiso_schemas::settings::Problems;
use chiso_schemas::store::{Fault, ReferenceError, SchemaError, StoreError, TrustError};

/// A command that failed.
#[derive(Debug, thiserror::Error)]
pub enum Failure {
    /// The settings are wrong.
    #[error(transparent)]
    Settings(#[from] Problems),
    /// An argument is wrong.
    #[error(transparent)]
    Period(#[from] PeriodError),
    /// An argument is wrong.
    #[error("{0}")]
    Usage(String),
    /// The certificates of the settings cannot be used.
    #[error(transparent)]
    Trust(#[from] TrustError),
    /// ClickHouse did not do its part.
    #[error(transparent)]
    Store(#[from] StoreError),
    /// The tables are not those of this release.
    #[error(transparent)]
    Schema(#[from] SchemaError),
    /// The stored reference data cannot be used.
    #[error(transparent)]
    Reference(#[from] ReferenceError),
    /// The reference files cannot be read.
    #[error(transparent)]
    Files(#[from] FilesError),
    /// The reference files are faulty.
    #[error("the reference data are refused, nothing was loaded:\n{0}")]
    Faults(#[from] Faults),
    /// The reference files would leave stored facts without a place.
    #[error("the reference data are refused, nothing was loaded: stored facts would lose their place:\n  {}", .0.join("\n  "))]
    Orphans(Vec<String>),
    /// A later epoch was claimed: somebody else recomputes.
    #[error(
        "another rollup has claimed epoch {last} while this one worked in epoch {epoch}: nothing is lost, it makes the pass that this \
         one has not finished; a rebuild goes on with the same command"
    )]
    Superseded {
        /// The epoch of this one.
        epoch: u32,
        /// The last epoch.
        last: u32,
    },
    /// Something else took over, or is not as the command needs it.
    #[error("{0}")]
    Refused(String),
    /// What a check looked for is there; it is listed already.
    #[error("{0}")]
    Found(String),
    /// The result could not be written.
    #[error("cannot write {place}: {cause}")]
    Output {
        /// Where to.
        place: String,
        /// What the system says.
        cause: std::io::Error,
    },
}

impl Failure {
    /// Standard output could not be written.
    pub fn unwritten(cause: std::io::Error) -> Self {
        Self::Output { place: "standard output".to_owned(), cause }
    }

    /// Whether the same may work later: ClickHouse is away, full, or busy.
    pub fn may_pass(&self) -> bool {
        match self {
            Self::Store(error) | Self::Schema(SchemaError::Store(error)) | Self::Reference(ReferenceError::Store(error)) => {
                matches!(error.fault(), Fault::Retry | Fault::Wait)
            }
            _ => false,
        }
    }

    /// 1 a finding or a refused input, 2 wrong usage or configuration, 3 a dependency is not there.
    pub fn exit_code(&self) -> u8 {
        match self {
            Self::Settings(_) | Self::Trust(_) | Self::Period(_) | Self::Usage(_) | Self::Files(_) => 2,
            Self::Store(error) | Self::Schema(SchemaError::Store(error)) | Self::Reference(ReferenceError::Store(error))
                if error.is_unreachable() =>
            {
                3
            }
            _ => 1,
        }
    }
}
