//! A ClickHouse of the benchmark's own, and `chiso-rollup` at work on it.

use std::ffi::OsStr;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context, Result, ensure};
use chiso_tests::engines::{Local, Servers};
use tempfile::TempDir;

use crate::meter::peak_kib;

/// The engines of `chiso-local`, running; stopped and removed when this is dropped.
pub struct Server {
    servers: Servers,
    programs: PathBuf,
    // Fields are dropped in this order.
    _local: Local,
    _folder: Option<TempDir>,
}

/// A `chiso-rollup` that has ended well.
pub struct Ended {
    /// From its start to its end.
    pub took: Duration,
    /// The most memory that it had in RAM.
    pub peak_kib: u64,
    /// What it printed.
    pub stdout: Vec<u8>,
}

/// What a kind of statement has cost in a stretch of time.
#[derive(Clone, Copy, Default, Debug)]
pub struct Stage {
    /// Time by the clock.
    pub wall: Duration,
    /// CPU time of ClickHouse.
    pub cpu: Duration,
    /// Rows read.
    pub read: u64,
    /// Rows written.
    pub written: u64,
}

impl Server {
    /// Starts it, with the programs of the first folder, on data in the second: in one that is removed afterwards if none is given.
    ///
    /// # Errors
    /// It does not start.
    pub fn start(programs: &Path, kept: Option<&Path>) -> Result<Self> {
        let temporary = || tempfile::Builder::new().prefix("chiso-bench-").tempdir().context("cannot make a folder");
        let folder = if kept.is_none() { Some(temporary()?) } else { None };
        let data = kept.or(folder.as_ref().map(TempDir::path)).context("no folder for the data")?;
        std::fs::create_dir_all(data).with_context(|| format!("cannot make {}", data.display()))?;
        let arguments: [&OsStr; 2] = ["--dir".as_ref(), data.as_ref()];
        let local = Local::up(&programs.join("chiso-local"), &data.join("engines"), &arguments)?;
        Ok(Self { servers: local.servers()?, programs: programs.to_owned(), _local: local, _folder: folder })
    }

    /// Runs one statement; its answer without the last line feed.
    ///
    /// # Errors
    /// ClickHouse refuses it.
    pub fn sql(&self, database: &str, statement: &str) -> Result<String> {
        Ok(self.servers.sql(database, statement)?.trim_end_matches('\n').to_owned())
    }

    /// Asks as the analyst of `chiso-local`.
    ///
    /// # Errors
    /// ClickHouse refuses it.
    pub fn ask(&self, database: &str, question: &str) -> Result<String> {
        let setting = |name: &str| self.servers.setting(name).with_context(|| format!("{name} is not set"));
        let analyst = (setting("CHISO_LOCAL_ANALYST_USER")?, setting("CHISO_LOCAL_ANALYST_PASSWORD")?);
        self.servers.sql_as(analyst, database, question).map_err(|refused| anyhow::anyhow!("{question}: {refused}"))
    }

    /// Runs one statement whose answer is a number.
    ///
    /// # Errors
    /// ClickHouse refuses it.
    pub fn number(&self, database: &str, statement: &str) -> Result<u64> {
        let answer = self.sql(database, statement)?;
        answer.parse().with_context(|| format!("{statement} answers {answer}"))
    }

    /// Runs `chiso-rollup` on a database.
    ///
    /// # Errors
    /// It fails.
    pub fn rollup(&self, database: &str, arguments: &[&str]) -> Result<Ended> {
        let begin = Instant::now();
        let mut command = Command::new(self.programs.join("chiso-rollup"));
        command.args(arguments).envs(self.servers.settings()).env("CHISO__CLICKHOUSE__DATABASE", database);
        command.env("CHISO__LOG__FILTER", "warn").stdout(Stdio::piped()).stderr(Stdio::piped());
        let child = command.spawn().context("cannot start chiso-rollup")?;
        let watch = watch_peak(child.id().cast_signed());
        let output = child.wait_with_output()?;
        let took = begin.elapsed();
        let said = || format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr));
        ensure!(output.status.success(), "chiso-rollup {arguments:?}: {}", said());
        Ok(Ended { took, peak_kib: watch.join().unwrap_or_default(), stdout: output.stdout })
    }

    /// The moment of ClickHouse, for [`Server::stages`].
    ///
    /// # Errors
    /// It does not answer.
    pub fn now(&self) -> Result<String> {
        self.sql("default", "SELECT now64(6)")
    }

    /// What statements that begin with one of these words have cost in a database since a moment; the last place is for all others.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub fn stages(&self, database: &str, since: &str, words: &[&str]) -> Result<Vec<Stage>> {
        self.sql("default", "SYSTEM FLUSH LOGS query_log")?;
        let conditions: Vec<String> =
            words.iter().enumerate().map(|(place, word)| format!("startsWith(query, '{word}'), {place}")).collect();
        let sql = format!(
            "SELECT multiIf({}, {}) AS place, sum(query_duration_ms), toUInt64(sum(ProfileEvents['OSCPUVirtualTimeMicroseconds'])),
                    sum(read_rows), sum(written_rows)
             FROM system.query_log
             WHERE type = 'QueryFinish' AND current_database = '{database}' AND query_start_time_microseconds >= toDateTime64('{since}', 6)
             GROUP BY place FORMAT TSV",
            conditions.join(", "),
            words.len()
        );
        let mut stages = vec![Stage::default(); words.len() + 1];
        for line in self.sql("default", &sql)?.lines() {
            let numbers = line.split('\t').map(str::parse::<u64>).collect::<Result<Vec<_>, _>>()?;
            let [place, ms, us, read, written] = numbers[..] else { anyhow::bail!("{line}") };
            stages[usize::try_from(place)?] =
                Stage { wall: Duration::from_millis(ms), cpu: Duration::from_micros(us), read, written };
        }
        Ok(stages)
    }
}

/// Looks again and again how much memory a process had, until it ends.
fn watch_peak(pid: i32) -> JoinHandle<u64> {
    thread::spawn(move || {
        let mut most = 0;
        while let Some(peak) = peak_kib(pid) {
            most = peak;
            thread::sleep(Duration::from_millis(50));
        }
        most
    })
}
