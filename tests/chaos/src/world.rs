//! What an episode has for itself: a topic, a database, a consumer group, and reference data.

use std::fs;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use chiso_tests::model::Reference;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::engines::{Engines, program, wait};

/// Partitions of a topic.
pub const PARTITIONS: i32 = 6;
/// How long Kafka may take to answer; it may just be coming back.
pub const PATIENCE: Duration = Duration::from_secs(30);

/// Names of an episode.
pub struct World {
    /// Topic, database and group.
    pub name: String,
    /// What messages are judged by.
    pub reference: Reference,
    /// Where logs of workers go.
    pub folder: PathBuf,
}

impl World {
    /// Makes a topic, tables, and loads reference data: a small made-up country, which is quick.
    ///
    /// # Errors
    /// An engine refuses.
    pub fn make(engines: &Engines, name: &str, folder: &Path) -> anyhow::Result<Self> {
        create_topic(engines, name)?;
        let data = folder.join("reference");
        copy_reference(&Path::new(env!("CARGO_MANIFEST_DIR")).join("../golden/small-country/reference"), &data)?;
        // One source may arrive by some topics only; let this be one of them.
        let sources = data.join("sources.csv");
        fs::write(&sources, fs::read_to_string(&sources)?.replace("chiso.telecom.v1", name))?;
        let reference = Reference::load(&data)?;
        let world = Self { name: name.to_owned(), reference, folder: folder.to_owned() };
        world.finish(engines, "chiso-rollup", &["migrate", "--reference", &data.to_string_lossy()])?;
        Ok(world)
    }

    /// One of the programs, set to use this world.
    ///
    /// # Errors
    /// It is not built.
    pub fn command(&self, engines: &Engines, name: &str, arguments: &[&str]) -> anyhow::Result<Command> {
        let servers = engines.servers();
        let (user, password) = servers.user();
        let mut command = Command::new(program(name)?);
        command.args(arguments).stdin(Stdio::null());
        command
            .env("CHISO__KAFKA__BROKERS", servers.brokers())
            .env("CHISO__KAFKA__TOPIC", &self.name)
            .env("CHISO__KAFKA__GROUP", &self.name)
            .env("CHISO__KAFKA__SESSION_MS_MAX", "6000")
            .env("CHISO__CLICKHOUSE__URL", servers.clickhouse_url())
            .env("CHISO__CLICKHOUSE__USER", user)
            .env("CHISO__CLICKHOUSE__PASSWORD", password)
            .env("CHISO__CLICKHOUSE__DATABASE", &self.name)
            .env("CHISO__BATCH__AGE_MS_MAX", "200");
        Ok(command)
    }

    /// Runs a program to its end; what it printed.
    ///
    /// # Errors
    /// It failed; with what it said.
    pub fn finish(&self, engines: &Engines, name: &str, arguments: &[&str]) -> anyhow::Result<String> {
        let output = self.command(engines, name, arguments)?.output()?;
        let said = String::from_utf8_lossy(&output.stderr);
        ensure!(output.status.success(), "{name} {}: {}: {said}", arguments.join(" "), output.status);
        Ok(String::from_utf8(output.stdout)?)
    }

    /// Asks ClickHouse; one list of fields a line.
    ///
    /// # Errors
    /// It does not answer.
    pub fn rows(&self, engines: &Engines, query: &str) -> anyhow::Result<Vec<Vec<String>>> {
        let text = engines.servers().sql(&self.name, query)?;
        Ok(text.lines().map(|line| line.split('\t').map(str::to_owned).collect()).collect())
    }

    /// Where each partition ends for readers of committed messages.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn ends(&self, engines: &Engines) -> anyhow::Result<Vec<i64>> {
        let consumer: BaseConsumer = engines.client().set("isolation.level", "read_committed").create()?;
        (0..PARTITIONS).map(|partition| Ok(consumer.fetch_watermarks(&self.name, partition, PATIENCE)?.1)).collect()
    }

    /// What the group has committed of each partition; 0 if nothing.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn committed(&self, engines: &Engines) -> anyhow::Result<Vec<i64>> {
        let consumer: BaseConsumer = engines.client().set("group.id", &self.name).create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition(&self.name, partition);
        }
        let mut answer = None;
        wait("Kafka says what is committed", PATIENCE, || {
            // A broker that has just come back does not know at once that it coordinates the group.
            answer = consumer.committed_offsets(list.clone(), PATIENCE).ok();
            Ok(answer.is_some())
        })?;
        let list = answer.context("no answer")?;
        let offset = |offset| if let Offset::Offset(offset) = offset { offset } else { 0 };
        Ok(list.elements().iter().map(|element| offset(element.offset())).collect())
    }

    /// How often workers have said that, in all their logs.
    ///
    /// # Errors
    /// Logs cannot be read.
    pub fn said(&self, what: &str) -> anyhow::Result<u64> {
        let mut times = 0;
        for entry in fs::read_dir(&self.folder)? {
            let path = entry?.path();
            if path.extension().is_some_and(|ending| ending == "log") {
                times += fs::read_to_string(&path)?.matches(what).count();
            }
        }
        Ok(u64::try_from(times)?)
    }

    /// Members of the group, once it is stable.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn members(&self, engines: &Engines) -> anyhow::Result<Option<usize>> {
        let consumer: BaseConsumer = engines.client().create()?;
        let Ok(groups) = consumer.fetch_group_list(Some(&self.name), PATIENCE) else { return Ok(None) };
        Ok(groups.groups().first().filter(|group| group.state() == "Stable").map(|group| group.members().len()))
    }
}

fn create_topic(engines: &Engines, name: &str) -> anyhow::Result<()> {
    let client: AdminClient<DefaultClientContext> = engines.client().create()?;
    let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build()?;
    let topic = NewTopic::new(name, PARTITIONS, TopicReplication::Fixed(1));
    let options = AdminOptions::new().operation_timeout(Some(PATIENCE));
    for result in runtime.block_on(client.create_topics([&topic], &options))? {
        result.map_err(|(name, code)| anyhow::anyhow!("Kafka refused to create topic {name}: {code}"))?;
    }
    wait("the new topic can be used", PATIENCE, || {
        let metadata = client.inner().fetch_metadata(Some(name), PATIENCE)?;
        let topic = metadata.topics().first().context("no topic")?;
        Ok(!topic.partitions().is_empty() && topic.partitions().iter().all(|partition| partition.leader() >= 0))
    })
}

fn copy_reference(from: &Path, to: &Path) -> anyhow::Result<()> {
    for folder in ["", "admin-units"] {
        fs::create_dir_all(to.join(folder))?;
        for entry in fs::read_dir(from.join(folder))? {
            let path = entry?.path();
            if let Some(name) = path.file_name().filter(|_| path.is_file()) {
                fs::copy(&path, to.join(folder).join(name))?;
            }
        }
    }
    Ok(())
}
