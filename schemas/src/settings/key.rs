//! Every setting by name: its key in a file, its environment variable, its default and what to write.

use std::fmt;

/// One setting.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Key {
    /// Section of the file.
    pub section: &'static str,
    /// Name within the section.
    pub name: &'static str,
    /// The value where nobody gives one, as written in TOML; empty if there is none.
    pub default: &'static str,
    /// What to write.
    pub write: &'static str,
    /// Whether the value is never shown.
    pub is_secret: bool,
}

impl Key {
    const fn new(section: &'static str, name: &'static str, default: &'static str, write: &'static str) -> Self {
        Self { section, name, default, write, is_secret: false }
    }

    const fn secret(section: &'static str, name: &'static str, write: &'static str) -> Self {
        Self { section, name, default: "", write, is_secret: true }
    }

    /// `kafka.brokers`
    pub fn path(&self) -> String {
        format!("{}.{}", self.section, self.name)
    }

    /// `CHISO__KAFKA__BROKERS`
    pub fn variable(&self) -> String {
        variable(&self.path())
    }
}

/// The environment variable of a dotted path.
pub(super) fn variable(path: &str) -> String {
    format!("{PREFIX}__{}", path.replace('.', "__").to_uppercase())
}

/// What the environment variables of settings begin with.
pub(super) const PREFIX: &str = "CHISO";

impl fmt::Display for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.path(), self.variable())
    }
}

/// Kafka brokers to begin with.
pub const KAFKA_BROKERS: Key =
    Key::new("kafka", "brokers", "", "the brokers as host:port, separated by commas, such as \"kafka-1:9092,kafka-2:9092\"");
/// Topic of the events.
pub const KAFKA_TOPIC: Key = Key::new(
    "kafka",
    "topic",
    "\"chiso.indicator-events.v1\"",
    "the name of a topic: 1 to 249 of the letters a-z A-Z 0-9 . _ -, or ^ and the rest of a regular expression",
);
/// Consumer group of the workers.
pub const KAFKA_GROUP: Key =
    Key::new("kafka", "group", "\"chiso-ingest\"", "the name of the consumer group, the same for all workers");
/// Name of the worker within the group.
pub const KAFKA_INSTANCE: Key =
    Key::new("kafka", "instance", "", "a name that no other worker of the group has: 1 to 249 of the letters a-z A-Z 0-9 . _ -");
/// How long the group waits for a silent worker.
pub const KAFKA_SESSION_MS_MAX: Key =
    Key::new("kafka", "session_ms_max", "10000", "a whole number of milliseconds from 6000 to 300000");
/// How connections to Kafka are secured.
pub const KAFKA_SECURITY: Key = Key::new(
    "kafka",
    "security",
    "\"plaintext\"",
    "\"plaintext\", \"ssl\" (TLS), \"sasl_ssl\" (user and password within TLS) or \"sasl_plaintext\"",
);
/// Who vouches for the brokers.
pub const KAFKA_CA_FILE: Key = Key::new("kafka", "ca_file", "", "the path of a readable PEM file with the CA certificates");
/// Certificate of the client.
pub const KAFKA_CERTIFICATE_FILE: Key =
    Key::new("kafka", "certificate_file", "", "the path of a readable PEM file with the certificate of this client");
/// Its private key.
pub const KAFKA_KEY_FILE: Key =
    Key::new("kafka", "key_file", "", "the path of a readable PEM file with the private key of that certificate");
/// Password of the private key.
pub const KAFKA_KEY_PASSWORD: Key = Key::secret("kafka", "key_password", "the password of the private key as a string");
/// File that holds the password of the private key.
pub const KAFKA_KEY_PASSWORD_FILE: Key =
    Key::new("kafka", "key_password_file", "", "the path of a readable file that holds nothing but the password of the key");
/// How user and password are proved.
pub const KAFKA_SASL_MECHANISM: Key =
    Key::new("kafka", "sasl_mechanism", "\"SCRAM-SHA-512\"", "\"SCRAM-SHA-512\", \"SCRAM-SHA-256\" or \"PLAIN\"");
/// User at Kafka.
pub const KAFKA_USER: Key = Key::new("kafka", "user", "", "the name of a Kafka user");
/// Password of that user.
pub const KAFKA_PASSWORD: Key =
    Key::secret("kafka", "password", "the password as a string; kafka.password_file keeps it out of files that people read");
/// File that holds the password.
pub const KAFKA_PASSWORD_FILE: Key =
    Key::new("kafka", "password_file", "", "the path of a readable file that holds nothing but the password");
/// Where refused messages go as well.
pub const REJECTS_TOPIC: Key =
    Key::new("rejects", "topic", "", "the name of a topic that kafka.topic does not match, or leave it out");
/// Address of ClickHouse.
pub const CLICKHOUSE_URL: Key = Key::new(
    "clickhouse",
    "url",
    "",
    "the HTTP or HTTPS address, such as \"https://clickhouse:8443\", without user, password and path",
);
/// Who vouches for ClickHouse.
pub const CLICKHOUSE_CA_FILE: Key =
    Key::new("clickhouse", "ca_file", "", "the path of a readable PEM file with the CA certificates");
/// User of ClickHouse.
pub const CLICKHOUSE_USER: Key = Key::new("clickhouse", "user", "\"chiso\"", "the name of a ClickHouse user");
/// Password of that user.
pub const CLICKHOUSE_PASSWORD: Key = Key::secret(
    "clickhouse",
    "password",
    "the password as a string; clickhouse.password_file keeps it out of files that people read",
);
/// File that holds the password.
pub const CLICKHOUSE_PASSWORD_FILE: Key =
    Key::new("clickhouse", "password_file", "", "the path of a readable file that holds nothing but the password");
/// Database of the tables.
pub const CLICKHOUSE_DATABASE: Key =
    Key::new("clickhouse", "database", "\"chiso\"", "the name of a database: letters, digits and _, no digit first");
/// Rows of a batch.
pub const BATCH_ROWS_MAX: Key = Key::new("batch", "rows_max", "262144", "a whole number from 1 to 1000000");
/// Bytes of a batch.
pub const BATCH_BYTES_MAX: Key = Key::new("batch", "bytes_max", "67108864", "a whole number of bytes from 65536 to 1073741824");
/// Age of a batch.
pub const BATCH_AGE_MS_MAX: Key = Key::new("batch", "age_ms_max", "1000", "a whole number of milliseconds from 10 to 60000");
/// How long a stopping worker may take.
pub const SHUTDOWN_DRAIN_MS_MAX: Key =
    Key::new("shutdown", "drain_ms_max", "20000", "a whole number of milliseconds from 0 to 300000");
/// Old rows of the ledger that are left alone.
pub const LEDGER_ROWS_MAX: Key = Key::new("ledger", "rows_max", "50000", "a whole number from 10 to 10000000");
/// How long every batch keeps its rows in the ledger.
pub const LEDGER_KEEP_S: Key = Key::new("ledger", "keep_s", "3600", "a whole number of seconds from 0 to 31536000");
/// Directory of reference data.
pub const REFERENCE_DIR: Key = Key::new(
    "reference",
    "dir",
    "",
    "the path of a directory laid out like schemas/reference; leave it out for the reference data built into the program",
);
/// How often the scheduler passes.
pub const ROLLUP_INTERVAL_MS: Key =
    Key::new("rollup", "interval_ms", "5000", "a whole number of milliseconds from 100 to 3600000");
/// What change of a state is a finding.
pub const FINDINGS_JUMP_FACTOR: Key = Key::new("findings", "jump_factor", "10", "a whole number from 2 to 1000000");
/// When a missing report is a finding.
pub const FINDINGS_MISSING_GRACE_DAYS: Key =
    Key::new("findings", "missing_grace_days", "5", "a whole number of days from 0 to 366");
/// When the nightly audit begins.
pub const AUDIT_AT: Key = Key::new("audit", "at", "\"02:00\"", "a local time of day as \"HH:MM\"");
/// How much it proves.
pub const AUDIT_SAMPLE: Key = Key::new("audit", "sample", "50", "a whole number from 0 to 1000000");
/// Days for which refused messages are kept.
pub const RETENTION_REJECTS_DAYS: Key =
    Key::new("retention", "rejects_days", "400", "a whole number of days from 0 (for ever) to 36500");
/// Days for which marks are kept after their batch was rolled up.
pub const RETENTION_MARKS_DAYS: Key =
    Key::new("retention", "marks_days", "30", "a whole number of days from 0 (for ever) to 36500");
/// Days for which rollup rows that disappeared are kept.
pub const RETENTION_GONE_DAYS: Key =
    Key::new("retention", "gone_days", "30", "a whole number of days from 0 (for ever) to 36500");
/// Days for which records of passes are kept.
pub const RETENTION_PASSES_DAYS: Key =
    Key::new("retention", "passes_days", "30", "a whole number of days from 0 (for ever) to 36500");
/// Where metrics and health are served.
pub const HTTP_LISTEN: Key =
    Key::new("http", "listen", "", "an IP address and a port, such as \"0.0.0.0:9464\" or \"[::]:9464\", or leave it out");
/// Where traces go.
pub const TRACES_OTLP_ENDPOINT: Key = Key::new(
    "traces",
    "otlp_endpoint",
    "",
    "the address of an OpenTelemetry collector, such as \"http://collector:4318\", without user and password, or leave it out",
);
/// Form of log lines.
pub const LOG_FORMAT: Key = Key::new("log", "format", "\"text\"", "\"text\" or \"json\"");
/// Which log lines.
pub const LOG_FILTER: Key =
    Key::new("log", "filter", "\"info\"", "a level (error, warn, info, debug, trace), or such as \"info,chiso_ingest=debug\"");

/// All settings, in the order of the file.
pub const ALL: [Key; 42] = [
    KAFKA_BROKERS,
    KAFKA_TOPIC,
    KAFKA_GROUP,
    KAFKA_INSTANCE,
    KAFKA_SESSION_MS_MAX,
    KAFKA_SECURITY,
    KAFKA_CA_FILE,
    KAFKA_CERTIFICATE_FILE,
    KAFKA_KEY_FILE,
    KAFKA_KEY_PASSWORD,
    KAFKA_KEY_PASSWORD_FILE,
    KAFKA_SASL_MECHANISM,
    KAFKA_USER,
    KAFKA_PASSWORD,
    KAFKA_PASSWORD_FILE,
    REJECTS_TOPIC,
    CLICKHOUSE_URL,
    CLICKHOUSE_CA_FILE,
    CLICKHOUSE_USER,
    CLICKHOUSE_PASSWORD,
    CLICKHOUSE_PASSWORD_FILE,
    CLICKHOUSE_DATABASE,
    BATCH_ROWS_MAX,
    BATCH_BYTES_MAX,
    BATCH_AGE_MS_MAX,
    SHUTDOWN_DRAIN_MS_MAX,
    LEDGER_ROWS_MAX,
    LEDGER_KEEP_S,
    REFERENCE_DIR,
    ROLLUP_INTERVAL_MS,
    FINDINGS_JUMP_FACTOR,
    FINDINGS_MISSING_GRACE_DAYS,
    AUDIT_AT,
    AUDIT_SAMPLE,
    RETENTION_REJECTS_DAYS,
    RETENTION_MARKS_DAYS,
    RETENTION_GONE_DAYS,
    RETENTION_PASSES_DAYS,
    HTTP_LISTEN,
    TRACES_OTLP_ENDPOINT,
    LOG_FORMAT,
    LOG_FILTER,
];
