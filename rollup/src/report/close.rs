//! `report close` and `report restate`: versions by command.

use std::io::Write;

use chiso_schemas::calendar::{CalendarId, Period};
use chiso_schemas::reference::Level;
use chiso_schemas::store::Store;
use chrono::{DateTime, Utc};

use super::diff::{self, Side};
use super::difference::{Format, print};
use super::freeze::{Because, Freeze, Made, Which};
use super::{InForce, end_of, is_opened, unclosed_levels, utc, versions};
use crate::failure::Failure;

/// What is to be closed or restated.
#[derive(Clone, Debug)]
pub(super) struct Request {
    pub(super) calendar: CalendarId,
    pub(super) period: String,
    /// Areas; none = all that have rows.
    pub(super) areas: Vec<String>,
    /// Who asks.
    pub(super) by: String,
    pub(super) now: DateTime<Utc>,
}

/// Closes what is not closed yet.
pub(super) async fn close(store: &Store, request: &Request, incomplete: bool, out: &mut impl Write) -> Result<(), Failure> {
    let data = InForce::of(store, None).await?;
    let period = data.period(request.calendar, &request.period)?;
    let levels = data.levels_at(&request.areas, &period)?;
    let wanted = moment_wanted(&data, &period, &levels, request.now)?;
    if !is_opened(store, &period).await? {
        return Err(Failure::Refused(format!(
            "{} {} is not rolled up: there is no fact up to its end, or no pass since it began; run chiso-rollup run --once",
            period.calendar, period.id
        )));
    }
    let already =
        versions(store, &period, &request.areas).await?.into_iter().filter(|version| version.latest).collect::<Vec<_>>();
    let named: Vec<(String, Level)> = request.areas.iter().cloned().zip(levels).collect();
    let which = if named.is_empty() { Which::Unclosed(Level::ALL.to_vec()) } else { Which::Named(named) };
    let is_late = !data.reaches(wanted);
    let mut made = Vec::new();
    let is_left = match &which {
        Which::Named(named) => named.iter().any(|(area, _)| already.iter().all(|version| version.area_id != *area)),
        _ => !unclosed_levels(store, &period).await?.is_empty(),
    };
    if is_left {
        if is_late && !incomplete {
            return Err(late(&data, &period, wanted));
        }
        let incomplete = is_late && incomplete;
        let freeze = Freeze { store, data: &data, period: &period, by: &request.by, because: Because::Command, incomplete };
        made = freeze.freeze(&which).await?;
    }
    let said = || -> std::io::Result<()> {
        let title = format!("{} {}", period.calendar, period.id);
        for closed in already.iter().filter(|_| !request.areas.is_empty()) {
            writeln!(out, "{title} {} was closed already: version {}, sha256 {}", closed.area_id, closed.version, closed.sha256)?;
        }
        if request.areas.is_empty() && !already.is_empty() {
            writeln!(out, "{title}: {} areas were closed already", already.len())?;
        }
        tell(out, (&title, "closed"), &made, !request.areas.is_empty())?;
        match (made.is_empty(), incomplete && is_late) {
            (true, _) => writeln!(out, "{title}: nothing to close"),
            (false, true) => writeln!(out, "{title}: closed incomplete; {}, it waited for {}", data.reached(), utc(wanted)),
            (false, false) => writeln!(out, "{title}: {}", data.reached()),
        }
    };
    let mut said = said;
    said().map_err(Failure::unwritten)
}

/// Freezes the next version of closed reports whose rows have changed, and prints what differs.
pub(super) async fn restate(store: &Store, request: &Request, out: &mut impl Write) -> Result<(), Failure> {
    let data = InForce::of(store, None).await?;
    let period = data.period(request.calendar, &request.period)?;
    let closed = versions(store, &period, &request.areas).await?;
    let open: Vec<&str> =
        request.areas.iter().filter(|area| closed.iter().all(|v| v.area_id != **area)).map(String::as_str).collect();
    let title = format!("{} {}", period.calendar, period.id);
    if closed.is_empty() || !open.is_empty() {
        let which = if open.is_empty() { String::new() } else { format!(" of {}", open.join(", ")) };
        return Err(Failure::Refused(format!(
            "the report {title}{which} is not closed: there is nothing to restate; use report close"
        )));
    }
    if data.awaits_pass {
        return Err(Failure::Refused(format!("{title}: {}; run chiso-rollup run --once", data.reached())));
    }
    let freeze =
        Freeze { store, data: &data, period: &period, by: &request.by, because: Because::Restatement, incomplete: false };
    let made = freeze.freeze(&Which::Changed(request.areas.clone())).await?;
    if made.is_empty() {
        return writeln!(out, "{title}: no row has changed since the latest version, nothing to restate")
            .map_err(Failure::unwritten);
    }
    tell(out, (&title, "restated"), &made, true).map_err(Failure::unwritten)?;
    let mut versions: Vec<u32> = made.iter().map(|made| made.version).collect();
    versions.sort_unstable();
    versions.dedup();
    for version in versions {
        let areas: Vec<String> = made.iter().filter(|made| made.version == version).map(|made| made.area_id.clone()).collect();
        let sides = (Side::Version(version - 1), Side::Version(version));
        let comparison = diff::compare(store, &data, (&period, &areas), sides).await?;
        print(&[comparison], Format::Text, out).map_err(Failure::unwritten)?;
    }
    Ok(())
}

/// The moment that the data must have reached: when the report fell due, or the period's end where it is closed before.
fn moment_wanted(data: &InForce, period: &Period, levels: &[Level], now: DateTime<Utc>) -> Result<DateTime<Utc>, Failure> {
    let end = end_of(period).filter(|end| *end <= now);
    let Some(end) = end else {
        return Err(Failure::Refused(format!(
            "{} {} has not ended: it lasts until the end of {} (UTC+07:00), and can be closed from the day after",
            period.calendar, period.id, period.end
        )));
    };
    let levels = if levels.is_empty() { &Level::ALL[..] } else { levels };
    let due = levels.iter().filter_map(|level| data.reference.schedule.due(period, *level)).filter(|due| *due <= now);
    Ok(due.max().map_or(end, |due| due.max(end)))
}

fn late(data: &InForce, period: &Period, wanted: DateTime<Utc>) -> Failure {
    Failure::Refused(format!(
        "{} {} is late: it waits until the data are complete through {}, but {}; see chiso-rollup status and chiso-ingest lag, and close again \
         when they have caught up, or close it as it is with --incomplete, which its version records",
        period.calendar,
        period.id,
        utc(wanted),
        data.reached()
    ))
}

/// One line for each version where they are few or were asked for, else one for all.
fn tell(out: &mut impl Write, (title, done): (&str, &str), made: &[Made], one_by_one: bool) -> std::io::Result<()> {
    const FEW: usize = 20;
    if one_by_one && made.len() <= FEW {
        for made in made {
            writeln!(out, "{title} {}: version {}, {} rows, sha256 {}", made.area_id, made.version, made.rows, made.sha256)?;
        }
    } else if !made.is_empty() {
        let rows: u64 = made.iter().map(|made| made.rows).sum();
        writeln!(out, "{title}: {done} {} areas, {rows} rows; the hash of each: chiso-rollup report list --area ID", made.len())?;
    }
    Ok(())
}
