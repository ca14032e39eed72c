//! `chiso-ingest lag`: how far each partition is stored and committed, how much waits, and since when.

use std::collections::BTreeMap;
use std::io::Write;
use std::time::{Duration, Instant};

use chiso_schemas::settings::Settings;
use comfy_table::Table;
use comfy_table::presets::UTF8_BORDERS_ONLY;
use serde::Serialize;
use tokio::runtime::Handle;

use crate::args::{Format, WatchArgs};
use crate::broker::Questions;
use crate::failure::Failure;
use crate::ledger::{Covered, Ledger};
use crate::observe::now_ms;
use crate::offset::NextOffset;
use crate::place::Place;
use crate::run::{REACHED, reach};
use crate::topics::Topics;

/// One partition.
#[derive(Serialize, Debug)]
pub struct Lag {
    topic: &'static str,
    partition: i32,
    /// Where the log begins and ends.
    begin: i64,
    end: i64,
    /// Where a worker would go on; absent while nothing was read.
    stored: Option<i64>,
    /// What the group has committed.
    committed: Option<i64>,
    /// Offsets that wait.
    lag: i64,
    /// Seconds since the oldest message that waits arrived in Kafka; absent if none does, or if it was not found in time.
    oldest_s: Option<f64>,
}

/// How long the oldest waiting messages are looked for.
const LOOK: Duration = Duration::from_secs(3);

/// Prints the lag of all partitions.
///
/// # Errors
/// Kafka or ClickHouse is not there.
pub fn lag(settings: &Settings, args: &WatchArgs, runtime: &Handle, out: &mut impl Write) -> Result<(), Failure> {
    let topics = Topics::new(args.topic.as_deref().unwrap_or(&settings.kafka.topic))?;
    let ledger = Ledger::new(reach(settings, runtime)?, &settings.kafka.group);
    let questions = Questions::new(&settings.kafka, topics)?;
    let places = questions.places(REACHED)?;
    let covered = runtime.block_on(ledger.covered())?;
    let unanswered = |error| Failure::Dependency(format!("cannot ask Kafka about the partitions: {error}"));
    let begins = questions.begins(&places).map_err(unanswered)?;
    let ends = questions.ends(&places).map_err(unanswered)?.into_iter().collect::<BTreeMap<_, _>>();
    let committed = questions.committed(&places).map_err(unanswered)?.into_iter().collect::<BTreeMap<_, _>>();
    let mut all = Vec::new();
    for (place, begin) in begins {
        let stored = covered.get(&place).map(|covered: &Covered| covered.stored_end);
        let end = ends.get(&place).copied().unwrap_or(begin);
        let committed = committed.get(&place).copied().flatten().map(NextOffset::get);
        let lag = (end - stored.unwrap_or(begin).max(begin)).max(0);
        let (topic, partition) = (place.topic.name(), place.partition);
        all.push(Lag { topic, partition, begin, end, stored, committed, lag, oldest_s: None });
    }
    look_for_oldest(&questions, &mut all).map_err(unanswered)?;
    let unwritable = |error| Failure::Finding(format!("cannot write the lag: {error}"));
    match args.format {
        Format::Json => writeln!(out, "{}", serde_json::json!(all)).map_err(unwritable),
        Format::Table => writeln!(out, "{}", table(&all)).map_err(unwritable),
    }
}

/// Reads one message of each partition that waits.
fn look_for_oldest(questions: &Questions, all: &mut [Lag]) -> rdkafka::error::KafkaResult<()> {
    let first =
        |lag: &Lag| (Place::new(lag.topic, lag.partition), NextOffset::stated(lag.stored.unwrap_or(lag.begin).max(lag.begin)));
    let waiting = all.iter().filter(|lag| lag.lag > 0).map(first).collect::<Vec<_>>();
    let arrived = questions.arrivals(&waiting, Instant::now() + LOOK)?;
    let now = now_ms();
    for lag in all {
        let arrived = arrived.get(&Place::new(lag.topic, lag.partition));
        lag.oldest_s = arrived.map(|&arrived| Duration::from_millis((now - arrived).max(0).unsigned_abs()).as_secs_f64());
    }
    Ok(())
}

fn table(all: &[Lag]) -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY);
    table.set_header(["topic", "partition", "begin", "stored", "committed", "end", "lag", "oldest waits"]);
    let number = |number: Option<i64>| number.map_or_else(|| "-".to_owned(), |number| number.to_string());
    for lag in all {
        table.add_row([
            lag.topic.to_owned(),
            lag.partition.to_string(),
            lag.begin.to_string(),
            number(lag.stored),
            number(lag.committed),
            lag.end.to_string(),
            lag.lag.to_string(),
            lag.oldest_s.map_or_else(|| "-".to_owned(), |seconds| format!("{seconds:.1} s")),
        ]);
    }
    table
}
