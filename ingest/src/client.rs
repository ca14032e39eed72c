//! Makes every Kafka client from the `[kafka]` settings, and puts into our log what librdkafka has to say.

use chiso_schemas::settings::Kafka;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::ConsumerContext;
use rdkafka::error::KafkaError;
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

/// What librdkafka has to say goes into our log; errors that matter come out of calls as well.
pub struct Logged;

impl ClientContext for Logged {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        log(level, facility, message);
    }

    fn error(&self, found: KafkaError, reason: &str) {
        error(&found, reason);
    }
}

impl ConsumerContext for Logged {}

/// A line of librdkafka's log.
pub fn log(level: RDKafkaLogLevel, facility: &str, message: &str) {
    debug!(target: "librdkafka", ?level, facility, message);
}

/// An error that librdkafka met in the background.
pub fn error(error: &KafkaError, reason: &str) {
    debug!(target: "librdkafka", %error, reason, "kafka client");
}
