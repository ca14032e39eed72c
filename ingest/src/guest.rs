//! A guest of the consumer group: a member that takes nothing. That it comes makes the group share out all partitions, and
//! that it leaves makes it do so again.

use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, TryRecvError};
use std::time::{Duration, Instant};

use chiso_schemas::settings::Kafka;
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::consumer::{BaseConsumer, Consumer as _, ConsumerContext};
use rdkafka::error::{KafkaError, KafkaResult};
use rdkafka::topic_partition_list::TopicPartitionList;
use rdkafka::types::RDKafkaRespErr;
use tracing::debug;

use crate::client;
use crate::consume::member_config;
use crate::topics::Topics;

/// How soon it notices that it shall leave.
const POLL: Duration = Duration::from_millis(100);

/// Answers every rebalance with nothing: so it never fetches a message, and has no offset that it could commit.
#[derive(Default)]
struct Context {
    has_come: AtomicBool,
}

impl ClientContext for Context {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        debug!(target: "librdkafka", %error, reason, "guest of the group");
    }
}

impl ConsumerContext for Context {
    fn rebalance(&self, consumer: &BaseConsumer<Self>, error: RDKafkaRespErr, _: &mut TopicPartitionList) {
        let nothing = TopicPartitionList::new();
        let answer = if error == RDKafkaRespErr::RD_KAFKA_RESP_ERR__ASSIGN_PARTITIONS {
            self.has_come.store(true, Ordering::Relaxed);
            consumer.incremental_assign(&nothing)
        } else {
            consumer.incremental_unassign(&nothing)
        };
        if let Err(error) = answer {
            debug!(%error, "rebalance not answered by the guest");
        }
    }
}

/// Makes the group share out all partitions anew. Returns when the guest has left, after at most `within` and what leaving
/// takes, or when `stopped` is disconnected. Yields whether the group has taken it in.
///
/// # Errors
/// librdkafka does not accept the settings or the name of the topic.
pub fn visit(settings: &Kafka, topics: &Topics, within: Duration, stopped: &Receiver<()>) -> KafkaResult<bool> {
    let deadline = Instant::now() + within;
    let mut config = member_config(settings);
    // Whoever looks at the group shall see who it is.
    config.set("client.id", "chiso-ingest-guest");
    let guest: BaseConsumer<Context> = config.create_with_context(Context::default())?;
    guest.subscribe(&[topics.subscription()])?;
    let has_come = || guest.context().has_come.load(Ordering::Relaxed);
    while !has_come() && Instant::now() < deadline && stopped.try_recv() == Err(TryRecvError::Empty) {
        if let Some(Err(error)) = guest.poll(POLL) {
            debug!(%error, "guest of the group");
        }
    }
    Ok(has_come())
}
