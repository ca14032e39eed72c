//! Asks Kafka about the topics: whether they are there, which partitions they have, where those begin and end.

use std::time::{Duration, Instant};

use chiso_schemas::settings;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};
use rdkafka::types::RDKafkaRespErr;

use crate::client::{self, Logged, client_config};
use crate::failure::Failure;
use crate::place::Place;
use crate::topics::Topics;

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
    topics: Topics,
}

impl Questions {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// librdkafka does not accept the settings.
    pub fn new(settings: &settings::Kafka, topics: Topics) -> Result<Self, Failure> {
        let client = client_config(settings)
            // The end of a partition is that of its last finished transaction, as for the consumer.
            .set("isolation.level", "read_committed")
            .create_with_context(Logged)
            .map_err(|error| client::refused("client", &error))?;
        Ok(Self { client, brokers: settings.brokers.clone(), topics })
    }

    /// The partitions of all topics, in order; waits at most `within` for the brokers.
    ///
    /// # Errors
    /// The brokers do not answer, or a topic that is named does not exist.
    pub fn places(&self, within: Duration) -> Result<Vec<Place>, Failure> {
        places(self.client.client(), &self.brokers, &self.topics, within)
    }

    /// Where those partitions begin.
    ///
    /// # Errors
    /// Kafka does not answer for all of them.
    pub fn begins(&self, places: &[Place]) -> KafkaResult<Vec<(Place, i64)>> {
        self.offsets(places, Offset::Beginning)
    }

    /// Where those partitions end.
    ///
    /// # Errors
    /// Kafka does not answer for all of them.
    pub fn ends(&self, places: &[Place]) -> KafkaResult<Vec<(Place, i64)>> {
        self.offsets(places, Offset::End)
    }

    fn offsets(&self, places: &[Place], which: Offset) -> KafkaResult<Vec<(Place, i64)>> {
        if places.is_empty() {
            return Ok(Vec::new());
        }
        let mut list = TopicPartitionList::with_capacity(places.len());
        for place in places {
            list.add_partition_offset(place.topic.name(), place.partition, which)?;
        }
        let answer = self.client.offsets_for_times(list, ANSWER)?;
        let offset = |element: &rdkafka::topic_partition_list::TopicPartitionListElem<'_>| {
            element.error()?;
            match element.offset() {
                Offset::Offset(offset) => Ok((Place::new(element.topic(), element.partition()), offset)),
                _ => Err(KafkaError::OffsetFetch(RDKafkaErrorCode::NoOffset)),
            }
        };
        answer.elements().iter().map(offset).collect()
    }
}

/// The partitions of the topics, in order; waits at most `within` for the brokers.
///
/// # Errors
/// The brokers do not answer, or a topic that is named does not exist. A pattern may match nothing yet.
pub fn places<C: ClientContext>(
    client: &Client<C>,
    brokers: &str,
    topics: &Topics,
    within: Duration,
) -> Result<Vec<Place>, Failure> {
    let begin = Instant::now();
    let name = if let Topics::Named(name) = topics { Some(name.as_str()) } else { None };
    loop {
        let left = within.saturating_sub(begin.elapsed());
        let reason = match client.fetch_metadata(name, left.min(ATTEMPT)) {
            Err(error) if left <= PAUSE || is_refusal(&error) => return Err(unreachable(brokers, &error)),
            Err(_) => None,
            Ok(metadata) => {
                let places = listed(&metadata, topics);
                let Some(name) = name.filter(|_| places.is_empty()) else { return Ok(places) };
                let error = metadata.topics().iter().find(|found| found.name() == name).and_then(|found| found.error());
                Some((name, error))
            }
        };
        if let Some((name, error)) = reason
            && begin.elapsed() >= UNKNOWN.min(within)
        {
            return Err(missing(brokers, name, error));
        }
        std::thread::sleep(PAUSE);
    }
}

fn listed(metadata: &Metadata, topics: &Topics) -> Vec<Place> {
    let found = metadata.topics().iter().filter(|found| found.error().is_none() && topics.contain(found.name()));
    let places = found.flat_map(|found| found.partitions().iter().map(|partition| Place::new(found.name(), partition.id())));
    let mut places = places.collect::<Vec<_>>();
    places.sort_unstable();
    places
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
