//! The negative control: what a worker must never do. It says that a batch is stored before it is.

use std::time::Duration;

use anyhow::Context as _;
use chiso_ingest::probe::Passing;
use chiso_schemas::settings::Settings;
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::producer::{BaseProducer, Producer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

const PATIENCE: Duration = Duration::from_secs(20);

/// Writes ledger ranges and commits offsets from outside of the worker.
pub(crate) struct Early {
    settings: Settings,
    agent: ureq::Agent,
    producer: BaseProducer,
    group: BaseConsumer,
}

impl Early {
    pub(crate) fn new(settings: &Settings) -> anyhow::Result<Self> {
        let client = || {
            let mut config = ClientConfig::new();
            config.set("bootstrap.servers", &settings.kafka.brokers);
            config
        };
        // Only a transaction may commit for a group that has members, and is none of them.
        let id = format!("{}-early-{}", settings.kafka.group, std::process::id());
        let producer: BaseProducer = client().set("transactional.id", id).create()?;
        producer.init_transactions(PATIENCE)?;
        let group = client().set("group.id", &settings.kafka.group).create()?;
        let agent = ureq::Agent::config_builder().timeout_global(Some(PATIENCE)).proxy(None).build().into();
        Ok(Self { settings: settings.clone(), agent, producer, group })
    }

    /// A control that does not do what it must is none, so a failure ends the worker.
    pub(crate) fn commit(&self, passing: &Passing) {
        if let Err(error) = self.try_commit(passing) {
            eprintln!("cut-worker: cannot commit before the insert: {error:#}");
            std::process::exit(1);
        }
    }

    fn try_commit(&self, passing: &Passing) -> anyhow::Result<()> {
        let Settings { kafka, clickhouse, .. } = &self.settings;
        let mut offsets = TopicPartitionList::new();
        let mut rows = Vec::new();
        for range in &passing.ranges {
            let (from, next) = (range.from.get(), range.next.get());
            offsets.add_partition_offset(range.place.topic.name(), range.place.partition, Offset::Offset(next))?;
            rows.push(format!(
                "('{}', {}, {}, {from}, {next}, generateUUIDv4(), {next}, now64(3), '{}')",
                range.place.topic, range.incarnation, range.place.partition, kafka.group
            ));
        }
        let columns = "topic, incarnation, partition, from_offset, next_offset, batch, observed_end, observed_at, group_id";
        self.agent
            .post(&clickhouse.url)
            .query("database", &clickhouse.database)
            .header("X-ClickHouse-User", &clickhouse.user)
            .header("X-ClickHouse-Key", clickhouse.password.reveal())
            .send(format!("INSERT INTO ledger ({columns}) VALUES {}", rows.join(", ")))
            .context("cannot write the ledger")?;
        let metadata = self.group.group_metadata().context("no group")?;
        self.producer.begin_transaction()?;
        self.producer.send_offsets_to_transaction(&offsets, &metadata, PATIENCE)?;
        self.producer.commit_transaction(PATIENCE)?;
        Ok(())
    }
}
