//! Positions in partitions: the only place where one is added to an offset.

use std::collections::BTreeMap;

use serde::Serialize;

use crate::place::Place;

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
    pub place: Place,
    /// Which topic of that name.
    pub incarnation: u32,
    /// First position.
    pub from: NextOffset,
    /// Position after the last.
    pub next: NextOffset,
}

/// How far each assigned partition is read, and how much of that a batch has taken over.
#[derive(Debug, Default)]
pub struct Tracks(BTreeMap<Place, Track>);

#[derive(Clone, Copy, Debug)]
struct Track {
    incarnation: u32,
    /// Where the range of the open batch begins.
    from: NextOffset,
    /// Where reading goes on.
    next: NextOffset,
}

impl Tracks {
    /// Begins to follow a partition that is read from there on.
    pub fn assign(&mut self, place: Place, incarnation: u32, start: NextOffset) {
        self.0.insert(place, Track { incarnation, from: start, next: start });
    }

    /// Ends following a partition.
    pub fn revoke(&mut self, place: Place) {
        self.0.remove(&place);
    }

    /// Takes note of a message. Yields whether it is new: its partition is ours and has not been read so far.
    pub fn meet(&mut self, place: Place, offset: i64) -> bool {
        let Some(track) = self.0.get_mut(&place).filter(|track| track.next.get() <= offset) else { return false };
        track.next = NextOffset::after(offset);
        true
    }

    /// Notes that everything before that position is read; never goes back.
    pub fn advance(&mut self, place: Place, next: NextOffset) {
        if let Some(track) = self.0.get_mut(&place) {
            track.next = track.next.max(next);
        }
    }

    /// Where reading of the partition goes on, if it is ours.
    pub fn next(&self, place: Place) -> Option<NextOffset> {
        self.0.get(&place).map(|track| track.next)
    }

    /// An empty range at that position of a partition, if it is ours.
    pub fn empty(&self, place: Place, at: NextOffset) -> Option<Range> {
        self.0.get(&place).map(|track| Range { place, incarnation: track.incarnation, from: at, next: at })
    }

    /// The partitions that are ours.
    pub fn places(&self) -> impl Iterator<Item = Place> {
        self.0.keys().copied()
    }

    /// The ranges read since they were last taken, which stay to be taken.
    pub fn read(&self) -> Vec<Range> {
        let read = self.0.iter().filter(|(_, track)| track.from < track.next);
        read.map(|(&place, track)| Range { place, incarnation: track.incarnation, from: track.from, next: track.next }).collect()
    }

    /// The ranges read since they were last taken.
    pub fn take(&mut self) -> Vec<Range> {
        let read = self.0.iter_mut().filter(|(_, track)| track.from < track.next);
        read.map(|(&place, track)| Range {
            place,
            incarnation: track.incarnation,
            from: std::mem::replace(&mut track.from, track.next),
            next: track.next,
        })
        .collect()
    }

    /// Forgets what was read since it was last taken, and says from where those partitions must be read again.
    pub fn rewind(&mut self) -> Vec<(Place, NextOffset)> {
        let read = self.0.iter_mut().filter(|(_, track)| track.from < track.next);
        read.map(|(&place, track)| {
            track.next = track.from;
            (place, track.from)
        })
        .collect()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn place(partition: i32) -> Place {
        Place::new("t", partition)
    }

    fn range(partition: i32, from: i64, next: i64) -> Range {
        Range { place: place(partition), incarnation: 1, from: NextOffset(from), next: NextOffset(next) }
    }

    #[test]
    fn ranges_follow_each_other_and_hold_the_gaps() {
        let mut tracks = Tracks::default();
        tracks.assign(place(0), 1, NextOffset::stated(5));
        tracks.assign(place(1), 1, NextOffset::stated(0));
        tracks.advance(place(0), NextOffset::after(7));
        assert_eq!(tracks.take(), [range(0, 5, 8)]);
        // Offsets 8 and 9 are gaps: the next message lies at 10.
        tracks.advance(place(0), NextOffset::after(10));
        tracks.advance(place(1), NextOffset::stated(3));
        tracks.advance(place(1), NextOffset::stated(2));
        assert_eq!(tracks.take(), [range(0, 8, 11), range(1, 0, 3)]);
        assert_eq!(tracks.take(), []);
    }

    #[test]
    fn only_new_messages_of_own_partitions_are_expected() {
        let mut tracks = Tracks::default();
        tracks.assign(place(0), 1, NextOffset::stated(5));
        tracks.advance(place(0), NextOffset::after(5));
        assert!(!tracks.meet(place(0), 5) && tracks.meet(place(0), 6) && tracks.meet(place(0), 9) && !tracks.meet(place(0), 9));
        tracks.revoke(place(0));
        assert!(!tracks.meet(place(0), 6) && !tracks.meet(place(1), 0));
    }

    #[test]
    fn what_is_dropped_is_read_again() {
        let mut tracks = Tracks::default();
        tracks.assign(place(0), 1, NextOffset::stated(0));
        tracks.assign(place(1), 1, NextOffset::stated(0));
        tracks.advance(place(0), NextOffset::after(3));
        tracks.take();
        tracks.advance(place(0), NextOffset::after(6));
        assert_eq!(tracks.rewind(), [(place(0), NextOffset(4))]);
        assert_eq!(tracks.take(), []);
        assert!(tracks.meet(place(0), 4));
    }
}
