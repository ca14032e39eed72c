//! ClickHouse as a child process: its configuration, its users, when it answers, how it stops.

use std::fs;
use std::os::unix::process::CommandExt;
use std::path::Path;
use std::process::Command;
use std::time::Duration;

use anyhow::{Context, bail};

use crate::accounts::Account;
use crate::data_dir::Identity;
use crate::embedded::{STARTUP_STATEMENTS, STOP_STATEMENT};
use crate::process::Engine;
use crate::users;
use crate::verify::sha256;
use crate::xml::escaped;

/// The user that may do everything.
pub(crate) const SERVICE_USER: &str = "chiso";
/// The user that may read the databases `chiso` and `chiso_*`.
pub(crate) const ANALYST_USER: &str = "analyst";
/// A request that takes longer has failed; all of ours are small.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(10);

/// The two ports it listens on.
#[derive(Clone, Copy)]
pub(crate) struct ClickHousePorts {
    pub(crate) http: u16,
    pub(crate) tcp: u16,
}

/// A ClickHouse that has been started.
pub(crate) struct ClickHouse {
    /// The process.
    pub(crate) engine: Engine,
    /// Its HTTP address.
    pub(crate) url: String,
    password: String,
    agent: ureq::Agent,
}

impl ClickHouse {
    /// Starts it with its files in `folder`.
    pub(crate) fn start(
        library: &Path,
        folder: &Path,
        ports: ClickHousePorts,
        identity: &Identity,
        accounts: &[Account],
    ) -> anyhow::Result<Self> {
        write_config(folder, ports, identity, accounts)?;
        // The path by which Linux finds this very program, even if its file has been replaced meanwhile.
        let mut command = Command::new("/proc/self/exe");
        command
            .arg0("chiso-local")
            .arg("clickhouse-server")
            .arg(library)
            .current_dir(folder)
            // The time zone of the server is that of its process.
            .env("TZ", "UTC");
        let logs = vec![folder.join("clickhouse.err"), folder.join("clickhouse.log")];
        // The library appends; the end of the log must be of this run.
        let _ = fs::remove_file(folder.join("clickhouse.log"));
        // The library forgets the tables of the database system, and makes none where files of one lie.
        let _ = fs::remove_dir_all(folder.join("data/data/system"));
        let agent = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            .http_status_as_error(false)
            // An idle connection would hold up the stop.
            .max_idle_connections(0)
            // A proxy for the internet cannot reach this machine's loopback address.
            .proxy(None)
            .build()
            .into();
        Ok(Self {
            engine: Engine::start("ClickHouse", command, logs)?,
            url: format!("http://127.0.0.1:{}", ports.http),
            password: identity.password.clone(),
            agent,
        })
    }

    /// Whether it truly answers: a query, by the service user with its password.
    pub(crate) fn answers(&self) -> bool {
        self.sql("SELECT 1").is_ok_and(|answer| answer.trim() == "1")
    }

    /// Runs one statement as the service user.
    pub(crate) fn sql(&self, statement: &str) -> anyhow::Result<String> {
        let mut response = self
            .agent
            .post(&self.url)
            .header("X-ClickHouse-User", SERVICE_USER)
            .header("X-ClickHouse-Key", &self.password)
            .send(statement)
            .with_context(|| format!("ClickHouse at {} does not answer", self.url))?;
        let text = response.body_mut().read_to_string().context("ClickHouse broke off its answer")?;
        if !response.status().is_success() {
            bail!("ClickHouse refused {statement:?}: {}", text.trim());
        }
        Ok(text)
    }

    /// Asks it to stop in order.
    pub(crate) fn ask_to_stop(&self) {
        if self.sql(STOP_STATEMENT).is_err() {
            self.engine.terminate();
        }
    }
}

/// Writes `config.xml` and `users.xml`, anew at every start because the ports are.
fn write_config(folder: &Path, ports: ClickHousePorts, identity: &Identity, accounts: &[Account]) -> anyhow::Result<()> {
    let config = include_str!("../config/clickhouse.xml")
        .replace("@HTTP_PORT@", &ports.http.to_string())
        .replace("@TCP_PORT@", &ports.tcp.to_string())
        .replace("@BACKUPS@", &escaped(&folder.join("backups").display().to_string()));
    let users = include_str!("../config/users.xml")
        .replace("@STARTUP_STATEMENTS@", &STARTUP_STATEMENTS.len().to_string())
        .replace("@SERVICE_SHA256@", &sha256(identity.password.as_bytes()))
        .replace("@ANALYST_SHA256@", &sha256(identity.analyst_password.as_bytes()))
        .replace("@PROGRAMS@\n", &users::xml(identity))
        .replace("@ACCOUNTS@\n", &accounts.iter().map(Account::xml).collect::<String>());
    for (name, text) in [("config.xml", config), ("users.xml", users)] {
        let path = folder.join(name);
        fs::write(&path, text).with_context(|| format!("cannot write {}", path.display()))?;
    }
    Ok(())
}
