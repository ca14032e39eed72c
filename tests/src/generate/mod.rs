//! Seeded event logs: realistic ones for trying out, and ones full of traps for tests.
//!
//! A log is decided by its [`Options`] and the reference data alone. The generator knows what is likely to go wrong; it does
//! not know what is right: that is the model's business.

mod corrections;
mod dice;
mod event;
mod facts;
mod maker;
mod pool;
mod scenes;
mod spelling;
mod spoils;
mod unruly;

#[cfg(test)]
mod tests;

use crate::model::{Message, Reference};
use anyhow::{Result, ensure};
use chrono::NaiveDate;
use dice::Dice;
use event::{Event, Look};
use maker::Maker;
use pool::Pool;
use std::io::{self, Write};

/// What the facts of a log look like.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Style {
    /// As a country might send them: plausible numbers, plain spelling, in the order of time. Wards for which a source
    /// of their own reports are left out, so that the two do not mix.
    Realistic,
    /// As nobody would wish them: every trap of the contract, every reason of refusal, in any order.
    Traps,
}

/// The content modes of the messages.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Modes {
    /// Structured only, each value on one line: what files of events hold.
    Structured,
    /// Both, by chance; and what cannot be in a file: messages without value, without headers, or by the wrong topic.
    Both,
}

/// What a log is made of.
#[derive(Clone, Debug)]
pub struct Options {
    /// Decides everything that is left to chance.
    pub seed: u64,
    /// How many facts are stated for the first time; corrections, retractions and repeats come on top.
    pub facts: usize,
    /// How many current wards to draw from; their predecessors are always included.
    pub wards: usize,
    /// First day of most facts.
    pub from: NaiveDate,
    /// Last day of most facts.
    pub to: NaiveDate,
    /// Share of facts that are spoilt.
    pub bad: f64,
    /// Share of events that are sent twice.
    pub duplicate: f64,
    /// Share of facts that are corrected (and again of the corrections).
    pub correct: f64,
    /// Share of facts that are withdrawn.
    pub retract: f64,
    /// Share of ratios that are stated as a percent only.
    pub percent: f64,
    /// Realistic, or full of traps.
    pub style: Style,
    /// Content modes.
    pub modes: Modes,
    /// The topic of the messages.
    pub topic: String,
}

impl Default for Options {
    fn default() -> Self {
        Self {
            seed: 1,
            facts: 5000,
            wards: 60,
            from: NaiveDate::from_ymd_opt(2025, 1, 1).unwrap_or_default(),
            to: NaiveDate::from_ymd_opt(2025, 12, 31).unwrap_or_default(),
            bad: 0.02,
            duplicate: 0.1,
            correct: 0.1,
            retract: 0.03,
            percent: 0.05,
            style: Style::Traps,
            modes: Modes::Both,
            topic: "chiso.indicator-events.v1".to_owned(),
        }
    }
}

/// A log of messages in the order in which they are sent.
#[derive(Clone, Debug)]
pub struct Log {
    /// The messages; the key of each is the code of its ward.
    pub messages: Vec<Message>,
}

impl Log {
    /// Makes the log of these options.
    ///
    /// # Errors
    /// When the options leave nothing to draw from.
    pub fn generate(reference: &Reference, options: &Options) -> Result<Self> {
        ensure!(options.from <= options.to, "the first day, {}, is after the last, {}", options.from, options.to);
        let pool = Pool::new(reference, options)?;
        let mut maker = Maker::new(&pool, options);
        let mut events = maker.events();
        if options.style == Style::Traps {
            maker.dice.shuffle(&mut events);
        } else {
            events.sort_by_key(|event| event.sent_ms);
        }
        let mut messages = messages(events, options);
        if options.style == Style::Traps && options.modes == Modes::Both {
            messages.extend(unruly::messages(&mut maker));
            maker.dice.shuffle(&mut messages);
        }
        Ok(Self { messages })
    }

    /// Writes the values as lines, which for a log of [`Modes::Structured`] is a file of events.
    ///
    /// # Errors
    /// When writing fails.
    pub fn write_lines(&self, out: &mut impl Write) -> io::Result<()> {
        for value in self.messages.iter().filter_map(|message| message.value.as_deref()) {
            out.write_all(value)?;
            out.write_all(b"\n")?;
        }
        Ok(())
    }
}

/// Looks are thrown with other dice than contents, so a log says the same in all modes.
fn messages(events: Vec<Event>, options: &Options) -> Vec<Message> {
    let mut dice = Dice::new(options.seed ^ 0x4C4F_4F4B);
    let message = |event: Event| {
        let structured = options.modes == Modes::Structured || dice.chance(0.5);
        let fancy = options.style == Style::Traps && dice.chance(0.3);
        event.message(&options.topic, Look { structured, fancy }, &mut dice)
    };
    events.into_iter().map(message).collect()
}
