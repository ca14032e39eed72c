//! Kafka as a child process: one KRaft node, when it answers, its topic.

use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, bail};
use futures::executor::block_on;
use nix::sys::signal::Signal;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;
use rdkafka::types::RDKafkaErrorCode;

use crate::process::{self, Engine};

/// How long one request for metadata may take.
const METADATA_TIMEOUT: Duration = Duration::from_secs(1);
/// How long the creation of a topic may take.
const CREATE_TIMEOUT: Duration = Duration::from_secs(30);

/// How often a new topic is looked at until it can be used.
const LEADER_LOOK_EVERY: Duration = Duration::from_millis(50);

/// The two ports it listens on.
#[derive(Clone, Copy)]
pub(crate) struct KafkaPorts {
    pub(crate) broker: u16,
    pub(crate) controller: u16,
}

/// The programs that run it.
pub(crate) struct KafkaProgram {
    /// A Java new enough.
    pub(crate) java: PathBuf,
    /// The folder of the jars.
    pub(crate) lib: PathBuf,
}

/// A Kafka that has been started.
pub(crate) struct Kafka {
    /// The process.
    pub(crate) engine: Engine,
    /// Its address.
    pub(crate) brokers: String,
    port: u16,
    client: Option<AdminClient<DefaultClientContext>>,
}

impl Kafka {
    /// Starts it with its files in `folder`, formatted first if they are new.
    pub(crate) fn start(program: &KafkaProgram, folder: &Path, ports: KafkaPorts, cluster_id: &str) -> anyhow::Result<Self> {
        write_config(folder, ports)?;
        if !folder.join("data/meta.properties").exists() {
            format(program, folder, cluster_id, &[])?;
        }
        Ok(Self {
            engine: run(program, folder)?,
            brokers: format!("127.0.0.1:{}", ports.broker),
            port: ports.broker,
            client: None,
        })
    }

    /// Whether it truly answers: its metadata names itself at the advertised address.
    pub(crate) fn answers(&mut self) -> bool {
        // A client made too early would wait longer and longer between its tries.
        if self.client.is_none() && TcpStream::connect(SocketAddr::from((Ipv4Addr::LOCALHOST, self.port))).is_ok() {
            self.client = ClientConfig::new().set("bootstrap.servers", &self.brokers).create().ok();
        }
        let Some(client) = &self.client else {
            return false;
        };
        client
            .inner()
            .fetch_metadata(None, METADATA_TIMEOUT)
            .is_ok_and(|metadata| metadata.brokers().iter().any(|broker| i32::from(self.port) == broker.port()))
    }

    /// Creates the topic if it is not there; returns how many partitions it has.
    pub(crate) fn ensure_topic(&self, name: &str, partitions: i32) -> anyhow::Result<usize> {
        let client = self.client.as_ref().context("Kafka does not answer yet")?;
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(CREATE_TIMEOUT)).request_timeout(Some(CREATE_TIMEOUT));
        let results =
            block_on(client.create_topics([&topic], &options)).with_context(|| format!("cannot create topic {name}"))?;
        for result in results {
            match result {
                Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
                Err((name, code)) => bail!("Kafka refused to create topic {name}: {code}"),
            }
        }
        let deadline = Instant::now() + CREATE_TIMEOUT;
        loop {
            if let Some(partitions) = usable_partitions(client, name)? {
                return Ok(partitions);
            }
            if Instant::now() > deadline {
                bail!("topic {name} has been created, but its partitions have no leader\n{}", self.engine.tail());
            }
            thread::sleep(LEADER_LOOK_EVERY);
        }
    }

    /// Asks it to stop in order.
    pub(crate) fn ask_to_stop(&mut self) {
        // Without a broker the client would only complain.
        self.client = None;
        self.engine.terminate();
    }
}

/// How many partitions a topic has, once each has a leader: the answer to its creation comes before that.
fn usable_partitions(client: &AdminClient<DefaultClientContext>, name: &str) -> anyhow::Result<Option<usize>> {
    let metadata =
        client.inner().fetch_metadata(Some(name), CREATE_TIMEOUT).with_context(|| format!("cannot ask for topic {name}"))?;
    let partitions = metadata.topics().first().map_or(&[][..], |topic| topic.partitions());
    let usable = !partitions.is_empty() && partitions.iter().all(|partition| partition.leader() >= 0);
    Ok(usable.then_some(partitions.len()))
}

/// Starts the process, as `kafka.properties` in the folder says.
pub(crate) fn run(program: &KafkaProgram, folder: &Path) -> anyhow::Result<Engine> {
    let mut command = java(program, folder);
    command.args(["-Xms256m", "-Xmx1g", "-XX:+ExitOnOutOfMemoryError", "kafka.Kafka", "kafka.properties"]);
    Engine::start("Kafka", command, vec![folder.join("kafka.log")])
}

/// Gives a new data folder its cluster id, and users such as `SCRAM-SHA-512=[name=ann,password=secret]`.
pub(crate) fn format(program: &KafkaProgram, folder: &Path, cluster_id: &str, users: &[String]) -> anyhow::Result<()> {
    let mut command = java(program, folder);
    command
        .args(["kafka.tools.StorageTool", "format", "--ignore-formatted", "-c", "kafka.properties", "-t", cluster_id])
        .args(users.iter().flat_map(|user| ["--add-scram", user]))
        .stdin(Stdio::null());
    process::end_with_us(&mut command, Signal::SIGKILL);
    let output = command.output().with_context(|| format!("cannot start {}", program.java.display()))?;
    if !output.status.success() {
        bail!(
            "cannot format {} for Kafka: {}{}",
            folder.display(),
            String::from_utf8_lossy(&output.stdout),
            String::from_utf8_lossy(&output.stderr)
        );
    }
    Ok(())
}

/// Java with the jars, in the folder that the configuration is relative to.
fn java(program: &KafkaProgram, folder: &Path) -> Command {
    let mut command = Command::new(&program.java);
    command
        .current_dir(folder)
        // A folder may have any name, and Java decodes it by the locale.
        .env("LC_ALL", "C.UTF-8")
        .env_remove("CLASSPATH")
        .env_remove("JAVA_TOOL_OPTIONS")
        .env_remove("_JAVA_OPTIONS")
        .arg("-Djava.awt.headless=true")
        .arg("-Dlog4j2.configurationFile=log4j2.properties")
        .arg("-cp")
        .arg(program.lib.join("*"));
    command
}

/// Writes the configuration, anew at every start because the ports are.
fn write_config(folder: &Path, ports: KafkaPorts) -> anyhow::Result<()> {
    let properties = include_str!("../config/kafka.properties")
        .replace("@PORT@", &ports.broker.to_string())
        .replace("@CONTROLLER_PORT@", &ports.controller.to_string());
    write(&folder.join("kafka.properties"), &properties)?;
    write_log_config(folder)
}

/// Writes what Kafka logs, and where.
pub(crate) fn write_log_config(folder: &Path) -> anyhow::Result<()> {
    write(&folder.join("log4j2.properties"), include_str!("../config/log4j2.properties"))
}

fn write(path: &Path, text: &str) -> anyhow::Result<()> {
    fs::write(path, text).with_context(|| format!("cannot write {}", path.display()))
}
