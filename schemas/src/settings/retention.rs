//! `[retention]`: how long is kept what is not facts and not reports.

use serde::Serialize;

use super::key;
use super::read::Reader;

/// `[retention]`; 0 keeps for ever.
#[derive(Clone, Debug, Serialize)]
pub struct Retention {
    /// Days for which refused messages are kept.
    pub rejects_days: u64,
    /// Days for which marks are kept after their batch was rolled up.
    pub marks_days: u64,
    /// Days for which versions of rollup rows are kept that disappeared, from the end of their epoch.
    pub gone_days: u64,
    /// Days for which records of passes are kept.
    pub passes_days: u64,
}

pub(super) fn retention(reader: &mut Reader) -> Retention {
    Retention {
        rejects_days: reader.number(&key::RETENTION_REJECTS_DAYS, 0..=36_500),
        marks_days: reader.number(&key::RETENTION_MARKS_DAYS, 0..=36_500),
        gone_days: reader.number(&key::RETENTION_GONE_DAYS, 0..=36_500),
        passes_days: reader.number(&key::RETENTION_PASSES_DAYS, 0..=36_500),
    }
}
