//! `conformance`: compares the model with a reference implementation of the contract that is kept apart, byte for byte.
//!
//! The other side is a folder with `oracle.py` (events in, rows and refusals out) and `generate.py` (another maker of logs).

use anyhow::{Context, Result, ensure};
use chiso_tests::generate::{Log, Modes, Options};
use chiso_tests::golden::periods;
use chiso_tests::model::{CALENDARS, Calendar, Judged, Message, Reference, effective, judge_all, rows, to_csv};
use clap::Parser;
use std::collections::BTreeSet;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitCode, Stdio};

/// Compare the model with the oracle over generated logs: rows of both calendars byte for byte, refusals reason by reason.
#[derive(Parser)]
#[command(name = "conformance")]
struct Arguments {
    /// Folder that holds oracle.py and generate.py
    #[arg(long, default_value = "../shared/oracle")]
    oracle: PathBuf,
    /// Folder of reference data; may be given several times
    #[arg(long, default_values = ["schemas/reference", "tests/golden/small-country/reference"])]
    data: Vec<PathBuf>,
    /// How many seeds
    #[arg(long, default_value_t = 20)]
    seeds: u64,
    /// The first of them
    #[arg(long, default_value_t = 1)]
    first_seed: u64,
    /// Facts in the largest logs; two of three seeds make smaller ones, where more wards have no number
    #[arg(long, default_value_t = 1500)]
    facts: usize,
    /// Compare nothing: write rows.csv and rejects.csv of this golden case, from its events.jsonl and periods.csv
    #[arg(long, value_name = "FOLDER")]
    write_golden: Option<PathBuf>,
}

/// Periods of every type and on both sides of the mergers, some of them empty.
const ALWAYS: [&str; 17] = [
    "2025-M06",
    "2025-M07",
    "2025-M10",
    "2025-Q2",
    "2025-Q3",
    "2025-H1",
    "2025-H2",
    "2025-9M",
    "2025-Y",
    "2025-06-30",
    "2025-07-01",
    "2025-10-09",
    "2025-06-01..2025-07-31",
    "2025-07-01..2025-10-09",
    "2025-06-30..2025-06-30",
    "1900-01-01..2025-06-30",
    "1900-01-01..2299-12-31",
];

/// More of them, a third of which is taken with each seed.
const SOMETIMES: [&str; 24] = [
    "2024-M12",
    "2025-M01",
    "2025-M02",
    "2025-M03",
    "2025-M04",
    "2025-M05",
    "2025-M08",
    "2025-M09",
    "2025-M11",
    "2025-M12",
    "2026-M01",
    "2026-M02",
    "2026-M03",
    "2026-M10",
    "2024-Q4",
    "2025-Q1",
    "2025-Q4",
    "2026-Q1",
    "2024-Y",
    "2026-Y",
    "2025-06-14",
    "2025-06-15",
    "2025-10-01",
    "2025-10-09..2025-10-09",
];

/// What is written of refusals, after the calendar.
const REJECTS: &str = "rejects.csv";

/// How many differing lines are shown.
const SHOWN: usize = 5;

fn main() -> Result<ExitCode> {
    let arguments = Arguments::parse();
    for script in ["oracle.py", "generate.py"] {
        let path = arguments.oracle.join(script);
        ensure!(path.is_file(), "{} is not there; name its folder with --oracle", path.display());
    }
    if let Some(golden) = &arguments.write_golden {
        return write_golden(&arguments, golden);
    }
    let folder = Scratch::new()?;
    let (passed, failed) = compare_all(&arguments, &folder.0)?;
    println!("{passed} passed, {failed} failed");
    Ok(if failed == 0 { ExitCode::SUCCESS } else { ExitCode::FAILURE })
}

/// Every seed with every reference and both makers of logs; the counts of those without and with a difference.
fn compare_all(arguments: &Arguments, folder: &Path) -> Result<(usize, usize)> {
    let (mut passed, mut failed) = (0, 0);
    println!("{:>5}  {:<10} {:>7} {:>8} {:>7}  reference", "seed", "log by", "events", "refused", "rows");
    for data in &arguments.data {
        let reference = Reference::load(data)?;
        for seed in arguments.first_seed..arguments.first_seed + arguments.seeds {
            for other in [false, true] {
                let events = folder.join("events.jsonl");
                if other {
                    generate_with_script(arguments, data, seed, &events)?
                } else {
                    generate(arguments, &reference, seed, &events)?
                }
                let oracle = Oracle { scripts: &arguments.oracle, data, events: &events };
                let outcome = Case { oracle, reference: &reference, folder }.compare(&periods_of(seed))?;
                let maker = if other { "script" } else { "generator" };
                let (events, refused, rows) = outcome.counts;
                let verdict = if outcome.differences.is_empty() { "" } else { "  DIFFERENT" };
                println!("{seed:>5}  {maker:<10} {events:>7} {refused:>8} {rows:>7}  {}{verdict}", data.display());
                outcome.differences.iter().for_each(|line| println!("       {line}"));
                if outcome.differences.is_empty() { passed += 1 } else { failed += 1 }
            }
        }
    }
    Ok((passed, failed))
}

fn periods_of(seed: u64) -> Vec<&'static str> {
    let third = SOMETIMES.into_iter().skip(usize::try_from(seed % 3).unwrap_or_default()).step_by(3);
    ALWAYS.into_iter().chain(third).collect()
}

/// Crowded logs and thin ones fail in different ways.
fn facts_of(arguments: &Arguments, seed: u64) -> usize {
    match seed % 3 {
        0 => arguments.facts / 20,
        1 => arguments.facts,
        _ => arguments.facts / 5,
    }
}

fn generate(arguments: &Arguments, reference: &Reference, seed: u64, events: &Path) -> Result<()> {
    let options = Options { seed, facts: facts_of(arguments, seed), modes: Modes::Structured, bad: 0.1, ..Options::default() };
    let mut file = File::create(events)?;
    Log::generate(reference, &options)?.write_lines(&mut file)?;
    Ok(())
}

fn generate_with_script(arguments: &Arguments, data: &Path, seed: u64, events: &Path) -> Result<()> {
    let mut command = Command::new("python3");
    command.arg(arguments.oracle.join("generate.py")).arg("--data").arg(data);
    command.args(["--seed", &seed.to_string(), "--facts", &facts_of(arguments, seed).to_string(), "--wards", "60"]);
    let status = command.stdout(File::create(events)?).status().context("cannot start python3; install it")?;
    ensure!(status.success(), "generate.py failed: {status}");
    Ok(())
}

/// One log to be judged and rolled up on both sides.
struct Case<'a> {
    oracle: Oracle<'a>,
    reference: &'a Reference,
    /// For what the oracle writes.
    folder: &'a Path,
}

struct Outcome {
    /// Events, refused ones, rows.
    counts: (usize, usize, usize),
    /// The first of each kind, ready to be printed.
    differences: Vec<String>,
}

impl Case<'_> {
    fn compare(&self, periods: &[&str]) -> Result<Outcome> {
        let running: Vec<_> =
            CALENDARS.into_iter().map(|calendar| self.oracle.start(calendar, periods, self.folder)).collect::<Result<_>>()?;
        let lines = Message::of_lines(&Options::default().topic, &fs::read(self.oracle.events)?);
        let Judged { facts, refused } = judge_all(self.reference, lines.iter().map(|(_, message)| message));
        let refusals: String = refused.iter().map(|(at, reason)| format!("{},{reason}\n", lines[*at].0)).collect();
        let facts = effective(&facts);
        let mut outcome = Outcome { counts: (lines.len(), refused.len(), 0), differences: Vec::new() };
        for (calendar, oracle) in CALENDARS.into_iter().zip(running) {
            let found: Vec<_> = periods.iter().flat_map(|id| rows(self.reference, &facts, calendar, id)).collect();
            outcome.counts.2 += found.len();
            outcome.differences.extend(differences("row", &oracle.rows()?, &to_csv(&found)));
        }
        outcome.differences.extend(differences("refusal", &refusals_in(self.folder)?, &refusals));
        Ok(outcome)
    }
}

/// The reference implementation, with the log and the reference data that it reads.
struct Oracle<'a> {
    scripts: &'a Path,
    data: &'a Path,
    events: &'a Path,
}

struct Running {
    process: Child,
    rows: PathBuf,
}

impl Oracle<'_> {
    /// Starts it for the rows of one calendar; the refusals, which are those of both, are left in the folder too.
    fn start(&self, calendar: Calendar, periods: &[&str], folder: &Path) -> Result<Running> {
        let rows = folder.join(format!("{calendar}.csv"));
        let mut command = Command::new("python3");
        command.arg(self.scripts.join("oracle.py")).arg("--data").arg(self.data).arg("--events").arg(self.events);
        command.args(["--calendar", calendar.name()]).args(periods.iter().flat_map(|id| ["--period", id]));
        command.arg("--rejects").arg(folder.join(format!("{calendar}-{REJECTS}")));
        command.stdin(Stdio::null()).stdout(File::create(&rows)?);
        Ok(Running { process: command.spawn().context("cannot start python3; install it")?, rows })
    }
}

impl Running {
    fn rows(mut self) -> Result<String> {
        let status = self.process.wait()?;
        ensure!(status.success(), "oracle.py failed: {status}");
        Ok(fs::read_to_string(&self.rows)?)
    }
}

/// Line and reason of what the oracle has refused.
fn refusals_in(folder: &Path) -> Result<String> {
    let mut text = String::new();
    for record in csv::Reader::from_path(folder.join(format!("{}-{REJECTS}", Calendar::Civil)))?.records() {
        let record = record?;
        text += &format!("{},{}\n", &record[0], &record[1]);
    }
    Ok(text)
}

/// Lets the oracle answer for a golden case.
fn write_golden(arguments: &Arguments, golden: &Path) -> Result<ExitCode> {
    let own = golden.join("reference");
    let data = if own.is_dir() { &own } else { &arguments.data[0] };
    let wanted = periods(&golden.join("periods.csv"))?;
    let folder = Scratch::new()?;
    let oracle = Oracle { scripts: &arguments.oracle, data, events: &golden.join("events.jsonl") };
    let mut all = String::new();
    for calendar in CALENDARS {
        let ids: Vec<&str> = wanted.iter().filter(|(known, _)| *known == calendar).map(|(_, id)| id.as_str()).collect();
        let rows = oracle.start(calendar, &ids, &folder.0)?.rows()?;
        let from = if all.is_empty() { 0 } else { rows.find('\n').map_or(0, |at| at + 1) };
        all += &rows[from..];
    }
    fs::write(golden.join("rows.csv"), all)?;
    fs::write(golden.join(REJECTS), "line,reason\n".to_owned() + &refusals_in(&folder.0)?)?;
    Ok(ExitCode::SUCCESS)
}

/// A folder for a while.
struct Scratch(PathBuf);

impl Scratch {
    fn new() -> Result<Self> {
        let folder = std::env::temp_dir().join(format!("chiso-conformance-{}", std::process::id()));
        fs::create_dir_all(&folder).with_context(|| format!("cannot create {}", folder.display()))?;
        Ok(Self(folder))
    }
}

impl Drop for Scratch {
    fn drop(&mut self) {
        // What is left of it is only untidy.
        let _ = fs::remove_dir_all(&self.0);
    }
}

/// The first lines that are on one side only.
fn differences(what: &str, oracle: &str, model: &str) -> Vec<String> {
    if oracle == model {
        return Vec::new();
    }
    let only = |side: &str, these: &str, others: &str| {
        let others: BTreeSet<&str> = others.lines().collect();
        let lines = these.lines().filter(|line| !others.contains(line)).take(SHOWN);
        lines.map(|line| format!("{what} only in {side}: {line}")).collect::<Vec<_>>()
    };
    let mut shown = [only("oracle", oracle, model), only("model", model, oracle)].concat();
    if shown.is_empty() {
        shown.push(format!("{what}s: the same lines in another order or number"));
    }
    shown
}
