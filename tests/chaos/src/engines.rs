//! Kafka and ClickHouse of a run: started and started again by `chiso-local up --keep`, killed by their process ids.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use chiso_tests::engines::{Local, Servers};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rdkafka::ClientConfig;

use crate::plan::Victim;

/// How long an engine may take to come back.
const BACK: Duration = Duration::from_secs(180);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How to reach the engines, and who they are.
pub struct Engines {
    local: Option<Local>,
    servers: Servers,
}

impl Engines {
    /// Starts engines of our own; their files go into the folder.
    ///
    /// # Errors
    /// They do not start.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let own = folder.join("engines");
        let arguments: [&OsStr; 3] = ["--keep".as_ref(), "--dir".as_ref(), own.as_ref()];
        let local = Local::up(&program("chiso-local")?, &own, &arguments)?;
        Ok(Self { servers: local.servers()?, local: Some(local) })
    }

    /// Engines that others have started, named by the environment; they are never killed.
    ///
    /// # Errors
    /// The environment does not name both.
    pub fn given() -> anyhow::Result<Self> {
        let servers = Servers::of_environment().context("CHISO__KAFKA__BROKERS and CHISO__CLICKHOUSE__URL are not both set")?;
        Ok(Self { local: None, servers })
    }

    /// How to reach them.
    pub fn servers(&self) -> &Servers {
        &self.servers
    }

    /// A Kafka client.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // After a kill, Kafka is back in seconds: clients must not wait much longer than that.
        config.set("bootstrap.servers", self.servers.brokers()).set("reconnect.backoff.max.ms", "500");
        config
    }

    /// The process of an engine.
    ///
    /// # Errors
    /// It is not ours.
    pub fn process(&self, victim: Victim) -> anyhow::Result<Pid> {
        let name = match victim {
            Victim::Kafka => "CHISO_LOCAL_KAFKA_PID",
            Victim::ClickHouse => "CHISO_LOCAL_CLICKHOUSE_PID",
            Victim::Worker => bail!("a worker is no engine"),
        };
        ensure!(self.local.is_some(), "these engines are not ours to kill");
        let pid = self.servers.setting(name).with_context(|| format!("{name} is not in the env file"))?;
        Ok(Pid::from_raw(pid.parse().with_context(|| format!("{name} is no number"))?))
    }

    /// kill -9 of an engine; when this returns, the process is no more.
    ///
    /// # Errors
    /// It was dead before.
    pub fn kill(&self, victim: Victim) -> anyhow::Result<()> {
        let pid = self.process(victim)?;
        kill(pid, Signal::SIGKILL).with_context(|| format!("{} was dead before", victim.name()))?;
        wait("the engine is dead", BACK, || Ok(kill(pid, None) == Err(Errno::ESRCH)))
    }

    /// Waits until a killed engine runs again and answers.
    ///
    /// # Errors
    /// It does not come back.
    pub fn wait_back(&mut self, victim: Victim) -> anyhow::Result<()> {
        let before = self.process(victim)?;
        wait(&format!("{} is back", victim.name()), BACK, || {
            // It may be writing them just now.
            if let Some(Ok(servers)) = self.local.as_ref().map(Local::servers) {
                self.servers = servers;
            }
            Ok(self.process(victim)? != before)
        })
    }
}

/// The path of one of the project's programs, which are built into the folder of this one.
///
/// # Errors
/// It is not there.
pub fn program(name: &str) -> anyhow::Result<PathBuf> {
    let own = std::env::current_exe()?;
    let path = own.with_file_name(name);
    ensure!(path.is_file(), "{} is missing: run `cargo build --release --workspace`", path.display());
    Ok(path)
}

/// Asks again until there is an answer: an engine that has just come back refuses for a moment.
///
/// # Errors
/// The last answer.
pub fn patiently<T>(what: &str, mut ask: impl FnMut() -> anyhow::Result<T>) -> anyhow::Result<T> {
    let deadline = Instant::now() + BACK;
    loop {
        match ask() {
            Ok(answer) => return Ok(answer),
            Err(error) if Instant::now() > deadline => return Err(error.context(what.to_owned())),
            Err(_) => thread::sleep(LOOK_EVERY),
        }
    }
}

/// Waits until the condition holds.
///
/// # Errors
/// It cannot be asked, or does not hold in time.
pub fn wait(what: &str, time: Duration, mut condition: impl FnMut() -> anyhow::Result<bool>) -> anyhow::Result<()> {
    let deadline = Instant::now() + time;
    while !condition()? {
        ensure!(Instant::now() < deadline, "not within {} s: {what}", time.as_secs());
        thread::sleep(LOOK_EVERY);
    }
    Ok(())
}
