//! Positions in partitions: the only place where one is added to an offset.

use std::collections::BTreeMap;

use serde::Serialize;

/// The offset that Kafka should send next: what is committed to Kafka and written into the ledger.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug, Serialize)]
#[serde(transparent)]
pub struct NextOffset(i64);

impl NextOffset {
    /// The position after the message at that offset.
    pub fn after(offset: i64) -> Self {
        Self(offset + 1)
    }

    /// A position that Kafka states: a committed offset, the position of the consumer, an end offset.
    pub fn stated(position: i64) -> Self {
        Self(position)
    }

    /// The offset.
    pub fn get(self) -> i64 {
        self.0
    }
}

/// Positions `[from, next)` of a partition. Gaps that transactions leave are inside, so ranges of one partition follow
/// each other without a hole.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Range {
    /// The partition.
    pub partition: i32,
    /// First position.
    pub from: NextOffset,
    /// Position after the last.
    pub next: NextOffset,
}

/// How far each assigned partition is read, and how much of that a batch has taken over.
#[derive(Debug, Default)]
pub struct Tracks(BTreeMap<i32, Track>);

#[derive(Clone, Copy, Debug)]
struct Track {
    /// Where the range of the open batch begins.
    from: NextOffset,
    /// Where reading goes on.
    next: NextOffset,
}

impl Tracks {
    /// Begins to follow a partition that is read from there on.
    pub fn assign(&mut self, partition: i32, start: NextOffset) {
        self.0.insert(partition, Track { from: start, next: start });
    }

    /// Ends following a partition.
    pub fn revoke(&mut self, partition: i32) {
        self.0.remove(&partition);
    }

    /// Whether a message at that offset is new: its partition is ours and has not been read so far.
    pub fn expects(&self, partition: i32, offset: i64) -> bool {
        self.0.get(&partition).is_some_and(|track| track.next.get() <= offset)
    }

    /// Notes that everything before that position is read; never goes back.
    pub fn advance(&mut self, partition: i32, next: NextOffset) {
        if let Some(track) = self.0.get_mut(&partition) {
            track.next = track.next.max(next);
        }
    }

    /// Where reading of the partition goes on, if it is ours.
    pub fn next(&self, partition: i32) -> Option<NextOffset> {
        self.0.get(&partition).map(|track| track.next)
    }

    /// The partitions that are ours.
    pub fn partitions(&self) -> impl Iterator<Item = i32> {
        self.0.keys().copied()
    }

    /// The ranges read since they were last taken, which stay to be taken.
    pub fn read(&self) -> Vec<Range> {
        let read = self.0.iter().filter(|(_, track)| track.from < track.next);
        read.map(|(&partition, track)| Range { partition, from: track.from, next: track.next }).collect()
    }

    /// The ranges read since they were last taken.
    pub fn take(&mut self) -> Vec<Range> {
        let read = self.0.iter_mut().filter(|(_, track)| track.from < track.next);
        read.map(|(&partition, track)| Range {
            partition,
            from: std::mem::replace(&mut track.from, track.next),
            next: track.next,
        })
        .collect()
    }

    /// Forgets what was read since it was last taken, and says from where those partitions must be read again.
    pub fn rewind(&mut self) -> Vec<(i32, NextOffset)> {
        let read = self.0.iter_mut().filter(|(_, track)| track.from < track.next);
        read.map(|(&partition, track)| {
            track.next = track.from;
            (partition, track.from)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const fn range(partition: i32, from: i64, next: i64) -> Range {
        Range { partition, from: NextOffset(from), next: NextOffset(next) }
    }

    #[test]
    fn ranges_follow_each_other_and_hold_the_gaps() {
        let mut tracks = Tracks::default();
        tracks.assign(0, NextOffset::stated(5));
        tracks.assign(1, NextOffset::stated(0));
        tracks.advance(0, NextOffset::after(7));
        assert_eq!(tracks.take(), [range(0, 5, 8)]);
        // Offsets 8 and 9 are gaps: the next message lies at 10.
        tracks.advance(0, NextOffset::after(10));
        tracks.advance(1, NextOffset::stated(3));
        tracks.advance(1, NextOffset::stated(2));
        assert_eq!(tracks.take(), [range(0, 8, 11), range(1, 0, 3)]);
        assert_eq!(tracks.take(), []);
    }

    #[test]
    fn only_new_messages_of_own_partitions_are_expected() {
        let mut tracks = Tracks::default();
        tracks.assign(0, NextOffset::stated(5));
        tracks.advance(0, NextOffset::after(5));
        assert!(!tracks.expects(0, 5) && tracks.expects(0, 6) && tracks.expects(0, 9));
        tracks.revoke(0);
        assert!(!tracks.expects(0, 6) && !tracks.expects(1, 0));
    }

    #[test]
    fn what_is_dropped_is_read_again() {
        let mut tracks = Tracks::default();
        tracks.assign(0, NextOffset::stated(0));
        tracks.assign(1, NextOffset::stated(0));
        tracks.advance(0, NextOffset::after(3));
        tracks.take();
        tracks.advance(0, NextOffset::after(6));
        assert_eq!(tracks.rewind(), [(0, NextOffset(4))]);
        assert!(tracks.expects(0, 4));
        assert_eq!(tracks.take(), []);
    }
}
