//! `findings`: lists them.

use std::io::Write;

use chiso_schemas::settings::Settings;
use chiso_schemas::store::{Store, check_schema};
use chrono::NaiveDate;
use clickhouse::Row;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{ContentArrangement, Table};
use serde::{Deserialize, Serialize};

use super::{Kind, judge_now};
use crate::arguments::parse_day;
use crate::failure::Failure;

/// Arguments of `findings`.
#[derive(clap::Args, Clone, Debug)]
pub struct FindingsArgs {
    /// Only findings of this kind; may be repeated [default: all]
    #[arg(long, value_parser = parse_kind)]
    pub kind: Vec<Kind>,
    /// Settled ones too
    #[arg(long)]
    pub all: bool,
    /// Judge everything anew first, as a scheduler does every night
    #[arg(long)]
    pub judge: bool,
    /// Local day of the judgement, which decides what months have ended; for tests
    #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
    pub today: Option<NaiveDate>,
    /// Form of the output
    #[arg(long, value_enum, default_value = "table")]
    pub format: ListFormat,
    /// Exit with 1 if one of those listed is open
    #[arg(long)]
    pub check: bool,
}

/// How findings are listed.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub enum ListFormat {
    /// A table for people.
    Table,
    /// One array of objects.
    Json,
    /// RFC 4180.
    Csv,
}

fn parse_kind(text: &str) -> Result<Kind, String> {
    let names = Kind::ALL.map(Kind::as_str).join(", ");
    Kind::from_word(text).ok_or_else(|| format!("the kinds are {names}"))
}

/// A row of the view; moments are UTC.
#[derive(Row, Serialize, Deserialize)]
struct Listed {
    kind: String,
    subject: String,
    period: String,
    detail: String,
    first_seen: String,
    last_seen: String,
    state: String,
    settled_at: String,
}

const HEADER: [&str; 8] = ["kind", "subject", "period", "detail", "first_seen", "last_seen", "state", "settled_at"];

const LIST: &str = "
SELECT toString(kind) AS kind, subject, period, detail, toString(findings.first_seen) AS first_seen, toString(findings.last_seen) AS last_seen,
       toString(findings.state) AS state, ifNull(toString(findings.settled_at), '') AS settled_at
FROM findings
WHERE (empty({kinds:Array(String)}) OR findings.kind IN {kinds:Array(String)}) AND ({all:Bool} OR findings.settled_at IS NULL)
ORDER BY findings.kind, findings.first_seen, findings.subject, findings.period";

/// Lists findings, the oldest of each kind first, and judges before if it is asked to.
///
/// # Errors
/// With `--check`, one of them is open; else the tables are not those of this release, ClickHouse fails, or the output does.
pub async fn list(store: &Store, (args, settings): (&FindingsArgs, &Settings), out: impl Write) -> Result<(), Failure> {
    check_schema(store).await?;
    if args.judge {
        judge_now(store, settings, args.today.unwrap_or_else(crate::local_day)).await?;
    }
    let kinds: Vec<&str> = args.kind.iter().map(|kind| kind.as_str()).collect();
    let query = store.read().query_raw(LIST).param("kinds", &kinds).param("all", args.all);
    let rows = query.fetch_all::<Listed>().await.map_err(store.during("read the findings"))?;
    print(&rows, args.format, out).map_err(Failure::unwritten)?;
    let open = rows.iter().filter(|row| row.state == "open").count();
    if args.check && open > 0 {
        return Err(Failure::Found(format!("{open} findings are open")));
    }
    Ok(())
}

fn print(rows: &[Listed], format: ListFormat, mut out: impl Write) -> std::io::Result<()> {
    match format {
        ListFormat::Json => {
            serde_json::to_writer(&mut out, rows)?;
            writeln!(out)
        }
        ListFormat::Csv => {
            let mut writer = csv::WriterBuilder::new().has_headers(false).from_writer(out);
            writer.write_record(HEADER).map_err(std::io::Error::other)?;
            for row in rows {
                writer.serialize(row).map_err(std::io::Error::other)?;
            }
            writer.flush()
        }
        ListFormat::Table => {
            let mut table = Table::new();
            table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled);
            table.set_header(["kind", "subject", "period", "detail", "since (UTC)", "state"]);
            for row in rows {
                table.add_row([&row.kind, &row.subject, &row.period, &row.detail, &row.first_seen, &row.state]);
            }
            writeln!(out, "{table}")
        }
    }
}
