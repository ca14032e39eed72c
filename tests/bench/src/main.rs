//! `bench-ingest`: measures chiso beside its peers on engines of its own, and prints the figures as Markdown.

use std::path::{Path, PathBuf};
use std::process::{Command, ExitCode};

use anyhow::{Context, Result};
use chiso_bench::engines::Engines;
use chiso_bench::events::{Events, LATE_DAYS, LATEST_DAYS, RECENT_DAYS};
use chiso_bench::publish::{Published, publish};
use chiso_bench::report::{Inputs, Measured, best_of, report};
use chiso_bench::run::{idle, run};
use chiso_bench::systems::{SYSTEMS, Task};
use chiso_tests::model::Reference;
use clap::Parser;

const TOPIC: &str = "chiso.indicator-events.v1";
const PARTITIONS: u64 = 8;

/// Measure chiso beside ClickHouse's Kafka engine, a Python consumer and the least that can be done.
#[derive(Parser)]
struct Arguments {
    /// Events to publish
    #[arg(long, default_value_t = 2_000_000)]
    events: u64,
    /// Runs of each system; every way of a peer runs once, its best way in all
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// Decides everything that is left to chance in the events
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Python with the packages of tests/bench/python/requirements.txt
    #[arg(long)]
    python: PathBuf,
    /// Measure only systems whose name holds one of these words
    #[arg(long)]
    only: Vec<String>,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(report) => {
            print!("{report}");
            ExitCode::SUCCESS
        }
        Err(error) => {
            eprintln!("bench-ingest: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<String> {
    let program = std::env::current_exe()?;
    let programs = program.parent().context("no folder of programs")?;
    let folder = Path::new(env!("CARGO_MANIFEST_DIR")).join("../../schemas/reference");
    let reference = Reference::load(&folder).context("cannot load the reference data")?;
    let events = Events::new(&reference, TOPIC, arguments.seed, arguments.events)?;
    eprintln!("starting Kafka and ClickHouse");
    let engines = Engines::start(programs)?;
    eprintln!("publishing {} events", events.count());
    let published = publish(engines.servers.brokers(), TOPIC, &events)?;
    let task = |database| Task {
        engines: &engines,
        programs,
        python: &arguments.python,
        topic: TOPIC,
        events: events.count(),
        database,
    };
    // A database that stays: all others take the table from it.
    task("chiso_like".to_owned()).migrate()?;
    let idle = idle(&engines)?;
    let wanted = |system: &&chiso_bench::systems::System| {
        arguments.only.is_empty()
            || arguments.only.iter().any(|word| format!("{} {}", system.peer.name(), system.way).contains(word))
    };
    let mut all: Vec<Measured> =
        SYSTEMS.iter().filter(wanted).map(|system| Measured { system: *system, costs: Vec::new() }).collect();
    for round in 0..arguments.runs {
        for step in 0..all.len() {
            let at = (round + step) % all.len();
            let system = all[at].system;
            if round > 0 && best_of(system.peer, &all).is_some_and(|best| best.system != system) {
                continue;
            }
            eprint!("run {}: {} {} ", round + 1, system.peer.name(), system.way);
            let database = format!("chiso_bench_{round}_{at}");
            let cost = run(&system, &task(database), "chiso_like.event_log", idle, &published)
                .with_context(|| format!("{} {}", system.peer.name(), system.way))?;
            eprintln!("{:.1?}, own {:.1?}, ClickHouse {:.1?}", cost.wall, cost.own, cost.clickhouse);
            all[at].costs.push(cost);
        }
    }
    let table = engines.sql("SHOW CREATE TABLE chiso_like.event_log FORMAT TSVRaw")?;
    let inputs = Inputs { lines: lines(arguments, &engines, &events, &published)?, events: events.count(), idle, table };
    Ok(report(&inputs, &all))
}

/// What was measured with what, one line each.
fn lines(arguments: &Arguments, engines: &Engines, events: &Events, published: &Published) -> Result<Vec<String>> {
    let (wards, indicators) = events.reach();
    let cores = std::thread::available_parallelism()?;
    let packages = Command::new(&arguments.python).args(["-m", "pip", "freeze"]).output().context("cannot start Python")?;
    let packages = String::from_utf8_lossy(&packages.stdout);
    let python = Command::new(&arguments.python).arg("--version").output()?;
    let clients = packages.lines().filter(|line| line.starts_with("confluent") || line.starts_with("clickhouse"));
    Ok(vec![
        format!(
            "`make bench-ingest EVENTS={} RUNS={} SEED={}` on {cores} cores, shared with Kafka and ClickHouse",
            arguments.events, arguments.runs, arguments.seed
        ),
        format!(
            "{} structured events of {} bytes on average in {PARTITIONS} partitions, key = ward; {wards} wards, {indicators} indicators; 90 % of the last {RECENT_DAYS} days, 5 % up to {LATE_DAYS}, 5 % up to {LATEST_DAYS} days late; 3 % corrections",
            published.events,
            published.bytes / published.events.max(1),
        ),
        format!(
            "ClickHouse {} and Apache Kafka of chiso-local; librdkafka {}; {}, {}",
            engines.sql("SELECT version()")?,
            rdkafka::util::get_rdkafka_version().1,
            String::from_utf8_lossy(&python.stdout).trim(),
            clients.collect::<Vec<_>>().join(", "),
        ),
    ])
}
