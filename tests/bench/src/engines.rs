//! Kafka and ClickHouse of a run's own: `chiso-local` in a temporary folder, with the settings of the comparison in its profile.

use std::ffi::OsStr;
use std::fs;
use std::path::Path;

use anyhow::{Context, Result, ensure};
use chiso_tests::engines::{Local, Servers};
use tempfile::TempDir;

/// What inserts do without being told: the Kafka engine's cannot be told otherwise. Looking for copies in every block is left
/// out (chiso does so, too), and so is looking for repeated blocks, which means nothing without a token of one's own.
const PROFILE: &str = "<clickhouse><profiles><default>\
    <optimize_on_insert>0</optimize_on_insert><insert_deduplicate>0</insert_deduplicate><deduplicate_insert>disable</deduplicate_insert>\
    </default></profiles></clickhouse>";

/// Both engines, running; stopped and removed when this is dropped.
pub struct Engines {
    /// How to reach them.
    pub servers: Servers,
    /// Process of ClickHouse.
    pub clickhouse: i32,
    // Fields are dropped in this order.
    _local: Local,
    _folder: TempDir,
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
        let arguments: [&OsStr; 2] = ["--dir".as_ref(), folder.path().as_ref()];
        let local = Local::up(&programs.join("chiso-local"), &folder.path().join("engines"), &arguments)?;
        let servers = local.servers()?;
        let clickhouse =
            servers.setting("CHISO_LOCAL_CLICKHOUSE_PID").context("chiso-local does not name its processes")?.parse()?;
        let engines = Self { servers, clickhouse, _local: local, _folder: folder };
        ensure!(
            engines.sql("SELECT value FROM system.settings WHERE name = 'optimize_on_insert'")? == "0",
            "the profile is not in force"
        );
        Ok(engines)
    }

    /// Runs one statement; its answer without the last line feed.
    ///
    /// # Errors
    /// ClickHouse refuses it.
    pub fn sql(&self, statement: &str) -> Result<String> {
        Ok(self.servers.sql("default", statement)?.trim_end_matches('\n').to_owned())
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
