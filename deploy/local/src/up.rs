//! `chiso-local up`: from nothing to two engines that answer, and back.

use std::path::absolute;
use std::time::{Duration, Instant};

use anyhow::bail;

use crate::UpOptions;
use crate::accounts::Account;
use crate::cache::{Cache, EnginePaths};
use crate::clickhouse::{ANALYST_USER, ClickHouse, ClickHousePorts, SERVICE_USER};
use crate::data_dir::DataDir;
use crate::env_file::EnvFile;
use crate::kafka::{Kafka, KafkaPorts, KafkaProgram};
use crate::ports::Ports;
use crate::requirements::{self, Program};
use crate::stop::Stop;
use crate::terminal::{print, say};
use crate::users::{self, INGEST_USER, ROLLUP_USER};

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
    engines: &'a EnginePaths,
    clickhouse_ports: ClickHousePorts,
    clickhouse: ClickHouse,
    /// It has answered since it was started.
    clickhouse_answered: bool,
    kafka_ports: KafkaPorts,
    kafka: Kafka,
    /// It has answered since it was started.
    kafka_answered: bool,
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
    fn start(options: &'a UpOptions, dir: &'a DataDir, engines: &'a EnginePaths) -> anyhow::Result<Self> {
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
        let clickhouse = start_clickhouse(dir, engines, clickhouse_ports, &options.account)?;
        let kafka = start_kafka(dir, engines, kafka_ports)?;
        let (clickhouse_answered, kafka_answered) = (false, false);
        Ok(Self { options, dir, engines, clickhouse_ports, clickhouse, clickhouse_answered, kafka_ports, kafka, kafka_answered })
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
            self.until_stopped(env_file.as_ref(), stop)?;
        }
        drop(env_file);
        self.stop(stop);
        Ok(())
    }

    /// Waits until both answer; false if a signal came first.
    fn until_ready(&mut self, stop: &Stop) -> anyhow::Result<bool> {
        let deadline = Instant::now() + READY_DEADLINE;
        loop {
            self.check()?;
            self.clickhouse_answered = self.clickhouse_answered || self.clickhouse.answers();
            self.kafka_answered = self.kafka_answered || self.kafka.answers();
            if self.have_answered() {
                return Ok(true);
            }
            if stop.within(LOOK_EVERY).is_some() {
                return Ok(false);
            }
            if Instant::now() > deadline {
                let (name, engine) =
                    if self.kafka_answered { ("ClickHouse", &self.clickhouse.engine) } else { ("Kafka", &self.kafka.engine) };
                bail!("{name} does not answer after {} s\n{}", READY_DEADLINE.as_secs(), engine.tail());
            }
        }
    }

    /// Waits for a signal; fails if an engine ends by itself and shall not be started again.
    fn until_stopped(&mut self, env_file: Option<&EnvFile>, stop: &Stop) -> anyhow::Result<()> {
        while stop.within(LOOK_EVERY).is_none() {
            self.check()?;
            if self.have_answered() {
                continue;
            }
            if !self.until_ready(stop)? {
                break;
            }
            if let Some(file) = env_file {
                file.write(&self.environment())?;
            }
            say("both answer again");
        }
        Ok(())
    }

    fn have_answered(&self) -> bool {
        self.clickhouse_answered && self.kafka_answered
    }

    /// Fails if an engine has ended. With --keep it is started again, unless it ended before it could answer: then it
    /// would do so for ever.
    fn check(&mut self) -> anyhow::Result<()> {
        if let Err(error) = self.clickhouse.engine.check() {
            self.may_start_again(error, self.clickhouse_answered)?;
            self.clickhouse = start_clickhouse(self.dir, self.engines, self.clickhouse_ports, &self.options.account)?;
            self.clickhouse_answered = false;
        }
        if let Err(error) = self.kafka.engine.check() {
            self.may_start_again(error, self.kafka_answered)?;
            self.kafka = start_kafka(self.dir, self.engines, self.kafka_ports)?;
            self.kafka_answered = false;
        }
        Ok(())
    }

    fn may_start_again(&self, error: anyhow::Error, answered: bool) -> anyhow::Result<()> {
        if !(self.options.keep && answered) {
            return Err(error);
        }
        let text = error.to_string();
        say(&format!("{}; starting it again", text.lines().next().unwrap_or(&text)));
        Ok(())
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
        let pids = [self.kafka.engine.id(), self.clickhouse.engine.id()].map(|id| id.to_string());
        let (ingest, rollup) = (users::password(identity, INGEST_USER), users::password(identity, ROLLUP_USER));
        let mut settings = vec![
            ("CHISO__KAFKA__BROKERS", self.kafka.brokers.as_str()),
            ("CHISO__CLICKHOUSE__URL", &self.clickhouse.url),
            ("CHISO__CLICKHOUSE__USER", SERVICE_USER),
            ("CHISO__CLICKHOUSE__PASSWORD", &identity.password),
            // One underscore: not settings of the programs.
            ("CHISO_LOCAL_ANALYST_USER", ANALYST_USER),
            ("CHISO_LOCAL_ANALYST_PASSWORD", &identity.analyst_password),
            ("CHISO_LOCAL_INGEST_PASSWORD", &ingest),
            ("CHISO_LOCAL_ROLLUP_PASSWORD", &rollup),
            ("CHISO_LOCAL_KAFKA_PID", &pids[0]),
            ("CHISO_LOCAL_CLICKHOUSE_PID", &pids[1]),
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
            tcp = self.clickhouse_ports.tcp,
            password = identity.password,
            analyst = identity.analyst_password,
            dir = self.dir.path().display(),
        )
    }
}

fn start_clickhouse(
    dir: &DataDir,
    engines: &EnginePaths,
    ports: ClickHousePorts,
    accounts: &[Account],
) -> anyhow::Result<ClickHouse> {
    ClickHouse::start(&engines.libchdb, &dir.engine("clickhouse")?, ports, &dir.identity, accounts)
}

fn start_kafka(dir: &DataDir, engines: &EnginePaths, ports: KafkaPorts) -> anyhow::Result<Kafka> {
    let java = requirements::java().map_err(anyhow::Error::msg)?;
    let program = KafkaProgram { java, lib: engines.kafka_lib.clone() };
    Kafka::start(&program, &dir.engine("kafka")?, ports, &dir.identity.cluster_id)
}
