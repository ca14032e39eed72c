//! Kafka may fail to deliver many times a second while it is away: decides what of that is told, and tells it.

use std::time::{Duration, Instant};

use rdkafka::types::RDKafkaErrorCode;
use tracing::{info, warn};

/// Time between two lines. After so long without a failure, the next one begins an outage of its own.
const EVERY: Duration = Duration::from_secs(30);

/// The outages of one consumer.
#[derive(Default)]
pub struct Outages {
    open: Option<Outage>,
    told_at: Option<Instant>,
}

/// A time in which Kafka failed and no message came.
struct Outage {
    begun: Instant,
    latest: Instant,
    is_told: bool,
}

impl Outages {
    /// Kafka at those brokers has failed to deliver.
    pub fn failed(&mut self, code: RDKafkaErrorCode, brokers: &str) {
        if let Some(lasted) = self.note(Instant::now()) {
            warn!(error = %code, brokers, lasted_s = lasted.as_secs(), "kafka does not deliver now, waiting");
        }
    }

    /// A message has come.
    pub fn delivered(&mut self, brokers: &str) {
        if let Some(lasted) = self.end() {
            info!(brokers, lasted_s = lasted.as_secs(), "kafka delivers again");
        }
    }

    /// Notes a failure. Yields since when there are failures if that is to be told: when they begin, then every half a minute.
    fn note(&mut self, now: Instant) -> Option<Duration> {
        if self.open.as_ref().is_none_or(|open| now - open.latest >= EVERY) {
            self.open = Some(Outage { begun: now, latest: now, is_told: false });
        }
        let open = self.open.as_mut()?;
        open.latest = now;
        // One broker of several may fail again and again while messages come from the others.
        if self.told_at.is_some_and(|told_at| now - told_at < EVERY) {
            return None;
        }
        self.told_at = Some(now);
        open.is_told = true;
        Some(now - open.begun)
    }

    /// Ends the outage, if there is one. Yields how long there were failures if they were told.
    fn end(&mut self) -> Option<Duration> {
        let outage = self.open.take()?;
        outage.is_told.then(|| outage.latest - outage.begun)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn an_outage_is_told_when_it_begins_every_half_a_minute_and_when_it_is_over() {
        let (mut outages, begun) = (Outages::default(), Instant::now());
        let after = |ms: u64| begun + Duration::from_millis(ms);
        let told = (0..1_000).filter_map(|tenth| outages.note(after(tenth * 100))).map(|lasted| lasted.as_secs());
        assert_eq!(told.collect::<Vec<_>>(), [0, 30, 60, 90]);
        assert_eq!(outages.end(), Some(Duration::from_millis(99_900)));
        assert_eq!(outages.end(), None);
    }

    #[test]
    fn failures_between_messages_are_not_told_each() {
        let (mut outages, begun) = (Outages::default(), Instant::now());
        let lines = (0..600).map(|tenth| {
            let begins = outages.note(begun + Duration::from_millis(tenth * 100)).is_some();
            u32::from(begins) + u32::from(outages.end().is_some())
        });
        assert_eq!(lines.sum::<u32>(), 4, "two lines each half a minute");
    }

    #[test]
    fn a_failure_long_after_the_last_one_begins_an_outage_of_its_own() {
        let (mut outages, begun) = (Outages::default(), Instant::now());
        assert_eq!(outages.note(begun), Some(Duration::ZERO));
        assert_eq!(outages.note(begun + Duration::from_secs(1)), None);
        assert_eq!(outages.note(begun + Duration::from_secs(3_600)), Some(Duration::ZERO));
        assert_eq!(outages.end(), Some(Duration::ZERO));
        assert_eq!(outages.end(), None);
    }
}
