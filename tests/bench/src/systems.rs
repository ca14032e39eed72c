//! The systems that are measured, and how each is told to bring one topic into one table.

use std::path::Path;
use std::process::{Command, Stdio};

use anyhow::{Context, Result, ensure};
use chiso_schemas::store::WRITE_SETTINGS;

use crate::engines::Engines;

/// Rows of a block: the same for all.
pub const BLOCK_ROWS: u32 = 262_144;

/// What ClickHouse is told with every insert over HTTP, by chiso, by Python and by the floor alike: what chiso tells it with all
/// that it writes, and what its worker adds for batches.
pub fn insert_settings() -> impl Iterator<Item = (&'static str, &'static str)> {
    WRITE_SETTINGS.into_iter().chain([("optimize_on_insert", "0")])
}

/// Chiso's batches must be as large as everybody's; by default a batch is also stored when it is a second old.
const CHISO_BATCHES: [(&str, &str); 3] =
    [("CHISO__BATCH__ROWS_MAX", "262144"), ("CHISO__BATCH__AGE_MS_MAX", "30000"), ("CHISO__LOG__FILTER", "warn")];

/// Who is compared.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Hash, Debug)]
pub enum Peer {
    /// This project's worker.
    Chiso,
    /// A Kafka table with a materialized view.
    KafkaEngine,
    /// confluent-kafka and clickhouse-connect.
    Python,
    /// The least that can be done.
    Floor,
}

/// A peer in one of its ways to work; the best of them counts.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct System {
    /// Who.
    pub peer: Peer,
    /// How, for the table.
    pub way: &'static str,
    /// Number of consumers of the Kafka engine, rows of a batch of Python.
    number: u32,
    sql: &'static str,
}

const RAW: &str = include_str!("../sql/kafka-engine-raw.sql");
const TYPED: &str = include_str!("../sql/kafka-engine-typed.sql");

/// Every peer in every way.
pub const SYSTEMS: [System; 7] = [
    System { peer: Peer::Chiso, way: "", number: 0, sql: "" },
    System { peer: Peer::KafkaEngine, way: "raw messages, 2 consumers", number: 2, sql: RAW },
    System { peer: Peer::KafkaEngine, way: "raw messages, 1 consumer", number: 1, sql: RAW },
    System { peer: Peer::KafkaEngine, way: "JSONEachRow, 2 consumers", number: 2, sql: TYPED },
    System { peer: Peer::Python, way: "batches of 50,000", number: 50_000, sql: "" },
    System { peer: Peer::Python, way: "batches of 262,144", number: BLOCK_ROWS, sql: "" },
    System { peer: Peer::Floor, way: "", number: 0, sql: "" },
];

impl Peer {
    /// For the table.
    #[must_use]
    pub fn name(self) -> &'static str {
        match self {
            Self::Chiso => "chiso",
            Self::KafkaEngine => "ClickHouse Kafka engine",
            Self::Python => "Python consumer",
            Self::Floor => "floor",
        }
    }
}

/// What a system works on.
pub struct Task<'a> {
    /// The engines.
    pub engines: &'a Engines,
    /// Folder of chiso's programs.
    pub programs: &'a Path,
    /// Python with its packages.
    pub python: &'a Path,
    /// The topic.
    pub topic: &'a str,
    /// Events in it.
    pub events: u64,
    /// A database of its own, with an empty `event_log`; also the name of the consumer group.
    pub database: String,
}

impl System {
    /// The worker process; nothing for the Kafka engine, which works in ClickHouse.
    ///
    /// # Errors
    /// The address of ClickHouse cannot be read.
    pub fn worker(&self, task: &Task<'_>) -> Result<Option<Command>> {
        let mut command = match self.peer {
            Peer::KafkaEngine => return Ok(None),
            Peer::Chiso => task.chiso("chiso-ingest", &["run", "--until-caught-up"]),
            Peer::Python => self.python(task)?,
            Peer::Floor => {
                let mut command = Command::new(task.programs.join("bench-floor"));
                let url = format!("{}/?{}", task.engines.servers.clickhouse_url(), query(&task.database));
                command.args([task.engines.servers.brokers(), task.topic, &task.database, &task.events.to_string(), &url]);
                command
            }
        };
        let (user, password) = task.engines.servers.user();
        command.env("CH_USER", user).env("CH_PASSWORD", password).stdin(Stdio::null()).stdout(Stdio::null());
        Ok(Some(command))
    }

    /// The tables of the Kafka engine: the second statement sets it to work.
    pub fn tables(&self, task: &Task<'_>) -> impl Iterator<Item = String> {
        let filled = self
            .sql
            .replace("{database}", &task.database)
            .replace("{brokers}", task.engines.servers.brokers())
            .replace("{topic}", task.topic)
            .replace("{group}", &task.database)
            .replace("{consumers}", &self.number.to_string());
        let statements: Vec<String> =
            filled.split_inclusive(";\n").map(|part| part.trim().trim_end_matches(';').to_owned()).collect();
        statements.into_iter().filter(|statement| !statement.is_empty())
    }

    fn python(&self, task: &Task<'_>) -> Result<Command> {
        let url = task.engines.servers.clickhouse_url();
        let (host, port) = url.trim_start_matches("http://").rsplit_once(':').context("no port in the address of ClickHouse")?;
        let settings: serde_json::Map<String, serde_json::Value> =
            insert_settings().map(|(name, value)| (name.to_owned(), value.into())).collect();
        let mut command = Command::new(task.python);
        command.arg(concat!(env!("CARGO_MANIFEST_DIR"), "/python/consumer.py"));
        command.args([
            task.engines.servers.brokers(),
            task.topic,
            &task.database,
            &task.events.to_string(),
            &self.number.to_string(),
        ]);
        command.args([host, port, &task.database, &serde_json::Value::Object(settings).to_string()]);
        Ok(command)
    }
}

impl Task<'_> {
    /// A program of chiso, set to this topic and database.
    fn chiso(&self, program: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(self.programs.join(program));
        command.args(arguments).envs(self.engines.servers.settings()).envs(CHISO_BATCHES);
        command.env("CHISO__KAFKA__TOPIC", self.topic).env("CHISO__KAFKA__GROUP", &self.database);
        command.env("CHISO__CLICKHOUSE__DATABASE", &self.database);
        command
    }

    /// Makes all tables of chiso in the database, with the reference data that the worker judges by.
    ///
    /// # Errors
    /// `chiso-rollup migrate` fails.
    pub fn migrate(&self) -> Result<()> {
        let status =
            self.chiso("chiso-rollup", &["migrate"]).stdout(Stdio::null()).status().context("cannot start chiso-rollup")?;
        ensure!(status.success(), "chiso-rollup migrate has failed");
        Ok(())
    }
}

/// The insert of the floor as the query part of an address.
fn query(database: &str) -> String {
    let settings = insert_settings().map(|(name, value)| format!("&{name}={value}"));
    format!(
        "database={database}&query=INSERT%20INTO%20event_log%20FORMAT%20Native{}&insert_deduplication_token=",
        settings.collect::<String>()
    )
}

/// For the report: how chiso's batches are set.
#[must_use]
pub fn chiso_batches() -> String {
    CHISO_BATCHES.map(|(name, value)| format!("{name}={value}")).join(" ")
}
