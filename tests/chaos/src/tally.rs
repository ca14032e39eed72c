//! What a run did and found, and the table that says so.

use std::collections::BTreeMap;
use std::fmt;
use std::time::Duration;

use chiso_ingest::probe::Cut;
use comfy_table::{CellAlignment, Table, presets};
use serde::Serialize;

use crate::check::Findings;
use crate::plan::Victim;

/// The row of kills at no chosen cut.
pub const RANDOM: &str = "random";

/// Counts of a run.
#[derive(Clone, Debug, Default, Serialize)]
pub struct Tally {
    /// What decided the plan.
    pub seed: u64,
    /// Faults injected, by kind.
    pub faults: BTreeMap<String, u64>,
    /// Kills that met an open batch with rows, by cut and victim.
    pub landed: BTreeMap<String, BTreeMap<String, u64>>,
    /// Kills that met none; they count for nothing.
    pub idle: u64,
    /// Workers that ended by themselves and were started again.
    pub revived: u64,
    /// Times that a worker found partitions to be nobody's in a complete group and had it share them out.
    pub shared_out: u64,
    /// Requests of inserts that a bad line spoilt.
    pub spoilt: u64,
    /// Messages published, those of aborted transactions left out.
    pub published: u64,
    /// Messages of aborted transactions.
    pub aborted: u64,
    /// What the checks found.
    pub findings: Findings,
    /// Checks made.
    pub checks: u64,
    /// Episodes: fresh topics and databases.
    pub episodes: u64,
    /// How long it took, in seconds.
    pub seconds: u64,
}

impl Tally {
    /// Counts a fault of a kind.
    pub fn fault(&mut self, kind: &str) {
        *self.faults.entry(kind.to_owned()).or_default() += 1;
    }

    /// Counts a kill at a cut, or at random.
    pub fn kill(&mut self, cut: &str, victim: Victim, landed: bool) {
        if landed {
            *self.landed.entry(cut.to_owned()).or_default().entry(victim.name().to_owned()).or_default() += 1;
        } else {
            self.idle += 1;
        }
    }

    /// Kills that landed at a cut, or at random.
    pub fn landed_at(&self, cut: &str, victim: Victim) -> u64 {
        self.landed.get(cut).and_then(|victims| victims.get(victim.name())).copied().unwrap_or_default()
    }

    /// All kills that landed.
    pub fn landed(&self) -> u64 {
        self.landed.values().flat_map(BTreeMap::values).sum()
    }

    /// Cuts at which no kill landed.
    pub fn missed(&self) -> Vec<&'static str> {
        let missed = |cut: &Cut| Victim::ALL.iter().all(|victim| self.landed_at(cut.name(), *victim) == 0);
        Cut::ALL.iter().filter(|cut| missed(cut)).map(|cut| cut.name()).collect()
    }

    /// Notes how long it took.
    pub fn took(&mut self, time: Duration) {
        self.seconds = time.as_secs();
    }
}

impl fmt::Display for Tally {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let mut kills = Table::new();
        kills.load_style(presets::UTF8_BORDERS_ONLY);
        kills.set_header(["kill -9 of ->, with an open batch at", "worker", "clickhouse", "kafka"]);
        for cut in Cut::ALL.map(Cut::name).into_iter().chain([RANDOM]) {
            let landed = Victim::ALL.map(|victim| self.landed_at(cut, victim).to_string());
            kills.add_row([cut.to_owned()].into_iter().chain(landed));
        }
        right(&mut kills, 1..4);
        writeln!(f, "{kills}\n")?;

        let mut faults = Table::new();
        faults.load_style(presets::UTF8_BORDERS_ONLY);
        faults.set_header(["fault injected", "times"]);
        for (kind, count) in &self.faults {
            faults.add_row([kind.clone(), count.to_string()]);
        }
        right(&mut faults, 1..2);
        writeln!(f, "{faults}\n")?;

        let Findings { stored, refused, lost, double, strange, gaps, wrong, copies, examples } = &self.findings;
        let mut outcome = Table::new();
        outcome.load_style(presets::UTF8_BORDERS_ONLY);
        outcome.set_header(["outcome", "count"]);
        for (what, count) in [
            ("kills that landed", self.landed()),
            ("kills that met no open batch", self.idle),
            ("inserts over a bad line", self.spoilt),
            ("workers that gave up and were started again", self.revived),
            ("groups made to share out what was nobody's", self.shared_out),
            ("messages published", self.published),
            ("messages of aborted transactions", self.aborted),
            ("distinct events stored", *stored),
            ("messages refused", *refused),
            ("lost", *lost),
            ("double", *double),
            ("rows that no message asks for", *strange),
            ("ledgers with a gap, or committed beyond", *gaps),
            ("figures that differ from the model's", *wrong),
            ("physical copies seen (harmless)", *copies),
            ("checks, episodes", self.checks),
            ("seconds", self.seconds),
        ] {
            let count = if what == "checks, episodes" { format!("{count}, {}", self.episodes) } else { count.to_string() };
            outcome.add_row([what.to_owned(), count]);
        }
        right(&mut outcome, 1..2);
        writeln!(f, "{outcome}\nseed {}", self.seed)?;
        examples.iter().try_for_each(|example| writeln!(f, "  {example}"))
    }
}

fn right(table: &mut Table, columns: std::ops::Range<usize>) {
    for column in columns {
        if let Some(column) = table.column_mut(column) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
}
