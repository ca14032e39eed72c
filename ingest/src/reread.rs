//! Reads single messages again from Kafka: what is accepted is not kept as bytes, so a row that ClickHouse refuses must be
//! fetched anew to be stored whole.

use std::time::{Duration, Instant};

use chiso_schemas::event::{Reason, Refusal};
use chiso_schemas::reference::Reference;
use chiso_schemas::settings::Kafka;
use rdkafka::Message as _;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use tracing::warn;

use crate::client::{Logged, client_config, refused};
use crate::decode;
use crate::failure::Failure;
use crate::headers::headers;
use crate::place::Place;
use crate::rows::{Arrival, Refused};

/// Where messages are read again.
pub struct Reread {
    kafka: Kafka,
}

/// Pause between two looks for the message.
const PAUSE: Duration = Duration::from_millis(10);
/// How long Kafka may be silent before a line of the log says so.
const SILENCE: Duration = Duration::from_secs(10);

impl Reread {
    /// Reads with the settings of the worker.
    pub fn new(kafka: &Kafka) -> Self {
        Self { kafka: kafka.clone() }
    }

    /// The message as a refused one, for what ClickHouse said; waits for Kafka as long as it takes.
    ///
    /// # Errors
    /// Kafka no longer has it, so it cannot be stored whole.
    pub async fn refused(&self, arrival: Arrival, said: &str, reference: &Reference) -> Result<Refused, Failure> {
        let consumer: BaseConsumer<Logged> = client_config(&self.kafka)
            // Assigning needs the name of a group, but joins none.
            .set("group.id", &self.kafka.group)
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .create_with_context(Logged::default())
            .map_err(|error| refused("consumer", &error))?;
        let unusable = |error: KafkaError| self.lost(arrival, said, &error.to_string());
        let mut list = TopicPartitionList::with_capacity(1);
        let (topic, partition) = (arrival.place.topic.name(), arrival.place.partition);
        list.add_partition_offset(topic, partition, Offset::Offset(arrival.offset)).map_err(unusable)?;
        consumer.assign(&list).map_err(unusable)?;
        let mut silent = Instant::now();
        loop {
            match consumer.poll(Duration::ZERO) {
                Some(Ok(message)) if is_it(&message, arrival) => {
                    return Ok(not_storable(&message, arrival.place, said, reference));
                }
                Some(Ok(_) | Err(KafkaError::PartitionEOF(_))) => return Err(self.lost(arrival, said, "it is no longer there")),
                Some(Err(error)) if is_gone(&error) => return Err(self.lost(arrival, said, &error.to_string())),
                Some(Err(error)) => {
                    warn!(%error, topic, partition, offset = arrival.offset, "cannot read a message again now, waiting")
                }
                None if silent.elapsed() >= SILENCE => {
                    silent = Instant::now();
                    warn!(topic, partition, offset = arrival.offset, "kafka does not deliver a message again yet, waiting");
                }
                None => {}
            }
            tokio::time::sleep(PAUSE).await;
        }
    }

    fn lost(&self, arrival: Arrival, said: &str, why: &str) -> Failure {
        let place = format!("{} offset {} at {}", arrival.place, arrival.offset, self.kafka.brokers);
        Failure::Finding(format!(
            "clickhouse refuses the event of {place} ({said}), and its message cannot be read again to be stored as refused: \
             {why}; mend the table so that it takes the event, and start the worker again"
        ))
    }
}

/// Whether it is the message that was read before, and not one of a topic made anew.
fn is_it(message: &BorrowedMessage<'_>, arrival: Arrival) -> bool {
    message.offset() == arrival.offset && decode::arrival(message, arrival.place).ms == arrival.ms
}

fn is_gone(error: &KafkaError) -> bool {
    matches!(
        error.rdkafka_error_code(),
        Some(
            RDKafkaErrorCode::AutoOffsetReset
                | RDKafkaErrorCode::OffsetOutOfRange
                | RDKafkaErrorCode::UnknownTopicOrPartition
                | RDKafkaErrorCode::UnknownTopic
                | RDKafkaErrorCode::UnknownPartition
                | RDKafkaErrorCode::TopicAuthorizationFailed
        )
    )
}

/// The message, refused for what ClickHouse said of its row.
fn not_storable(message: &BorrowedMessage<'_>, place: Place, said: &str, reference: &Reference) -> Refused {
    let raw = headers(message);
    let readable = decode::readable(&raw);
    let event = decode::decode(message, place, &readable, reference).ok();
    let source = event.as_ref().map(|event| event.source.to_owned());
    let id = event.as_ref().map(|event| event.id.to_string());
    decode::refused(message, place, &raw, Refusal { reason: Reason::NotStorable, detail: said.to_owned(), source, id })
}
