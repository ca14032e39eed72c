//! One measured run: an empty table, a system that fills it, the quiet afterwards, and the proof that everything is there.

use std::process::Child;
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};

use crate::engines::Engines;
use crate::meter;
use crate::publish::Published;
use crate::systems::{Peer, System, Task};

/// A run that takes longer hangs.
const RUN_MAX: Duration = Duration::from_secs(1800);
/// How often rows are counted while a system works: the same for all.
const LOOK_EVERY: Duration = Duration::from_millis(100);
/// ClickHouse is quiet when for so long no merge has run and it has used at most `QUIET_CPU` of a core more than when idle.
pub const QUIET: Duration = Duration::from_secs(3);
const QUIET_CPU: f64 = 0.05;
/// Merges that take longer are cut off, for all alike.
pub const QUIET_MAX: Duration = Duration::from_secs(60);
/// How long the idle engine is looked at.
pub const IDLE: Duration = Duration::from_secs(10);

/// What a run has cost.
#[derive(Clone, Copy, Debug)]
pub struct Cost {
    /// From the start of the worker until the last row could be queried.
    pub wall: Duration,
    /// CPU of the worker, from its start to its end.
    pub own: Duration,
    /// CPU of ClickHouse, from the start of the worker until it was quiet again, without what it uses when idle.
    pub clickhouse: Duration,
    /// Peak memory of the worker, or of ClickHouse if the system works in it, in KiB.
    pub peak_kib: u64,
    /// Blocks that were inserted.
    pub blocks: u64,
}

impl Cost {
    /// CPU of both.
    #[must_use]
    pub fn sum(&self) -> Duration {
        self.own + self.clickhouse
    }
}

/// CPU of ClickHouse per second when nobody asks anything.
///
/// # Errors
/// ClickHouse has ended.
pub fn idle(engines: &Engines) -> Result<f64> {
    quiet(engines, 0.0)?;
    let before = meter::cpu(engines.clickhouse)?;
    thread::sleep(IDLE);
    Ok((meter::cpu(engines.clickhouse)? - before).as_secs_f64() / IDLE.as_secs_f64())
}

/// Measures a system and checks what it has stored; `like` is the table whose columns and settings all tables have.
///
/// # Errors
/// It fails, or has not stored exactly what was published.
pub fn run(system: &System, task: &Task<'_>, like: &str, idle: f64, published: &Published) -> Result<Cost> {
    let (engines, database) = (task.engines, task.database.as_str());
    if system.peer == Peer::Chiso {
        task.migrate()?;
    } else {
        engines.sql(&format!("CREATE DATABASE {database}"))?;
        engines.sql(&format!("CREATE TABLE {database}.event_log AS {like}"))?;
    }
    let mut tables = system.tables(task);
    if let Some(queue) = tables.next() {
        engines.sql(&queue)?;
    }
    quiet(engines, idle)?;
    meter::reset_peak(engines.clickhouse)?;
    let (begin, clickhouse, children) = (Instant::now(), meter::cpu(engines.clickhouse)?, meter::cpu_of_ended_children()?);
    let worker = system.worker(task)?.map(|mut command| command.spawn().context("cannot start the worker")).transpose()?;
    for view in tables {
        engines.sql(&view)?;
    }
    let (wall, worker_peak) = until_stored(task, begin, worker)?;
    if worker_peak.is_none() {
        engines.sql(&format!("DROP TABLE {database}.queue_to_event_log SYNC"))?;
        engines.sql(&format!("DROP TABLE {database}.queue SYNC"))?;
    }
    let own = meter::cpu_of_ended_children()? - children;
    quiet(engines, idle)?;
    let spent = meter::cpu(engines.clickhouse)? - clickhouse;
    let clickhouse = spent.saturating_sub(Duration::from_secs_f64(idle * begin.elapsed().as_secs_f64()));
    let peak_kib = worker_peak.or_else(|| meter::peak_kib(engines.clickhouse)).unwrap_or_default();
    let blocks = engines.number(&format!(
        "SELECT toUInt64(sum(1 + max_block_number - min_block_number)) FROM system.parts WHERE database = '{database}' AND table = 'event_log' AND active"
    ))?;
    verify(engines, database, published)?;
    engines.sql(&format!("DROP DATABASE {database} SYNC"))?;
    Ok(Cost { wall, own, clickhouse, peak_kib, blocks })
}

/// Waits until all rows can be queried and the worker has ended; the time of the first, and the worker's peak memory.
fn until_stored(task: &Task<'_>, begin: Instant, mut worker: Option<Child>) -> Result<(Duration, Option<u64>)> {
    let count = format!(
        "SELECT toUInt64(sum(rows)) FROM system.parts WHERE database = '{}' AND table = 'event_log' AND active",
        task.database
    );
    let (mut wall, mut peak) = (None, None);
    loop {
        if wall.is_none() && task.engines.number(&count)? >= task.events {
            wall = Some(begin.elapsed());
        }
        let mut ended = true;
        if let Some(worker) = &mut worker {
            peak = meter::peak_kib(worker.id().cast_signed()).max(peak);
            let status = worker.try_wait()?;
            ensure!(status.is_none_or(|status| status.success()), "the worker has failed: {status:?}");
            ended = status.is_some();
        }
        match wall {
            Some(wall) if ended => return Ok((wall, peak)),
            None if ended && worker.is_some() && task.engines.number(&count)? < task.events => {
                bail!("the worker has ended, and not all events are stored")
            }
            _ if begin.elapsed() > RUN_MAX => {
                if let Some(worker) = &mut worker {
                    worker.kill()?;
                }
                bail!("not all events are stored after {} s", RUN_MAX.as_secs())
            }
            _ => thread::sleep(LOOK_EVERY),
        }
    }
}

/// Waits until ClickHouse is quiet, or long enough.
fn quiet(engines: &Engines, idle: f64) -> Result<()> {
    let begin = Instant::now();
    let merges = "SELECT count() FROM system.merges";
    while begin.elapsed() < QUIET_MAX {
        let (before, since, mut merging) = (meter::cpu(engines.clickhouse)?, Instant::now(), false);
        while since.elapsed() < QUIET && !merging {
            thread::sleep(QUIET / 6);
            merging = engines.number(merges)? > 0;
        }
        let used = (meter::cpu(engines.clickhouse)? - before).as_secs_f64() / since.elapsed().as_secs_f64();
        if !merging && used < idle + QUIET_CPU {
            return Ok(());
        }
    }
    Ok(())
}

/// Compares number and sums with what was published.
fn verify(engines: &Engines, database: &str, published: &Published) -> Result<()> {
    let sums = ["value", "numerator", "denominator", "percent"].map(|column| format!("toInt128(sum({column}) * 1000000)"));
    let stored = engines.sql(&format!("SELECT count(), uniqExact(source, id), {} FROM {database}.event_log", sums.join(", ")))?;
    let [value, numerator, denominator, percent] = published.sums;
    let expected = [published.events, published.events, value, numerator, denominator, percent].map(|number| number.to_string());
    ensure!(stored == expected.join("\t"), "stored (count, distinct, sums): {stored}; published: {}", expected.join("\t"));
    Ok(())
}
