//! What must be stored: every message that an independent reader finds in Kafka, as the model judges it.

use std::collections::{BTreeMap, BTreeSet};
use std::time::{Duration, Instant};

use anyhow::{bail, ensure};
use chiso_tests::model::{Fact, Message, Reference};
use rdkafka::ClientConfig;
use rdkafka::consumer::{BaseConsumer, Consumer as _};
use rdkafka::error::KafkaError;
use rdkafka::message::{BorrowedMessage, Headers as _, Message as _};
use rdkafka::topic_partition_list::{Offset, TopicPartitionList};

use crate::load::Place;
use crate::world::{PARTITIONS, PATIENCE, World};

/// What makes two events the same: what a merge leaves one of.
pub type Identity = String;

/// What becomes of a message.
#[derive(Clone, PartialEq, Eq, Debug)]
pub enum Outcome {
    /// It is stored under this identity.
    Stored(Identity),
    /// It is refused for that reason.
    Refused(&'static str),
}

/// Reads the topic from its beginning, beside the workers.
pub struct Truth {
    consumer: BaseConsumer,
    read: Vec<i64>,
    /// Every message so far.
    pub outcomes: BTreeMap<Place, Outcome>,
    /// All accepted ones, repeats included.
    pub facts: Vec<Fact>,
}

impl Truth {
    /// Begins to read.
    ///
    /// # Errors
    /// Kafka does not answer.
    pub fn begin(mut client: ClientConfig, world: &World) -> anyhow::Result<Self> {
        client.set("group.id", format!("{}-truth", world.name)).set("enable.auto.commit", "false");
        client.set("isolation.level", "read_committed").set("enable.partition.eof", "true").set("auto.offset.reset", "error");
        let consumer: BaseConsumer = client.create()?;
        let mut list = TopicPartitionList::new();
        for partition in 0..PARTITIONS {
            list.add_partition_offset(&world.name, partition, Offset::Offset(0))?;
        }
        consumer.assign(&list)?;
        let read = vec![0; usize::try_from(PARTITIONS)?];
        Ok(Self { consumer, read, outcomes: BTreeMap::new(), facts: Vec::new() })
    }

    /// Reads up to those ends.
    ///
    /// # Errors
    /// Kafka does not deliver.
    pub fn read_to(&mut self, world: &World, ends: &[i64]) -> anyhow::Result<()> {
        let begun = Instant::now();
        while self.read.iter().zip(ends).any(|(read, end)| read < end) {
            ensure!(begun.elapsed() < PATIENCE * 2, "the reader does not come from {:?} to {ends:?}", self.read);
            match self.consumer.poll(Duration::from_millis(100)) {
                Some(Ok(message)) => {
                    let place = (message.partition(), message.offset());
                    let message = message_of(&message);
                    self.judge(&world.reference, place, &message);
                    self.pass(place.0, place.1 + 1)?;
                }
                // All that lies there has come out; marks of transactions are the rest.
                Some(Err(KafkaError::PartitionEOF(_))) | None => self.pass_marks()?,
                Some(Err(KafkaError::MessageConsumption(code)))
                    if !matches!(code, rdkafka::types::RDKafkaErrorCode::AutoOffsetReset) => {}
                Some(Err(error)) => bail!("the reader cannot read: {error}"),
            }
        }
        Ok(())
    }

    fn pass_marks(&mut self) -> anyhow::Result<()> {
        for element in self.consumer.position()?.elements() {
            if let Offset::Offset(next) = element.offset() {
                self.pass(element.partition(), next)?;
            }
        }
        Ok(())
    }

    fn pass(&mut self, partition: i32, next: i64) -> anyhow::Result<()> {
        let read = &mut self.read[usize::try_from(partition)?];
        *read = next.max(*read);
        Ok(())
    }

    fn judge(&mut self, reference: &Reference, place: Place, message: &Message) {
        let outcome = match reference.judge(message) {
            Ok(fact) => {
                let identity = identity(reference, &fact);
                self.facts.push(fact);
                Outcome::Stored(identity)
            }
            Err(reason) => Outcome::Refused(reason),
        };
        self.outcomes.insert(place, outcome);
    }

    /// Identities of all accepted messages.
    pub fn identities(&self) -> BTreeSet<&Identity> {
        let mut identities = BTreeSet::new();
        for outcome in self.outcomes.values() {
            if let Outcome::Stored(identity) = outcome {
                identities.insert(identity);
            }
        }
        identities
    }
}

fn message_of(message: &BorrowedMessage<'_>) -> Message {
    let headers = message
        .headers()
        .map(|headers| headers.iter().map(|header| (header.key.to_owned(), header.value.unwrap_or_default().to_vec())).collect());
    Message {
        topic: message.topic().to_owned(),
        key: message.key().map(<[u8]>::to_vec),
        headers: headers.unwrap_or_default(),
        value: message.payload().map(<[u8]>::to_vec),
    }
}

/// As [`crate::stored::IDENTITY`] spells it.
fn identity(reference: &Reference, fact: &Fact) -> Identity {
    let ward = reference.units.get(&fact.unit).map_or("", |unit| unit.code.as_str());
    let time = u128::try_from(fact.version.time_ms).unwrap_or_default();
    let version = u128::from(fact.version.revision) << 96 | time << 48 | u128::from(fact.version.tie);
    let record = fact.record.bytes().map(|byte| format!("{byte:02X}")).collect::<String>();
    format!("{} {} {ward} {} {record} {version}", fact.date, fact.indicator, fact.source)
}
