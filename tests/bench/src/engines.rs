//! Kafka and ClickHouse of a run's own: `chiso-local` in a temporary folder, with the settings of the comparison in its profile.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};
use std::thread;
use std::time::{Duration, Instant};

use anyhow::{Context, Result, bail, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::TempDir;

/// A first start may have to fetch the engines.
const UP: Duration = Duration::from_secs(600);
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// What inserts do without being told: the Kafka engine's cannot be told otherwise. Looking for copies in every block is left
/// out (chiso does so, too), and so is looking for repeated blocks, which means nothing without a token of one's own.
const PROFILE: &str = "<clickhouse><profiles><default>\
    <optimize_on_insert>0</optimize_on_insert><insert_deduplicate>0</insert_deduplicate><deduplicate_insert>disable</deduplicate_insert>\
    </default></profiles></clickhouse>";

/// Both engines, running; stopped and removed when this is dropped.
pub struct Engines {
    chiso_local: Child,
    _folder: TempDir,
    settings: BTreeMap<String, String>,
    agent: ureq::Agent,
    /// Process of ClickHouse.
    pub clickhouse: i32,
}

impl Engines {
    /// Starts both, with the programs of that folder.
    ///
    /// # Errors
    /// They do not start.
    pub fn start(programs: &Path) -> Result<Self> {
        let folder = tempfile::Builder::new().prefix("chiso-bench-").tempdir().context("cannot make a folder")?;
        let users = folder.path().join("clickhouse/users.d");
        fs::create_dir_all(&users)
            .and_then(|()| fs::write(users.join("bench.xml"), PROFILE))
            .context("cannot write the profile")?;
        let (env_file, log) = (folder.path().join("env"), folder.path().join("log"));
        let output = File::create(&log).context("cannot write a log")?;
        let mut chiso_local = Command::new(programs.join("chiso-local"))
            .args(["up", "--dir"])
            .arg(folder.path())
            .arg("--env-file")
            .arg(&env_file)
            .stdin(Stdio::null())
            .stdout(output.try_clone()?)
            .stderr(output)
            .spawn()
            .context("cannot start chiso-local")?;
        let begin = Instant::now();
        while !env_file.exists() {
            let ended = chiso_local.try_wait()?;
            if ended.is_some() || begin.elapsed() > UP {
                bail!("chiso-local has not started the engines: {}", fs::read_to_string(&log).unwrap_or_default());
            }
            thread::sleep(LOOK_EVERY);
        }
        let settings = fs::read_to_string(&env_file)?
            .lines()
            .filter_map(|line| line.strip_prefix("export ")?.split_once('='))
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        let clickhouse = child(chiso_local.id().cast_signed(), "clickhouse-server")?;
        let agent = ureq::Agent::config_builder().http_status_as_error(false).proxy(None).build().into();
        let engines = Self { chiso_local, _folder: folder, settings, agent, clickhouse };
        ensure!(
            engines.sql("SELECT value FROM system.settings WHERE name = 'optimize_on_insert'")? == "0",
            "the profile is not in force"
        );
        Ok(engines)
    }

    /// A setting of `chiso-local`'s env file; empty if there is none.
    #[must_use]
    pub fn setting(&self, name: &str) -> &str {
        self.settings.get(name).map_or("", String::as_str)
    }

    /// All settings of the env file, for programs of chiso.
    pub fn settings(&self) -> impl Iterator<Item = (&String, &String)> {
        self.settings.iter()
    }

    /// Kafka's bootstrap servers.
    #[must_use]
    pub fn brokers(&self) -> &str {
        self.setting("CHISO__KAFKA__BROKERS")
    }

    /// Runs one statement; its answer without the last line feed.
    ///
    /// # Errors
    /// ClickHouse refuses it.
    pub fn sql(&self, statement: &str) -> Result<String> {
        let mut response = self
            .agent
            .post(self.setting("CHISO__CLICKHOUSE__URL"))
            .header("X-ClickHouse-User", self.setting("CHISO__CLICKHOUSE__USER"))
            .header("X-ClickHouse-Key", self.setting("CHISO__CLICKHOUSE__PASSWORD"))
            .send(statement)
            .with_context(|| format!("no answer to {statement}"))?;
        let text = response.body_mut().read_to_string()?;
        ensure!(response.status().is_success(), "ClickHouse refused {statement}: {}", text.trim());
        Ok(text.trim_end_matches('\n').to_owned())
    }

    /// Runs one statement whose answer is a number.
    ///
    /// # Errors
    /// ClickHouse refuses it.
    pub fn number(&self, statement: &str) -> Result<u64> {
        let answer = self.sql(statement)?;
        answer.parse().with_context(|| format!("{statement} answers {answer}"))
    }
}

impl Drop for Engines {
    fn drop(&mut self) {
        // It stops both in order, and kills what does not stop.
        let _ = kill(Pid::from_raw(self.chiso_local.id().cast_signed()), Signal::SIGTERM);
        let _ = self.chiso_local.wait();
    }
}

/// The child process whose command line holds a word.
fn child(parent: i32, word: &str) -> Result<i32> {
    for entry in fs::read_dir("/proc")? {
        let path: PathBuf = entry?.path();
        let Some(pid) = path.file_name().and_then(|name| name.to_str()?.parse::<i32>().ok()) else { continue };
        // A process may end while it is looked at.
        let (Ok(stat), Ok(line)) = (fs::read_to_string(path.join("stat")), fs::read(path.join("cmdline"))) else { continue };
        let is_child = stat.rsplit(')').next().and_then(|rest| rest.split_whitespace().nth(1)) == Some(&parent.to_string());
        if is_child && String::from_utf8_lossy(&line).contains(word) {
            return Ok(pid);
        }
    }
    bail!("process {parent} has no child {word}")
}
