//! A topic, a database and a consumer group of a test's own, and the programs set to use them.

use std::io::Write;
use std::process::{Command, Output, Stdio};
use std::time::Duration;

use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use super::{Engines, engines, program, unique};

/// The content type of an event in structured mode.
pub(crate) const STRUCTURED: (&str, &[u8]) = ("content-type", b"application/cloudevents+json; charset=UTF-8");
const PATIENCE: Duration = Duration::from_secs(60);

/// What a test has for itself.
pub(crate) struct World {
    pub(crate) engines: &'static Engines,
    pub(crate) topic: String,
    pub(crate) database: String,
    pub(crate) group: String,
    partitions: i32,
    settings: Vec<(String, String)>,
}

/// A message as a publisher sends it.
#[derive(Clone, Debug, Default)]
pub(crate) struct Outgoing {
    pub(crate) partition: Option<i32>,
    pub(crate) key: Option<Vec<u8>>,
    pub(crate) headers: Vec<(String, Option<Vec<u8>>)>,
    pub(crate) value: Option<Vec<u8>>,
}

impl Outgoing {
    /// An event in structured mode.
    pub(crate) fn structured(value: impl Into<Vec<u8>>) -> Self {
        let (name, content_type) = STRUCTURED;
        Self { value: Some(value.into()), headers: vec![(name.to_owned(), Some(content_type.to_vec()))], ..Self::default() }
    }

    fn record<'a>(&'a self, topic: &'a str) -> BaseRecord<'a, [u8], [u8]> {
        let mut headers = OwnedHeaders::new();
        for (key, value) in &self.headers {
            headers = headers.insert(Header { key, value: value.as_ref() });
        }
        let mut record = BaseRecord::to(topic).headers(headers);
        record.partition = self.partition;
        record.key = self.key.as_deref();
        record.payload = self.value.as_deref();
        record
    }
}

impl World {
    /// A topic with partitions, and an empty database with tables and the reference data of the project.
    pub(crate) fn new(name: &str, partitions: i32) -> Self {
        let world = Self::bare(name, partitions);
        world.migrate();
        world
    }

    /// The same without tables.
    pub(crate) fn bare(name: &str, partitions: i32) -> Self {
        Self::on(engines(), name, partitions)
    }

    /// The same on engines of a test's own.
    pub(crate) fn on(engines: &'static Engines, name: &str, partitions: i32) -> Self {
        let name = unique(name);
        engines.create_topic(&name, partitions);
        Self { engines, topic: name.clone(), database: name.clone(), group: name, partitions, settings: Vec::new() }
    }

    /// Sets an environment variable of the programs: `set("BATCH__ROWS_MAX", "5")`.
    pub(crate) fn set(&mut self, name: &str, value: impl Into<String>) {
        self.settings.push((format!("CHISO__{name}"), value.into()));
    }

    /// Creates tables and loads reference data.
    pub(crate) fn migrate(&self) {
        let output = self.command("chiso-rollup", &["migrate"]).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
    }

    /// A program with the settings of this world.
    pub(crate) fn command(&self, name: &str, arguments: &[&str]) -> Command {
        let mut command = Command::new(program(name));
        command.args(arguments).stdin(Stdio::null());
        command
            .env("CHISO__KAFKA__BROKERS", &self.engines.brokers)
            .env("CHISO__KAFKA__TOPIC", &self.topic)
            .env("CHISO__KAFKA__GROUP", &self.group)
            .env("CHISO__CLICKHOUSE__URL", &self.engines.clickhouse_url)
            .env("CHISO__CLICKHOUSE__USER", &self.engines.user)
            .env("CHISO__CLICKHOUSE__PASSWORD", &self.engines.password)
            .env("CHISO__CLICKHOUSE__DATABASE", &self.database);
        command.envs(self.settings.iter().map(|(name, value)| (name, value)));
        command
    }

    /// Runs `chiso-ingest` to its end.
    pub(crate) fn ingest(&self, arguments: &[&str]) -> Output {
        self.command("chiso-ingest", arguments).output().unwrap()
    }

    /// Runs `chiso-ingest` with something on its stdin.
    pub(crate) fn ingest_stdin(&self, arguments: &[&str], input: &[u8]) -> Output {
        let mut command = self.command("chiso-ingest", arguments);
        let mut child = command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
        child.stdin.take().unwrap().write_all(input).unwrap();
        child.wait_with_output().unwrap()
    }

    /// Ingests all that lies in the topic and returns the summary.
    pub(crate) fn catch_up(&self) -> serde_json::Value {
        let output = self.ingest(&["run", "--until-caught-up"]);
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        serde_json::from_slice(&output.stdout).unwrap()
    }

    /// Asks ClickHouse; lines without the last line feed.
    pub(crate) fn sql(&self, query: &str) -> String {
        self.engines.sql(&self.database, query).trim_end_matches('\n').to_owned()
    }

    /// Asks ClickHouse for one number.
    pub(crate) fn number(&self, query: &str) -> i64 {
        self.sql(query).parse().unwrap()
    }

    /// Sends messages and waits until Kafka has them.
    pub(crate) fn produce(&self, messages: &[Outgoing]) {
        let producer: BaseProducer = self.client().set("partitioner", "murmur2_random").create().unwrap();
        for message in messages {
            let mut record = message.record(&self.topic);
            while let Err((_, again)) = producer.send(record) {
                producer.poll(Duration::from_millis(10));
                record = again;
            }
        }
        producer.flush(PATIENCE).unwrap();
    }

    /// Sends messages in one transaction, and commits or aborts it.
    pub(crate) fn produce_transaction(&self, messages: &[Outgoing], commit: bool) {
        let producer: BaseProducer = self.client().set("transactional.id", unique("tx")).create().unwrap();
        producer.init_transactions(PATIENCE).unwrap();
        producer.begin_transaction().unwrap();
        for message in messages {
            producer.send(message.record(&self.topic)).map_err(|(error, _)| error).unwrap();
        }
        producer.flush(PATIENCE).unwrap();
        if commit { producer.commit_transaction(PATIENCE).unwrap() } else { producer.abort_transaction(PATIENCE).unwrap() }
    }

    /// What the group has committed of each partition; 0 if nothing.
    pub(crate) fn committed(&self) -> Vec<i64> {
        let consumer: BaseConsumer = self.client().set("group.id", &self.group).create().unwrap();
        let list = self.list(Offset::Invalid);
        let list = consumer.committed_offsets(list, PATIENCE).unwrap();
        list.elements().iter().map(|element| element.offset().to_raw().filter(|&offset| offset >= 0).unwrap_or(0)).collect()
    }

    /// Commits an offset of partition 0 in the name of the group, which must have no members.
    pub(crate) fn commit(&self, offset: i64) {
        let consumer: BaseConsumer = self.client().set("group.id", &self.group).create().unwrap();
        let mut list = TopicPartitionList::new();
        list.add_partition_offset(&self.topic, 0, Offset::Offset(offset)).unwrap();
        consumer.commit(&list, CommitMode::Sync).unwrap();
    }

    /// Where each partition ends, behind the last finished transaction.
    pub(crate) fn ends(&self) -> Vec<i64> {
        let consumer: BaseConsumer = self.client().set("isolation.level", "read_committed").create().unwrap();
        (0..self.partitions).map(|partition| consumer.fetch_watermarks(&self.topic, partition, PATIENCE).unwrap().1).collect()
    }

    /// Up to where the ledger covers each partition of the topic from its beginning without a hole.
    pub(crate) fn covered(&self) -> Vec<i64> {
        let rows = self.sql(&format!(
            "SELECT partition, from_offset, next_offset FROM ledger WHERE topic = '{}' ORDER BY partition, from_offset, next_offset",
            self.topic
        ));
        let mut covered = vec![0; usize::try_from(self.partitions).unwrap()];
        for row in rows.lines() {
            let row = row.split('\t').map(|field| field.parse::<i64>().unwrap()).collect::<Vec<_>>();
            let covered = &mut covered[usize::try_from(row[0]).unwrap()];
            if row[1] <= *covered {
                *covered = row[2].max(*covered);
            }
        }
        covered
    }

    fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        config.set("bootstrap.servers", &self.engines.brokers);
        config
    }

    fn list(&self, offset: Offset) -> TopicPartitionList {
        let mut list = TopicPartitionList::new();
        for partition in 0..self.partitions {
            list.add_partition_offset(&self.topic, partition, offset).unwrap();
        }
        list
    }
}
