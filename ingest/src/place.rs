//! Places in Kafka: a partition of a topic, cheap to copy and to compare, and how a message finds its own.

use std::cmp::Ordering;
use std::collections::BTreeSet;
use std::fmt;
use std::sync::{Mutex, PoisonError};

use rdkafka::message::{BorrowedMessage, Message as _};
use serde::{Serialize, Serializer};

/// The name of a topic. Every name exists once, so equal topics lie at the same address.
#[derive(Clone, Copy)]
pub struct Topic(&'static str);

static NAMES: Mutex<BTreeSet<&'static str>> = Mutex::new(BTreeSet::new());

impl Topic {
    /// The topic of that name. The name is kept until the process ends: a worker meets few of them.
    pub fn named(name: &str) -> Self {
        let mut names = NAMES.lock().unwrap_or_else(PoisonError::into_inner);
        if let Some(known) = names.get(name) {
            return Self(known);
        }
        let kept: &'static str = Box::leak(name.into());
        names.insert(kept);
        Self(kept)
    }

    /// Its name.
    pub fn name(self) -> &'static str {
        self.0
    }
}

impl PartialEq for Topic {
    fn eq(&self, other: &Self) -> bool {
        std::ptr::eq(self.0, other.0)
    }
}

impl Eq for Topic {}

impl PartialOrd for Topic {
    fn partial_cmp(&self, other: &Self) -> Option<Ordering> {
        Some(self.cmp(other))
    }
}

impl Ord for Topic {
    fn cmp(&self, other: &Self) -> Ordering {
        if self == other { Ordering::Equal } else { self.0.cmp(other.0) }
    }
}

impl fmt::Display for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl fmt::Debug for Topic {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(self.0)
    }
}

impl Serialize for Topic {
    fn serialize<S: Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(self.0)
    }
}

/// A partition of a topic.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord)]
pub struct Place {
    /// The topic.
    pub topic: Topic,
    /// The partition.
    pub partition: i32,
}

impl Place {
    /// The partition of that topic.
    pub fn new(topic: &str, partition: i32) -> Self {
        Self { topic: Topic::named(topic), partition }
    }
}

impl fmt::Display for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} [{}]", self.topic, self.partition)
    }
}

impl fmt::Debug for Place {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Display::fmt(self, f)
    }
}

/// Finds the place of a message without a look at the name of its topic: librdkafka has one object for each topic, and
/// messages come in runs of one partition.
#[derive(Default)]
pub struct Finder {
    known: Vec<(Origin, Place)>,
    last: usize,
}

/// The address of librdkafka's topic and the partition.
type Origin = (usize, i32);

impl Finder {
    /// The place of the message.
    pub fn place(&mut self, message: &BorrowedMessage<'_>) -> Place {
        let origin = origin(message);
        if let Some((known, place)) = self.known.get(self.last)
            && *known == origin
        {
            return *place;
        }
        self.last = self.known.iter().position(|(known, _)| *known == origin).unwrap_or_else(|| {
            self.known.push((origin, Place::new(message.topic(), message.partition())));
            self.known.len() - 1
        });
        self.known[self.last].1
    }

    /// Forgets all: to be called at every rebalance, for a topic that is no longer read may leave its address to another.
    pub fn forget(&mut self) {
        *self = Self::default();
    }
}

fn origin(message: &BorrowedMessage<'_>) -> Origin {
    // SAFETY: the message is alive, and so is its topic, of which only the address is taken.
    let topic = unsafe { (*message.ptr()).rkt };
    (topic as usize, message.partition())
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn equal_names_are_one_topic_and_places_stand_in_the_order_of_names() {
        let name = String::from("b");
        assert_eq!(Topic::named(&name), Topic::named("b"));
        assert!(std::ptr::eq(Topic::named(&name).name(), Topic::named("b").name()));
        let mut places = [("b", 0), ("a", 10), ("b", -1), ("a", 2)].map(|(topic, partition)| Place::new(topic, partition));
        places.sort();
        assert_eq!(places.map(|place| place.to_string()), ["a [2]", "a [10]", "b [-1]", "b [0]"]);
    }
}
