//! Local days and moments of the clock (contract section 4: UTC+07:00 at every date).

use chiso_schemas::reference::local_moment;
use chrono::{DateTime, FixedOffset, NaiveDate, Utc};

/// Local time of the contract: UTC+07:00 at every date.
pub(crate) const LOCAL_OFFSET_SECONDS: i32 = 7 * 3600;

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
pub(crate) fn is_past(minute: u32) -> bool {
    let local = i64::from(LOCAL_OFFSET_SECONDS) + Utc::now().timestamp();
    local.rem_euclid(86_400) >= i64::from(minute) * 60
}
