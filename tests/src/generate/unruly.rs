//! Messages that cannot stand in a file of events.

use super::event::Look;
use super::facts::draw;
use super::maker::Maker;
use super::spoils::{by_the_wrong_topic, set_each_number};
use crate::model::Message;

/// Messages without value or headers, with headers that are given twice or say something else than the value, with line
/// feeds, with long exponents, and of a source that may not arrive by this topic.
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
        let other_mode = if structured { "application/json" } else { "application/cloudevents+json" };
        for content_type in [other_mode, "application/cloudevents-batch+json", "text/plain", ""] {
            let mut confused = sound();
            confused.headers.retain(|(name, _)| name != "content-type");
            confused.headers.push(("content-type".to_owned(), content_type.as_bytes().to_vec()));
            messages.push(confused);
        }
        let mut twice = sound();
        twice.headers.extend(twice.headers.last().cloned());
        messages.push(twice);
    }
    for exponent in
        ["1e0000000000000000002", "100e-0000000000000000001", "1E+00000000000000000000000000000000000000000000000000000001"]
    {
        let spec = draw(maker);
        let mut event = maker.event(&spec);
        set_each_number(&mut event, exponent);
        messages.push(event.message(&maker.options.topic, Look { structured: false, fancy: false }, &mut maker.dice));
    }
    if let Some(event) = by_the_wrong_topic(maker) {
        messages.push(event.message(&maker.options.topic, Look { structured: true, fancy: false }, &mut maker.dice));
        messages.push(event.message(&maker.options.topic, Look { structured: false, fancy: false }, &mut maker.dice));
    }
    messages
}
