//! Makes the topic and publishes the events of a run, key = ward code.

use std::time::Duration;

use anyhow::{Context, Result, ensure};
use rdkafka::ClientConfig;
use rdkafka::error::{KafkaError, RDKafkaErrorCode};
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, DefaultProducerContext, Producer, ThreadedProducer};

use crate::events::{Events, Numbers};

const STRUCTURED: &str = "application/cloudevents+json; charset=UTF-8";
const FLUSHED: Duration = Duration::from_secs(120);

/// What lies in the topic: every system must have stored exactly this.
#[derive(Clone, PartialEq, Eq, Debug, Default)]
pub struct Published {
    /// Events.
    pub events: u64,
    /// Bytes of their values.
    pub bytes: u64,
    /// Sums of value, numerator, denominator and percent, in millionths.
    pub sums: [u64; 4],
}

/// Publishes all events to a topic that exists, and waits until Kafka has them.
///
/// # Errors
/// Kafka does not take them.
pub fn publish(brokers: &str, topic: &str, events: &Events) -> Result<Published> {
    let producer: ThreadedProducer<DefaultProducerContext> = ClientConfig::new()
        .set("bootstrap.servers", brokers)
        .set("enable.idempotence", "true")
        .set("linger.ms", "20")
        .set("partitioner", "murmur2_random")
        .create()
        .context("cannot make a producer")?;
    let mut published = Published::default();
    let mut value = Vec::new();
    for number in 0..events.count() {
        let event = events.event(number);
        value.clear();
        event.write(&mut value)?;
        published.add(event.numbers(), value.len() as u64);
        let headers = OwnedHeaders::new().insert(Header { key: "content-type", value: Some(STRUCTURED) });
        let mut record = BaseRecord::to(topic).key(event.ward()).payload(&value).headers(headers);
        loop {
            match producer.send(record) {
                Ok(()) => break,
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    producer.poll(Duration::from_millis(5));
                }
                Err((error, _)) => return Err(error).context("cannot publish"),
            }
        }
    }
    producer.flush(FLUSHED).context("not all events were delivered")?;
    ensure!(producer.in_flight_count() == 0, "not all events were delivered");
    Ok(published)
}

impl Published {
    fn add(&mut self, numbers: Numbers, bytes: u64) {
        self.events += 1;
        self.bytes += bytes;
        let given = [numbers.value, numbers.parts.map(|parts| parts.0), numbers.parts.map(|parts| parts.1), numbers.percent];
        for (sum, number) in self.sums.iter_mut().zip(given) {
            *sum += number.unwrap_or_default();
        }
    }
}
