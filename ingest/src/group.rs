//! The consumer group as Kafka sees it: its members, and which partitions each of them has.
//!
//! Asked by `fetch_group_list`. librdkafka's `DescribeConsumerGroups` would say the same without bytes to read, but a worker that
//! used it was seen to abort (assertion on `rd_kafka_enq_once`, release 2.12.1) while Kafka was away.

use std::collections::BTreeSet;
use std::ffi::CStr;
use std::time::Duration;

use rdkafka::bindings::{rd_kafka_mem_free, rd_kafka_memberid};
use rdkafka::client::{Client, ClientContext};
use rdkafka::error::KafkaResult;
use tracing::debug;

use crate::place::Place;

/// What Kafka says of a group.
#[derive(Clone, PartialEq, Eq, Debug)]
pub struct Group {
    /// Whether all members know what they have: no rebalance is going on.
    pub is_stable: bool,
    /// The ids of its members.
    pub members: BTreeSet<String>,
    /// The partitions that members have.
    pub owned: BTreeSet<Place>,
}

/// Asks for a group; none if there is none, or this client may not know of it.
///
/// # Errors
/// Not all brokers answer within that time.
pub fn describe<C: ClientContext>(client: &Client<C>, name: &str, within: Duration) -> KafkaResult<Option<Group>> {
    let list = client.fetch_group_list(Some(name), within)?;
    let Some(group) = list.groups().iter().find(|group| group.name() == name) else { return Ok(None) };
    let mut is_stable = group.state() == "Stable";
    let (mut members, mut owned) = (BTreeSet::new(), BTreeSet::new());
    for member in group.members() {
        members.insert(member.id().to_owned());
        match places(member.assignment().unwrap_or_default()) {
            Some(places) => owned.extend(places),
            None => {
                // Who has what is not known then, so nothing is to be done about it.
                debug!(member = member.id(), "assignment of the member not understood");
                is_stable = false;
            }
        }
    }
    Ok(Some(Group { is_stable, members, owned }))
}

/// The partitions of a `ConsumerProtocolAssignment`: version, then topics, each with its partitions, then bytes that only the
/// members understand. Nothing at all means none. Versions only add what follows.
fn places(assignment: &[u8]) -> Option<Vec<Place>> {
    if assignment.is_empty() {
        return Some(Vec::new());
    }
    let (_version, mut rest) = assignment.split_first_chunk::<2>()?;
    let mut places = Vec::new();
    for _ in 0..number(&mut rest)? {
        let (length, after) = rest.split_first_chunk::<2>()?;
        let (name, after) = after.split_at_checked(usize::try_from(i16::from_be_bytes(*length)).ok()?)?;
        let name = std::str::from_utf8(name).ok()?;
        rest = after;
        for _ in 0..number(&mut rest)? {
            places.push(Place::new(name, number(&mut rest)?));
        }
    }
    Some(places)
}

fn number(rest: &mut &[u8]) -> Option<i32> {
    let (number, after) = rest.split_first_chunk::<4>()?;
    *rest = after;
    Some(i32::from_be_bytes(*number))
}

/// The id by which the group knows this client; none while it is no member.
pub fn member_id<C: ClientContext>(client: &Client<C>) -> Option<String> {
    let handle = client.native_ptr();
    // SAFETY: the client is alive; the id is a string that ends with a zero byte, and is freed once, after it was copied.
    unsafe {
        let id = rd_kafka_memberid(handle);
        if id.is_null() {
            return None;
        }
        let copy = CStr::from_ptr(id).to_string_lossy().into_owned();
        rd_kafka_mem_free(handle, id.cast());
        Some(copy).filter(|id| !id.is_empty())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// Two topics, with two partitions and one, and user data.
    const ASSIGNMENT: &[u8] = b"\0\x01\0\0\0\x02\0\x01a\0\0\0\x02\0\0\0\0\0\0\0\x07\0\x02bc\0\0\0\x01\0\0\x01\0\xff\xff\xff\xff";

    #[test]
    fn the_partitions_of_a_member_are_read() {
        let expected = vec![Place::new("a", 0), Place::new("a", 7), Place::new("bc", 256)];
        assert_eq!(places(ASSIGNMENT), Some(expected));
        assert_eq!(places(b""), Some(vec![]), "a member that has not been given anything yet");
        assert_eq!(places(b"\0\0\0\0\0\0\xff\xff\xff\xff"), Some(vec![]));
    }

    #[test]
    fn what_is_cut_off_or_is_nonsense_is_not_understood() {
        for end in 1..ASSIGNMENT.len() - 4 {
            assert_eq!(places(&ASSIGNMENT[..end]), None, "{end}");
        }
        assert_eq!(places(b"\0\x01\0\0\0\x01\xff\xff"), None, "a name of negative length");
        assert_eq!(places(b"\0\x01\0\0\0\x01\0\x01\xff\0\0\0\0"), None, "a name that is no text");
    }
}
