//! What it takes to prove all rows, or a night's sample of them, against the events.

use std::time::Duration;

use anyhow::{Context, Result};
use serde_json::Value;

use super::facts::{LAST_DAY, Stock};
use super::server::Server;
use crate::meter;

/// Pairs of an indicator and a period that a scheduler proves every night, with the settings as they come.
const SAMPLE: &str = "50";

/// What an audit found, and what it took.
struct Audit {
    what: &'static str,
    took: Duration,
    /// CPU time of `chiso-rollup`.
    own: Duration,
    /// CPU time of ClickHouse.
    server: Duration,
    peak_kib: u64,
    said: Value,
}

/// Audits everything, then a sample. The report.
///
/// # Errors
/// Something differs, or ClickHouse or `chiso-rollup` fails.
pub fn measure(server: &Server, stock: &Stock) -> Result<String> {
    let audits = [
        audit(server, stock, "everything", &[])?,
        audit(server, stock, "a night's sample", &["--sample", SAMPLE, "--seed", "1"])?,
    ];
    let mut text = format!(
        "{} facts\n\n\
         | what is proven | rows | cells | differences | seconds | CPU seconds of `chiso-rollup` | CPU seconds of ClickHouse | peak MiB of `chiso-rollup` |\n\
         |---|---:|---:|---:|---:|---:|---:|---:|\n",
        stock.facts
    );
    for Audit { what, took, own, server, peak_kib, said } in &audits {
        text += &format!(
            "| {what} | {} | {} | {} | {:.1} | {:.1} | {:.1} | {} |\n",
            said["rows"],
            said["cells"],
            said["differences"],
            took.as_secs_f64(),
            own.as_secs_f64(),
            server.as_secs_f64(),
            peak_kib / 1024
        );
    }
    Ok(text)
}

fn audit(server: &Server, stock: &Stock, what: &'static str, selection: &[&str]) -> Result<Audit> {
    let since = server.now()?;
    let before = meter::cpu_of_ended_children()?;
    let arguments = [&["audit", "--today", LAST_DAY, "--format", "json"], selection].concat();
    let ended = server.rollup(&stock.database, &arguments)?;
    let own = meter::cpu_of_ended_children()? - before;
    let server = server.stages(&stock.database, &since, &["SELECT"])?.iter().map(|stage| stage.cpu).sum();
    let said = serde_json::from_slice(&ended.stdout).context("the audit said no JSON")?;
    Ok(Audit { what, took: ended.took, own, server, peak_kib: ended.peak_kib, said })
}
