//! Cut points: where a fault test may stop a worker and kill it, or what it depends on. The program passes no probe, so
//! that all of this costs one look at an `Option` a batch.

use std::sync::Arc;

use crate::offset::Range;

/// A moment between two steps of a batch.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Cut {
    /// Messages have been judged into the open batch.
    Decoded,
    /// The batch is sealed; nothing of it has been sent.
    Sealed,
    /// Half of the events have been sent to ClickHouse.
    MidInsert,
    /// ClickHouse has answered for events, refusals, marks and ledger; the pipeline does not know it yet.
    Inserted,
    /// The batch is durable; its offsets are not yet sent to Kafka.
    BeforeCommit,
    /// Kafka has answered for the offsets.
    AfterCommit,
}

impl Cut {
    /// All of them, in the order in which a batch passes them.
    pub const ALL: [Self; 6] =
        [Self::Decoded, Self::Sealed, Self::MidInsert, Self::Inserted, Self::BeforeCommit, Self::AfterCommit];

    /// Its name in plans and tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Decoded => "decoded",
            Self::Sealed => "sealed",
            Self::MidInsert => "mid-insert",
            Self::Inserted => "inserted",
            Self::BeforeCommit => "before-commit",
            Self::AfterCommit => "after-commit",
        }
    }
}

/// The batch that passes a cut.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Passing {
    /// Its rows, events and refusals.
    pub rows: usize,
    /// Its positions.
    pub ranges: Vec<Range>,
}

/// What is told when a batch passes a cut; the batch goes on when it returns. It is called in the thread of the pipeline
/// and, for [`Cut::MidInsert`] and [`Cut::Inserted`], in a thread of the runtime.
pub type Probe = Arc<dyn Fn(Cut, &Passing) + Send + Sync>;
