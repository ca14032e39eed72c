//! Makes every Kafka client from the `[kafka]` settings, and puts into our log what librdkafka has to say.

use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chiso_schemas::settings::Kafka;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::producer::{Producer, ProducerContext, PurgeConfig, ThreadedProducer};
use tracing::{Level, debug, enabled};

use crate::failure::Failure;

/// What all clients have in common: brokers, name and security.
pub fn client_config(kafka: &Kafka) -> ClientConfig {
    let mut config = ClientConfig::new();
    config.set("bootstrap.servers", &kafka.brokers).set("client.id", "chiso-ingest");
    config.set("security.protocol", kafka.security.name());
    if kafka.security.is_tls() {
        secure(&mut config, kafka);
    }
    if kafka.security.is_sasl() {
        config.set("sasl.mechanism", kafka.sasl_mechanism.name());
        config.set("sasl.username", &kafka.user).set("sasl.password", kafka.password.reveal());
    }
    if enabled!(target: "librdkafka", Level::TRACE) {
        config.set_log_level(RDKafkaLogLevel::Debug).set("debug", "broker,cgrp,security");
    }
    config
}

fn secure(config: &mut ClientConfig, kafka: &Kafka) {
    // The OpenSSL within librdkafka looks for the system's certificates where it was built unless told to search.
    let trusted = kafka.ca_file.as_ref().map_or("probe".into(), |file| file.to_string_lossy());
    config.set("ssl.ca.location", trusted);
    for (name, file) in [("ssl.certificate.location", &kafka.certificate_file), ("ssl.key.location", &kafka.key_file)] {
        if let Some(file) = file {
            config.set(name, file.to_string_lossy());
        }
    }
    if !kafka.key_password.is_empty() {
        config.set("ssl.key.password", kafka.key_password.reveal());
    }
}

/// Settings that librdkafka does not accept.
pub fn refused(client: &str, error: &KafkaError) -> Failure {
    let what = match error {
        // Without the value: it may be a secret.
        KafkaError::ClientConfig(_, what, name, _) => format!("{what} ({name})"),
        error => error.to_string(),
    };
    Failure::Usage(format!("cannot make a {client} of the [kafka] settings: {what}"))
}

/// What librdkafka has to say goes into our log; what is wrong with a connection is kept for whoever waits for it.
#[derive(Default)]
pub struct Logged {
    heard: Heard,
}

impl Logged {
    /// What was heard of connections.
    pub fn heard(&self) -> &Heard {
        &self.heard
    }
}

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(&error, reason);
    }
}

impl ConsumerContext for Logged {}

/// A line of librdkafka's log.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    debug!(target: "librdkafka", ?level, facility, message);
}

/// The last trouble with a connection: a call that waits for it only says that time is up.
#[derive(Default)]
pub struct Heard(Mutex<Option<(RDKafkaErrorCode, String)>>);

impl Heard {
    /// Notes an error that librdkafka met in the background.
    pub fn error(&self, error: &KafkaError, reason: &str) {
        debug!(target: "librdkafka", %error, reason, "kafka client");
        // That all brokers are down follows the reason for it.
        if let Some(code) = error.rdkafka_error_code().filter(|&code| code != RDKafkaErrorCode::AllBrokersDown) {
            *self.0.lock().unwrap_or_else(PoisonError::into_inner) = Some((code, reason.to_owned()));
        }
    }

    /// Whether Kafka knows this client and refuses it: trying again cannot help.
    pub fn is_refusal(&self) -> bool {
        self.latest().is_some_and(|(code, _)| is_refusal(code))
    }

    /// Kafka cannot be reached: the reason where one was heard, else what the call says.
    pub fn unreachable(&self, brokers: &str, error: &KafkaError) -> Failure {
        let Some((code, reason)) = self.latest() else {
            return Failure::Dependency(format!("cannot reach Kafka at {brokers}: {error}; {RUNNING}"));
        };
        let text = format!("cannot reach Kafka at {brokers}: {reason}; {}", connection_hint(code, &reason));
        if is_refusal(code) { Failure::Finding(text) } else { Failure::Dependency(text) }
    }

    fn latest(&self) -> Option<(RDKafkaErrorCode, String)> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner).clone()
    }
}

const RUNNING: &str =
    "is Kafka running, is kafka.brokers (CHISO__KAFKA__BROKERS) right, and kafka.security what that port speaks?";

fn is_refusal(code: RDKafkaErrorCode) -> bool {
    matches!(code, RDKafkaErrorCode::Authentication | RDKafkaErrorCode::SaslAuthenticationFailed)
}

fn connection_hint(code: RDKafkaErrorCode, reason: &str) -> &'static str {
    if is_refusal(code) {
        "set kafka.user and kafka.password (or kafka.password_file) to those of a Kafka user, and kafka.sasl_mechanism to one of his"
    } else if reason.contains("certificate verify failed") || reason.contains("certificate could not be verified") {
        "set kafka.ca_file to the CA certificate of the brokers, and kafka.brokers to names that their certificates hold"
    } else if reason.contains("alert") && reason.contains("certificate") || reason.contains("alert unknown ca") {
        "set kafka.certificate_file and kafka.key_file to a certificate of this client that the brokers trust"
    } else if code == RDKafkaErrorCode::SSL || reason.contains("security.protocol") || reason.contains("PLAINTEXT") {
        "set kafka.security to what that port of the brokers speaks"
    } else {
        RUNNING
    }
}

/// What every producer starts from: a message counts as delivered when all brokers that keep a copy have it, is there once, and is
/// lost when that takes longer than `delivered_within`.
pub fn producer_config(kafka: &Kafka, delivered_within: Duration) -> ClientConfig {
    let mut config = client_config(kafka);
    config
        .set("enable.idempotence", "true")
        .set("acks", "all")
        .set("message.timeout.ms", delivered_within.as_millis().to_string())
        // The broker, not the producer, says how long a message may be.
        .set("message.max.bytes", "100000000")
        // The partitioner of the Java client, so that a key lies in one partition whoever publishes it.
        .set("partitioner", "murmur2_random");
    config
}

/// Drops what a producer still holds if it has failed as a whole. librdkafka does so when it fails; what it was handed at that
/// moment would wait for its time to be over.
pub fn drop_if_failed<C: ProducerContext + 'static>(producer: &ThreadedProducer<C>) {
    if producer.client().fatal_error().is_some() {
        producer.purge(PurgeConfig::default().queue());
    }
}

/// Whether Kafka has answered that this user lacks a right, which asking again does not change.
pub fn is_denied(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::GroupAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
        )
    )
}

/// What to do about an error that Kafka answered.
pub fn answer_hint(error: &KafkaError) -> &'static str {
    match error.rdkafka_error_code() {
        Some(RDKafkaErrorCode::TopicAuthorizationFailed) => {
            "let an administrator of Kafka grant this user the topic (deploy/kafka/acls.sh)"
        }
        Some(RDKafkaErrorCode::GroupAuthorizationFailed) => {
            "let an administrator of Kafka grant this user the group kafka.group (deploy/kafka/acls.sh)"
        }
        Some(RDKafkaErrorCode::ClusterAuthorizationFailed) => {
            "let an administrator of Kafka grant this user to write (deploy/kafka/acls.sh)"
        }
        _ => RUNNING,
    }
}
