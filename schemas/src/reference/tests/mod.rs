//! Tests of the reference data: a small made-up country for the rules, the real files for the facts.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod embedded;
mod faults;
mod registries;
mod schedule;
mod ways;
mod world;

use chrono::NaiveDate;

use super::*;

fn date(text: &str) -> NaiveDate {
    text.parse().unwrap()
}

fn unit(reference: &Reference, id: &str) -> UnitIx {
    reference.units.by_id(id).unwrap_or_else(|| panic!("no unit {id}"))
}
