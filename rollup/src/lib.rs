//! Stored facts -> daily cells -> period rollups -> export.
//!
//! `migrate` makes the tables and loads the reference data; a pass ([`pass`]) recomputes cells from the events and period
//! rows from the cells; `export` prints rows of contract section 6, from the stored rows for kept periods and computed
//! on demand for any other.

pub mod failure;
pub mod sql;

pub mod migrate;

pub mod audit;
mod chores;
mod health;
mod watch;
pub mod metrics;
pub mod cells;
mod last_states;
pub mod claim;
pub mod completeness;
pub mod compaction;
pub mod lead;
pub mod marks;
pub mod pass;
pub mod progress;
pub mod rebuild;
mod reference_change;
pub mod scheduler;
pub mod scope;
pub mod status;
pub mod stored;
pub mod sweep;
pub mod touched;
pub mod touched_sql;
pub mod turn;
mod work;

pub mod arguments;
pub mod export;
pub mod findings;
pub mod report;

use chiso_schemas::reference::local_moment;
use chrono::{DateTime, FixedOffset, NaiveDate, Utc};

/// Local time of the contract: UTC+07:00 at every date.
const LOCAL_OFFSET_SECONDS: i32 = 7 * 3600;

/// The local day of the clock.
pub fn local_day() -> NaiveDate {
    let now = Utc::now();
    FixedOffset::east_opt(LOCAL_OFFSET_SECONDS).map_or_else(|| now.date_naive(), |offset| now.with_timezone(&offset).date_naive())
}

/// Now, or the present time of another local day.
pub fn moment_of(today: Option<NaiveDate>) -> DateTime<Utc> {
    let now = Utc::now();
    let time = FixedOffset::east_opt(LOCAL_OFFSET_SECONDS).map(|offset| now.with_timezone(&offset).time());
    today.zip(time).and_then(|(day, time)| local_moment(day, time)).unwrap_or(now)
}

/// Whether the local clock is past a minute of the day.
fn is_past(minute: u32) -> bool {
    let local = i64::from(LOCAL_OFFSET_SECONDS) + Utc::now().timestamp();
    local.rem_euclid(86_400) >= i64::from(minute) * 60
}
