//! The settings of all programs of chiso, from one TOML file and from `CHISO__SECTION__KEY` variables, which win.
//!
//! They are typed, closed and judged as a whole: what is unknown, missing or wrong is listed at once, and nothing
//! is repaired.

mod address;
mod clickhouse;
mod kafka;
pub mod key;
mod outside;
mod problems;
mod proof;
mod read;
mod retention;
mod secret;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use clickhouse::ClickHouse;
pub use kafka::{Kafka, Rejects, SaslMechanism, Security, is_topic};
pub use key::Key;
pub use outside::{Http, Log, LogFormat, Traces};
pub use problems::{Problem, Problems};
pub use proof::{Audit, Findings};
use read::Reader;
pub use retention::Retention;
pub use secret::Secret;

/// What an operator can set. Fields without a default are empty unless the command needs them.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Where events come from.
    pub kafka: Kafka,
    /// Where refused ones are sent as well.
    pub rejects: Rejects,
    /// Where they are stored.
    pub clickhouse: ClickHouse,
    /// How many of them are stored at once.
    pub batch: Batch,
    /// How a worker stops.
    pub shutdown: Shutdown,
    /// How large the record of what is stored may grow.
    pub ledger: Ledger,
    /// What they are checked with.
    pub reference: Reference,
    /// How they are rolled up.
    pub rollup: Rollup,
    /// What people are told to look at.
    pub findings: Findings,
    /// How the figures are proven.
    pub audit: Audit,
    /// How long is kept what is not facts and not reports.
    pub retention: Retention,
    /// Where a worker or scheduler can be asked how it is.
    pub http: Http,
    /// Where workers send traces of their work.
    pub traces: Traces,
    /// What the programs say meanwhile.
    pub log: Log,
}

/// `[batch]`: a batch is sealed when one of these is reached.
#[derive(Clone, Debug, Serialize)]
pub struct Batch {
    /// Rows, stored and rejected ones together.
    pub rows_max: u64,
    /// Bytes of its rows in memory, roughly.
    pub bytes_max: u64,
    /// Milliseconds since its first message.
    pub age_ms_max: u64,
}

/// `[shutdown]`
#[derive(Clone, Debug, Serialize)]
pub struct Shutdown {
    /// Milliseconds for storing and committing what is open when a worker stops or loses partitions.
    pub drain_ms_max: u64,
}

/// `[ledger]`
#[derive(Clone, Debug, Serialize)]
pub struct Ledger {
    /// A scheduler joins old rows of the ledger once there are more than this.
    pub rows_max: u64,
    /// Rows are old after so many seconds; until then every batch has its own.
    pub keep_s: u64,
}

/// `[reference]`
#[derive(Clone, Debug, Serialize)]
pub struct Reference {
    /// Directory of the reference data that `migrate` loads and `check` uses; without it what is built in.
    pub dir: Option<PathBuf>,
}

/// `[rollup]`
#[derive(Clone, Debug, Serialize)]
pub struct Rollup {
    /// Milliseconds from the end of a pass of the scheduler to the next.
    pub interval_ms: u64,
}

impl Settings {
    /// Reads the file, if there is one, and the environment. `needs` are the keys without which the command
    /// cannot work, such as [`key::KAFKA_BROKERS`].
    ///
    /// # Errors
    /// Everything that is wrong, each with its place and what to write there.
    pub fn load(config_file: Option<&Path>, needs: &[Key]) -> Result<Self, Problems> {
        Self::read(Reader::new(config_file, std::env::vars_os(), needs))
    }

    /// Like [`Settings::load`], with the environment given by the caller.
    ///
    /// # Errors
    /// As above.
    pub fn load_with(
        config_file: Option<&Path>,
        environment: impl Iterator<Item = (OsString, OsString)>,
        needs: &[Key],
    ) -> Result<Self, Problems> {
        Self::read(Reader::new(config_file, environment, needs))
    }

    fn read(mut reader: Reader) -> Result<Self, Problems> {
        let kafka = kafka::kafka(&mut reader);
        let settings = Self {
            rejects: kafka::rejects(&mut reader, &kafka),
            kafka,
            clickhouse: clickhouse::clickhouse(&mut reader),
            batch: Batch {
                rows_max: reader.number(&key::BATCH_ROWS_MAX, 1..=1_000_000),
                bytes_max: reader.number(&key::BATCH_BYTES_MAX, 65_536..=1_073_741_824),
                age_ms_max: reader.number(&key::BATCH_AGE_MS_MAX, 10..=60_000),
            },
            shutdown: Shutdown { drain_ms_max: reader.number(&key::SHUTDOWN_DRAIN_MS_MAX, 0..=300_000) },
            ledger: Ledger {
                rows_max: reader.number(&key::LEDGER_ROWS_MAX, 10..=10_000_000),
                keep_s: reader.number(&key::LEDGER_KEEP_S, 0..=31_536_000),
            },
            reference: Reference { dir: reader.path(&key::REFERENCE_DIR) },
            rollup: Rollup { interval_ms: reader.number(&key::ROLLUP_INTERVAL_MS, 100..=3_600_000) },
            findings: proof::findings(&mut reader),
            audit: proof::audit(&mut reader),
            retention: retention::retention(&mut reader),
            http: outside::http(&mut reader),
            traces: outside::traces(&mut reader),
            log: outside::log(&mut reader),
        };
        if reader.problems.is_empty() { Ok(settings) } else { Err(Problems(reader.problems)) }
    }
}

/// TOML with the values in force, secrets hidden: what `--print-config` prints.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        let mut section = "";
        for key in key::ALL {
            if key.section != section {
                section = key.section;
                let gap = if key == key::ALL[0] { "" } else { "\n" };
                writeln!(f, "{gap}[{section}]")?;
            }
            match &values[key.section][key.name] {
                serde_json::Value::Null => writeln!(f, "# {} is not set", key.name)?,
                serde_json::Value::String(text) if text.is_empty() => writeln!(f, "# {} is not set", key.name)?,
                _ if key.is_secret => writeln!(f, "# {} is set and not shown", key.name)?,
                value => writeln!(f, "{} = {value}", key.name)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
