//! Partitions that no member of the group has, although nothing is being shared out: a worker makes the group share them out.
//!
//! A static member (`kafka.instance`) that is killed while it gives up a partition gets back what else it had when it returns,
//! and Kafka begins no rebalance for it. The partition is then nobody's, and what comes into it lies unread, until the next
//! rebalance.

use std::collections::{BTreeMap, BTreeSet};
use std::sync::mpsc::{self, Receiver, RecvTimeoutError, Sender};
use std::sync::{Arc, Weak};
use std::time::{Duration, Instant};

use chiso_schemas::settings::Kafka;
use tracing::{debug, info, warn};

use crate::broker::Questions;
use crate::consume::Consumer;
use crate::guest;
use crate::metrics::Metrics;
use crate::place::Place;
use crate::topics::Topics;

/// Pause between two looks at the group.
const LOOK: Duration = Duration::from_secs(5);
/// Longer than a new topic or partition is nobody's: members look for such every 10 s.
const NEW: Duration = Duration::from_secs(15);
/// How much longer a partition is nobody's than its last owner takes to store what is open: until it is someone's again.
const HANDED_OVER: Duration = Duration::from_secs(5);
/// How much longer than storing what is open the group may take to share out.
const SHARED: Duration = Duration::from_secs(30);
/// After so many looks without a trace of the group it is said: a coordinator that has just begun does not know it at once.
const HIDDEN: u32 = 6;
/// After so many attempts the time between two of them grows no more: 64 times the first.
const DOUBLED_MAX: u32 = 6;

/// What the watch works with.
pub struct Parts {
    /// Who asks.
    pub questions: Arc<Questions>,
    /// The member of the group whose worker this is. It leaves the group when the pipeline drops it, not later.
    pub consumer: Weak<Consumer>,
    /// How to reach the group.
    pub kafka: Kafka,
    /// Which partitions must be somebody's.
    pub topics: Topics,
    /// How long a member may take to store what is open before it gives partitions up.
    pub drain_max: Duration,
    /// Who is told.
    pub metrics: Arc<Metrics>,
}

/// Looks at the group now and then, in a thread of its own; ends after it was dropped.
pub struct Watch {
    _stop: Sender<()>,
}

impl Watch {
    /// Begins. What is received from is disconnected once the watch was dropped and no guest of it is in the group.
    pub fn start(parts: Parts) -> (Self, Receiver<()>) {
        let (stop, stopped) = mpsc::channel();
        let (ending, ended) = mpsc::channel();
        std::thread::spawn(move || {
            let _ending: Sender<()> = ending;
            watch(&parts, &stopped);
        });
        (Self { _stop: stop }, ended)
    }
}

fn watch(parts: &Parts, stopped: &Receiver<()>) {
    let mut orphans = Orphans::new(NEW.max(parts.drain_max + HANDED_OVER));
    let mut hidden = 0;
    while stopped.recv_timeout(LOOK) == Err(RecvTimeoutError::Timeout) {
        match look(parts) {
            Look::Seen(seen) => {
                let late = orphans.look(&seen, Instant::now());
                if !late.is_empty() {
                    share_out(parts, &late, stopped);
                }
            }
            Look::Unknown => orphans.forget(),
            Look::Hidden => {
                orphans.forget();
                hidden += 1;
                if hidden == HIDDEN {
                    warn!(
                        group = parts.kafka.group,
                        "kafka does not show this worker its group, so partitions that are nobody's stay so until the next rebalance; let an administrator of Kafka grant this user the group kafka.group (deploy/kafka/acls.sh)"
                    );
                }
            }
        }
    }
}

/// What a look at the group has shown.
enum Look {
    Seen(Seen),
    /// No answer, partitions are being shared out, or this worker is no member now.
    Unknown,
    /// This worker is a member, and Kafka does not say so.
    Hidden,
}

fn look(parts: &Parts) -> Look {
    // Held for this moment only.
    let own = parts.consumer.upgrade().and_then(|consumer| consumer.member_id());
    let Some(own) = own else { return Look::Unknown };
    let group = match parts.questions.group() {
        Ok(Some(group)) => group,
        Ok(None) => return Look::Hidden,
        Err(error) => {
            debug!(%error, "members of the group not known");
            return Look::Unknown;
        }
    };
    let rank = (0..).zip(&group.members).find(|(_, member)| **member == own).map(|(rank, _)| rank);
    let Some(rank) = rank.filter(|_| group.is_stable) else { return Look::Unknown };
    match parts.questions.existing(LOOK) {
        Ok(places) => {
            Look::Seen(Seen { unowned: places.into_iter().filter(|place| !group.owned.contains(place)).collect(), rank })
        }
        Err(error) => {
            debug!(%error, "partitions not known");
            Look::Unknown
        }
    }
}

fn share_out(parts: &Parts, places: &[Place], stopped: &Receiver<()>) {
    warn!(
        ?places,
        group = parts.kafka.group,
        "no member of the group has these partitions: making it share out all of them anew"
    );
    parts.metrics.orphan_rebalance();
    match guest::visit(&parts.kafka, &parts.topics, parts.drain_max + SHARED, stopped) {
        Ok(true) => info!("the group shares out its partitions anew"),
        Ok(false) => warn!("the group has not shared out its partitions, trying again later"),
        Err(error) => warn!(%error, "cannot make the group share out its partitions, trying again later"),
    }
}

/// What one look has shown.
#[derive(Clone, Debug)]
struct Seen {
    unowned: BTreeSet<Place>,
    /// How many members come before this worker. The first acts first; others, should it not, later one after another.
    rank: u32,
}

/// Partitions that were nobody's in every look since some moment.
#[derive(Debug)]
struct Orphans {
    patience: Duration,
    since: BTreeMap<Place, Instant>,
    /// How often the group was made to share out for a partition that was nobody's in every look.
    attempts: BTreeMap<Place, u32>,
}

impl Orphans {
    fn new(patience: Duration) -> Self {
        Self { patience, since: BTreeMap::new(), attempts: BTreeMap::new() }
    }

    /// Nothing is known, or all is being shared out.
    fn forget(&mut self) {
        self.since.clear();
    }

    /// Partitions for which the group is to share out now.
    fn look(&mut self, seen: &Seen, now: Instant) -> Vec<Place> {
        self.since.retain(|place, _| seen.unowned.contains(place));
        self.attempts.retain(|place, _| seen.unowned.contains(place));
        for &place in &seen.unowned {
            self.since.entry(place).or_insert(now);
        }
        let attempts = |place: &Place| self.attempts.get(place).copied().unwrap_or_default().min(DOUBLED_MAX);
        // One that stays nobody's whatever is done, such as that of a topic that librdkafka's reading of the pattern leaves out,
        // must not keep the group moving.
        let is_late = |(place, since): &(&Place, &Instant)| {
            let patience = self.patience * (seen.rank + 1) * (1 << attempts(place));
            now.saturating_duration_since(**since) >= patience
        };
        let late = self.since.iter().filter(is_late).map(|(&place, _)| place).collect::<Vec<_>>();
        if !late.is_empty() {
            late.iter().for_each(|&place| *self.attempts.entry(place).or_default() += 1);
            self.forget();
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const PATIENCE: Duration = Duration::from_secs(25);

    fn seen(partitions: &[i32], rank: u32) -> Seen {
        Seen { unowned: partitions.iter().map(|&partition| Place::new("t", partition)).collect(), rank }
    }

    /// Partitions that were late, and when: a look every five seconds, as `unowned` says.
    fn lates(rank: u32, seconds: u64, unowned: impl Fn(u64) -> Option<Vec<i32>>) -> Vec<(u64, Vec<i32>)> {
        let (mut orphans, begin) = (Orphans::new(PATIENCE), Instant::now());
        let mut found = Vec::new();
        for second in (0..=seconds).step_by(5) {
            let Some(partitions) = unowned(second) else {
                orphans.forget();
                continue;
            };
            let late = orphans.look(&seen(&partitions, rank), begin + Duration::from_secs(second));
            if !late.is_empty() {
                found.push((second, late.iter().map(|place| place.partition).collect()));
            }
        }
        found
    }

    #[test]
    fn what_is_nobodys_for_long_enough_is_late() {
        assert_eq!(lates(0, 40, |_| Some(vec![])), []);
        assert_eq!(lates(0, 40, |second| Some(if second < 30 { vec![1, 3] } else { vec![] })), [(25, vec![1, 3])]);
        // Each partition has its own time.
        assert_eq!(lates(0, 30, |second| Some(if second < 10 { vec![1] } else { vec![1, 2] })), [(25, vec![1])]);
    }

    #[test]
    fn what_is_being_shared_out_is_not() {
        // A rebalance, or no answer, at 20 s: all begins anew.
        assert_eq!(lates(0, 40, |second| (second != 20).then(|| vec![1])), []);
        assert_eq!(lates(0, 50, |second| (second != 20).then(|| vec![1])), [(50, vec![1])]);
        // Handed from one member to the next.
        assert_eq!(lates(0, 60, |second| Some(if second % 25 < 20 { vec![1] } else { vec![] })), []);
    }

    #[test]
    fn the_first_member_acts_and_others_if_it_does_not() {
        for (rank, at) in [(0, 25), (1, 50), (3, 100)] {
            assert_eq!(lates(rank, at, |_| Some(vec![1])), [(at, vec![1])]);
        }
    }

    #[test]
    fn attempts_that_do_not_help_become_rare() {
        let all = lates(0, 20_000, |_| Some(vec![1])).into_iter().map(|(second, _)| second).collect::<Vec<_>>();
        let pauses = all.windows(2).map(|pair| (pair[1] - pair[0]) / 5).collect::<Vec<_>>();
        // In looks, of which the first after an attempt sets the clock.
        assert_eq!(pauses[..7], [11, 21, 41, 81, 161, 321, 321]);
        // One that helped counts no more.
        let helped = lates(0, 80, |second| Some(if (30..40).contains(&second) { vec![] } else { vec![1] }));
        assert_eq!(helped, [(25, vec![1]), (65, vec![1])]);
    }
}
