//! The settings of all programs of chiso, from one TOML file and from `CHISO__SECTION__KEY` variables, which win.
//!
//! They are typed, closed and judged as a whole: what is unknown, missing or wrong is listed at once, and nothing
//! is repaired.

pub mod key;
mod problems;
mod read;
mod secret;

use std::ffi::OsString;
use std::fmt;
use std::path::{Path, PathBuf};

use serde::Serialize;

pub use key::Key;
pub use problems::{Problem, Problems};
use read::Reader;
pub use secret::Secret;

/// What an operator can set. Fields without a default are empty unless the command needs them.
#[derive(Clone, Debug, Serialize)]
pub struct Settings {
    /// Where events come from.
    pub kafka: Kafka,
    /// Where they are stored.
    pub clickhouse: ClickHouse,
    /// How many of them are stored at once.
    pub batch: Batch,
    /// How a worker stops.
    pub shutdown: Shutdown,
    /// What they are checked with.
    pub reference: Reference,
    /// What the programs say meanwhile.
    pub log: Log,
}

/// `[kafka]`
#[derive(Clone, Debug, Serialize)]
pub struct Kafka {
    /// Brokers to begin with, `host:port` separated by commas.
    pub brokers: String,
    /// Topic of the events.
    pub topic: String,
    /// Consumer group of the workers.
    pub group: String,
    /// Milliseconds that the group waits for a worker that is silent before its partitions go to others.
    pub session_ms_max: u64,
}

/// `[clickhouse]`
#[derive(Clone, Debug, Serialize)]
pub struct ClickHouse {
    /// HTTP address, without user, password and path.
    pub url: String,
    /// User.
    pub user: String,
    /// Its password, given or read from `password_file`.
    pub password: Secret,
    /// Where the password was read from.
    pub password_file: Option<PathBuf>,
    /// Database of the tables: letters, digits and `_` only.
    pub database: String,
}

/// `[batch]`: a batch is sealed when one of these is reached.
#[derive(Clone, Debug, Serialize)]
pub struct Batch {
    /// Rows, stored and rejected ones together.
    pub rows_max: u64,
    /// Bytes of its rows in memory, roughly.
    pub bytes_max: u64,
    /// Milliseconds since its first message.
    pub age_ms_max: u64,
}

/// `[shutdown]`
#[derive(Clone, Debug, Serialize)]
pub struct Shutdown {
    /// Milliseconds for storing and committing what is open when a worker stops or loses partitions.
    pub drain_ms_max: u64,
}

/// `[reference]`
#[derive(Clone, Debug, Serialize)]
pub struct Reference {
    /// Directory of the reference data that `migrate` loads and `check` uses; without it what is built in.
    pub dir: Option<PathBuf>,
}

/// `[log]`
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    /// Form of the lines.
    pub format: LogFormat,
    /// Which lines, as a directive of tracing's `EnvFilter`.
    pub filter: String,
}

/// Form of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl Settings {
    /// Reads the file, if there is one, and the environment. `needs` are the keys without which the command
    /// cannot work, such as [`key::KAFKA_BROKERS`].
    ///
    /// # Errors
    /// Everything that is wrong, each with its place and what to write there.
    pub fn load(config_file: Option<&Path>, needs: &[Key]) -> Result<Self, Problems> {
        Self::read(Reader::new(config_file, std::env::vars_os(), needs))
    }

    /// Like [`Settings::load`], with the environment given by the caller.
    ///
    /// # Errors
    /// As above.
    pub fn load_with(
        config_file: Option<&Path>,
        environment: impl Iterator<Item = (OsString, OsString)>,
        needs: &[Key],
    ) -> Result<Self, Problems> {
        Self::read(Reader::new(config_file, environment, needs))
    }

    fn read(mut reader: Reader) -> Result<Self, Problems> {
        let settings = Self {
            kafka: kafka(&mut reader),
            clickhouse: clickhouse(&mut reader),
            batch: Batch {
                rows_max: reader.number(&key::BATCH_ROWS_MAX, 1..=1_000_000),
                bytes_max: reader.number(&key::BATCH_BYTES_MAX, 65_536..=1_073_741_824),
                age_ms_max: reader.number(&key::BATCH_AGE_MS_MAX, 10..=60_000),
            },
            shutdown: Shutdown { drain_ms_max: reader.number(&key::SHUTDOWN_DRAIN_MS_MAX, 0..=300_000) },
            reference: Reference { dir: path(&mut reader, &key::REFERENCE_DIR) },
            log: log(&mut reader),
        };
        if reader.problems.is_empty() { Ok(settings) } else { Err(Problems(reader.problems)) }
    }
}

fn kafka(reader: &mut Reader) -> Kafka {
    let brokers = reader.optional(&key::KAFKA_BROKERS);
    if let Some(brokers) = &brokers {
        let right = |broker: &str| !broker.is_empty() && !broker.contains(char::is_whitespace) && !broker.contains("//");
        reader.check(&key::KAFKA_BROKERS, brokers, brokers.split(',').all(right));
    }
    let topic = reader.text(&key::KAFKA_TOPIC);
    reader.check(&key::KAFKA_TOPIC, &topic, is_topic(&topic));
    let group = reader.text(&key::KAFKA_GROUP);
    reader.check(&key::KAFKA_GROUP, &group, !group.is_empty());
    let session_ms_max = reader.number(&key::KAFKA_SESSION_MS_MAX, 6_000..=300_000);
    Kafka { brokers: brokers.unwrap_or_default(), topic, group, session_ms_max }
}

/// Whether Kafka takes the name for a topic.
pub fn is_topic(name: &str) -> bool {
    let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && name.chars().all(right) && name != "." && name != ".."
}

fn clickhouse(reader: &mut Reader) -> ClickHouse {
    let url = reader.optional(&key::CLICKHOUSE_URL);
    if let Some(url) = &url
        && !is_address(url)
    {
        // Not shown: people write passwords into addresses.
        reader.problems.push(Problem::bad(&key::CLICKHOUSE_URL, "this is no such address"));
    }
    let user = reader.text(&key::CLICKHOUSE_USER);
    reader.check(&key::CLICKHOUSE_USER, &user, !user.is_empty());
    let password = reader.optional(&key::CLICKHOUSE_PASSWORD);
    let password_file = path(reader, &key::CLICKHOUSE_PASSWORD_FILE);
    let password = match (password, &password_file) {
        (Some(_), Some(_)) => {
            let what = format!("given beside {}; write one of the two", key::CLICKHOUSE_PASSWORD);
            reader.problems.push(Problem::at(key::CLICKHOUSE_PASSWORD_FILE.to_string(), what));
            Secret::default()
        }
        (Some(password), None) => Secret::new(password),
        (None, Some(file)) => match std::fs::read_to_string(file) {
            Ok(text) => Secret::new(text.trim_end_matches(['\r', '\n'])),
            Err(error) => {
                let what = format!("cannot read {}: {error}", file.display());
                reader.problems.push(Problem::bad(&key::CLICKHOUSE_PASSWORD_FILE, what));
                Secret::default()
            }
        },
        (None, None) => Secret::default(),
    };
    let database = reader.text(&key::CLICKHOUSE_DATABASE);
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    let right = database.chars().all(word) && !database.is_empty() && !database.starts_with(|c: char| c.is_ascii_digit());
    reader.check(&key::CLICKHOUSE_DATABASE, &database, right);
    ClickHouse { url: url.unwrap_or_default(), user, password, password_file, database }
}

fn is_address(url: &str) -> bool {
    let Some(host) = url.strip_prefix("http://") else { return false };
    let host = host.strip_suffix('/').unwrap_or(host);
    let (name, port) = host.rsplit_once(':').unwrap_or((host, "80"));
    !name.is_empty() && port.parse::<u16>().is_ok() && !host.contains(['@', '/', '?', '#', ' '])
}

fn path(reader: &mut Reader, key: &Key) -> Option<PathBuf> {
    let path = reader.optional(key)?;
    reader.check(key, &path, !path.is_empty());
    Some(path.into())
}

fn log(reader: &mut Reader) -> Log {
    let format = reader.text(&key::LOG_FORMAT);
    reader.check(&key::LOG_FORMAT, &format, format == "text" || format == "json");
    let format = if format == "json" { LogFormat::Json } else { LogFormat::Text };
    let filter = reader.text(&key::LOG_FILTER);
    let parsed = tracing_subscriber::EnvFilter::try_new(&filter);
    reader.check(&key::LOG_FILTER, &filter, parsed.is_ok());
    Log { format, filter }
}

/// TOML with the values in force, secrets hidden: what `--print-config` prints.
impl fmt::Display for Settings {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let values = serde_json::to_value(self).map_err(|_| fmt::Error)?;
        let mut section = "";
        for key in key::ALL {
            if key.section != section {
                section = key.section;
                let gap = if key == key::ALL[0] { "" } else { "\n" };
                writeln!(f, "{gap}[{section}]")?;
            }
            match &values[key.section][key.name] {
                serde_json::Value::Null => writeln!(f, "# {} is not set", key.name)?,
                serde_json::Value::String(text) if text.is_empty() => writeln!(f, "# {} is not set", key.name)?,
                _ if key == key::CLICKHOUSE_PASSWORD => writeln!(f, "# {} is set and not shown", key.name)?,
                value => writeln!(f, "{} = {value}", key.name)?,
            }
        }
        Ok(())
    }
}

#[cfg(test)]
mod tests;
