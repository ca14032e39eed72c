//! `chiso-rollup report ...`: its arguments, and which of its parts does what.

use std::io::Write;

use chiso_schemas::calendar::CalendarId;
use chiso_schemas::store::{Store, check_schema};
use chrono::NaiveDate;
use clap::{Args, Subcommand};
use nix::unistd::{Uid, User};

use super::chore::{Closes, Looked, Reports};
use super::close::{Request, close, restate};
use super::diff::{self, Compared};
use super::difference;
use super::list::{Listed, list};
use super::show::{Shown, show};
use crate::arguments::{parse_calendar, parse_day};
use crate::export::Format;
use crate::failure::Failure;
use crate::{local_day, moment_of};

/// `chiso-rollup report`.
#[derive(Args, Debug)]
pub struct ReportArgs {
    #[command(subcommand)]
    command: ReportCommand,
    /// Local day of the run, which decides what has ended and is due; for tests
    #[arg(long, global = true, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    today: Option<NaiveDate>,
}

#[derive(Subcommand, Debug)]
enum ReportCommand {
    /// Freeze the rows of an ended period as version 1, where that is not done yet
    Close {
        #[command(flatten)]
        report: ReportOf,
        /// Close although the data are not complete yet; the version records it
        #[arg(long)]
        incomplete: bool,
        #[command(flatten)]
        by: By,
    },
    /// Close what is due by the schedule, as `run` does by itself
    CloseDue,
    /// Freeze the next version of closed reports whose rows have changed since, and print what differs
    Restate {
        #[command(flatten)]
        report: ReportOf,
        #[command(flatten)]
        by: By,
    },
    /// Print the rows of closed reports
    Show {
        #[command(flatten)]
        report: ReportOf,
        /// Version [default: the latest of each area]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        version: Option<u32>,
        /// Form of the output; the hash of a version is that of its csv
        #[arg(long, value_enum, default_value = "csv")]
        format: Format,
    },
    /// Print line by line what differs between versions, or from a version to now, and which records changed it
    Diff {
        #[command(flatten)]
        report: ReportOf,
        /// Older version [default: the one before --to]; without both, what the last restatement changed, and what the next one would
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        from: Option<u32>,
        /// Newer version [default: the rollups of now]
        #[arg(long, value_name = "N", value_parser = clap::value_parser!(u32).range(1..))]
        to: Option<u32>,
        /// Form of the output
        #[arg(long, value_enum, default_value = "text")]
        format: difference::Format,
    },
    /// Which reports are open, due, late, closed, restated; with --area, every version with its hash
    List {
        /// civil or legal [default: both]
        #[arg(long, value_parser = parse_calendar)]
        calendar: Option<CalendarId>,
        /// Period id; may be repeated [default: all that ended in the last 400 days]
        #[arg(long, value_name = "ID")]
        period: Vec<String>,
        /// Unit id, or VN; may be repeated
        #[arg(long, value_name = "ID")]
        area: Vec<String>,
    },
}

#[derive(Args, Debug)]
struct ReportOf {
    /// civil or legal
    #[arg(long, value_parser = parse_calendar)]
    calendar: CalendarId,
    /// Period id such as 2025-M07, 2025-Q3, 2025-H2, 2025-9M or 2025-Y
    #[arg(long, value_name = "ID")]
    period: String,
    /// Unit id such as W11413@2025-07-01, or VN; may be repeated [default: all that have rows]
    #[arg(long, value_name = "ID")]
    area: Vec<String>,
}

#[derive(Args, Debug)]
struct By {
    /// Account that the version names [default: the user of this system]
    #[arg(long, value_name = "NAME")]
    by: Option<String>,
}

impl ReportOf {
    fn request(self, by: By, today: Option<NaiveDate>) -> Request {
        let Self { calendar, period, area } = self;
        Request { calendar, period, areas: distinct(area), by: by.by.unwrap_or_else(account), now: moment_of(today) }
    }
}

fn distinct(mut areas: Vec<String>) -> Vec<String> {
    areas.sort();
    areas.dedup();
    areas
}

/// The user of the system, by name where it has one.
fn account() -> String {
    let user = Uid::current();
    User::from_uid(user).ok().flatten().map_or_else(|| format!("uid {user}"), |user| user.name)
}

/// Does what was asked.
///
/// # Errors
/// A refused close, wrong usage, ClickHouse or the output failing.
pub async fn run(store: &Store, args: ReportArgs, mut out: impl Write + Send) -> Result<(), Failure> {
    let ReportArgs { command, today } = args;
    match command {
        ReportCommand::Close { report, incomplete, by } => close(store, &report.request(by, today), incomplete, &mut out).await,
        ReportCommand::CloseDue => close_due(store, today, &mut out).await,
        ReportCommand::Restate { report, by } => restate(store, &report.request(by, today), &mut out).await,
        ReportCommand::Show { report: ReportOf { calendar, period, area }, version, format } => {
            show(store, &Shown { calendar, period, areas: distinct(area), version }, format, out).await
        }
        ReportCommand::Diff { report: ReportOf { calendar, period, area }, from, to, format } => {
            diff::diff(store, &Compared { calendar, period, areas: distinct(area), from, to }, format, &mut out).await
        }
        ReportCommand::List { calendar, period, area } => {
            let (today, now) = (today.unwrap_or_else(local_day), moment_of(today));
            list(store, &Listed { calendar, periods: period, areas: distinct(area), today, now }, &mut out).await
        }
    }
}

async fn close_due(store: &Store, today: Option<NaiveDate>, out: &mut impl Write) -> Result<(), Failure> {
    check_schema(store).await?;
    let Looked { closed, late, failed } = Reports::default().look(store, moment_of(today), Closes::Yes).await?;
    writeln!(out, "{closed} reports of areas closed").map_err(Failure::unwritten)?;
    for late in &late {
        writeln!(out, "{} {} is late: {}", late.report.0, late.report.1, late.detail).map_err(Failure::unwritten)?;
    }
    if let Some(error) = failed {
        return Err(error);
    }
    if late.is_empty() {
        Ok(())
    } else {
        Err(Failure::Refused(format!("{} reports are late; see deploy/runbook/rollup-report-late.md", late.len())))
    }
}
