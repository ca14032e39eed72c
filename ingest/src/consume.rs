//! Owns the Kafka consumer: messages, ends of partitions and rebalances come out of it as values.

use std::collections::{BTreeSet, VecDeque};
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, Sender, channel};
use std::sync::{Arc, Mutex, PoisonError};
use std::time::{Duration, Instant};

use chiso_schemas::settings::Kafka;
use rdkafka::Statistics;
use rdkafka::client::ClientContext;
use rdkafka::config::{ClientConfig, RDKafkaLogLevel};
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use rdkafka::types::RDKafkaRespErr;
use tracing::warn;

use crate::client::{self, Heard, client_config};
use crate::failure::Failure;
use crate::group;
use crate::metrics::Metrics;
use crate::offset::NextOffset;
use crate::outages::Outages;
use crate::place::Place;
use crate::topics::{INTERNAL, Topics};

/// What a poll yields.
pub enum Incoming<'a> {
    /// A message.
    Message(BorrowedMessage<'a>),
    /// Everything that lay in a partition of this number when it was last fetched has been given out.
    End(i32),
    /// Nothing for now.
    Nothing,
}

/// A rebalance: partitions that the group gives to this worker or takes from it. Taking away goes on once
/// [`Consumer::unassign`] has answered it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Partitions to read. The group does not wait: [`Consumer::assign`] may come when it is known where to begin.
    Assigned(Vec<Place>),
    /// Partitions to leave.
    Revoked {
        /// Which.
        places: Vec<Place>,
        /// They may already be another worker's: nothing of them can be committed.
        lost: bool,
    },
}

/// Keeps rebalances until the pipeline has time for them: the callback of librdkafka must not wait for ClickHouse.
struct Context {
    metrics: Arc<Metrics>,
    changes: Mutex<VecDeque<Change>>,
    closing: AtomicBool,
    heard: Heard,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(&error, reason);
    }

    fn stats(&self, statistics: Statistics) {
        self.metrics.fetching(&statistics);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let places = list.elements().iter().map(|element| place(element)).collect::<Vec<_>>();
        let is_closing = self.closing.load(Ordering::Relaxed);
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => {
                // Answered at once with nothing, so that a worker that waits for ClickHouse does not hold up the group.
                answered(consumer.incremental_assign(&TopicPartitionList::new()));
                Change::Assigned(places)
            }
            // Nothing is open any more; the consumer only waits for this answer.
            _ if is_closing => return answered(unassign(consumer, &places)),
            _ => Change::Revoked { places, lost: consumer.assignment_lost() },
        };
        if is_closing {
            return;
        }
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }
}

/// A member of the consumer group.
pub struct Consumer {
    inner: BaseConsumer<Context>,
    brokers: String,
    topics: Topics,
    /// Dropped last.
    closed: Option<Sender<()>>,
}

/// How much fetched data librdkafka may hold, in KiB; its default is 64 MiB.
const QUEUE_KIB: &str = "32768";
/// How long Kafka may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);
/// Pause before a partition that something overtook is asked again to go back.
const OVERTAKEN_PAUSE: Duration = Duration::from_millis(20);
/// How often librdkafka says how it is, in milliseconds.
const STATISTICS_MS: &str = "5000";

/// What all members of the group have in common; they commit nothing by themselves.
pub fn member_config(settings: &Kafka) -> ClientConfig {
    let mut config = client_config(settings);
    config
        .set("group.id", &settings.group)
        .set("session.timeout.ms", settings.session_ms_max.to_string())
        .set("partition.assignment.strategy", "cooperative-sticky")
        .set("topic.blacklist", format!("^{INTERNAL}"))
        .set("enable.auto.commit", "false")
        .set("enable.auto.offset.store", "false");
    config
}

impl Consumer {
    /// Makes the consumer; nothing is sent yet.
    ///
    /// # Errors
    /// librdkafka does not accept the settings.
    pub fn new(settings: &Kafka, topics: Topics, metrics: Arc<Metrics>) -> Result<Self, Failure> {
        let context = Context { metrics, heard: Heard::default(), changes: Mutex::default(), closing: AtomicBool::new(false) };
        let mut config = member_config(settings);
        config
            // The pipeline says where to begin. To go on elsewhere by itself would skip messages in silence.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("enable.partition.eof", "true")
            .set("queued.max.messages.kbytes", QUEUE_KIB)
            // With a small queue, the default of one second would leave the worker without data for most of the time.
            .set("fetch.queue.backoff.ms", "20")
            // New topics and partitions are seen so soon.
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("statistics.interval.ms", STATISTICS_MS);
        if !settings.instance.is_empty() {
            config.set("group.instance.id", &settings.instance);
        }
        let inner = config.create_with_context(context).map_err(|error| client::refused("consumer", &error))?;
        Ok(Self { inner, brokers: settings.brokers.clone(), topics, closed: None })
    }

    /// Yields what is disconnected once the consumer is dropped and has left the group, which takes as long as Kafka
    /// takes to answer.
    pub fn closed(&mut self) -> Receiver<()> {
        let (sender, receiver) = channel();
        self.closed = Some(sender);
        receiver
    }

    /// Joins the group.
    ///
    /// # Errors
    /// librdkafka refuses the name of the topic or the pattern.
    pub fn subscribe(&self) -> KafkaResult<()> {
        self.inner.subscribe(&[self.topics.subscription()])
    }

    /// The id by which the group knows this member; none before it has joined.
    pub fn member_id(&self) -> Option<String> {
        group::member_id(self.inner.client())
    }

    /// Waits for a message at most that long. What Kafka cannot deliver for now is noted as an outage.
    ///
    /// # Errors
    /// Kafka says what only a person can change.
    pub fn poll(&self, patience: Duration, outages: &mut Outages) -> Result<Incoming<'_>, Failure> {
        match self.inner.poll(patience) {
            None => Ok(Incoming::Nothing),
            Some(Ok(message)) => {
                outages.delivered(&self.brokers);
                Ok(Incoming::Message(message))
            }
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Incoming::End(partition)),
            Some(Err(KafkaError::MessageConsumption(code))) if !is_final(code, &self.topics) => {
                outages.failed(code, &self.brokers);
                Ok(Incoming::Nothing)
            }
            Some(Err(error)) => Err(self.refused("read", &error)),
        }
    }

    fn refused(&self, doing: &str, error: &KafkaError) -> Failure {
        let (topics, brokers) = (&self.topics, &self.brokers);
        let hint = match error.rdkafka_error_code() {
            Some(RDKafkaErrorCode::AutoOffsetReset) => {
                "messages have expired unread, or the topic was made anew; start the worker again"
            }
            // librdkafka fences a member by its own new join, too, when its session has run out (its issue 3437).
            Some(RDKafkaErrorCode::FencedInstanceId) => {
                "another worker has the same kafka.instance, so give each its own; or this one's session ran out while it or Kafka was away, so start it again"
            }
            Some(_) if self.inner.context().heard.is_refusal() => return self.inner.context().heard.unreachable(brokers, error),
            Some(RDKafkaErrorCode::TopicAuthorizationFailed | RDKafkaErrorCode::GroupAuthorizationFailed) => {
                client::answer_hint(error)
            }
            _ => "check that the topic exists and that this client may read it",
        };
        Failure::Finding(format!("cannot {doing} {topics} at {brokers}: {error}; {hint}"))
    }

    /// The oldest rebalance that waits for an answer.
    pub fn next_change(&self) -> Option<Change> {
        self.inner.context().changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Whether a rebalance waits.
    pub fn has_change(&self) -> bool {
        !self.inner.context().changes.lock().unwrap_or_else(PoisonError::into_inner).is_empty()
    }

    /// Begins to read partitions, each from its position.
    ///
    /// # Errors
    /// The consumer is in no state to do so.
    pub fn assign(&self, starts: &[(Place, NextOffset)]) -> KafkaResult<()> {
        self.inner.incremental_assign(&list(starts)?)
    }

    /// Gives partitions back, also those that were never begun.
    ///
    /// # Errors
    /// The consumer is in no state to do so.
    pub fn unassign(&self, places: &[Place]) -> KafkaResult<()> {
        unassign(&self.inner, places)
    }

    /// Up to where all was given out, marks of transactions included, which are never given out as messages.
    pub fn positions(&self) -> Vec<(Place, NextOffset)> {
        let Ok(list) = self.inner.position() else { return Vec::new() };
        let known = |offset| if let Offset::Offset(offset) = offset { Some(NextOffset::stated(offset)) } else { None };
        list.elements().iter().filter_map(|element| Some((place(element), known(element.offset())?))).collect()
    }

    /// Commits positions and waits for Kafka's answer.
    ///
    /// # Errors
    /// Kafka refuses or does not answer.
    pub fn commit(&self, positions: &[(Place, NextOffset)]) -> KafkaResult<()> {
        self.inner.commit(&list(positions)?, CommitMode::Sync)
    }

    /// Stops fetching without leaving the group; polling must go on.
    ///
    /// # Errors
    /// The consumer is in no state to do so.
    pub fn pause(&self, places: &[Place]) -> KafkaResult<()> {
        self.inner.pause(&names(places))
    }

    /// Ends [`Consumer::pause`].
    ///
    /// # Errors
    /// The consumer is in no state to do so.
    pub fn resume(&self, places: &[Place]) -> KafkaResult<()> {
        self.inner.resume(&names(places))
    }

    /// Reads partitions again from those positions. While the group moves partitions, librdkafka may refuse for a moment: what else it
    /// does with a partition overtakes this.
    ///
    /// # Errors
    /// The consumer is in no state to do so; then some may have been rewound.
    pub fn rewind(&self, positions: &[(Place, NextOffset)]) -> KafkaResult<()> {
        let (mut left, begun) = (positions.to_vec(), Instant::now());
        while !left.is_empty() {
            let answers = self.inner.seek_partitions(list(&left)?, ANSWER)?;
            let mut refused = BTreeSet::new();
            for element in answers.elements() {
                match element.error() {
                    Err(error) if is_overtaken(&error) && begun.elapsed() < ANSWER => _ = refused.insert(place(&element)),
                    answer => answer?,
                }
            }
            left.retain(|(place, _)| refused.contains(place));
            if !left.is_empty() {
                std::thread::sleep(OVERTAKEN_PAUSE);
            }
        }
        Ok(())
    }
}

/// Whether a seek came to nothing because the partition was just being paused, resumed, begun or ended (`Outdated`, `State`,
/// `PreviousInProgress` of librdkafka): asked again it succeeds.
fn is_overtaken(error: &KafkaError) -> bool {
    use RDKafkaErrorCode::{Outdated, PreviousInProgress, State};
    matches!(error.rdkafka_error_code(), Some(Outdated | State | PreviousInProgress))
}

fn place(element: &TopicPartitionListElem<'_>) -> Place {
    Place::new(element.topic(), element.partition())
}

fn list(positions: &[(Place, NextOffset)]) -> KafkaResult<TopicPartitionList> {
    let mut list = TopicPartitionList::with_capacity(positions.len());
    for &(place, next) in positions {
        list.add_partition_offset(place.topic.name(), place.partition, Offset::Offset(next.get()))?;
    }
    Ok(list)
}

fn names<'a>(places: impl IntoIterator<Item = &'a Place>) -> TopicPartitionList {
    let mut list = TopicPartitionList::new();
    for place in places {
        list.add_partition(place.topic.name(), place.partition);
    }
    list
}

/// Leaving the group waits for the partitions to be given back, which the context then does at once.
impl Drop for Consumer {
    fn drop(&mut self) {
        self.inner.context().closing.store(true, Ordering::Relaxed);
        while let Some(change) = self.next_change() {
            if let Change::Revoked { places, .. } = change {
                answered(self.unassign(&places));
            }
        }
    }
}

fn answered(answer: KafkaResult<()>) {
    if let Err(error) = answer {
        warn!(%error, "rebalance not answered");
    }
}

/// librdkafka refuses the whole answer if one of the partitions was not assigned.
fn unassign(consumer: &BaseConsumer<Context>, places: &[Place]) -> KafkaResult<()> {
    let assigned = consumer.assignment()?;
    let begun = |place: &&Place| assigned.find_partition(place.topic.name(), place.partition).is_some();
    consumer.incremental_unassign(&names(places.iter().filter(begun)))
}

/// Errors that do not pass by themselves.
fn is_final(code: RDKafkaErrorCode, topics: &Topics) -> bool {
    if matches!(code, RDKafkaErrorCode::UnknownTopicOrPartition | RDKafkaErrorCode::UnknownTopic) {
        // Of several topics, one may go.
        return matches!(topics, Topics::Named(_));
    }
    matches!(
        code,
        RDKafkaErrorCode::AutoOffsetReset
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::InvalidGroupId
    )
}
