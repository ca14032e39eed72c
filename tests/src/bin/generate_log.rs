//! `chiso-generate`: writes a log of structured CloudEvents as JSON lines to standard output.

use anyhow::{Context, Result};
use chiso_tests::generate::{Log, Modes, Options, Style};
use chiso_tests::model::Reference;
use chrono::NaiveDate;
use clap::Parser;
use std::io::{self, BufWriter, ErrorKind, Write};
use std::path::PathBuf;

/// Make events as a country might send them, reproducibly: JSON lines of structured CloudEvents on standard output.
///
/// Wards for which a source of their own reports are left out, so real reports can be published beside the log.
#[derive(Parser)]
#[command(name = "chiso-generate")]
struct Arguments {
    /// Folder of the reference data
    #[arg(long, default_value = "schemas/reference")]
    reference: PathBuf,
    /// Decides everything that is left to chance
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Facts that are stated for the first time; corrections, retractions and repeats come on top
    #[arg(long, default_value_t = 200_000)]
    facts: usize,
    /// Current wards to draw from, their predecessors included
    #[arg(long, default_value_t = 60)]
    wards: usize,
    /// First day of the facts
    #[arg(long, default_value = "2025-01-01")]
    from: NaiveDate,
    /// Last day of the facts
    #[arg(long, default_value = "2025-12-31")]
    to: NaiveDate,
    /// Share of facts that are spoilt, and so refused
    #[arg(long, default_value_t = 0.002)]
    bad: f64,
    /// Share of events that are sent twice
    #[arg(long, default_value_t = 0.02)]
    duplicate: f64,
    /// Share of facts that are corrected
    #[arg(long, default_value_t = 0.03)]
    correct: f64,
    /// Share of facts that are withdrawn
    #[arg(long, default_value_t = 0.003)]
    retract: f64,
    /// Share of ratios that are stated as a percent only
    #[arg(long, default_value_t = 0.03)]
    percent: f64,
    /// Make a log for tests instead: full of traps, in any order, every ward allowed
    #[arg(long)]
    traps: bool,
}

fn main() -> Result<()> {
    let arguments = Arguments::parse();
    let reference =
        Reference::load(&arguments.reference).context("cannot load the reference data; name their folder with --reference")?;
    let log = Log::generate(&reference, &options(&arguments))?;
    let mut out = BufWriter::new(io::stdout().lock());
    match log.write_lines(&mut out).and_then(|()| out.flush()) {
        // The reader has seen enough, as `head` does.
        Err(error) if error.kind() == ErrorKind::BrokenPipe => Ok(()),
        result => result.context("cannot write the events"),
    }
}

fn options(arguments: &Arguments) -> Options {
    Options {
        seed: arguments.seed,
        facts: arguments.facts,
        wards: arguments.wards,
        from: arguments.from,
        to: arguments.to,
        bad: arguments.bad,
        duplicate: arguments.duplicate,
        correct: arguments.correct,
        retract: arguments.retract,
        percent: arguments.percent,
        style: if arguments.traps { Style::Traps } else { Style::Realistic },
        modes: Modes::Structured,
        ..Options::default()
    }
}
