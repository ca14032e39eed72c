//! `chiso-local up`: from nothing to two engines that answer, and back.

use std::path::absolute;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::UpOptions;
use crate::cache::{Cache, EnginePaths};
use crate::clickhouse::{ANALYST_USER, ClickHouse, ClickHousePorts, SERVICE_USER};
use crate::data_dir::DataDir;
use crate::env_file::EnvFile;
use crate::kafka::{Kafka, KafkaPorts, KafkaProgram};
use crate::ports::Ports;
use crate::requirements::{self, Program};
use crate::stop::Stop;
use crate::terminal::{print, say};

/// The topic of contract section 1.
pub(crate) const DEFAULT_TOPIC: &str = "chiso.indicator-events.v1";
/// The database of the programs unless told otherwise.
const DATABASE: &str = "chiso";
/// Both engines are ready in seconds; on a busy machine they may take longer.
const READY_DEADLINE: Duration = Duration::from_secs(120);
/// What an orderly stop may take before it becomes a kill.
const STOP_DEADLINE: Duration = Duration::from_secs(20);
/// How often the engines and the signals are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Both engines and what was asked for.
struct Running<'a> {
    options: &'a UpOptions,
    dir: &'a DataDir,
    clickhouse: ClickHouse,
    tcp_port: u16,
    kafka: Kafka,
}

/// Starts both engines, waits for a signal, and stops them.
pub(crate) fn up(options: &UpOptions) -> anyhow::Result<()> {
    let engines = Cache::locate()?.ensure(&[Program::Java])?;
    let stop = Stop::listen()?;
    let dir = DataDir::open(options.dir.as_deref())?;
    let env_file = options.env_file.as_deref().map(EnvFile::claim).transpose()?;
    let outcome = Running::start(options, &dir, &engines)?.live(env_file, &stop);
    if outcome.is_err() {
        // The logs say more than the message does.
        dir.keep();
    }
    outcome
}

impl<'a> Running<'a> {
    fn start(options: &'a UpOptions, dir: &'a DataDir, engines: &EnginePaths) -> anyhow::Result<Self> {
        let mut ports = Ports::default();
        let kafka_ports = KafkaPorts {
            broker: ports.choose("--kafka-port", options.kafka_port)?,
            controller: ports.choose("--kafka-port", None)?,
        };
        let clickhouse_ports = ClickHousePorts {
            http: ports.choose("--http-port", options.http_port)?,
            tcp: ports.choose("--tcp-port", options.tcp_port)?,
        };
        drop(ports);
        say(&format!("starting Kafka and ClickHouse in {} ...", dir.path().display()));
        let clickhouse = ClickHouse::start(&engines.libchdb, &dir.engine("clickhouse")?, clickhouse_ports, &dir.identity)?;
        let java = requirements::java().map_err(anyhow::Error::msg)?;
        let program = KafkaProgram { java, lib: engines.kafka_lib.clone() };
        let kafka = Kafka::start(&program, &dir.engine("kafka")?, kafka_ports, &dir.identity.cluster_id)?;
        Ok(Self { options, dir, clickhouse, tcp_port: clickhouse_ports.tcp, kafka })
    }

    /// The life of the engines; whatever ends it, they have ended when it returns.
    fn live(mut self, env_file: Option<EnvFile>, stop: &Stop) -> anyhow::Result<()> {
        if self.until_ready(stop)? {
            let partitions = self.kafka.ensure_topic(&self.options.topic, self.options.partitions)?;
            self.clickhouse.sql(&format!("CREATE DATABASE IF NOT EXISTS {DATABASE}"))?;
            if let Some(file) = &env_file {
                file.write(&self.environment())?;
            }
            print(&self.how_to_reach(partitions));
            self.until_stopped(stop)?;
        }
        drop(env_file);
        self.stop(stop);
        Ok(())
    }

    /// Waits until both answer; false if a signal came first.
    fn until_ready(&mut self, stop: &Stop) -> anyhow::Result<bool> {
        let deadline = Instant::now() + READY_DEADLINE;
        let (mut clickhouse, mut kafka) = (false, false);
        loop {
            self.check()?;
            clickhouse = clickhouse || self.clickhouse.answers();
            kafka = kafka || self.kafka.answers();
            if clickhouse && kafka {
                return Ok(true);
            }
            if stop.within(LOOK_EVERY).is_some() {
                return Ok(false);
            }
            if Instant::now() > deadline {
                let (name, engine) = if kafka { ("ClickHouse", &self.clickhouse.engine) } else { ("Kafka", &self.kafka.engine) };
                bail!("{name} does not answer after {} s\n{}", READY_DEADLINE.as_secs(), engine.tail());
            }
        }
    }

    /// Waits for a signal; fails if an engine ends by itself.
    fn until_stopped(&mut self, stop: &Stop) -> anyhow::Result<()> {
        while stop.within(LOOK_EVERY).is_none() {
            self.check()?;
        }
        Ok(())
    }

    fn check(&mut self) -> anyhow::Result<()> {
        self.clickhouse.engine.check()?;
        self.kafka.engine.check()
    }

    /// Stops both in order; a second signal, or the deadline, kills what is left.
    fn stop(mut self, stop: &Stop) {
        say("stopping Kafka and ClickHouse ...");
        let deadline = Instant::now() + STOP_DEADLINE;
        self.kafka.ask_to_stop();
        self.clickhouse.ask_to_stop();
        while !(self.kafka.engine.ended() && self.clickhouse.engine.ended()) {
            if stop.within(LOOK_EVERY).is_some() || Instant::now() > deadline {
                say("they do not stop in time: killed");
                return;
            }
        }
    }

    /// The settings of the programs, as lines for a shell.
    fn environment(&self) -> String {
        let identity = &self.dir.identity;
        let mut settings = vec![
            ("CHISO__KAFKA__BROKERS", self.kafka.brokers.as_str()),
            ("CHISO__CLICKHOUSE__URL", &self.clickhouse.url),
            ("CHISO__CLICKHOUSE__USER", SERVICE_USER),
            ("CHISO__CLICKHOUSE__PASSWORD", &identity.password),
            // One underscore: not settings of the programs.
            ("CHISO_LOCAL_ANALYST_USER", ANALYST_USER),
            ("CHISO_LOCAL_ANALYST_PASSWORD", &identity.analyst_password),
        ];
        if self.options.topic != DEFAULT_TOPIC {
            settings.push(("CHISO__KAFKA__TOPIC", &self.options.topic));
        }
        settings.iter().map(|(name, value)| format!("export {name}={value}\n")).collect()
    }

    /// What the operator needs to look into both.
    fn how_to_reach(&self, partitions: usize) -> String {
        let (brokers, url, topic) = (&self.kafka.brokers, &self.clickhouse.url, &self.options.topic);
        let identity = &self.dir.identity;
        let settings = match &self.options.env_file {
            // Absolute, because a shell looks for a bare name in its PATH.
            Some(file) => format!(". '{}'", absolute(file).unwrap_or_else(|_| file.clone()).display()),
            None => self.environment().trim_end().replace('\n', "\n            "),
        };
        let kept = if self.dir.is_temporary() { " (removed at the end; keep one with --dir)" } else { "" };
        format!(
            "\n\
             Kafka       {brokers}, topic {topic} with {partitions} partitions\n            \
             kcat -b {brokers} -t {topic} -C -e\n\
             ClickHouse  {url}, native protocol 127.0.0.1:{tcp}, database {DATABASE}\n            \
             curl -sS -u {SERVICE_USER}:{password} '{url}/?database={DATABASE}' --data-binary 'SHOW TABLES'\n            \
             in a browser: {url}/play?user={ANALYST_USER}\n\
             Users       {SERVICE_USER} / {password}  may do everything\n            \
             {ANALYST_USER} / {analyst}  may read the databases {DATABASE} and {DATABASE}_*\n\
             Data, logs  {dir}{kept}\n\
             Settings    {settings}\n\n\
             Ctrl-C stops both.\n",
            tcp = self.tcp_port,
            password = identity.password,
            analyst = identity.analyst_password,
            dir = self.dir.path().display(),
        )
    }
}
