//! Arguments of `chiso-rollup`.

use std::path::PathBuf;

use chiso_rollup::arguments::{parse_calendar, parse_day, parse_level};
use chiso_rollup::audit::AuditArgs;
use chiso_rollup::export::Format;
use chiso_rollup::findings::FindingsArgs;
use chiso_rollup::rebuild;
use chiso_rollup::report::args::ReportArgs;
use chiso_schemas::calendar::CalendarId;
use chiso_schemas::reference::Level;
use chrono::NaiveDate;
use clap::{Parser, Subcommand};

/// Rolls stored facts up to the figures of periods and areas.
#[derive(Parser)]
#[command(
    version,
    about,
    after_help = "Exit codes: 0 done, 1 a finding or a refused input, 2 wrong usage or configuration, 3 a dependency is not there."
)]
pub(crate) struct Args {
    /// Settings file (TOML); CHISO__SECTION__KEY variables win over it
    #[arg(long, global = true, value_name = "FILE")]
    pub(crate) config: Option<PathBuf>,
    /// Print the settings in force, without secrets, and leave
    #[arg(long, global = true)]
    pub(crate) print_config: bool,
    #[command(subcommand)]
    pub(crate) command: Option<Command>,
}

#[derive(Subcommand)]
pub(crate) enum Command {
    /// Create or upgrade the tables and views, and load the reference data; safe to repeat
    Migrate {
        /// Directory laid out like schemas/reference; else reference.dir, else the data built in
        #[arg(long, value_name = "DIR")]
        reference: Option<PathBuf>,
    },
    /// Roll up what has changed, again and again; of several that run, one works and the others stand by
    Run {
        /// One pass over everything that has changed, then leave
        #[arg(long)]
        once: bool,
        /// Local day of the run, which decides what periods have begun; for tests
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
        today: Option<NaiveDate>,
    },
    /// Recompute from the events, whatever has changed; a rebuild that was stopped goes on where it was
    Rebuild {
        #[command(flatten)]
        selection: rebuild::Selection,
        /// Local day of the run, which decides what periods have begun; for tests
        #[arg(long, value_name = "YYYY-MM-DD", value_parser = parse_day)]
        today: Option<NaiveDate>,
    },
    /// Join old rows of the ledger that follow each other; schedulers, and `run --once` after its pass, do it by themselves above ledger.rows_max
    CompactLedger,
    /// Remove what was kept long enough (settings [retention]); a scheduler does it by itself
    Sweep,
    /// What waits, what the last pass did, and who leads
    Status,
    /// Print rows of periods
    Export(ExportArgs),
    /// List what people should look at
    Findings(FindingsArgs),
    /// Close reports, restate closed ones, show their versions and what differs
    Report(ReportArgs),
    /// Prove the rollups against the events; exit code 1 and every difference, if any
    Audit(AuditArgs),
}

#[derive(clap::Args)]
pub(crate) struct ExportArgs {
    /// civil or legal
    #[arg(long, value_parser = parse_calendar)]
    pub(crate) calendar: CalendarId,
    /// Period id such as 2025-M07, 2025-Q3, 2025-H2, 2025-9M, 2025-Y, a day, or FIRST..LAST; may be repeated
    #[arg(long, required = true, value_name = "ID")]
    pub(crate) period: Vec<String>,
    /// ward, district, province or country; may be repeated [default: all]
    #[arg(long, value_parser = parse_level)]
    pub(crate) level: Vec<Level>,
    /// Unit id such as W11413@2025-07-01, or VN; may be repeated [default: all]
    #[arg(long, value_name = "ID")]
    pub(crate) area: Vec<String>,
    /// Indicator code; may be repeated [default: all]
    #[arg(long, value_name = "CODE")]
    pub(crate) indicator: Vec<String>,
    /// Form of the output
    #[arg(long, value_enum, default_value = "csv")]
    pub(crate) format: Format,
    /// File to write; it appears when it is whole [default: standard output]
    #[arg(long, short, value_name = "FILE")]
    pub(crate) output: Option<PathBuf>,
}
