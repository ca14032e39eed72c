//! Kafka and ClickHouse for tests, benchmark and fault runs: `chiso-local up` as a child process, the file that it writes about
//! the two servers, and SQL over HTTP.

use std::collections::BTreeMap;
use std::env;
use std::ffi::OsStr;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, anyhow, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

/// A first start may have to fetch the engines.
const UP: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(50);
/// How long ClickHouse may take to answer a statement.
const ANSWER: Duration = Duration::from_secs(600);

const BROKERS: &str = "CHISO__KAFKA__BROKERS";
const CLICKHOUSE_URL: &str = "CHISO__CLICKHOUSE__URL";
const USER: &str = "CHISO__CLICKHOUSE__USER";
const PASSWORD: &str = "CHISO__CLICKHOUSE__PASSWORD";

/// A `chiso-local up`. It stops its engines when this is dropped, and when the thread ends that has started it.
pub struct Local {
    child: Child,
    env_file: PathBuf,
    log: PathBuf,
}

impl Local {
    /// Starts it, and waits until both engines answer. Its files are the stem with the endings `env` and `log`.
    ///
    /// # Errors
    /// The engines do not start; with what was said about it.
    pub fn up(program: &Path, stem: &Path, arguments: &[impl AsRef<OsStr>]) -> Result<Self> {
        let (env_file, log) = (stem.with_extension("env"), stem.with_extension("log"));
        // One that was killed could not remove it.
        let _ = fs::remove_file(&env_file);
        let output = File::create(&log).with_context(|| format!("cannot write {}", log.display()))?;
        let child = Command::new(program)
            .args(["up", "--env-file"])
            .arg(&env_file)
            .args(arguments)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .with_context(|| format!("cannot start {}", program.display()))?;
        let mut local = Self { child, env_file, log };
        let begin = Instant::now();
        while !local.env_file.exists() {
            let ended = local.ended()?;
            let said = || format!("chiso-local has not started the engines ({ended:?}): {}", local.said());
            ensure!(ended.is_none() && begin.elapsed() < UP, said());
            thread::sleep(LOOK_EVERY);
        }
        Ok(local)
    }

    /// How to reach the engines: other processes, once it had to start one again.
    ///
    /// # Errors
    /// It has ended and taken the file along.
    pub fn servers(&self) -> Result<Servers> {
        Servers::read(&self.env_file)
    }

    /// The file that names the servers.
    #[must_use]
    pub fn env_file(&self) -> &Path {
        &self.env_file
    }

    /// All that it has said.
    #[must_use]
    pub fn said(&self) -> String {
        fs::read_to_string(&self.log).unwrap_or_default()
    }

    /// Its process.
    #[must_use]
    pub fn id(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// How it has ended, if it has.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }
}

impl Drop for Local {
    fn drop(&mut self) {
        // It stops both in order, and kills what does not stop.
        if let Ok(None) = self.child.try_wait() {
            let _ = kill(Pid::from_raw(self.id()), Signal::SIGTERM);
        }
        let _ = self.child.wait();
    }
}

/// How to reach the two servers.
#[derive(Clone, Debug)]
pub struct Servers {
    settings: BTreeMap<String, String>,
    agent: ureq::Agent,
}

impl Servers {
    /// Those that the environment names; nothing unless it names both.
    #[must_use]
    pub fn of_environment() -> Option<Self> {
        Self::new(env::vars().filter(|(name, _)| name.starts_with("CHISO_")).collect())
    }

    /// Those of a file that `chiso-local up --env-file` has written.
    ///
    /// # Errors
    /// It is not there, or no such file.
    pub fn read(env_file: &Path) -> Result<Self> {
        let text = fs::read_to_string(env_file).with_context(|| format!("cannot read {}", env_file.display()))?;
        let line = |line: &str| {
            let (name, value) = line.strip_prefix("export ")?.split_once('=')?;
            Some((name.to_owned(), value.to_owned()))
        };
        let settings = text.lines().map(line).collect::<Option<_>>();
        settings.and_then(Self::new).with_context(|| format!("{} does not name two servers: {text}", env_file.display()))
    }

    fn new(settings: BTreeMap<String, String>) -> Option<Self> {
        let names_both = [BROKERS, CLICKHOUSE_URL].iter().all(|name| settings.contains_key(*name));
        let config = ureq::Agent::config_builder().timeout_global(Some(ANSWER)).http_status_as_error(false);
        names_both.then(|| Self { settings, agent: config.max_idle_connections(0).proxy(None).build().into() })
    }

    /// A setting of the file or the environment.
    #[must_use]
    pub fn setting(&self, name: &str) -> Option<&str> {
        self.settings.get(name).map(String::as_str)
    }

    /// All settings, for programs of chiso.
    pub fn settings(&self) -> impl Iterator<Item = (&String, &String)> {
        self.settings.iter()
    }

    /// Kafka's bootstrap servers.
    #[must_use]
    pub fn brokers(&self) -> &str {
        self.setting(BROKERS).unwrap_or_default()
    }

    /// ClickHouse's HTTP address.
    #[must_use]
    pub fn clickhouse_url(&self) -> &str {
        self.setting(CLICKHOUSE_URL).unwrap_or_default()
    }

    /// Name and password of a ClickHouse user that may do everything.
    #[must_use]
    pub fn user(&self) -> (&str, &str) {
        (self.setting(USER).unwrap_or("default"), self.setting(PASSWORD).unwrap_or_default())
    }

    /// Runs one statement as the user that may do everything; the answer.
    ///
    /// # Errors
    /// ClickHouse does not answer, or refuses it.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String> {
        self.sql_as(self.user(), database, statement).map_err(|text| anyhow!("ClickHouse on {statement}: {}", text.trim()))
    }

    /// Runs one statement as any user, by name and password; the answer.
    ///
    /// # Errors
    /// The server's text if it refuses, else why there is no answer.
    pub fn sql_as(&self, (user, password): (&str, &str), database: &str, statement: &str) -> Result<String, String> {
        let mut response = self
            .agent
            .post(self.clickhouse_url())
            .query("database", database)
            .header("X-ClickHouse-User", user)
            .header("X-ClickHouse-Key", password)
            .send(statement)
            .map_err(|error| error.to_string())?;
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string().map_err(|error| error.to_string())?;
        if response.status().is_success() { Ok(text) } else { Err(text) }
    }
}
