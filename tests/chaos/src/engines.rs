//! Kafka and ClickHouse of a run: started and started again by `chiso-local up --keep`, killed by their process ids.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};
use nix::errno::Errno;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rdkafka::ClientConfig;

use crate::plan::Victim;

/// A first start may fetch the engines.
const UP: Duration = Duration::from_secs(600);
/// How long an engine may take to come back.
const BACK: Duration = Duration::from_secs(180);
const REQUEST: Duration = Duration::from_secs(60);
const LOOK_EVERY: Duration = Duration::from_millis(20);

/// How to reach the engines, and who they are.
pub struct Engines {
    local: Option<(Child, PathBuf)>,
    settings: BTreeMap<String, String>,
    agent: ureq::Agent,
}

impl Engines {
    /// Starts engines of our own; their files go into the folder.
    ///
    /// # Errors
    /// They do not start.
    pub fn start(folder: &Path) -> anyhow::Result<Self> {
        let env_file = folder.join("engines.env");
        let log = folder.join("engines.log");
        let output = File::create(&log)?;
        let mut child = Command::new(program("chiso-local")?)
            .args(["up", "--keep", "--dir"])
            .arg(folder.join("engines"))
            .arg("--env-file")
            .arg(&env_file)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start chiso-local")?;
        wait("Kafka and ClickHouse are up", UP, || {
            if let Some(status) = child.try_wait()? {
                bail!("chiso-local has ended, {status}: {}", fs::read_to_string(&log)?);
            }
            Ok(env_file.exists())
        })?;
        let settings = read(&env_file)?;
        Ok(Self { local: Some((child, env_file)), settings, agent: agent() })
    }

    /// Engines that others have started, named by the environment; they are never killed.
    ///
    /// # Errors
    /// The environment does not name both.
    pub fn given() -> anyhow::Result<Self> {
        let settings = std::env::vars().filter(|(name, _)| name.starts_with("CHISO_")).collect::<BTreeMap<_, _>>();
        for name in ["CHISO__KAFKA__BROKERS", "CHISO__CLICKHOUSE__URL"] {
            ensure!(settings.contains_key(name), "{name} is not set");
        }
        Ok(Self { local: None, settings, agent: agent() })
    }

    fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str)
    }

    /// Kafka's bootstrap servers.
    pub fn brokers(&self) -> &str {
        self.setting("CHISO__KAFKA__BROKERS")
    }

    /// ClickHouse's HTTP address.
    pub fn clickhouse(&self) -> &str {
        self.setting("CHISO__CLICKHOUSE__URL")
    }

    /// Name and password of a ClickHouse user that may do everything.
    pub fn user(&self) -> (&str, &str) {
        (self.setting("CHISO__CLICKHOUSE__USER"), self.setting("CHISO__CLICKHOUSE__PASSWORD"))
    }

    /// A Kafka client.
    pub fn client(&self) -> ClientConfig {
        let mut config = ClientConfig::new();
        // After a kill, Kafka is back in seconds: clients must not wait much longer than that.
        config.set("bootstrap.servers", self.brokers()).set("reconnect.backoff.max.ms", "500");
        config
    }

    /// Runs one statement.
    ///
    /// # Errors
    /// ClickHouse does not answer, or refuses it.
    pub fn sql(&self, database: &str, statement: &str) -> anyhow::Result<String> {
        let (user, password) = self.user();
        let mut response = self
            .agent
            .post(self.clickhouse())
            .query("database", database)
            .header("X-ClickHouse-User", user)
            .header("X-ClickHouse-Key", password)
            .send(statement)
            .context("ClickHouse does not answer")?;
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string()?;
        ensure!(response.status().is_success(), "ClickHouse refused {statement}: {text}");
        Ok(text)
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
        Ok(Pid::from_raw(self.setting(name).parse().with_context(|| format!("{name} is not in the env file"))?))
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
            if let Some((_, env_file)) = &self.local
                && let Ok(settings) = read(env_file)
            {
                self.settings = settings;
            }
            Ok(self.process(victim)? != before)
        })
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        if let Some((child, _)) = &mut self.local {
            let _ = kill(Pid::from_raw(child.id().cast_signed()), Signal::SIGTERM);
            let _ = child.wait();
        }
    }
}

fn agent() -> ureq::Agent {
    let config = ureq::Agent::config_builder().timeout_global(Some(REQUEST)).http_status_as_error(false);
    config.max_idle_connections(0).proxy(None).build().into()
}

/// Reads the file that `chiso-local up --env-file` writes.
fn read(env_file: &Path) -> anyhow::Result<BTreeMap<String, String>> {
    let text = fs::read_to_string(env_file)?;
    let line = |line: &str| line.strip_prefix("export ").and_then(|line| line.split_once('=')).map(|(n, v)| (n.into(), v.into()));
    text.lines().map(line).collect::<Option<_>>().context("not an env file of chiso-local")
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
