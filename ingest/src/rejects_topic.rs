//! The topic of refused messages: each is sent there as it was, with the reason and its origin as further headers,
//! before the ledger and the offset say that it is done with.

use std::time::Duration;

use chiso_schemas::settings::Settings;
use chiso_schemas::store::Fault;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use tracing::{info, warn};

use crate::courier::{Courier, Letter};
use crate::failure::Failure;
use crate::headers::Header;
use crate::retry::pause;
use crate::rows::Refused;
use crate::topics::Topics;

/// Where refused messages go beside ClickHouse.
pub struct RejectsTopic {
    courier: Courier,
    topic: String,
    brokers: String,
}

/// How long Kafka may take to answer at start.
const REACHED: Duration = Duration::from_secs(12);
/// How long a message may take before it is sent anew, and a line of the log says so.
const DELIVERED: Duration = Duration::from_secs(30);

impl RejectsTopic {
    /// The topic that the settings name, if they do.
    ///
    /// # Errors
    /// The topic does not exist, or Kafka does not answer.
    pub fn open(settings: &Settings) -> Result<Option<Self>, Failure> {
        let topic = settings.rejects.topic.clone();
        if topic.is_empty() {
            return Ok(None);
        }
        let courier = Courier::new(&settings.kafka, DELIVERED)?;
        let brokers = settings.kafka.brokers.clone();
        let found = courier.places(&brokers, &Topics::Named(topic.clone()), REACHED);
        found.map_err(|failure| failure.told("rejects.topic (CHISO__REJECTS__TOPIC)"))?;
        Ok(Some(Self { courier, topic, brokers }))
    }

    /// Sends them, and again as long as that can help; returns once Kafka has all of them.
    ///
    /// # Errors
    /// Kafka refuses one in a way that only a person can change.
    pub async fn deliver(&self, refused: &[Refused]) -> Result<(), Failure> {
        let mut due = (0..refused.len()).collect::<Vec<_>>();
        let mut failures = 0_u32;
        loop {
            let mut lost = Vec::new();
            for &number in &due {
                if let Some(refused) = refused.get(number)
                    && let Err(error) = self.send(refused, number).await
                {
                    lost.push((number, error));
                }
            }
            lost.extend(self.courier.settle().await);
            let Some((_, error)) = lost.first() else {
                if failures > 0 {
                    info!(topic = self.topic, failures, "refused messages are delivered after retries");
                }
                return Ok(());
            };
            if is_final(error) {
                return Err(self.refused(error));
            }
            failures = failures.saturating_add(1);
            let pause = pause(Fault::Retry, failures);
            warn!(%error, topic = self.topic, messages = lost.len(), failures, "refused messages are not delivered, sending again");
            tokio::time::sleep(pause).await;
            due = lost.into_iter().map(|(number, _)| number).collect();
        }
    }

    async fn send(&self, refused: &Refused, number: usize) -> Result<(), KafkaError> {
        let place = refused.arrival.place;
        let [partition, offset, timestamp] =
            [i64::from(place.partition), refused.arrival.offset, refused.arrival.ms].map(|number| number.to_string());
        let mut headers: Vec<Header<'_>> =
            refused.headers.iter().map(|(name, value)| (name.as_slice(), value.as_deref())).collect();
        headers.extend([
            (&b"chiso_reason"[..], Some(refused.reason.as_str().as_bytes())),
            (b"chiso_detail", Some(refused.detail.as_bytes())),
            (b"chiso_topic", Some(place.topic.name().as_bytes())),
            (b"chiso_partition", Some(partition.as_bytes())),
            (b"chiso_offset", Some(offset.as_bytes())),
            (b"chiso_timestamp", Some(timestamp.as_bytes())),
        ]);
        let (key, value) = (refused.key.as_deref(), refused.raw.as_deref());
        let letter = Letter { topic: &self.topic, partition: None, key, headers: &headers, value };
        self.courier.send(&letter, number).await
    }

    fn refused(&self, error: &KafkaError) -> Failure {
        let hint = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::MessageSizeTooLarge) => {
                "set max.message.bytes of that topic higher than that of the topic of the events, for headers are added"
            }
            Some(RDKafkaErrorCode::Fatal) => "start the worker again",
            _ => "let this client write to that topic",
        };
        Failure::Finding(format!("cannot deliver refused messages to topic {} at {}: {error}; {hint}", self.topic, self.brokers))
    }
}

/// Errors that do not pass by themselves.
fn is_final(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::MessageSizeTooLarge
                | RDKafkaErrorCode::Fatal
                | RDKafkaErrorCode::TopicAuthorizationFailed
                | RDKafkaErrorCode::ClusterAuthorizationFailed
                | RDKafkaErrorCode::SaslAuthenticationFailed
        )
    )
}
