//! Asks Kafka about the topic: whether it is there, which partitions it has, where they begin and end.

use std::time::{Duration, Instant};

use chiso_schemas::settings;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use crate::client::{self, Logged, client_config};
use crate::failure::Failure;

/// How long a broker may take to answer one question.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a topic may stay unknown: brokers learn of a new one a moment after it was made.
const UNKNOWN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);
/// How long Kafka may take to say where partitions begin or end.
const ANSWER: Duration = Duration::from_secs(10);

/// A client for questions only. On the connection of the consumer, they would wait behind its fetches.
pub struct Questions {
    client: BaseConsumer<Logged>,
    brokers: String,
    topic: String,
}

impl Questions {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// librdkafka does not accept the settings.
    pub fn new(settings: &settings::Kafka) -> Result<Self, Failure> {
        let client = client_config(settings)
            // The end of a partition is that of its last finished transaction, as for the consumer.
            .set("isolation.level", "read_committed")
            .create_with_context(Logged)
            .map_err(|error| client::refused("client", &error))?;
        Ok(Self { client, brokers: settings.brokers.clone(), topic: settings.topic.clone() })
    }

    /// The partitions of the topic, in order; waits at most `within` for the brokers.
    ///
    /// # Errors
    /// The brokers do not answer, or the topic does not exist.
    pub fn partitions(&self, within: Duration) -> Result<Vec<i32>, Failure> {
        partitions(self.client.client(), &self.brokers, &self.topic, within)
    }

    /// Where those partitions begin.
    ///
    /// # Errors
    /// Kafka does not answer for all of them.
    pub fn begins(&self, partitions: &[i32]) -> KafkaResult<Vec<(i32, i64)>> {
        self.offsets(partitions, Offset::Beginning)
    }

    /// Where those partitions end.
    ///
    /// # Errors
    /// Kafka does not answer for all of them.
    pub fn ends(&self, partitions: &[i32]) -> KafkaResult<Vec<(i32, i64)>> {
        self.offsets(partitions, Offset::End)
    }

    fn offsets(&self, partitions: &[i32], which: Offset) -> KafkaResult<Vec<(i32, i64)>> {
        if partitions.is_empty() {
            return Ok(Vec::new());
        }
        let mut list = TopicPartitionList::with_capacity(partitions.len());
        for &partition in partitions {
            list.add_partition_offset(&self.topic, partition, which)?;
        }
        let answer = self.client.offsets_for_times(list, ANSWER)?;
        let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            element.error()?;
            match element.offset() {
                Offset::Offset(offset) => Ok((element.partition(), offset)),
                _ => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset)),
            }
        };
        answer.elements().iter().map(offset).collect()
    }
}

/// The partitions of the topic, in order; waits at most `within` for the brokers.
///
/// # Errors
/// The brokers do not answer, or the topic does not exist.
pub fn partitions<C: ClientContext>(
    client: &Client<C>,
    brokers: &str,
    topic: &str,
    within: Duration,
) -> Result<Vec<i32>, Failure> {
    let begin = Instant::now();
    loop {
        let left = within.saturating_sub(begin.elapsed());
        let reason = match client.fetch_metadata(Some(topic), left.min(ATTEMPT)) {
            Err(error) if left <= PAUSE || is_refusal(&error) => return Err(unreachable(brokers, &error)),
            Err(_) => None,
            Ok(metadata) => match metadata.topics().iter().find(|found| found.name() == topic) {
                Some(found) if found.error().is_none() && !found.partitions().is_empty() => {
                    let mut partitions = found.partitions().iter().map(|partition| partition.id()).collect::<Vec<_>>();
                    partitions.sort_unstable();
                    return Ok(partitions);
                }
                found => Some(found.and_then(|found| found.error())),
            },
        };
        if let Some(error) = reason
            && begin.elapsed() >= UNKNOWN.min(within)
        {
            return Err(missing(brokers, topic, error));
        }
        std::thread::sleep(PAUSE);
    }
}

fn is_refusal(error: &KafkaError) -> bool {
    let refusals = [RDKafkaErrorCode::Authentication, RDKafkaErrorCode::SaslAuthenticationFailed];
    error.rdkafka_error_code().is_some_and(|code| refusals.contains(&code))
}

fn unreachable(brokers: &str, error: &KafkaError) -> Failure {
    let hint = "is Kafka running, and is kafka.brokers (CHISO__KAFKA__BROKERS) right?";
    Failure::Dependency(format!("cannot reach Kafka at {brokers}: {error}; {hint}"))
}

fn missing(brokers: &str, topic: &str, error: Option<RDKafkaRespErr>) -> Failure {
    let cause = error.map_or_else(|| "no such topic".to_owned(), |error| RDKafkaErrorCode::from(error).to_string());
    let hint = "create it, such as with chiso-ingest publish --create-topic PARTITIONS, or set kafka.topic (CHISO__KAFKA__TOPIC)";
    Failure::Dependency(format!("cannot use topic {topic} at {brokers}: {cause}; {hint}"))
}
