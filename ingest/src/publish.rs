//! `chiso-ingest publish`: sends a file of events to Kafka, byte for byte, also what will be refused.

use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Mutex, OnceLock, PoisonError};
use std::time::{Duration, Instant};

use chiso_schemas::settings::{Kafka, Settings, is_topic};
use rdkafka::ClientContext;
use rdkafka::Message as _;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::config::RDKafkaLogLevel;
use rdkafka::error::{KafkaError, KafkaResult, RDKafkaErrorCode};
use rdkafka::message::{DeliveryResult, Header, OwnedHeaders};
use rdkafka::producer::{BaseRecord, Producer, ProducerContext, ThreadedProducer};
use serde_json::{Value, json};
use tokio::runtime::Handle;

use crate::args::{Mode, PublishArgs};
use crate::broker::{self, Asking};
use crate::check::STRUCTURED;
use crate::client::{self, Heard, Logged, answer_hint, client_config, producer_config};
use crate::failure::Failure;
use crate::lines::{Line, Lines};
use crate::progress::Progress;
use crate::split::{split, ward};
use crate::topics::Topics;

/// How long the brokers may take to answer at start.
const REACHED: Duration = Duration::from_secs(20);
/// How long a message may take to be delivered.
const DELIVERY: Duration = Duration::from_secs(60);
/// How often it is looked whether the producer has failed as a whole.
const GLANCE: Duration = Duration::from_millis(200);
/// Pause while the queue of the producer is full.
const FULL: Duration = Duration::from_millis(5);
/// So many failed lines are named.
const NAMED: usize = 5;

/// Publishes the file and prints what was published as one line of JSON.
///
/// # Errors
/// Kafka or the topic is not there, the file cannot be read, or a line was not delivered.
pub fn publish(settings: &Settings, args: &PublishArgs, runtime: &Handle) -> Result<(), Failure> {
    let topic = Topics::one(args.topic.as_deref().unwrap_or(&settings.kafka.topic), "publish to")?;
    if !is_topic(topic) {
        return Err(Failure::Usage(format!("--topic {topic:?} is no name of a topic: 1 to 249 of a-z A-Z 0-9 . _ -")));
    }
    let mut lines = Lines::open(&args.file)?;
    let publisher = Publisher::new(&settings.kafka, topic, args.mode)?;
    if let Some(partitions) = args.create_topic {
        // Asked first because this client, unlike that of the creation, says what is wrong with a connection.
        broker::metadata(&publisher.asking(), Some(topic), REACHED)?;
        runtime.block_on(create(&settings.kafka, topic, partitions))?;
    }
    broker::places(&publisher.asking(), &Topics::Named(topic.to_owned()), REACHED)?;
    let mut progress = Progress::new(true);
    let mut sent = Sent::default();
    let mut buffer = Vec::new();
    while let Some(line) = lines.next(&mut buffer)? {
        publisher.send(&line, &mut sent)?;
        if publisher.reports().failed() > 0 {
            break;
        }
        let (done, all) = lines.progress();
        progress.show(done, all, || format!("{} events sent", sent.events));
    }
    publisher.finish()?;
    progress.finish(|| format!("{} events published", sent.events));
    println!("{}", sent.to_json());
    Ok(())
}

/// What was sent.
#[derive(Default)]
struct Sent {
    events: u64,
    without_key: u64,
    not_split: u64,
}

impl Sent {
    fn to_json(&self) -> Value {
        json!({ "published": self.events, "without_key": self.without_key, "structured_instead_of_binary": self.not_split })
    }
}

/// What became of the messages: librdkafka says so from a thread of its own.
#[derive(Default)]
struct Reports {
    failed: AtomicU64,
    first: Mutex<Vec<String>>,
    hint: OnceLock<&'static str>,
    heard: Heard,
}

impl Reports {
    fn failed(&self) -> u64 {
        self.failed.load(Ordering::Relaxed)
    }
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
    /// The number of the line.
    type DeliveryOpaque = usize;

    fn delivery(&self, result: &DeliveryResult<'_>, line: usize) {
        if let Err((error, message)) = result {
            self.failed.fetch_add(1, Ordering::Relaxed);
            self.hint.get_or_init(|| answer_hint(error));
            let mut first = self.first.lock().unwrap_or_else(PoisonError::into_inner);
            if first.len() < NAMED {
                first.push(format!("line {line} ({} bytes): {error}", message.payload().map_or(0, <[u8]>::len)));
            }
        }
    }
}

struct Publisher<'a> {
    producer: ThreadedProducer<Reports>,
    brokers: &'a str,
    topic: &'a str,
    mode: Mode,
}

impl<'a> Publisher<'a> {
    fn new(kafka: &'a Kafka, topic: &'a str, mode: Mode) -> Result<Self, Failure> {
        let producer = producer_config(kafka, DELIVERY)
            .set("linger.ms", "20")
            .set("queue.buffering.max.kbytes", "65536")
            .create_with_context(Reports::default())
            .map_err(|error| client::refused("producer", &error))?;
        Ok(Self { producer, brokers: &kafka.brokers, topic, mode })
    }

    fn asking(&self) -> Asking<'_, Reports> {
        Asking { client: self.producer.client(), brokers: self.brokers, heard: &self.reports().heard, serve: &|| () }
    }

    fn reports(&self) -> &Reports {
        self.producer.context()
    }

    fn send(&self, line: &Line<'_>, sent: &mut Sent) -> Result<(), Failure> {
        let binary = if self.mode == Mode::Binary { split(line.bytes) } else { None };
        let (headers, payload) = match &binary {
            Some(binary) => {
                let mut headers = OwnedHeaders::new().insert(Header { key: "content-type", value: Some("application/json") });
                for (name, value) in &binary.attributes {
                    headers = headers.insert(Header { key: &format!("ce_{name}"), value: Some(value) });
                }
                (headers, binary.data.as_bytes())
            }
            None => {
                let [(key, value)] = STRUCTURED;
                (OwnedHeaders::new().insert(Header { key, value: Some(value) }), line.bytes)
            }
        };
        let number = usize::try_from(line.number).unwrap_or(usize::MAX);
        let key = ward(line.bytes);
        let mut record = BaseRecord::with_opaque_to(self.topic, number).payload(payload).headers(headers);
        if let Some(key) = &key {
            record = record.key(key.as_ref());
        }
        self.enqueue(record)?;
        sent.events += 1;
        sent.without_key += u64::from(key.is_none());
        sent.not_split += u64::from(self.mode == Mode::Binary && binary.is_none());
        Ok(())
    }

    fn enqueue(&self, mut record: BaseRecord<'_, str, [u8], usize>) -> Result<(), Failure> {
        loop {
            let line = record.delivery_opaque;
            match self.producer.send(record) {
                Ok(()) => return Ok(()),
                Err((KafkaError::MessageProduction(RDKafkaErrorCode::QueueFull), back)) => {
                    record = back;
                    std::thread::sleep(FULL);
                }
                Err((error, _)) => {
                    return Err(Failure::Finding(format!("cannot publish line {line} to {}: {error}", self.topic)));
                }
            }
        }
    }

    /// Waits until every message is delivered or has failed.
    fn settle(&self) -> KafkaResult<()> {
        let begun = Instant::now();
        loop {
            let flushed = self.producer.flush(GLANCE);
            if flushed.is_ok() || begun.elapsed() >= DELIVERY * 2 {
                return flushed;
            }
            client::drop_if_failed(&self.producer);
        }
    }

    /// Says what was not delivered.
    fn finish(self) -> Result<(), Failure> {
        let flushed = self.settle();
        let (failed, first) =
            (self.reports().failed(), self.reports().first.lock().unwrap_or_else(PoisonError::into_inner).join("; "));
        if failed > 0 {
            let place = format!("topic {} at {}", self.topic, self.brokers);
            // A producer that may not write at all fails as a whole, and then purges what it holds.
            let fatal = self.producer.client().fatal_error().map(|(code, _)| answer_hint(&KafkaError::Global(code)));
            let hint = fatal.or(self.reports().hint.get().copied()).unwrap_or_default();
            let what = format!("{failed} events were not delivered to {place}, the first of them: {first}; {hint}");
            return Err(Failure::Finding(what));
        }
        flushed.map_err(|error| {
            Failure::Dependency(format!("cannot reach Kafka at {}: {error}; not all was delivered", self.brokers))
        })
    }
}

/// Creates the topic with the broker's default replication, unless it exists.
async fn create(kafka: &Kafka, topic: &str, partitions: i32) -> Result<(), Failure> {
    let brokers = &kafka.brokers;
    let unreachable =
        |error| Failure::Dependency(format!("cannot create topic {topic} at {brokers}: {error}; is Kafka running?"));
    let admin: AdminClient<Logged> =
        client_config(kafka).create_with_context(Logged::default()).map_err(|error| client::refused("client", &error))?;
    let options = AdminOptions::new().request_timeout(Some(REACHED)).operation_timeout(Some(REACHED));
    let new = NewTopic::new(topic, partitions, TopicReplication::Fixed(-1));
    for result in admin.create_topics([&new], &options).await.map_err(unreachable)? {
        match result {
            Ok(_) | Err((_, RDKafkaErrorCode::TopicAlreadyExists)) => {}
            Err((_, error)) => {
                return Err(Failure::Finding(format!(
                    "cannot create topic {topic} at {brokers}: {error}; {}",
                    answer_hint(&KafkaError::AdminOp(error))
                )));
            }
        }
    }
    Ok(())
}
