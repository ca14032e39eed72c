//! Arguments of `audit`, and how it tells what it found.

use std::io::Write;

use chiso_schemas::calendar::CalendarId;
use chiso_schemas::store::Store;
use chrono::NaiveDate;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use serde::Serialize;

use super::{Difference, Selection, Summary, run};
use crate::arguments::{parse_calendar, parse_day};
use crate::failure::Failure;

/// Arguments of `audit`.
#[derive(clap::Args, Clone, Debug)]
pub struct AuditArgs {
    /// Only periods of this calendar, civil or legal
    #[arg(long, value_parser = parse_calendar)]
    calendar: Option<CalendarId>,
    /// Only this kept period, such as 2025-M07; may be repeated
    #[arg(long, value_name = "ID")]
    period: Vec<String>,
    /// Only periods with a day from this one on
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    from: Option<NaiveDate>,
    /// Only periods with a day up to this one
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    to: Option<NaiveDate>,
    /// Only this indicator; may be repeated
    #[arg(long, value_name = "CODE")]
    indicator: Vec<String>,
    /// Only this area and everything below it: a unit id such as W11413@2025-07-01, or VN; may be repeated
    #[arg(long, value_name = "ID")]
    area: Vec<String>,
    /// Only so many pairs of an indicator and a period, at random
    #[arg(long, value_name = "N")]
    sample: Option<usize>,
    /// The seed of a sample, to repeat it
    #[arg(long, value_name = "S", requires = "sample")]
    seed: Option<u64>,
    /// Local day, which decides what periods have begun; for tests
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    today: Option<NaiveDate>,
    /// Form of the output
    #[arg(long, value_enum, default_value = "table")]
    format: AuditFormat,
}

#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
enum AuditFormat {
    /// A table of the differences, then what was done
    Table,
    /// One object: what was done, and the differences as an array
    Json,
}

#[derive(Serialize)]
struct Told<'a> {
    #[serde(flatten)]
    summary: Summary,
    list: &'a [Difference],
}

impl AuditArgs {
    fn selection(self) -> Selection {
        let seed = self.seed.unwrap_or_else(|| u64::from(rand::random::<u32>()));
        Selection {
            calendars: self.calendar.into_iter().collect(),
            periods: self.period,
            from: self.from,
            to: self.to,
            indicators: self.indicator,
            areas: self.area,
            sample: self.sample.map(|count| (count, seed)),
        }
    }
}

/// `audit`: prints every difference, and what was compared.
///
/// # Errors
/// Something differs, or as [`run`], or the output fails.
pub async fn command(store: &Store, args: AuditArgs, mut out: impl Write) -> Result<(), Failure> {
    let (format, today) = (args.format, args.today.unwrap_or_else(crate::local_day));
    let mut list = Vec::new();
    let summary = run(store, &args.selection(), today, &mut |difference| list.push(difference)).await?;
    list.sort();
    let written = match format {
        AuditFormat::Json => serde_json::to_writer(&mut out, &Told { summary, list: &list }).map_err(Into::into),
        AuditFormat::Table => table(&summary, &list, &mut out),
    };
    let written = written.and_then(|()| writeln!(out));
    written.map_err(Failure::unwritten)?;
    match summary.differences {
        0 => Ok(()),
        1 => Err(Failure::Found("1 difference was found".to_owned())),
        n => Err(Failure::Found(format!("{n} differences were found"))),
    }
}

fn table(summary: &Summary, list: &[Difference], out: &mut impl Write) -> std::io::Result<()> {
    if !list.is_empty() {
        let mut table = Table::new();
        table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
        table.set_header(["table", "key", "column", "by the facts", "stored"]);
        for Difference { table: name, key, column, proven, stored } in list {
            table.add_row([*name, key, column, proven, stored]);
        }
        writeln!(out, "{table}")?;
    }
    let Summary { rows, cells, reference_rows, differences, in_flight, seed } = summary;
    write!(
        out,
        "{rows} rollup rows, {cells} cells, {reference_rows} reference rows compared: {differences} differences, {in_flight} in flight"
    )?;
    seed.map_or(Ok(()), |seed| write!(out, ", seed {seed}"))
}
