//! What librdkafka says of itself: how much it has fetched ahead, and which brokers it reaches.

use std::collections::BTreeMap;
use std::fmt::Error;
use std::sync::{Mutex, MutexGuard, PoisonError};

use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::MetricType;
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;
use rdkafka::Statistics;

/// The latest statistics of the consumer.
#[derive(Debug, Default)]
pub(super) struct Fetching(Mutex<Latest>);

#[derive(Debug, Default)]
struct Latest {
    queue_bytes: u64,
    queue_messages: u64,
    received_bytes: u64,
    brokers: BTreeMap<String, Broker>,
}

#[derive(Debug)]
struct Broker {
    up: bool,
    errors: u64,
}

impl Fetching {
    fn latest(&self) -> MutexGuard<'_, Latest> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes over what matters of the statistics.
    pub(super) fn renew(&self, statistics: &Statistics) {
        let partitions = || statistics.topics.values().flat_map(|topic| topic.partitions.values());
        let brokers = statistics.brokers.values().filter(|broker| broker.nodeid >= 0);
        *self.latest() = Latest {
            queue_bytes: partitions().map(|partition| partition.fetchq_size).sum(),
            queue_messages: partitions().map(|partition| partition.fetchq_cnt.unsigned_abs()).sum(),
            received_bytes: statistics.rxmsg_bytes.unsigned_abs(),
            brokers: brokers
                .map(|broker| {
                    let errors = broker.txerrs + broker.rxerrs + broker.req_timeouts;
                    (broker.nodename.clone(), Broker { up: broker.state == "UP", errors })
                })
                .collect(),
        };
    }
}

impl Collector for Fetching {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let latest = self.latest();
        let mut show = |name: &str, help: &str, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        let gauge = ConstGauge::<u64>::new;
        show("kafka_queue_bytes", "Bytes fetched from Kafka that wait to be read.", &gauge(latest.queue_bytes))?;
        show("kafka_queue_messages", "Messages fetched from Kafka that wait to be read.", &gauge(latest.queue_messages))?;
        show("kafka_received_bytes", "Bytes of messages fetched from Kafka.", &ConstCounter::new(latest.received_bytes))?;
        let help = "Whether the consumer is connected to the broker, which it is only while it needs it.";
        let mut up = encoder.encode_descriptor("kafka_broker_up", help, None, MetricType::Gauge)?;
        for (broker, state) in &latest.brokers {
            gauge(u64::from(state.up)).encode(up.encode_family(&[("broker", broker.as_str())])?)?;
        }
        let help = "Requests to the broker that failed or were not answered in time.";
        let mut errors = encoder.encode_descriptor("kafka_broker_errors", help, None, MetricType::Counter)?;
        for (broker, state) in &latest.brokers {
            ConstCounter::new(state.errors).encode(errors.encode_family(&[("broker", broker.as_str())])?)?;
        }
        Ok(())
    }
}
