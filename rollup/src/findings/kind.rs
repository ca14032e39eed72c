//! The kinds of findings, by the names that the view `findings` shows.

use std::fmt;

/// What is wrong, or looks so.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Kind {
    /// A source that is not authoritative states another number than the authoritative one (contract section 3).
    SourceConflict,
    /// One source states two numbers of one series on one day.
    SeriesConflict,
    /// Two bodies under one source and id (contract section 2).
    IdReused,
    /// A record that counts in two cells (contract section 2).
    RecordMoved,
    /// A stated percent that does not agree with the parts.
    PercentMismatch,
    /// A ward that reported an indicator in the last month and not in this one.
    MissingReport,
    /// A state that changed by more than a factor.
    Jump,
    /// Offsets of Kafka that are not stored.
    OffsetGap,
    /// A report that is due and waits for data (contract section 8).
    LateClose,
}

impl Kind {
    /// All kinds.
    pub const ALL: [Self; 9] = [
        Self::SourceConflict,
        Self::SeriesConflict,
        Self::IdReused,
        Self::RecordMoved,
        Self::PercentMismatch,
        Self::MissingReport,
        Self::Jump,
        Self::OffsetGap,
        Self::LateClose,
    ];

    /// The name that stands in tables.
    pub const fn as_str(self) -> &'static str {
        match self {
            Self::SourceConflict => "source_conflict",
            Self::SeriesConflict => "series_conflict",
            Self::IdReused => "id_reused",
            Self::RecordMoved => "record_moved",
            Self::PercentMismatch => "percent_mismatch",
            Self::MissingReport => "missing_report",
            Self::Jump => "jump",
            Self::OffsetGap => "offset_gap",
            Self::LateClose => "late_close",
        }
    }

    /// The kind with that name.
    pub fn from_word(word: &str) -> Option<Self> {
        Self::ALL.into_iter().find(|kind| kind.as_str() == word)
    }
}

impl fmt::Display for Kind {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.as_str())
    }
}
