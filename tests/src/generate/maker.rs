//! Makes the events of a log: draws facts, writes them as events, and adds what happens to them later.

use super::dice::Dice;
use super::event::{Attribute, Data, Event, Name};
use super::pool::Pool;
use super::spelling;
use super::{Options, Style, corrections, facts, scenes, spoils};
use crate::model::{Indicator, Measure, Source, Unit};
use chrono::NaiveDate;

const TYPE: &str = "vn.chiso.indicator.updated.v1";

/// Share of facts of a log of traps that come as a scene of several events.
const SCENES: f64 = 0.35;

/// One statement, before it is spelled.
#[derive(Clone, Debug)]
pub(crate) struct Spec<'a> {
    pub(crate) source: &'a Source,
    pub(crate) unit: &'a Unit,
    pub(crate) indicator: &'a Indicator,
    pub(crate) date: NaiveDate,
    pub(crate) measure: Measure,
    pub(crate) time_ms: i64,
    pub(crate) record: Option<String>,
    pub(crate) revision: u32,
    pub(crate) qualifier: &'static str,
    pub(crate) dimensions: Vec<(String, String)>,
}

pub(crate) struct Maker<'a> {
    pub(crate) pool: &'a Pool<'a>,
    pub(crate) options: &'a Options,
    pub(crate) dice: Dice,
    made: usize,
}

impl<'a> Maker<'a> {
    pub(crate) fn new(pool: &'a Pool<'a>, options: &'a Options) -> Self {
        Self { pool, options, dice: Dice::new(options.seed), made: 0 }
    }

    pub(crate) fn traps(&self) -> bool {
        self.options.style == Style::Traps
    }

    /// All events of the log, repeats included, in the order in which they were thought of.
    pub(crate) fn events(&mut self) -> Vec<Event> {
        let mut events = Vec::with_capacity(self.options.facts * 5 / 4);
        if self.traps() {
            events.extend(spoils::one_of_each(self));
        }
        for _ in 0..self.options.facts {
            let mut made = self.fact();
            if self.dice.chance(self.options.bad)
                && let Some((spec, event)) = made.last_mut()
            {
                spoils::spoil(self, event, spec);
            }
            for (_, event) in made {
                let again = self.dice.chance(self.options.duplicate).then(|| event.clone());
                events.push(event);
                events.extend(again);
            }
        }
        events
    }

    /// One fact with what becomes of it, or a scene.
    fn fact(&mut self) -> Vec<(Spec<'a>, Event)> {
        if self.traps() && self.dice.chance(SCENES) {
            return scenes::play(self);
        }
        let spec = facts::draw(self);
        let event = self.event(&spec);
        let mut made = vec![(spec.clone(), event)];
        corrections::follow(self, &spec, &mut made);
        made
    }

    /// A name that nothing else in the log has.
    pub(crate) fn name(&mut self, letter: char) -> String {
        self.made += 1;
        let plain = format!("{letter}{}-{:08}", self.options.seed, self.made);
        if !self.traps() || self.dice.chance(0.9) {
            return plain;
        }
        let fill = self.dice.pick(&[" é", " e\u{301}", "😀", "\u{1f}", "/\\\"", "ạ̃", "\u{feff}"]);
        // Up to the greatest length that is allowed, 128 bytes.
        let times = if self.dice.chance(0.3) { (128 - plain.len()) / fill.len() } else { 1 };
        plain + &fill.repeat(times)
    }

    /// Spells a statement as an event with an id of its own.
    pub(crate) fn event(&mut self, spec: &Spec<'_>) -> Event {
        let id = self.name('e');
        self.event_named(&id, spec)
    }

    pub(crate) fn event_named(&mut self, id: &str, spec: &Spec<'_>) -> Event {
        let mut event = Event {
            ward: spec.unit.code.clone(),
            attributes: Vec::new(),
            data: Data::Fields(Vec::new()),
            padded_to: 0,
            raw: None,
            sent_ms: spec.time_ms,
        };
        let time =
            if self.traps() { spelling::any_time(spec.time_ms, &mut self.dice) } else { spelling::plain_time(spec.time_ms) };
        for (name, plain) in [("specversion", "1.0"), ("id", id), ("source", &spec.source.id), ("type", TYPE), ("time", &time)] {
            let json = self.traps().then(|| self.text(plain));
            event.attributes.push((name, Attribute::Text { plain: plain.to_owned(), json }));
        }
        if !self.traps() || self.dice.chance(0.3) {
            event.text("datacontenttype", "application/json");
        }
        for (name, plain) in [("indicator", &spec.indicator.code), ("ward", &spec.unit.code), ("date", &spec.date.to_string())] {
            let json = self.text(plain);
            event.repeat(Name::Plain(name), json);
        }
        self.numbers(&mut event, spec);
        self.options_of(&mut event, spec);
        event
    }

    fn numbers(&mut self, event: &mut Event, spec: &Spec<'_>) {
        let numbers = match spec.measure {
            Measure::Value(value) => vec![("value", value)],
            Measure::Parts { numerator, denominator } => vec![("numerator", numerator), ("denominator", denominator)],
            Measure::Percent(percent) => vec![("percent", percent)],
            Measure::Retraction => Vec::new(),
        };
        for (name, micros) in numbers {
            let plain = !self.traps() || self.dice.chance(0.5);
            let json = if plain { spelling::plain_number(micros) } else { spelling::any_number(micros, &mut self.dice) };
            event.repeat(Name::Plain(name), json);
        }
    }

    /// The optional fields; what is a default is said or left out.
    fn options_of(&mut self, event: &mut Event, spec: &Spec<'_>) {
        let say = |maker: &mut Self| maker.traps() && maker.dice.chance(0.1);
        if let Some(record) = &spec.record {
            let json = self.text(record);
            event.set("record", json);
        }
        if spec.revision > 0 || say(self) {
            event.set("revision", spec.revision.to_string());
        }
        if spec.measure == Measure::Retraction || say(self) {
            event.set("retracted", (spec.measure == Measure::Retraction).to_string());
        }
        if spec.qualifier != "exact" || say(self) {
            event.set("qualifier", format!("\"{}\"", spec.qualifier));
        }
        if !spec.dimensions.is_empty() || say(self) {
            let members: Vec<String> =
                spec.dimensions.iter().map(|(key, value)| format!("{}:{}", self.text(key), self.text(value))).collect();
            event.set("dimensions", format!("{{{}}}", members.join(",")));
        }
    }

    fn text(&mut self, plain: &str) -> String {
        if self.traps() { spelling::any_text(plain, &mut self.dice) } else { spelling::plain_text(plain) }
    }
}
