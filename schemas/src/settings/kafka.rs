//! `[kafka]` and `[rejects]`: where events come from, how the way there is secured, where refused ones go as well.

use std::path::{Path, PathBuf};

use regex::Regex;
use serde::Serialize;

use super::key;
use super::problems::Problem;
use super::read::Reader;
use super::secret::Secret;

/// `[kafka]`
#[derive(Clone, Debug, Serialize)]
pub struct Kafka {
    /// Brokers to begin with, `host:port` separated by commas.
    pub brokers: String,
    /// Topic of the events, or a regular expression that begins with `^`: see [`Kafka::is_pattern`].
    pub topic: String,
    /// Consumer group of the workers.
    pub group: String,
    /// Name of this worker within the group, for static membership; empty for none.
    pub instance: String,
    /// Milliseconds that the group waits for a worker that is silent before its partitions go to others.
    pub session_ms_max: u64,
    /// How the connections to the brokers are secured.
    pub security: Security,
    /// Certificates (PEM) of those who vouch for the brokers; without it, those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// Certificate (PEM) that this client shows.
    pub certificate_file: Option<PathBuf>,
    /// Its private key (PEM).
    pub key_file: Option<PathBuf>,
    /// Password of the private key, given or read from `key_password_file`; empty for none.
    pub key_password: Secret,
    /// Where that password was read from.
    pub key_password_file: Option<PathBuf>,
    /// How user and password are proved.
    pub sasl_mechanism: SaslMechanism,
    /// User; empty unless `security` is one of the two with SASL.
    pub user: String,
    /// Its password, given or read from `password_file`.
    pub password: Secret,
    /// Where the password was read from.
    pub password_file: Option<PathBuf>,
}

/// `[rejects]`
#[derive(Clone, Debug, Serialize)]
pub struct Rejects {
    /// Topic that refused messages are sent to as well; empty for none. Never one that the worker reads.
    pub topic: String,
}

/// How connections to the brokers are secured, by Kafka's names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Security {
    /// Not at all.
    Plaintext,
    /// TLS; the client may show a certificate.
    Ssl,
    /// User and password, in a readable connection.
    SaslPlaintext,
    /// User and password within TLS.
    SaslSsl,
}

impl Security {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Plaintext, Self::Ssl, Self::SaslPlaintext, Self::SaslSsl];

    /// The name in the settings, which is that of librdkafka's `security.protocol`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Plaintext => "plaintext",
            Self::Ssl => "ssl",
            Self::SaslPlaintext => "sasl_plaintext",
            Self::SaslSsl => "sasl_ssl",
        }
    }

    /// Whether connections are encrypted and the broker proves who it is.
    pub fn is_tls(self) -> bool {
        matches!(self, Self::Ssl | Self::SaslSsl)
    }

    /// Whether the client proves who it is with user and password.
    pub fn is_sasl(self) -> bool {
        matches!(self, Self::SaslPlaintext | Self::SaslSsl)
    }
}

/// How user and password are proved, by the registered names.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
pub enum SaslMechanism {
    /// The password itself does not travel.
    #[serde(rename = "SCRAM-SHA-512")]
    ScramSha512,
    /// The same with a shorter hash.
    #[serde(rename = "SCRAM-SHA-256")]
    ScramSha256,
    /// The password travels; only within TLS.
    #[serde(rename = "PLAIN")]
    Plain,
}

impl SaslMechanism {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::ScramSha512, Self::ScramSha256, Self::Plain];

    /// The registered name.
    pub fn name(self) -> &'static str {
        match self {
            Self::ScramSha512 => "SCRAM-SHA-512",
            Self::ScramSha256 => "SCRAM-SHA-256",
            Self::Plain => "PLAIN",
        }
    }
}

impl Kafka {
    /// Whether [`Kafka::topic`] is a regular expression: all topics that match are read. It may match anywhere in a
    /// name, so it should end with `$`.
    pub fn is_pattern(&self) -> bool {
        self.topic.starts_with('^')
    }

    /// Whether a topic is one of those to read.
    pub fn takes(&self, topic: &str) -> bool {
        if self.is_pattern() { Regex::new(&self.topic).is_ok_and(|pattern| pattern.is_match(topic)) } else { self.topic == topic }
    }
}

/// Whether Kafka takes the name for a topic; the same is asked of names of members of a group.
pub fn is_topic(name: &str) -> bool {
    let right = |c: char| c.is_ascii_alphanumeric() || matches!(c, '.' | '_' | '-');
    (1..=249).contains(&name.len()) && name.chars().all(right) && name != "." && name != ".."
}

pub(super) fn kafka(reader: &mut Reader) -> Kafka {
    let (key_password, key_password_file) = reader.secret(&key::KAFKA_KEY_PASSWORD, &key::KAFKA_KEY_PASSWORD_FILE);
    let (password, password_file) = reader.secret(&key::KAFKA_PASSWORD, &key::KAFKA_PASSWORD_FILE);
    let kafka = Kafka {
        brokers: brokers(reader),
        topic: topic(reader),
        group: reader.text(&key::KAFKA_GROUP),
        instance: reader.text(&key::KAFKA_INSTANCE),
        session_ms_max: reader.number(&key::KAFKA_SESSION_MS_MAX, 6_000..=300_000),
        security: reader.choice(&key::KAFKA_SECURITY, &Security::ALL, Security::name),
        ca_file: reader.pem(&key::KAFKA_CA_FILE, "CERTIFICATE"),
        certificate_file: reader.pem(&key::KAFKA_CERTIFICATE_FILE, "CERTIFICATE"),
        key_file: reader.pem(&key::KAFKA_KEY_FILE, "PRIVATE KEY"),
        key_password,
        key_password_file,
        sasl_mechanism: reader.choice(&key::KAFKA_SASL_MECHANISM, &SaslMechanism::ALL, SaslMechanism::name),
        user: reader.text(&key::KAFKA_USER),
        password,
        password_file,
    };
    reader.check(&key::KAFKA_GROUP, &kafka.group, !kafka.group.is_empty());
    reader.check(&key::KAFKA_INSTANCE, &kafka.instance, kafka.instance.is_empty() || is_topic(&kafka.instance));
    judge_tls(reader, &kafka);
    judge_sasl(reader, &kafka);
    kafka
}

fn brokers(reader: &mut Reader) -> String {
    let Some(brokers) = reader.optional(&key::KAFKA_BROKERS) else { return String::new() };
    let right = |broker: &str| !broker.is_empty() && !broker.contains(char::is_whitespace) && !broker.contains("//");
    if brokers.contains('@') {
        // Not shown: it looks like an address with a password.
        reader.problems.push(Problem::bad(&key::KAFKA_BROKERS, "these are no such addresses"));
    } else {
        reader.check(&key::KAFKA_BROKERS, &brokers, brokers.split(',').all(right));
    }
    brokers
}

fn topic(reader: &mut Reader) -> String {
    let topic = reader.text(&key::KAFKA_TOPIC);
    if !topic.starts_with('^') {
        reader.check(&key::KAFKA_TOPIC, &topic, is_topic(&topic));
    } else if let Err(error) = Regex::new(&topic) {
        // The last line says what is wrong; those before draw where.
        let error = error.to_string();
        let what = format!("{topic:?} is no regular expression: {}", error.lines().last().unwrap_or_default().trim());
        reader.problems.push(Problem::bad(&key::KAFKA_TOPIC, what));
    }
    topic
}

/// Certificates make sense with TLS only, and a certificate with its key only.
fn judge_tls(reader: &mut Reader, kafka: &Kafka) {
    let given = [
        (key::KAFKA_CA_FILE, kafka.ca_file.is_some()),
        (key::KAFKA_CERTIFICATE_FILE, kafka.certificate_file.is_some()),
        (key::KAFKA_KEY_FILE, kafka.key_file.is_some()),
    ];
    for (key, _) in given.iter().filter(|(_, given)| *given && !kafka.security.is_tls()) {
        let what = format!("given though kafka.security is \"{}\"; set that to \"ssl\" or \"sasl_ssl\"", kafka.security.name());
        reader.problems.push(Problem::at(key.to_string(), what));
    }
    let (certificate, private) = (kafka.certificate_file.is_some(), kafka.key_file.as_deref());
    if certificate && private.is_none() {
        let what = "missing, though kafka.certificate_file is given; write the file of its private key";
        reader.problems.push(Problem::at(key::KAFKA_KEY_FILE.to_string(), what));
    }
    if private.is_some() && !certificate {
        let what = "missing, though kafka.key_file is given; write the file of the certificate that belongs to it";
        reader.problems.push(Problem::at(key::KAFKA_CERTIFICATE_FILE.to_string(), what));
    }
    let password = !kafka.key_password.is_empty();
    if password && private.is_none() {
        let what = "given without kafka.key_file; leave one of the two out or give both";
        reader.problems.push(Problem::at(key::KAFKA_KEY_PASSWORD.to_string(), what));
    }
    // Without a password, OpenSSL would ask for one on the terminal.
    if private.is_some_and(is_encrypted) && !password {
        let what = "missing, though the key in kafka.key_file is encrypted; write its password, or set kafka.key_password_file";
        reader.problems.push(Problem::at(key::KAFKA_KEY_PASSWORD.to_string(), what));
    }
}

fn is_encrypted(key_file: &Path) -> bool {
    std::fs::read_to_string(key_file).is_ok_and(|text| text.contains("ENCRYPTED"))
}

/// User and password make sense with SASL only, which needs both.
fn judge_sasl(reader: &mut Reader, kafka: &Kafka) {
    let name = kafka.security.name();
    for (key, given) in [(key::KAFKA_USER, !kafka.user.is_empty()), (key::KAFKA_PASSWORD, !kafka.password.is_empty())] {
        let what = match (kafka.security.is_sasl(), given) {
            (false, true) => {
                format!("given though kafka.security is \"{name}\"; set that to \"sasl_ssl\" (or \"sasl_plaintext\")")
            }
            // A password file that cannot be read is a problem of its own.
            (true, false) if key != key::KAFKA_PASSWORD || kafka.password_file.is_none() => {
                format!("missing, though kafka.security is \"{name}\"; write {}", key.write)
            }
            (true, false) if !reader.has_problem(&key::KAFKA_PASSWORD_FILE) => {
                format!("the file in kafka.password_file is empty; write {}", key.write)
            }
            _ => continue,
        };
        reader.problems.push(Problem::at(key.to_string(), what));
    }
    if kafka.security == Security::SaslPlaintext && kafka.sasl_mechanism == SaslMechanism::Plain {
        let what = "\"PLAIN\" would send the password readable; set kafka.security to \"sasl_ssl\", or use SCRAM-SHA-512";
        reader.problems.push(Problem::at(key::KAFKA_SASL_MECHANISM.to_string(), what));
    }
}

pub(super) fn rejects(reader: &mut Reader, kafka: &Kafka) -> Rejects {
    let topic = reader.text(&key::REJECTS_TOPIC);
    reader.check(&key::REJECTS_TOPIC, &topic, topic.is_empty() || is_topic(&topic));
    if !topic.is_empty() && kafka.takes(&topic) {
        let what = format!("{topic:?} is read as well (kafka.topic is {:?}): refused messages would come again", kafka.topic);
        reader.problems.push(Problem::bad(&key::REJECTS_TOPIC, what));
    }
    Rejects { topic }
}
