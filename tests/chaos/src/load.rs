//! The load: generated messages published at a steady rate while faults happen, by a plain publisher and by a
//! transactional one, some of whose transactions are aborted.

use std::collections::VecDeque;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::{Duration, Instant};

use anyhow::{Context as _, anyhow};
use chiso_tests::generate::{Log, Options};
use chiso_tests::model::{Message, Reference};
use rand::rngs::SmallRng;
use rand::{RngExt as _, SeedableRng as _};
use rdkafka::ClientConfig;
use rdkafka::client::ClientContext;
use rdkafka::error::KafkaError;
use rdkafka::message::{Header, Message as _, OwnedHeaders};
use rdkafka::producer::{BaseProducer, BaseRecord, DeliveryResult, Producer as _, ProducerContext};

use crate::engines::patiently;
use crate::world::PATIENCE;

/// How the load is made.
#[derive(Clone, Debug)]
pub struct Rate {
    /// Decides the messages and which transactions are aborted.
    pub seed: u64,
    /// Messages a second.
    pub messages: u32,
}

/// Facts of a generated log; when it is used up, another follows.
const FACTS: usize = 1_500;
const TICK: Duration = Duration::from_millis(50);
/// Share of ticks that are published in one transaction, and share of those that are aborted at first.
const TRANSACTIONS: f64 = 0.1;
const ABORTED: f64 = 0.3;
/// How long the last messages may take to be published.
const LAST: Duration = Duration::from_secs(240);

/// Where a message lies: partition and offset.
pub type Place = (i32, i64);

/// What Kafka has acknowledged.
#[derive(Default)]
struct Acks {
    done: Mutex<Vec<Place>>,
    failed: Mutex<Vec<KafkaError>>,
}

impl Acks {
    fn take(&self) -> (Vec<Place>, Vec<KafkaError>) {
        let done = std::mem::take(&mut *self.done.lock().unwrap_or_else(PoisonError::into_inner));
        let failed = std::mem::take(&mut *self.failed.lock().unwrap_or_else(PoisonError::into_inner));
        (done, failed)
    }
}

#[derive(Clone, Default)]
struct Acknowledged(Arc<Acks>);

impl ClientContext for Acknowledged {
    fn log(&self, _: rdkafka::config::RDKafkaLogLevel, _: &str, _: &str) {}
    fn error(&self, _: KafkaError, _: &str) {}
}

impl ProducerContext for Acknowledged {
    type DeliveryOpaque = ();

    fn delivery(&self, result: &DeliveryResult<'_>, (): ()) {
        match result {
            Ok(message) => {
                let place = (message.partition(), message.offset());
                self.0.done.lock().unwrap_or_else(PoisonError::into_inner).push(place);
            }
            Err((error, _)) => {
                self.0.failed.lock().unwrap_or_else(PoisonError::into_inner).push(error.clone());
            }
        }
    }
}

/// What was published.
#[derive(Debug, Default)]
pub struct Published {
    /// Messages that readers must find.
    pub places: Vec<Place>,
    /// Messages in transactions that were aborted.
    pub aborted: usize,
}

/// A thread that publishes.
pub struct Load {
    stop: Arc<AtomicBool>,
    thread: JoinHandle<anyhow::Result<Published>>,
}

impl Load {
    /// Begins to publish into the topic.
    pub fn start(client: ClientConfig, topic: &str, reference: &Reference, rate: Rate) -> Self {
        let stop = Arc::new(AtomicBool::new(false));
        let (stopped, topic, reference) = (Arc::clone(&stop), topic.to_owned(), reference.clone());
        let thread = thread::spawn(move || {
            let mut publisher = Publisher::new(client, topic, reference, rate)?;
            let begun = Instant::now();
            let mut ticks = 0_u32;
            while !stopped.load(Ordering::Relaxed) {
                publisher.tick()?;
                ticks += 1;
                thread::sleep((TICK * ticks).saturating_sub(begun.elapsed()));
            }
            publisher.end()
        });
        Self { stop, thread }
    }

    /// Whether it goes on; it ends by itself only when it fails.
    pub fn is_going_on(&self) -> bool {
        !self.thread.is_finished()
    }

    /// Ends it once everything is acknowledged.
    ///
    /// # Errors
    /// It could not publish.
    pub fn stop(self) -> anyhow::Result<Published> {
        self.stop.store(true, Ordering::Relaxed);
        self.thread.join().map_err(|_| anyhow!("the load panicked"))?
    }
}

struct Publisher {
    topic: String,
    reference: Reference,
    rate: Rate,
    dice: SmallRng,
    logs: u64,
    queue: VecDeque<Message>,
    plain: BaseProducer<Acknowledged>,
    acknowledged: Acknowledged,
    transactional: BaseProducer<Acknowledged>,
    in_transaction: Acknowledged,
    client: ClientConfig,
    published: Published,
}

impl Publisher {
    fn new(client: ClientConfig, topic: String, reference: Reference, rate: Rate) -> anyhow::Result<Self> {
        let acknowledged = Acknowledged::default();
        let mut config = client.clone();
        config.set("enable.idempotence", "true").set("partitioner", "murmur2_random").set("message.timeout.ms", "300000");
        let plain = config.create_with_context(acknowledged.clone())?;
        let in_transaction = Acknowledged::default();
        let transactional = transactional(&client, &topic, &in_transaction)?;
        let dice = SmallRng::seed_from_u64(rate.seed);
        let (queue, published) = (VecDeque::new(), Published::default());
        let made = Self {
            topic,
            reference,
            rate,
            dice,
            logs: 0,
            queue,
            plain,
            acknowledged,
            transactional,
            in_transaction,
            client,
            published,
        };
        Ok(made)
    }

    fn tick(&mut self) -> anyhow::Result<()> {
        let count = (self.rate.messages * u32::try_from(TICK.as_millis())? / 1_000).max(1);
        let mut messages = Vec::new();
        for _ in 0..count {
            messages.push(self.next()?);
        }
        if self.dice.random_bool(TRANSACTIONS) {
            self.publish_together(messages)
        } else {
            messages.iter().try_for_each(|message| send(&self.plain, &self.topic, message))?;
            self.plain.poll(Duration::ZERO);
            self.note_acks()
        }
    }

    fn next(&mut self) -> anyhow::Result<Message> {
        if self.queue.is_empty() {
            self.logs += 1;
            // Names of events hold the seed, so every log says something new.
            let seed = self.rate.seed.wrapping_mul(1_000).wrapping_add(self.logs) % 1_000_000_000;
            let options = Options { seed, facts: FACTS, bad: 0.1, topic: self.topic.clone(), ..Options::default() };
            self.queue.extend(Log::generate(&self.reference, &options)?.messages);
        }
        self.queue.pop_front().context("an empty log")
    }

    fn note_acks(&mut self) -> anyhow::Result<()> {
        let (done, failed) = self.acknowledged.0.take();
        self.published.places.extend(done);
        match failed.into_iter().next() {
            Some(error) => Err(anyhow!("the publisher gave a message up: {error}")),
            None => Ok(()),
        }
    }

    /// One transaction; one that is aborted is published again later, as a publisher would.
    fn publish_together(&mut self, messages: Vec<Message>) -> anyhow::Result<()> {
        let abort = self.dice.random_bool(ABORTED);
        match self.transaction(&messages, abort) {
            Ok(true) => self.published.places.extend(self.in_transaction.0.take().0),
            outcome => {
                if outcome.is_err() {
                    // Kafka is away: a new producer of the same name ends what the old one left open.
                    self.transactional =
                        patiently("begin transactions again", || transactional(&self.client, &self.topic, &self.in_transaction))?;
                }
                self.in_transaction.0.take();
                self.published.aborted += messages.len();
                self.queue.extend(messages);
            }
        }
        Ok(())
    }

    /// Yields whether it was committed.
    fn transaction(&self, messages: &[Message], abort: bool) -> anyhow::Result<bool> {
        let producer = &self.transactional;
        producer.begin_transaction()?;
        for message in messages {
            send(producer, &self.topic, message)?;
        }
        producer.flush(PATIENCE)?;
        if abort {
            producer.abort_transaction(PATIENCE)?;
            return Ok(false);
        }
        let begun = Instant::now();
        // An answer that got lost does not say whether it is committed, so it must be asked for again.
        while let Err(error) = producer.commit_transaction(PATIENCE) {
            let again = matches!(&error, KafkaError::Transaction(error) if error.is_retriable());
            anyhow::ensure!(again && begun.elapsed() < LAST, "a transaction is not committed: {error}");
        }
        Ok(true)
    }

    fn end(mut self) -> anyhow::Result<Published> {
        self.plain.flush(LAST).context("the last messages are not acknowledged")?;
        self.note_acks()?;
        Ok(self.published)
    }
}

fn transactional(client: &ClientConfig, topic: &str, acknowledged: &Acknowledged) -> anyhow::Result<BaseProducer<Acknowledged>> {
    let mut config = client.clone();
    config
        .set("transactional.id", format!("{topic}-load"))
        .set("partitioner", "murmur2_random")
        .set("message.timeout.ms", "60000");
    config.set("transaction.timeout.ms", "60000");
    let producer: BaseProducer<Acknowledged> = config.create_with_context(acknowledged.clone())?;
    producer.init_transactions(PATIENCE).context("cannot begin transactions")?;
    Ok(producer)
}

/// Queues a message; waits while the queue is full.
fn send(producer: &BaseProducer<Acknowledged>, topic: &str, message: &Message) -> anyhow::Result<()> {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &message.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut record: BaseRecord<'_, [u8], [u8]> = BaseRecord::to(topic).headers(headers);
    record.key = message.key.as_deref();
    record.payload = message.value.as_deref();
    while let Err((error, again)) = producer.send(record) {
        anyhow::ensure!(
            error.rdkafka_error_code() == Some(rdkafka::error::RDKafkaErrorCode::QueueFull),
            "cannot publish: {error}"
        );
        producer.poll(Duration::from_millis(10));
        record = again;
    }
    Ok(())
}
