//! Messages that cannot stand in a file of events.

use super::event::Look;
use super::facts::draw;
use super::maker::Maker;
use super::spoils::by_the_wrong_topic;
use crate::model::Message;

/// Messages without value or headers, with headers that say something else than the value, with line feeds, and of a source
/// that may not arrive by this topic.
pub(crate) fn messages(maker: &mut Maker<'_>) -> Vec<Message> {
    let mut messages = Vec::new();
    for structured in [true, false] {
        let mut sound = || {
            let spec = draw(maker);
            let event = maker.event(&spec);
            event.message(&maker.options.topic, Look { structured, fancy: false }, &mut maker.dice)
        };
        messages.push(Message { value: None, ..sound() });
        messages.push(Message { value: Some(Vec::new()), ..sound() });
        messages.push(Message { key: None, ..sound() });
        messages.push(Message { headers: Vec::new(), ..sound() });
        let broken = sound();
        messages.push(Message { value: broken.value.map(|value| [b"\n", value.as_slice(), b"\r\n"].concat()), ..broken });
        // The other mode's content type.
        let other = if structured { "application/json" } else { "application/cloudevents+json" };
        let mut confused = sound();
        confused.headers.retain(|(name, _)| name != "content-type");
        confused.headers.push(("content-type".to_owned(), other.as_bytes().to_vec()));
        messages.push(confused);
        let mut batch = sound();
        batch.headers.retain(|(name, _)| name != "content-type");
        batch.headers.push(("content-type".to_owned(), b"application/cloudevents-batch+json".to_vec()));
        messages.push(batch);
    }
    if let Some(event) = by_the_wrong_topic(maker) {
        messages.push(event.message(&maker.options.topic, Look { structured: true, fancy: false }, &mut maker.dice));
        messages.push(event.message(&maker.options.topic, Look { structured: false, fancy: false }, &mut maker.dice));
    }
    messages
}
