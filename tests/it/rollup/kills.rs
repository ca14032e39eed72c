//! A pass that is killed after any of its statements, and schedulers that are stopped between any two: the next pass brings all
//! rows in line, and at no moment does an area differ from the sum of its wards.

use std::path::Path;
use std::sync::Arc;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use chiso_tests::generate::{Log, Options};
use chiso_tests::model::{Fact, Message, Reference, judge_all};
use chrono::{Days, NaiveDate};
use nix::sys::signal::Signal;
use serde_json::{Value, json};

use super::changes::{changed, redated};
use super::gate::{Gate, Stop, killed_after};
use super::{Scheduler, TODAY, fact, small_world_with};
use crate::conformance::portions::check;
use crate::harness::{World, small_country, wait_until};

/// More than the silence after which another scheduler takes over.
const PATIENCE: Duration = Duration::from_secs(90);
/// Figures of an area that are not the sums of its wards' figures, or of its provinces'; a stated percent is no summand.
const UNEQUAL: &str = "
SELECT count() FROM
(
    SELECT sumForEachIf(figures, level = 'ward') AS wards, sumForEachIf(figures, level = 'province') AS provinces,
           sumForEachIf(figures, level = 'country') AS country
    FROM (SELECT calendar, period, indicator, level,
                 [ifNull(value, 0), ifNull(numerator, 0), ifNull(denominator, 0), toDecimal128(if(wards_reporting > 0, records, 0), 6),
                  toDecimal128(wards_reporting, 6), toDecimal128(wards_percent_only, 6)] AS figures
          FROM rollups)
    GROUP BY calendar, period, indicator
    HAVING wards != country OR provinces != country
)";

/// Reads the view again and again; how often it did, when it is dropped.
struct Reader {
    stop: Arc<AtomicBool>,
    reads: Arc<AtomicU32>,
    thread: Option<JoinHandle<()>>,
}

impl Reader {
    fn start(world: &World) -> Self {
        let (stop, reads) = (Arc::new(AtomicBool::new(false)), Arc::new(AtomicU32::new(0)));
        let (engines, database) = (world.engines, world.database.clone());
        let (ends, counts) = (Arc::clone(&stop), Arc::clone(&reads));
        let thread = thread::spawn(move || {
            while !ends.load(Ordering::SeqCst) {
                assert_eq!(engines.sql(&database, UNEQUAL).trim(), "0", "areas differ from the sums of their wards");
                counts.fetch_add(1, Ordering::SeqCst);
            }
        });
        Self { stop, reads, thread: Some(thread) }
    }

    fn end(mut self) -> u32 {
        self.stop.store(true, Ordering::SeqCst);
        self.thread.take().unwrap().join().unwrap();
        self.reads.load(Ordering::SeqCst)
    }
}

/// A log that arrives piece by piece, and what the model says of what has arrived.
struct Story {
    world: World,
    rest: Vec<Message>,
    arrived: Vec<Fact>,
}

impl Story {
    fn begin(name: &str) -> Self {
        let world = World::with_reference(name, 2, &small_country());
        let options = Options { seed: 31, facts: 900, bad: 0.0, topic: world.topic.clone(), ..Options::default() };
        let rest = Log::generate(&reference(), &options).unwrap().messages;
        let mut story = Self { world, rest, arrived: Vec::new() };
        story.tell(300);
        story.world.roll_up(TODAY);
        story.check("in the beginning");
        story
    }

    /// Stores so many messages more.
    fn tell(&mut self, count: usize) {
        let portion = self.take(count);
        store(&self.world, &portion);
    }

    /// So many messages more, which are about to be stored.
    fn take(&mut self, count: usize) -> Vec<Message> {
        let portion: Vec<Message> = self.rest.drain(..count.min(self.rest.len())).collect();
        assert!(!portion.is_empty(), "the log is too short for this test");
        self.arrived.extend(judge_all(&reference(), &portion).facts);
        portion
    }

    fn check(&self, what: &str) {
        check(&self.world, what, TODAY, reference(), &self.arrived);
    }
}

fn store(world: &World, messages: &[Message]) {
    world.publish(messages);
    world.catch_up();
}

fn received(id: &str, ward: &str, fields: Value) -> String {
    fact(id, "dossiers-received", ward, "2025-09-10", fields)
}

fn reference() -> Reference {
    Reference::load(&small_country()).unwrap()
}

#[test]
fn a_pass_may_be_killed_after_any_of_its_statements() {
    let mut story = Story::begin("killed");
    let reader = Reader::start(&story.world);
    let mut cut = 0;
    loop {
        story.tell(20);
        if !killed_after(&story.world, &["run", "--once", "--today", TODAY], cut + 1) {
            break;
        }
        cut += 1;
        // Every other one is followed by another kill, not by a whole pass.
        if cut % 2 == 0 {
            story.world.roll_up(TODAY);
            story.check(&format!("killed after statement {cut}"));
        }
    }
    story.check("not killed at last");
    assert!(cut >= 12, "a pass makes more than {cut} statements that write");
    assert!(reader.end() > 10);
}

#[test]
fn a_pass_may_be_killed_while_reference_data_change_and_periods_begin() {
    let mut story = Story::begin("killed_between");
    let changed = changed();
    let folders = [small_country(), changed.path().to_owned()];
    let references = [0, 1].map(|at: usize| Reference::load(&folders[at]).unwrap());
    let day = |round: u64| TODAY.parse::<NaiveDate>().unwrap().checked_add_days(Days::new(6 * round)).unwrap().to_string();
    let reader = Reader::start(&story.world);
    let (mut round, mut cut) = (1, 1);
    loop {
        let at = usize::try_from(round).unwrap() % 2;
        story.world.migrate_from(&folders[at]).ok();
        story.tell(10);
        if !killed_after(&story.world, &["run", "--once", "--today", &day(round)], cut) {
            break;
        }
        // Of three in a row two are followed by another kill, with other reference data, and not by a whole pass.
        if round % 3 == 0 {
            story.world.roll_up(&day(round));
            check(&story.world, &format!("killed after statement {cut}"), &day(round), references[at].clone(), &story.arrived);
        }
        (round, cut) = (round + 1, cut + 2);
    }
    let last = references[usize::try_from(round).unwrap() % 2].clone();
    check(&story.world, "not killed at last", &day(round), last, &story.arrived);
    assert!(cut >= 20, "a pass makes more than {cut} statements that write");
    assert!(reader.end() > 10);
    story.world.rollup(&["audit", "--today", &day(round)]).ok();
}

/// Whether the last epoch has retired what it inherited, and nothing waits.
fn has_done_all(world: &World) -> bool {
    let waiting = "SELECT uniqExact(batch) FROM marks WHERE batch NOT IN
                   (SELECT batch FROM retired WHERE epoch = (SELECT max(epoch) FROM claims)) AND batch IN
                   (SELECT batch FROM inherited WHERE epoch = (SELECT max(epoch) FROM claims))";
    world.number(waiting) == 0 && world.rollup(&["status"]).ok().contains("0 with 0 cells")
}

/// A scheduler that is stopped at a statement when something has happened in its world, and the line that holds it there.
fn stopped(world: &mut World, folder: &Path, stop: Stop, happen: impl FnOnce(&World)) -> (Scheduler, Arc<Gate>) {
    let direct = world.engines.clickhouse_url.clone();
    let (address, gate) = Gate::start(stop, &direct);
    world.set("CLICKHOUSE__URL", address);
    let first = Scheduler::start(world, folder, "first");
    world.set("CLICKHOUSE__URL", direct);
    wait_until("the first leads", PATIENCE, || first.log().contains("leading"));
    happen(world);
    gate.wait();
    first.signal(Signal::SIGSTOP);
    (first, gate)
}

/// Another scheduler that has taken over.
fn successor(world: &World, folder: &Path) -> Scheduler {
    let second = Scheduler::start(world, folder, "second");
    wait_until("the second leads", PATIENCE, || second.log().contains("leading"));
    second
}

/// Lets a stopped scheduler go on, until it sees that it was replaced.
fn wake(first: &Scheduler, gate: &Gate) {
    gate.open();
    first.signal(Signal::SIGCONT);
    wait_until("the first sees that it was replaced", PATIENCE, || first.log().contains("another scheduler has taken over"));
    assert!(gate.has_done_its_part(), "no statement asked for later epochs");
}

/// One scheduler is stopped at a statement, another takes over, and then the first goes on where it was.
fn stopped_at(name: &str, stop: Stop) {
    let mut story = Story::begin(name);
    let reader = Reader::start(&story.world);
    let folder = tempfile::tempdir().unwrap();
    let messages = story.take(100);
    let (first, gate) = stopped(&mut story.world, folder.path(), stop, |world| store(world, &messages));
    let second = successor(&story.world, folder.path());
    story.tell(100);
    wait_until("the second has done all", PATIENCE, || has_done_all(&story.world));
    story.check("the second has taken over");
    wake(&first, &gate);
    story.check("the first has woken up");
    story.tell(100);
    wait_until("the second goes on", PATIENCE, || story.world.rollup(&["status"]).ok().contains("0 with 0 cells"));
    first.stop();
    second.stop();
    story.check("in the end");
    assert!(reader.end() > 10);
}

/// One scheduler is stopped while it works on a fact, and wakes up when something else has happened and another has done all. What is
/// there then, in which an audit finds nothing.
fn woken_too_late(name: &str, stop: Stop, fact: String, meanwhile: impl FnOnce(&World)) -> World {
    let mut world = small_world_with(name, &[received("first", "00303", json!({ "value": 3 }))]);
    let folder = tempfile::tempdir().unwrap();
    let (first, gate) = stopped(&mut world, folder.path(), stop, |world| state(world, fact));
    meanwhile(&world);
    let second = successor(&world, folder.path());
    wait_until("the second has done all", PATIENCE, || has_done_all(&world));
    wake(&first, &gate);
    first.stop();
    second.stop();
    world.rollup(&["audit", "--today", TODAY]).ok();
    world
}

fn state(world: &World, event: String) {
    world.publish_events([event]);
    world.catch_up();
}

/// A fact of a ward that has none.
fn lone_fact() -> String {
    received("a", "00301", json!({ "value": 7 }))
}

/// The fact is withdrawn while the first sleeps.
fn woken_after_withdrawal(name: &str, stop: Stop) {
    let withdrawn = received("b", "00301", json!({ "record": "a", "revision": 1, "retracted": true }));
    let world = woken_too_late(name, stop, lone_fact(), |world| state(world, withdrawn));
    assert_eq!(world.number("SELECT count() FROM rollups WHERE area_id LIKE 'W00301%'"), 0, "a row of a fact that was withdrawn");
}

#[test]
fn a_scheduler_that_wakes_too_late_writes_no_row_of_a_fact_that_was_withdrawn() {
    woken_after_withdrawal("late_rows", Stop::Before("INSERT INTO rollup_rows"));
    woken_after_withdrawal("late_summands", Stop::Before("INSERT INTO summands"));
}

#[test]
fn what_clickhouse_writes_for_who_was_replaced_is_no_row_of_a_fact_that_was_withdrawn() {
    woken_after_withdrawal("under_way_rows", Stop::Within("INSERT INTO rollup_rows"));
    woken_after_withdrawal("under_way_summands", Stop::Within("INSERT INTO summands"));
}

#[test]
fn a_scheduler_that_wakes_too_late_writes_no_first_row_of_a_unit_that_there_is_no_more() {
    for (name, statement) in [("late_unit_rows", "INSERT INTO rollup_rows"), ("late_unit_summands", "INSERT INTO summands")] {
        let first_fact = fact("s", "bts-stations", "00101", "2025-12-10", json!({ "value": 7 }));
        let world = woken_too_late(name, Stop::Before(statement), first_fact, |world| {
            world.migrate_from(redated().path()).ok();
        });
        assert_eq!(world.number("SELECT count() FROM rollups WHERE area_id = 'W00105@2026-02-01'"), 0, "a row of no unit");
        assert!(world.number("SELECT count() FROM rollups WHERE area_id = 'W00105@2026-02-05'") > 0);
    }
}

#[test]
fn a_scheduler_that_wakes_too_late_writes_no_cell_of_older_reference_data() {
    woken_too_late("late_cells", Stop::Before("INSERT INTO cells"), lone_fact(), |world| {
        // A flow is a stock from now on: its cells have another form, made of the same events.
        world.migrate_from(changed().path()).ok();
    });
}

#[test]
fn a_scheduler_may_be_stopped_between_reading_and_writing() {
    stopped_at("before_writing", Stop::Before("INSERT INTO rollup_rows"));
}

#[test]
fn a_scheduler_may_be_replaced_while_clickhouse_writes_for_it() {
    stopped_at("within_writing", Stop::Within("INSERT INTO rollup_rows"));
}

#[test]
fn a_scheduler_may_be_stopped_between_writing_and_retiring() {
    stopped_at("before_retiring", Stop::Before("INSERT INTO retired"));
}
