//! A dependency that does not do its part: since when, and what it says.

use std::fmt;
use std::time::{Duration, Instant};

use chrono::{DateTime, SecondsFormat, Utc};

use crate::store::StoreError;

/// Something that a dependency does not do.
#[derive(Clone, Debug)]
pub struct Trouble {
    what: &'static str,
    since: Instant,
    since_date: DateTime<Utc>,
    error: String,
}

/// ClickHouse's code for "no room on the disks".
const DISK_FULL: u32 = 243;

impl Trouble {
    /// Keeps since when, and says the latest error.
    pub fn note(place: &mut Option<Self>, what: &'static str, error: String) {
        match place {
            Some(known) => (known.what, known.error) = (what, error),
            None => *place = Some(Self { what, since: Instant::now(), since_date: Utc::now(), error }),
        }
    }

    /// ClickHouse did not do what it was asked.
    pub fn note_clickhouse(place: &mut Option<Self>, error: &StoreError) {
        let what = match error.code() {
            None => "ClickHouse is away",
            Some(DISK_FULL) => "the disks of ClickHouse are full, waiting for room",
            Some(_) => "ClickHouse refuses",
        };
        Self::note(place, what, error.to_string());
    }

    /// For how long; nothing where all is well.
    pub fn lasts(place: Option<&Self>) -> Duration {
        place.map_or(Duration::ZERO, |trouble| trouble.since.elapsed())
    }
}

impl fmt::Display for Trouble {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let since = self.since_date.to_rfc3339_opts(SecondsFormat::Secs, true);
        write!(f, "{} since {since} ({} s): {}", self.what, self.since.elapsed().as_secs(), self.error)
    }
}
