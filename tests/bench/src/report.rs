//! The report in Markdown: what was compared under which conditions, the table, and what was to be reached.

use std::fmt::Write;
use std::time::Duration;

use crate::run::{Cost, IDLE, QUIET, QUIET_MAX};
use crate::systems::{BLOCK_ROWS, Peer, System, chiso_batches, insert_settings};

/// CPU of chiso and ClickHouse together, at most this part of the Kafka engine's.
const OF_KAFKA_ENGINE: f64 = 0.35;
/// And at most this many times the floor's.
const OF_FLOOR: f64 = 1.4;

/// Conditions of all runs.
pub struct Inputs {
    /// One line each.
    pub lines: Vec<String>,
    /// Events in the topic.
    pub events: u64,
    /// CPU of the idle ClickHouse per second.
    pub idle: f64,
    /// `event_log` as all systems fill it.
    pub table: String,
}

/// All costs of a system.
pub struct Measured {
    /// Which.
    pub system: System,
    /// A cost for each run.
    pub costs: Vec<Cost>,
}

impl Measured {
    /// The run that took the least CPU: others were disturbed more.
    fn best(&self) -> Option<&Cost> {
        self.costs.iter().min_by_key(|cost| cost.sum())
    }

    fn least_sum(&self) -> Duration {
        self.best().map(Cost::sum).unwrap_or(Duration::MAX)
    }

    fn median(&self, of: impl Fn(&Cost) -> Duration) -> Duration {
        let mut sorted: Vec<Duration> = self.costs.iter().map(of).collect();
        sorted.sort();
        sorted.get(sorted.len() / 2).copied().unwrap_or_default()
    }

    fn least(&self, of: impl Fn(&Cost) -> Duration) -> Duration {
        self.costs.iter().map(of).min().unwrap_or_default()
    }

    fn name(&self) -> String {
        match self.system.way {
            "" => self.system.peer.name().to_owned(),
            way => format!("{}, {way}", self.system.peer.name()),
        }
    }
}

/// The best way of a peer.
#[must_use]
pub fn best_of(peer: Peer, all: &[Measured]) -> Option<&Measured> {
    all.iter()
        .filter(|measured| measured.system.peer == peer && !measured.costs.is_empty())
        .min_by_key(|measured| measured.least_sum())
}

/// The whole report.
#[must_use]
pub fn report(inputs: &Inputs, all: &[Measured]) -> String {
    let mut out = conditions(inputs);
    out += "\n| system | events/s | CPU µs/event: own | ClickHouse | sum | median sum | of Kafka engine | of floor | peak MiB | blocks | runs |\n";
    out += "|---|---:|---:|---:|---:|---:|---:|---:|---:|---:|---:|\n";
    for measured in all {
        out += &line(inputs.events, measured, all);
    }
    out + "\n" + &targets(inputs.events, all)
}

fn conditions(inputs: &Inputs) -> String {
    let mut out = String::new();
    let settings = insert_settings().map(|(name, value)| format!("{name}={value}")).collect::<Vec<_>>().join(" ");
    let common = [
        format!("block size: {BLOCK_ROWS} rows; settings of inserts over HTTP: `{settings}`, each with a token of its own"),
        format!("chiso: validation, identity, rejects, marks and ledger on; `{}`", chiso_batches()),
        "Kafka engine: `optimize_on_insert=0` by profile, no search for repeated blocks; tables in tests/bench/sql; the way with the least CPU counts".to_owned(),
        format!(
            "CPU of ClickHouse: its process, from the start of the worker until no merge has run for {} s (at most {} s later), less {:.1} ms/s measured over {} idle seconds",
            QUIET.as_secs(), QUIET_MAX.as_secs(), inputs.idle * 1000.0, IDLE.as_secs()
        ),
        "peak: of the worker; for the Kafka engine, of ClickHouse".to_owned(),
        "each run: an empty table and a group of its own, order rotated; count, distinct ids and sums of the four numbers equal what was published".to_owned(),
    ];
    for line in inputs.lines.iter().chain(&common) {
        let _ = writeln!(out, "- {line}");
    }
    let _ = writeln!(out, "\nThe table that all fill:\n\n```sql\n{}\n```", inputs.table);
    out
}

fn line(events: u64, measured: &Measured, all: &[Measured]) -> String {
    let Some(best) = measured.best() else { return String::new() };
    let ratio = |peer| match best_of(peer, all) {
        Some(other) => format!("{:.2}", best.sum().as_secs_f64() / other.least_sum().as_secs_f64()),
        None => String::new(),
    };
    format!(
        "| {} | {:.0} | {:.2} | {:.2} | {:.2} | {:.2} | {} | {} | {} | {} | {} |\n",
        measured.name(),
        per_second(events, measured.least(|cost| cost.wall)),
        micros(events, best.own),
        micros(events, best.clickhouse),
        micros(events, best.sum()),
        micros(events, measured.median(Cost::sum)),
        ratio(Peer::KafkaEngine),
        ratio(Peer::Floor),
        measured.costs.iter().map(|cost| cost.peak_kib).max().unwrap_or_default() / 1024,
        best.blocks,
        measured.costs.len(),
    )
}

fn targets(events: u64, all: &[Measured]) -> String {
    let Some(chiso) = best_of(Peer::Chiso, all) else { return String::new() };
    let mut out = "| to reach | measured | reached |\n|---|---:|---|\n".to_owned();
    let mut row = |what: String, measured: String, reached: bool| {
        let _ = writeln!(out, "| {what} | {measured} | {} |", if reached { "yes" } else { "no" });
    };
    let mut at_most = |most: f64, other: &Measured| {
        let ratio = chiso.least_sum().as_secs_f64() / other.least_sum().as_secs_f64();
        row(format!("CPU at most {most} of the {}", other.name()), format!("{ratio:.2}"), ratio <= most);
    };
    // Each way for itself: the best one is what counts, the others are what one meets.
    all.iter().filter(|other| other.system.peer == Peer::KafkaEngine).for_each(|other| at_most(OF_KAFKA_ENGINE, other));
    best_of(Peer::Floor, all).into_iter().for_each(|floor| at_most(OF_FLOOR, floor));
    let fastest = |peer| {
        let walls = all.iter().filter(|measured| measured.system.peer == peer).flat_map(|measured| &measured.costs);
        walls.map(|cost| per_second(events, cost.wall)).fold(0.0, f64::max)
    };
    let own = fastest(Peer::Chiso);
    for peer in [Peer::KafkaEngine, Peer::Python, Peer::Floor] {
        let other = fastest(peer);
        if other == 0.0 {
            continue;
        }
        row(format!("more events/s than the {}", peer.name()), format!("{own:.0} / {other:.0}"), own > other);
    }
    out
}

#[allow(clippy::cast_precision_loss)]
fn micros(events: u64, time: Duration) -> f64 {
    time.as_secs_f64() * 1e6 / events.max(1) as f64
}

#[allow(clippy::cast_precision_loss)]
fn per_second(events: u64, time: Duration) -> f64 {
    events as f64 / time.as_secs_f64()
}
