//! Sends messages to Kafka byte for byte and says what became of each: names of headers need not be UTF-8, and a key, a
//! value or the value of a header may be absent, which the safe interface of rdkafka cannot say for names.

use std::ffi::{CString, c_void};
use std::ptr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, PoisonError};
use std::time::Duration;

use chiso_schemas::settings::Kafka;
use rdkafka::bindings::{
    RD_KAFKA_MSG_F_COPY, rd_kafka_header_add, rd_kafka_headers_destroy, rd_kafka_headers_new, rd_kafka_headers_t,
    rd_kafka_producev, rd_kafka_vtype_t as Tag,
};
use rdkafka::client::ClientContext;
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{IsError, KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::DeliveryResult;
use rdkafka::producer::{Producer, ProducerContext, ThreadedProducer};

use crate::broker::{self, Asking, Unusable};
use crate::client::{self, Heard, producer_config};
use crate::failure::Failure;
use crate::headers::Header;
use crate::place::Place;
use crate::topics::Topics;

/// A message to send.
pub struct Letter<'a> {
    /// Topic.
    pub topic: &'a str,
    /// Partition; without one, the key decides as the Java client would.
    pub partition: Option<i32>,
    /// Key.
    pub key: Option<&'a [u8]>,
    /// Headers, in their order.
    pub headers: &'a [Header<'a>],
    /// Value.
    pub value: Option<&'a [u8]>,
}

/// A message that was not delivered: its number, and why.
pub type Lost = (usize, KafkaError);

/// What became of the messages: librdkafka says so from a thread of its own.
#[derive(Default)]
struct Reports {
    reported: AtomicU64,
    lost: Mutex<Vec<Lost>>,
    heard: Heard,
}

impl ClientContext for Reports {
    fn log(&self, level: RDKafkaLogLevel, facility: &str, message: &str) {
        client::log(level, facility, message);
    }

    fn error(&self, error: KafkaError, reason: &str) {
        self.heard.error(&error, reason);
    }
}

impl ProducerContext for Reports {
    /// The number of the message.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, number: usize) {
        if let Err((error, _)) = result {
            self.lost.lock().unwrap_or_else(PoisonError::into_inner).push((number, error.clone()));
        }
        self.reported.fetch_add(1, Ordering::Release);
    }
}

/// Sends messages; all brokers that keep a copy have it when one counts as delivered, and it is there once.
pub struct Courier {
    producer: ThreadedProducer<Reports>,
    sent: AtomicU64,
}

/// Pause while the queue of the producer is full, or while the last reports are awaited.
const PAUSE: Duration = Duration::from_millis(5);

impl Courier {
    /// Makes the producer; nothing is sent yet. A message counts as lost when it is not delivered within that time.
    ///
    /// # Errors
    /// librdkafka does not accept the settings.
    pub fn new(kafka: &Kafka, delivered_within: Duration) -> Result<Self, Failure> {
        let producer = producer_config(kafka, delivered_within)
            .set("linger.ms", "5")
            .set("queue.buffering.max.kbytes", "16384")
            .create_with_context(Reports::default())
            .map_err(|error| client::refused("producer", &error))?;
        Ok(Self { producer, sent: AtomicU64::new(0) })
    }

    /// The partitions of topics, asked of those brokers; waits at most `within` for them.
    ///
    /// # Errors
    /// The brokers do not answer, or a topic that is named does not exist.
    pub fn places(&self, brokers: &str, topics: &Topics, within: Duration) -> Result<Vec<Place>, Failure> {
        broker::places(&self.asking(brokers), topics, within)
    }

    /// The partitions of a topic, or why it cannot be used; waits at most `within` for those brokers.
    ///
    /// # Errors
    /// The brokers do not answer.
    pub fn usable(&self, brokers: &str, topic: &str, within: Duration) -> Result<Result<Vec<Place>, Unusable>, Failure> {
        broker::usable(&self.asking(brokers), topic, within)
    }

    fn asking<'a>(&'a self, brokers: &'a str) -> Asking<'a, Reports> {
        Asking { client: self.producer.client(), brokers, heard: &self.producer.context().heard, serve: &|| () }
    }

    /// Hands a message over; waits while too many are under way. What becomes of it is told by [`Courier::settle`].
    ///
    /// # Errors
    /// librdkafka does not take it, such as one that is longer than it sends at all.
    pub async fn send(&self, letter: &Letter<'_>, number: usize) -> KafkaResult<()> {
        loop {
            match self.hand_over(letter, number) {
                Err(KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull)) => tokio::time::sleep(PAUSE).await,
                Err(error) => return Err(error),
                Ok(()) => {
                    self.sent.fetch_add(1, Ordering::Relaxed);
                    return Ok(());
                }
            }
        }
    }

    /// Waits until each message sent is delivered or lost, and yields those that are lost.
    pub async fn settle(&self) -> Vec<Lost> {
        let reports = self.producer.context();
        while reports.reported.load(Ordering::Acquire) < self.sent.load(Ordering::Relaxed) {
            tokio::time::sleep(PAUSE).await;
            client::drop_if_failed(&self.producer);
        }
        std::mem::take(&mut reports.lost.lock().unwrap_or_else(PoisonError::into_inner))
    }

    fn hand_over(&self, letter: &Letter<'_>, number: usize) -> KafkaResult<()> {
        let topic = CString::new(letter.topic)?;
        let headers = Headers::new(letter.headers)?;
        let (value, value_size) = bytes(letter.value);
        let (key, key_size) = bytes(letter.key);
        // SAFETY: each tag is followed by the arguments that librdkafka documents for it, and the list ends with END.
        // Topic, key and value are copied before the call returns; the headers are librdkafka's if it succeeds.
        let answer = unsafe {
            rd_kafka_producev(
                self.producer.client().native_ptr(),
                Tag::RD_KAFKA_VTYPE_TOPIC,
                topic.as_ptr(),
                Tag::RD_KAFKA_VTYPE_PARTITION,
                letter.partition.unwrap_or(ANY_PARTITION),
                Tag::RD_KAFKA_VTYPE_MSGFLAGS,
                RD_KAFKA_MSG_F_COPY,
                Tag::RD_KAFKA_VTYPE_VALUE,
                value,
                value_size,
                Tag::RD_KAFKA_VTYPE_KEY,
                key,
                key_size,
                Tag::RD_KAFKA_VTYPE_OPAQUE,
                number as *mut c_void,
                Tag::RD_KAFKA_VTYPE_HEADERS,
                headers.0,
                Tag::RD_KAFKA_VTYPE_END,
            )
        };
        if answer.is_error() {
            return Err(KafkaError::MessageProduction(answer.into()));
        }
        std::mem::forget(headers);
        Ok(())
    }
}

/// librdkafka's number for "let the key decide".
const ANY_PARTITION: i32 = -1;

/// Absent is a null pointer; what is empty is there.
fn bytes(bytes: Option<&[u8]>) -> (*mut c_void, usize) {
    bytes.map_or((ptr::null_mut(), 0), |bytes| (bytes.as_ptr().cast_mut().cast(), bytes.len()))
}

/// Headers that are not yet librdkafka's.
struct Headers(*mut rd_kafka_headers_t);

impl Headers {
    fn new(headers: &[Header<'_>]) -> KafkaResult<Self> {
        // SAFETY: the count is a hint only.
        let list = Self(unsafe { rd_kafka_headers_new(headers.len()) });
        for &(name, value) in headers {
            let (value, value_size) = bytes(value);
            let size = |size| isize::try_from(size).unwrap_or(isize::MAX);
            // SAFETY: the list is ours; name and value live through the call, which copies as many bytes as are stated.
            let answer = unsafe { rd_kafka_header_add(list.0, name.as_ptr().cast(), size(name.len()), value, size(value_size)) };
            if answer.is_error() {
                return Err(KafkaError::MessageProduction(answer.into()));
            }
        }
        Ok(list)
    }
}

impl Drop for Headers {
    fn drop(&mut self) {
        // SAFETY: they were made by rd_kafka_headers_new, and nobody else has taken them.
        unsafe { rd_kafka_headers_destroy(self.0) }
    }
}
