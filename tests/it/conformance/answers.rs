//! What the model answers about a log, each period once: the model is slow and is asked twice.

use std::cell::RefCell;
use std::collections::{BTreeSet, HashMap};
use std::rc::Rc;

use chiso_tests::model::{Calendar, Fact, Judged, Period, Reference, Row, effective, kept_periods, rows};
use chrono::{Days, NaiveDate};

pub(super) struct Answers {
    pub(super) reference: Reference,
    /// The facts that count.
    pub(super) facts: Vec<Fact>,
    /// Days of all accepted facts, also of those that no longer count.
    days: BTreeSet<NaiveDate>,
    carry_days: u64,
    known: RefCell<HashMap<String, Rc<[Row]>>>,
}

impl Answers {
    pub(super) fn new(reference: Reference, judged: &Judged) -> Self {
        Self {
            facts: effective(&judged.facts),
            days: judged.facts.iter().map(|fact| fact.date).collect(),
            carry_days: reference.indicators.values().map(|indicator| indicator.carry_days).max().unwrap(),
            known: RefCell::default(),
            reference,
        }
    }

    /// All rows of a period.
    pub(super) fn rows(&self, calendar: Calendar, id: &str) -> Rc<[Row]> {
        let key = format!("{calendar} {id}");
        let compute = || rows(&self.reference, &self.facts, calendar, id).into();
        Rc::clone(self.known.borrow_mut().entry(key).or_insert_with(compute))
    }

    /// The kept periods of a local day that a fact can reach: it lies in them, or may be carried to their end. The others
    /// have no rows, and one fact of 1900 makes thousands of them.
    pub(super) fn kept(&self, calendar: Calendar, today: NaiveDate) -> Vec<String> {
        let reached = |id: &String| {
            let period = Period::parse(calendar, id).unwrap();
            self.days.range(period.start.min(period.end - Days::new(self.carry_days))..=period.end).next().is_some()
        };
        kept_periods(calendar, today, *self.days.first().unwrap()).into_iter().filter(reached).collect()
    }
}
