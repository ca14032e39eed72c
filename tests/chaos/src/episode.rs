//! One topic, one database, some workers: faults happen to them one after another under load, and after each of them what
//! is stored is compared with the model.

use std::path::Path;
use std::time::{Duration, Instant};

use anyhow::{Context as _, bail, ensure};

use crate::check::{Findings, at_rest, under_load};
use crate::engines::{Engines, patiently, wait};
use crate::load::{Load, Published, Rate};
use crate::plan::Fault;
use crate::proxy::Proxy;
use crate::stored::covered;
use crate::tally::Tally;
use crate::truth::Truth;
use crate::worker::Worker;
use crate::world::World;

/// How an episode is made.
#[derive(Clone, Debug)]
pub struct Options {
    /// What the load is.
    pub rate: Rate,
    /// Workers in the group between faults.
    pub workers: usize,
    /// The negative control: workers that commit before they insert.
    pub commit_before_insert: bool,
    /// No fault begins after this moment.
    pub until: Option<Instant>,
}

/// How long workers may take to store what was published, after a fault.
const CAUGHT_UP: Duration = Duration::from_secs(180);

/// A running episode.
pub struct Episode<'a> {
    pub(crate) engines: &'a mut Engines,
    pub(crate) tally: &'a mut Tally,
    pub(crate) world: World,
    pub(crate) workers: Vec<Worker>,
    pub(crate) proxy: Proxy,
    options: Options,
    load: Option<Load>,
    truth: Truth,
    found: Findings,
    started: usize,
}

impl<'a> Episode<'a> {
    /// Makes a world, starts the workers and the load.
    ///
    /// # Errors
    /// An engine or a program fails.
    pub fn begin(engines: &'a mut Engines, tally: &'a mut Tally, place: (&str, &Path), options: Options) -> anyhow::Result<Self> {
        let (name, folder) = place;
        std::fs::create_dir_all(folder)?;
        let world = World::make(engines, name, folder)?;
        let proxy = Proxy::open(engines.servers().clickhouse_url())?;
        let truth = Truth::begin(engines.client(), &world)?;
        let load = Load::start(engines.client(), name, &world.reference, options.rate.clone());
        tally.episodes += 1;
        let found = Findings::default();
        let mut episode =
            Self { engines, tally, world, workers: Vec::new(), proxy, options, load: Some(load), truth, found, started: 0 };
        episode.fill()?;
        Ok(episode)
    }

    /// Injects the faults one after another, then lets everything come to rest and compares all of it. Stops early when
    /// something is lost or double.
    ///
    /// # Errors
    /// Something does not go on by itself that should.
    pub fn run(mut self, faults: &[Fault]) -> anyhow::Result<()> {
        let outcome = self.inject_all(faults);
        let outcome = outcome.and_then(|good| if good { self.rest() } else { Ok(()) });
        self.tally.findings.add(std::mem::take(&mut self.found));
        let shared_out = self.world.said("making it share out all of them anew").map(|times| self.tally.shared_out += times);
        if let (Ok(()), Some(load)) = (&outcome, self.load.take()) {
            self.count(&load.stop()?)?;
        }
        outcome.and(shared_out)
    }

    fn inject_all(&mut self, faults: &[Fault]) -> anyhow::Result<bool> {
        self.settle().context("before the first fault")?;
        for fault in faults {
            if self.options.until.is_some_and(|until| Instant::now() >= until) {
                break;
            }
            let begun = Instant::now();
            self.inject(*fault).with_context(|| fault.to_string())?;
            self.settle().with_context(|| format!("after {fault}"))?;
            let good = self.check().with_context(|| format!("after {fault}"))?;
            eprintln!("{:>6.1} s  {fault}", begun.elapsed().as_secs_f32());
            if !good {
                return Ok(false);
            }
        }
        Ok(true)
    }

    /// Starts workers until there are as many as there shall be between faults, and stops those that are too many.
    pub(crate) fn fill(&mut self) -> anyhow::Result<()> {
        while self.workers.len() < self.options.workers {
            let taken = |slot: &usize| self.workers.iter().any(|worker| worker.slot == *slot);
            let slot = (0..).find(|slot| !taken(slot)).unwrap_or_default();
            self.start(slot)?;
        }
        while self.workers.len() > self.options.workers {
            self.workers.remove(0).stop()?;
        }
        Ok(())
    }

    /// Starts a worker, which talks to ClickHouse over the line that may go bad.
    pub(crate) fn start(&mut self, slot: usize) -> anyhow::Result<()> {
        let mut command = self.world.command(self.engines, "cut-worker", &[])?;
        if self.options.commit_before_insert {
            command.arg("--commit-before-insert");
        }
        command.env("CHISO__CLICKHOUSE__URL", self.proxy.url());
        if slot.is_multiple_of(2) {
            // Half of them are static members, whom the group knows again by name.
            command.env("CHISO__KAFKA__INSTANCE", format!("worker-{slot}"));
        }
        self.started += 1;
        let log = self.world.folder.join(format!("worker-{slot}-{}.log", self.started));
        self.workers.push(Worker::start(slot, command, &log)?);
        Ok(())
    }

    /// Workers that ended by themselves, as some faults make them do, are started again, as an operator's system would.
    pub(crate) fn revive(&mut self) -> anyhow::Result<()> {
        let mut ended = Vec::new();
        for (index, worker) in self.workers.iter_mut().enumerate() {
            if let Some(status) = worker.ended()? {
                ensure!(
                    status.code().is_some_and(|code| code != 101),
                    "worker {} ended with {status}: {}",
                    worker.slot,
                    worker.tail()
                );
                eprintln!("          worker {} ended with {status}: {}", worker.slot, worker.tail());
                ended.push(index);
            }
        }
        for index in ended.into_iter().rev() {
            let slot = self.workers.remove(index).slot;
            self.tally.revived += 1;
            self.start(slot)?;
        }
        Ok(())
    }

    /// Waits until everything that is published by now is covered by the ledger.
    fn settle(&mut self) -> anyhow::Result<()> {
        self.fill()?;
        let world = &self.world;
        let ends = patiently("Kafka says where partitions end", || world.ends(self.engines))?;
        let deadline = Instant::now() + CAUGHT_UP;
        loop {
            if let Some(ended) = self.load.take_if(|load| !load.is_going_on()) {
                ended.stop().context("the load has ended by itself")?;
            }
            self.revive()?;
            // ClickHouse may still be away.
            if let Ok(covers) = covered(self.engines, &self.world)
                && covers.iter().zip(&ends).all(|(cover, end)| cover.next >= *end)
            {
                return Ok(());
            }
            if Instant::now() > deadline {
                let covers = covered(self.engines, &self.world)?;
                let logs = self.workers.iter().map(Worker::tail).collect::<Vec<_>>().join("\n");
                bail!("not stored within {} s: the ledger says {covers:?}, the ends were {ends:?}\n{logs}", CAUGHT_UP.as_secs());
            }
            std::thread::sleep(Duration::from_millis(50));
        }
    }

    /// Whether all is well so far.
    fn check(&mut self) -> anyhow::Result<bool> {
        let found = under_load(self.engines, &self.world, &mut self.truth)?;
        self.tally.checks += 1;
        let copies = found.copies.max(self.found.copies);
        self.found = Findings { copies, ..found };
        Ok(self.found.are_good())
    }

    fn count(&mut self, published: &Published) -> anyhow::Result<()> {
        self.tally.published += u64::try_from(published.places.len())?;
        self.tally.aborted += u64::try_from(published.aborted)?;
        Ok(())
    }

    /// Ends the load and the workers, and compares everything.
    fn rest(&mut self) -> anyhow::Result<()> {
        let published = self.load.take().context("no load")?.stop().context("the load")?;
        self.count(&published)?;
        let ends = patiently("Kafka says where partitions end", || self.world.ends(self.engines))?;
        wait("everything is stored and committed", CAUGHT_UP, || {
            self.revive()?;
            Ok(self.world.committed(self.engines)? == ends)
        })?;
        self.workers.drain(..).try_for_each(Worker::stop)?;
        self.check()?;
        let missing = published.places.iter().filter(|place| !self.truth.outcomes.contains_key(place)).count();
        ensure!(missing == 0, "Kafka has lost {missing} messages that it had acknowledged");
        let covers = covered(self.engines, &self.world)?;
        ensure!(
            covers.iter().zip(&ends).all(|(cover, end)| cover.next >= *end),
            "the ledger ends at {covers:?}, the topic at {ends:?}"
        );
        self.world.finish(self.engines, "chiso-ingest", &["coverage"]).context("the product's own look at the ledger")?;
        self.found.add(at_rest(self.engines, &self.world, &self.truth)?);
        Ok(())
    }
}
