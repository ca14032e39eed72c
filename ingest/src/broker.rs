//! Asks Kafka about the topics: whether they are there, which partitions they have, where those begin and end.

use std::collections::BTreeMap;
use std::collections::btree_map::Entry;
use std::fmt;
use std::time::{Duration, Instant};

use chiso_schemas::settings;
use rdkafka::client::{Client, ClientContext};
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::Message as _;
use rdkafka::metadata::Metadata;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use tracing::debug;

use crate::client::{self, Heard, Logged, answer_hint, client_config};
use crate::failure::Failure;
use crate::group::{self, Group};
use crate::offset::NextOffset;
use crate::place::{Place, Topic};
use crate::topic_ids::topic_ids;
use crate::topics::Topics;

/// How long a broker may take to answer one question.
const ATTEMPT: Duration = Duration::from_secs(5);
/// How long a topic may stay unknown: brokers learn of a new one a moment after it was made.
const UNKNOWN: Duration = Duration::from_secs(3);
const PAUSE: Duration = Duration::from_millis(200);
/// So long nothing more is heard of connections.
const HEARD: Duration = Duration::from_millis(20);
/// How long Kafka may take to say where partitions begin or end.
const ANSWER: Duration = Duration::from_secs(10);

/// A client for questions only. On the connection of the consumer, they would wait behind its fetches.
pub struct Questions {
    client: BaseConsumer<Logged>,
    brokers: String,
    topics: Topics,
    group: String,
}

impl Questions {
    /// Makes the client; nothing is sent yet.
    ///
    /// # Errors
    /// librdkafka does not accept the settings.
    pub fn new(settings: &settings::Kafka, topics: Topics) -> Result<Self, Failure> {
        let client = client_config(settings)
            // It never joins the group, but asks what the group has committed.
            .set("group.id", &settings.group)
            // The end of a partition is that of its last finished transaction, as for the consumer.
            .set("isolation.level", "read_committed")
            .create_with_context(Logged::default())
            .map_err(|error| client::refused("client", &error))?;
        Ok(Self { client, brokers: settings.brokers.clone(), topics, group: settings.group.clone() })
    }

    /// The partitions of all topics, in order; waits at most `within` for the brokers.
    ///
    /// # Errors
    /// The brokers do not answer, or a topic that is named does not exist.
    pub fn places(&self, within: Duration) -> Result<Vec<Place>, Failure> {
        let serve = || while self.client.poll(HEARD).is_some() {};
        let (client, heard) = (self.client.client(), self.client.context().heard());
        places(&Asking { client, brokers: &self.brokers, heard, serve: &serve }, &self.topics, within)
    }

    /// Waits at most `within` until the brokers answer.
    ///
    /// # Errors
    /// They do not.
    pub fn reached(&self, within: Duration) -> Result<(), Failure> {
        self.existing(within).map(drop)
    }

    /// The partitions of those of the topics that exist, in order.
    ///
    /// # Errors
    /// The brokers do not answer within that time.
    pub fn existing(&self, within: Duration) -> Result<Vec<Place>, Failure> {
        let metadata = self.client.fetch_metadata(self.topics.name(), within).map_err(|error| {
            while self.client.poll(HEARD).is_some() {}
            self.client.context().heard().unreachable(&self.brokers, &error)
        })?;
        Ok(listed(&metadata, &self.topics))
    }

    /// When the messages at those positions arrived in Kafka, in milliseconds since 1970, as far as they are found by then.
    ///
    /// # Errors
    /// The client is in no state to read.
    pub fn arrivals(&self, positions: &[(Place, NextOffset)], deadline: Instant) -> KafkaResult<BTreeMap<Place, i64>> {
        let mut list = TopicPartitionList::with_capacity(positions.len());
        for (place, next) in positions {
            list.add_partition_offset(place.topic.name(), place.partition, Offset::Offset(next.get()))?;
        }
        self.client.assign(&list)?;
        let mut found = BTreeMap::new();
        while found.len() < positions.len() && Instant::now() < deadline {
            let Some(Ok(message)) = self.client.poll(PAUSE) else { continue };
            if let Entry::Vacant(vacant) = found.entry(Place::new(message.topic(), message.partition())) {
                vacant.insert(message.timestamp().to_millis().unwrap_or_default());
                let mut read = TopicPartitionList::new();
                read.add_partition(message.topic(), message.partition());
                self.client.pause(&read)?;
            }
        }
        self.client.unassign()?;
        Ok(found)
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

    /// Kafka's ids of the topics that exist; empty for a topic without one.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn topic_ids(&self, topics: &[Topic]) -> KafkaResult<BTreeMap<Topic, String>> {
        topic_ids(self.client.client(), topics, ANSWER)
    }

    /// Who is in the group, and which partitions they have; none if there is no group, or this client may not know of it.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn group(&self) -> KafkaResult<Option<Group>> {
        group::describe(self.client.client(), &self.group, ANSWER)
    }

    /// What the group has committed of those partitions. A broker that has just started does not know at once that it
    /// coordinates the group, so such answers are waited out.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn committed(&self, places: &[Place]) -> KafkaResult<Vec<(Place, Option<NextOffset>)>> {
        let begun = Instant::now();
        loop {
            match self.committed_now(places) {
                Err(error) if begun.elapsed() < ANSWER && error.rdkafka_error_code().is_some_and(is_warming_up) => {
                    debug!(%error, "the group has no coordinator yet");
                    std::thread::sleep(PAUSE);
                }
                answer => return answer,
            }
        }
    }

    fn committed_now(&self, places: &[Place]) -> KafkaResult<Vec<(Place, Option<NextOffset>)>> {
        let mut list = TopicPartitionList::with_capacity(places.len());
        for place in places {
            list.add_partition(place.topic.name(), place.partition);
        }
        let list = self.client.committed_offsets(list, ANSWER).map_err(|error| self.reason(error))?;
        let mut found = Vec::new();
        for element in list.elements() {
            element.error()?;
            let committed = match element.offset() {
                Offset::Offset(offset) => Some(NextOffset::stated(offset)),
                _ => None,
            };
            found.push((Place::new(element.topic(), element.partition()), committed));
        }
        Ok(found)
    }

    /// That the group is refused is heard apart from the call, which only waits for its coordinator.
    fn reason(&self, error: KafkaError) -> KafkaError {
        let mut heard = std::iter::from_fn(|| self.client.poll(HEARD)).filter_map(Result::err);
        heard.find(|found| found.rdkafka_error_code() == Some(RDKafkaErrorCode::GroupAuthorizationFailed)).unwrap_or(error)
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

/// A client that asks, and what it needs to say why it gets no answer.
pub struct Asking<'a, C: ClientContext> {
    /// The client.
    pub client: &'a Client<C>,
    /// Whom it asks.
    pub brokers: &'a str,
    /// What its context has heard of connections.
    pub heard: &'a Heard,
    /// Lets the context hear, where no thread does that all the time.
    pub serve: &'a dyn Fn(),
}

/// The partitions of the topics, in order; waits at most `within` for the brokers.
///
/// # Errors
/// The brokers do not answer, or a topic that is named cannot be used. A pattern may match nothing yet.
pub fn places<C: ClientContext>(asking: &Asking<'_, C>, topics: &Topics, within: Duration) -> Result<Vec<Place>, Failure> {
    match topics {
        Topics::Named(name) => usable(asking, name, within)?.map_err(|unusable| unusable.failure(asking.brokers, name)),
        Topics::Matching(_) => Ok(listed(&metadata(asking, None, within)?, topics)),
    }
}

/// The partitions of a topic, in order, or why it cannot be used; waits at most `within` for the brokers.
///
/// # Errors
/// The brokers do not answer.
pub fn usable<C: ClientContext>(
    asking: &Asking<'_, C>,
    name: &str,
    within: Duration,
) -> Result<Result<Vec<Place>, Unusable>, Failure> {
    let (begin, topics) = (Instant::now(), Topics::Named(name.to_owned()));
    loop {
        let metadata = metadata(asking, Some(name), within.saturating_sub(begin.elapsed()))?;
        let places = listed(&metadata, &topics);
        if !places.is_empty() {
            return Ok(Ok(places));
        }
        if begin.elapsed() >= UNKNOWN.min(within) {
            let error = metadata.topics().iter().find(|found| found.name() == name).and_then(|found| found.error());
            return Ok(Err(Unusable(error.map(|error| KafkaError::MetadataFetch(error.into())))));
        }
        std::thread::sleep(PAUSE);
    }
}

/// What Kafka says of a topic, or of all; waits at most `within` for the brokers.
///
/// # Errors
/// The brokers do not answer, or refuse this client.
pub fn metadata<C: ClientContext>(asking: &Asking<'_, C>, topic: Option<&str>, within: Duration) -> Result<Metadata, Failure> {
    let begin = Instant::now();
    loop {
        let left = within.saturating_sub(begin.elapsed());
        let error = match asking.client.fetch_metadata(topic, left.min(ATTEMPT)) {
            Ok(metadata) => return Ok(metadata),
            Err(error) => error,
        };
        (asking.serve)();
        if left <= PAUSE || asking.heard.is_refusal() {
            return Err(asking.heard.unreachable(asking.brokers, &error));
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

/// Errors of a group whose coordinator is being found or is loading.
fn is_warming_up(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::NotCoordinator
            | RDKafkaErrorCode::CoordinatorNotAvailable
            | RDKafkaErrorCode::CoordinatorLoadInProgress
            | RDKafkaErrorCode::WaitingForCoordinator
    )
}

/// Why a topic cannot be used: what Kafka says of it.
#[derive(Debug)]
pub struct Unusable(Option<KafkaError>);

impl Unusable {
    fn failure(&self, brokers: &str, topic: &str) -> Failure {
        let hint = match &self.0 {
            Some(error) if error.rdkafka_error_code() == Some(RDKafkaErrorCode::TopicAuthorizationFailed) => answer_hint(error),
            _ => {
                "create it, such as with chiso-ingest publish --create-topic PARTITIONS, or set kafka.topic (CHISO__KAFKA__TOPIC)"
            }
        };
        Failure::Dependency(format!("cannot use topic {topic} at {brokers}: {self}; {hint}"))
    }
}

impl fmt::Display for Unusable {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match &self.0 {
            Some(error) => error.fmt(f),
            None => f.write_str("no such topic"),
        }
    }
}
