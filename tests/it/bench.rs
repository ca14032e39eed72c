//! The events of `make bench-ingest` are what the benchmark says they are; nothing is timed here.

use std::collections::BTreeSet;
use std::fs;
use std::process::Command;

use chiso_bench::events::{Events, LATE_DAYS, LATEST_DAYS, RECENT_DAYS};
use chiso_tests::model::Reference;
use tempfile::NamedTempFile;

use crate::harness::{program, shipped_reference};

const TOPIC: &str = "chiso.indicator-events.v1";
const COUNT: u64 = 100_000;

fn events(seed: u64, count: u64) -> Events {
    Events::new(&Reference::load(&shipped_reference()).unwrap(), TOPIC, seed, count).unwrap()
}

fn lines(events: &Events) -> Vec<u8> {
    let mut out = Vec::new();
    for number in 0..events.count() {
        events.event(number).write(&mut out).unwrap();
        out.push(b'\n');
    }
    out
}

#[test]
fn every_event_of_the_benchmark_is_accepted() {
    let events = events(1, COUNT);
    let file = NamedTempFile::new().unwrap();
    let lines = lines(&events);
    fs::write(file.path(), &lines).unwrap();
    let output = Command::new(program("chiso-ingest")).args(["check", "--topic", TOPIC]).arg(file.path()).output().unwrap();
    let said = String::from_utf8(output.stdout).unwrap();
    assert!(output.status.success() && said.contains(&format!("{COUNT} accepted, 0 refused")), "{said}");
    let mean = u64::try_from(lines.len()).unwrap() / COUNT - 1;
    assert!((325..=375).contains(&mean), "{mean} bytes an event, said to be about 350");
}

#[test]
fn events_of_the_benchmark_are_spread_as_it_says() {
    let events = events(1, COUNT);
    let (mut wards, mut indicators) = (BTreeSet::new(), BTreeSet::new());
    let (mut recent, mut latest) = (0_u64, 0_u64);
    for number in 0..COUNT {
        let event = events.event(number);
        wards.insert(event.ward().to_owned());
        indicators.insert(event.indicator().to_owned());
        assert!(event.days_back() <= LATEST_DAYS);
        recent += u64::from(event.days_back() < RECENT_DAYS);
        latest += u64::from(event.days_back() >= LATE_DAYS);
    }
    assert_eq!((wards.len(), indicators.len()), (3321, 85));
    assert_eq!(events.reach(), (3321, 85));
    let in_thousand = |part: u64| part * 1000 / COUNT;
    assert!((890..=910).contains(&in_thousand(recent)), "{recent} of the last {RECENT_DAYS} days");
    assert!((45..=55).contains(&in_thousand(latest)), "{latest} more than {LATE_DAYS} days late");
}

#[test]
fn a_seed_decides_the_events_of_the_benchmark() {
    assert_eq!(lines(&events(7, 3000)), lines(&events(7, 3000)));
    assert_ne!(lines(&events(7, 3000)), lines(&events(8, 3000)));
}
