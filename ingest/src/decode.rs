//! A message of Kafka becomes an event or a refusal by the rules of the contract.

use chiso_schemas::event::{self, Event, Message, Refusal};
use chiso_schemas::reference::Reference;
use rdkafka::Message as _;
use rdkafka::message::BorrowedMessage;
use smallvec::SmallVec;

use crate::headers::{Header, USUAL_HEADERS};
use crate::place::Place;
use crate::rows::{Arrival, Refused};

/// Judges the message. A header whose name is no UTF-8 cannot be one that the contract knows.
///
/// # Errors
/// The first rule that the message breaks.
pub fn decode<'a>(
    message: &'a BorrowedMessage<'_>,
    place: Place,
    headers: &'a [(&'a str, &'a [u8])],
    reference: &'a Reference,
) -> Result<Event<'a>, Refusal> {
    event::decode(&Message { topic: place.topic.name(), headers, value: message.payload() }, reference)
}

/// The headers that have a readable name; one without a value counts as empty.
pub fn readable<'a>(headers: &[Header<'a>]) -> SmallVec<[(&'a str, &'a [u8]); USUAL_HEADERS]> {
    headers.iter().filter_map(|&(name, value)| Some((str::from_utf8(name).ok()?, value.unwrap_or_default()))).collect()
}

/// Where and when the message arrived.
pub fn arrival(message: &BorrowedMessage<'_>, place: Place) -> Arrival {
    Arrival::new(place, message.offset(), message.timestamp().to_millis())
}

/// The refused message, whole.
pub fn refused(message: &BorrowedMessage<'_>, place: Place, headers: &[Header<'_>], refusal: Refusal) -> Refused {
    Refused {
        reason: refusal.reason,
        detail: refusal.detail,
        source: refusal.source,
        id: refusal.id,
        key: message.key().map(<[u8]>::to_vec),
        headers: headers.iter().map(|(name, value)| (name.to_vec(), value.map(<[u8]>::to_vec))).collect(),
        raw: message.payload().map(<[u8]>::to_vec),
        arrival: arrival(message, place),
    }
}
