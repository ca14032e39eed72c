//! Owns the Kafka consumer: messages, ends of partitions and rebalances come out of it as values.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::{Duration, Instant};

use chiso_schemas::settings::Kafka;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, CommitMode, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::BorrowedMessage;
use rdkafka::topic_partition_list::{Offset, TopicPartitionList, TopicPartitionListElem};
use rdkafka::types::RDKafkaRespErr;
use tracing::{debug, warn};

use crate::client::{self, client_config};
use crate::failure::Failure;
use crate::offset::NextOffset;
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

/// A rebalance: partitions that the group gives to this worker or takes from it. It goes on once
/// [`Consumer::assign`] or [`Consumer::unassign`] has answered it.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Change {
    /// Partitions to read.
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
#[derive(Default)]
struct Context {
    changes: Mutex<VecDeque<Change>>,
    closing: AtomicBool,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        client::error(&error, reason);
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, list: &mut TopicPartitionList) {
        let places = list.elements().iter().map(|element| place(element)).collect::<Vec<_>>();
        if self.closing.load(Ordering::Relaxed) {
            // Nothing is open any more; the consumer only waits for this answer.
            if let Err(error) = consumer.incremental_unassign(list) {
                debug!(%error, "partitions not given back while closing");
            }
            return;
        }
        let change = match error {
            RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS => Change::Assigned(places),
            _ => Change::Revoked { places, lost: consumer.assignment_lost() },
        };
        self.changes.lock().unwrap_or_else(PoisonError::into_inner).push_back(change);
    }
}

/// A member of the consumer group.
pub struct Consumer {
    inner: BaseConsumer<Context>,
    brokers: String,
    topics: Topics,
    group: String,
}

/// How much fetched data librdkafka may hold, in KiB; its default is 64 MiB.
const QUEUE_KIB: &str = "32768";
/// How long Kafka may take to answer a question.
const ANSWER: Duration = Duration::from_secs(10);
/// Pause before a broker is asked again for what the group has committed.
const COORDINATOR_PAUSE: Duration = Duration::from_millis(200);

impl Consumer {
    /// Makes the consumer; nothing is sent yet.
    ///
    /// # Errors
    /// librdkafka does not accept the settings.
    pub fn new(settings: &Kafka, topics: Topics) -> Result<Self, Failure> {
        let mut config = client_config(settings);
        config
            .set("group.id", &settings.group)
            .set("session.timeout.ms", settings.session_ms_max.to_string())
            .set("enable.auto.commit", "false")
            .set("enable.auto.offset.store", "false")
            // The pipeline says where to begin. To go on elsewhere by itself would skip messages in silence.
            .set("auto.offset.reset", "error")
            .set("isolation.level", "read_committed")
            .set("partition.assignment.strategy", "cooperative-sticky")
            .set("enable.partition.eof", "true")
            .set("queued.max.messages.kbytes", QUEUE_KIB)
            // With a small queue, the default of one second would leave the worker without data for most of the time.
            .set("fetch.queue.backoff.ms", "20")
            // New topics and partitions are seen so soon.
            .set("topic.metadata.refresh.interval.ms", "10000")
            .set("topic.blacklist", format!("^{INTERNAL}"));
        if !settings.instance.is_empty() {
            config.set("group.instance.id", &settings.instance);
        }
        let inner = config.create_with_context(Context::default()).map_err(|error| client::refused("consumer", &error))?;
        let Kafka { brokers, group, .. } = settings.clone();
        Ok(Self { inner, brokers, topics, group })
    }

    /// The group that it belongs to.
    pub fn group(&self) -> &str {
        &self.group
    }

    /// Joins the group.
    ///
    /// # Errors
    /// librdkafka refuses the name of the topic or the pattern.
    pub fn subscribe(&self) -> KafkaResult<()> {
        self.inner.subscribe(&[self.topics.subscription()])
    }

    /// Waits for a message at most that long.
    ///
    /// # Errors
    /// Kafka says what only a person can change.
    pub fn poll(&self, patience: Duration) -> Result<Incoming<'_>, Failure> {
        match self.inner.poll(patience) {
            None => Ok(Incoming::Nothing),
            Some(Ok(message)) => Ok(Incoming::Message(message)),
            Some(Err(KafkaError::PartitionEOF(partition))) => Ok(Incoming::End(partition)),
            Some(Err(KafkaError::MessageConsumption(code))) if !is_final(code) => {
                warn!(error = %code, brokers = self.brokers, "kafka does not deliver now, waiting");
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
            _ => "check that the topic exists and that this client may read it",
        };
        Failure::Finding(format!("cannot {doing} {topics} at {brokers}: {error}; {hint}"))
    }

    /// The oldest rebalance that waits for an answer.
    pub fn next_change(&self) -> Option<Change> {
        self.inner.context().changes.lock().unwrap_or_else(PoisonError::into_inner).pop_front()
    }

    /// Puts a rebalance back that could not be answered now.
    pub fn postpone(&self, change: Change) {
        self.inner.context().changes.lock().unwrap_or_else(PoisonError::into_inner).push_front(change);
    }

    /// Begins to read partitions, each from its position.
    ///
    /// # Errors
    /// The consumer is in no state to do so.
    pub fn assign(&self, starts: &[(Place, NextOffset)]) -> KafkaResult<()> {
        self.inner.incremental_assign(&list(starts)?)
    }

    /// Gives partitions back.
    ///
    /// # Errors
    /// The consumer is in no state to do so.
    pub fn unassign(&self, places: &[Place]) -> KafkaResult<()> {
        self.inner.incremental_unassign(&names(places))
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
                    std::thread::sleep(COORDINATOR_PAUSE);
                }
                answer => return answer,
            }
        }
    }

    fn committed_now(&self, places: &[Place]) -> KafkaResult<Vec<(Place, Option<NextOffset>)>> {
        let list = self.inner.committed_offsets(names(places), ANSWER)?;
        let mut found = Vec::new();
        for element in list.elements() {
            element.error()?;
            let committed = match element.offset() {
                Offset::Offset(offset) => Some(NextOffset::stated(offset)),
                _ => None,
            };
            found.push((place(&element), committed));
        }
        Ok(found)
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

    /// Reads partitions again from those positions.
    ///
    /// # Errors
    /// The consumer is in no state to do so; then some may have been rewound.
    pub fn rewind(&self, positions: &[(Place, NextOffset)]) -> KafkaResult<()> {
        if positions.is_empty() {
            return Ok(());
        }
        let list = self.inner.seek_partitions(list(positions)?, ANSWER)?;
        list.elements().iter().try_for_each(|element| element.error())
    }
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

fn names(places: &[Place]) -> TopicPartitionList {
    let mut list = TopicPartitionList::with_capacity(places.len());
    for &place in places {
        list.add_partition(place.topic.name(), place.partition);
    }
    list
}

/// Leaving the group waits for the partitions to be given back, which the context then does at once.
impl Drop for Consumer {
    fn drop(&mut self) {
        self.inner.context().closing.store(true, Ordering::Relaxed);
        while let Some(change) = self.next_change() {
            let answered = match change {
                Change::Assigned(places) => self.inner.incremental_assign(&names(&places)),
                Change::Revoked { places, .. } => self.unassign(&places),
            };
            if let Err(error) = answered {
                debug!(%error, "rebalance not answered while closing");
            }
        }
    }
}

/// Errors that do not pass by themselves.
fn is_final(code: RDKafkaErrorCode) -> bool {
    matches!(
        code,
        RDKafkaErrorCode::UnknownTopicOrPartition
            | RDKafkaErrorCode::UnknownTopic
            | RDKafkaErrorCode::AutoOffsetReset
            | RDKafkaErrorCode::TopicAuthorizationFailed
            | RDKafkaErrorCode::GroupAuthorizationFailed
            | RDKafkaErrorCode::ClusterAuthorizationFailed
            | RDKafkaErrorCode::SaslAuthenticationFailed
            | RDKafkaErrorCode::InconsistentGroupProtocol
            | RDKafkaErrorCode::InvalidGroupId
    )
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
