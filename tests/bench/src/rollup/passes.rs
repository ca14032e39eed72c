//! What a pass over 10,000 new facts costs, beside how many facts are stored.

use std::fmt::Write;
use std::time::Duration;

use anyhow::Result;

use super::facts::{LAST_DAY, Stock};
use super::server::{Server, Stage};

/// New facts of one pass.
const CHANGES: u64 = 10_000;
/// Statements of a pass by their first words, with what they are called in the table.
const STAGES: [(&str, &str); 5] = [
    ("INSERT INTO cells", "cells from events"),
    ("INSERT INTO touched_rows", "touched rows"),
    ("INSERT INTO step_", "cells that wards need"),
    ("INSERT INTO rollup_rows", "areas, and all rows written"),
    ("", "rows of wards, and other statements"),
];
/// Most seconds of a pass, and most growth of them from the least stock to the greatest.
const SECONDS_MAX: f64 = 5.0;
const GROWTH_MAX: f64 = 1.5;

/// Passes over a stock.
pub struct Passes {
    stock: Stock,
    recent: Vec<Pass>,
    even: Vec<Pass>,
}

struct Pass {
    wall: Duration,
    stages: Vec<Stage>,
}

/// Makes passes over so many batches that are mostly of the last days, and over as many that are spread over the year.
///
/// # Errors
/// ClickHouse or `chiso-rollup` fails.
pub fn measure(server: &Server, stock: &Stock, runs: usize) -> Result<Passes> {
    let several = |recent: u64| (0..runs).map(|_| pass(server, stock, recent)).collect::<Result<Vec<_>>>();
    // The first one finds cold caches.
    pass(server, stock, 90)?;
    Ok(Passes { stock: stock.clone(), recent: several(90)?, even: several(0)? })
}

fn pass(server: &Server, stock: &Stock, recent: u64) -> Result<Pass> {
    stock.change(server, CHANGES, recent)?;
    let since = server.now()?;
    let wall = server.rollup(&stock.database, &["run", "--once", "--today", LAST_DAY])?.took;
    let words: Vec<&str> = STAGES.iter().take(STAGES.len() - 1).map(|(word, _)| *word).collect();
    Ok(Pass { wall, stages: server.stages(&stock.database, &since, &words)? })
}

/// The median by the clock.
fn median(passes: &[Pass]) -> Option<&Pass> {
    let mut sorted: Vec<&Pass> = passes.iter().collect();
    sorted.sort_by_key(|pass| pass.wall);
    sorted.get(sorted.len() / 2).copied()
}

/// The table.
#[must_use]
pub fn report(all: &[Passes]) -> String {
    let mut text = String::from(
        "| facts stored | wards, years | pass over 10,000 | stage | seconds | CPU seconds of ClickHouse | rows read | rows written |\n|---:|---:|---|---|---:|---:|---:|---:|\n",
    );
    for passes in all {
        for (kind, some) in [("90 % of the last 3 days", &passes.recent), ("evenly over the year", &passes.even)] {
            let Some(pass) = median(some) else { continue };
            let Stock { facts, wards, years, .. } = &passes.stock;
            let sum = |of: fn(&Stage) -> u64| pass.stages.iter().map(of).sum::<u64>();
            let cpu = pass.stages.iter().map(|stage| stage.cpu).sum::<Duration>().as_secs_f64();
            let (read, written) = (sum(|stage| stage.read), sum(|stage| stage.written));
            let line = (pass.wall.as_secs_f64(), cpu, read, written);
            push(&mut text, &format!("| {facts} | {wards}, {years} | {kind} | whole pass |"), line);
            for ((_, name), stage) in STAGES.iter().zip(&pass.stages) {
                let line = (stage.wall.as_secs_f64(), stage.cpu.as_secs_f64(), stage.read, stage.written);
                push(&mut text, &format!("| | | | {name} |"), line);
            }
        }
    }
    let seconds = |passes: &Passes| median(&passes.recent).map_or(0.0, |pass| pass.wall.as_secs_f64());
    if let (Some(first), Some(last)) = (all.first(), all.last()) {
        let growth = seconds(last) / seconds(first);
        let longest = all.iter().map(seconds).fold(0.0, f64::max);
        let verdict = |reached: bool| if reached { "reached" } else { "NOT reached" };
        // Writing to a String cannot fail.
        let _ = write!(
            text,
            "\nLongest median pass with 90 % of the last days: {longest:.1} s, to stay below {SECONDS_MAX}: {}. From the least stock to the \
             greatest it grows by {growth:.2}, to stay below {GROWTH_MAX}: {}.\n",
            verdict(longest < SECONDS_MAX),
            verdict(growth < GROWTH_MAX)
        );
    }
    text
}

fn push(text: &mut String, begin: &str, (seconds, cpu, read, written): (f64, f64, u64, u64)) {
    let _ = writeln!(text, "{begin} {seconds:.2} | {cpu:.2} | {read} | {written} |");
}
