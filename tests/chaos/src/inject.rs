//! Makes one fault happen, and finds out whether it met an open batch.

use std::thread;
use std::time::Duration;

use anyhow::{Context as _, bail, ensure};
use chiso_ingest::probe::Cut;
use nix::sys::signal::{Signal, kill};

use crate::engines::{patiently, wait};
use crate::episode::Episode;
use crate::passage::{Order, Passage};
use crate::plan::{Fault, Manner, Victim};
use crate::tally::RANDOM;
use crate::worker::Worker;

/// How long it may take until a batch comes to a cut, and a group to be complete.
const SOON: Duration = Duration::from_secs(180);
/// A worker that is stopped says no more; what it said before is read by then.
const HEARD: Duration = Duration::from_millis(30);

impl Episode<'_> {
    /// Makes the fault happen. What was killed runs again when this returns, or is being started.
    pub(crate) fn inject(&mut self, fault: Fault) -> anyhow::Result<()> {
        match fault {
            Fault::Kill(victim, cut, nth) => {
                self.tally.fault(&format!("kill -9 of {}", victim.name()));
                let (index, passage) = self.hold(cut, nth, |_| true)?;
                let landed = passage.rows > 0 && (cut != Cut::MidInsert || self.is_inserting());
                self.tally.kill(cut.name(), victim, landed);
                self.kill(victim, index)?;
            }
            Fault::KillAtRandom(victim, after) => {
                self.tally.fault(&format!("kill -9 of {} at random", victim.name()));
                thread::sleep(after);
                self.revive()?;
                let index = usize::try_from(after.as_millis())? % self.workers.len();
                let landed = self.freeze(victim, index)?;
                self.tally.kill(RANDOM, victim, landed);
                self.kill(victim, index)?;
            }
            Fault::Pause(Victim::Worker, cut, time) => self.pause_worker(cut, time)?,
            Fault::Pause(victim, cut, time) => {
                self.tally.fault(&format!("SIGSTOP of {}", victim.name()));
                self.hold(cut, 1, |_| true)?;
                let pid = self.engines.process(victim)?;
                kill(pid, Signal::SIGSTOP)?;
                self.go();
                thread::sleep(time);
                kill(pid, Signal::SIGCONT)?;
            }
            Fault::Replace(cut) => self.replace_worker(cut)?,
            Fault::Join => {
                self.tally.fault("a worker joins");
                self.join()?;
            }
            Fault::Leave => {
                self.tally.fault("a worker is asked to stop");
                self.workers.remove(0).stop()?;
            }
            Fault::Swap => {
                self.tally.fault("a worker stops while another joins");
                let slot = self.free_slot();
                self.start(slot)?;
                self.workers.remove(0).stop()?;
            }
            Fault::Line(manner, time) => self.spoil_line(manner, time)?,
        }
        Ok(())
    }

    /// kill -9. A worker is started again at once; an engine has come back when this returns.
    fn kill(&mut self, victim: Victim, index: usize) -> anyhow::Result<()> {
        if victim == Victim::Worker {
            let worker = self.workers.remove(index);
            let slot = worker.slot;
            worker.kill()?;
            self.go();
            return self.start(slot);
        }
        self.engines.kill(victim)?;
        self.go();
        self.engines.wait_back(victim)
    }

    /// Waits until a batch with rows is at the cut in one of those workers, which is held there; the others go on.
    fn hold(&mut self, cut: Cut, nth: u32, may: impl Fn(&Worker) -> bool) -> anyhow::Result<(usize, Passage)> {
        let mut ordered = Vec::new();
        let mut held = None;
        wait(&format!("a batch comes to cut {}", cut.name()), SOON, || {
            self.revive()?;
            for worker in self.workers.iter_mut().filter(|worker| may(worker) && !ordered.contains(&worker.id())) {
                worker.order(Order::Hold(cut, nth));
            }
            ordered = self.workers.iter().map(|worker| worker.id()).collect();
            held = self.workers.iter().enumerate().find_map(|(index, worker)| Some((index, worker.held()?)));
            Ok(held.is_some())
        })?;
        let (index, passage) = held.context("nobody is held")?;
        for (other, worker) in self.workers.iter_mut().enumerate() {
            if other != index {
                worker.order(Order::Go);
            }
        }
        Ok((index, passage))
    }

    fn go(&mut self) {
        self.workers.iter_mut().for_each(|worker| worker.order(Order::Go));
    }

    /// Whether ClickHouse is receiving events: half of a block has been sent and not all of it.
    fn is_inserting(&self) -> bool {
        wait("ClickHouse receives events", Duration::from_secs(3), || Ok(self.proxy.receiving() > 0)).is_ok()
    }

    /// Stops a worker for the moment before it is killed, to know at what. Yields whether a batch was open then: its own, or
    /// any if an engine is to be killed.
    fn freeze(&mut self, victim: Victim, index: usize) -> anyhow::Result<bool> {
        let is_open = |passage: Option<Passage>| passage.is_some_and(|passage| passage.is_open());
        if victim != Victim::Worker {
            return Ok(self.workers.iter().any(|worker| is_open(worker.last())));
        }
        let worker = self.workers.get_mut(index).context("no such worker")?;
        worker.signal(Signal::SIGSTOP)?;
        thread::sleep(HEARD);
        Ok(is_open(worker.last()))
    }

    /// A worker sleeps with an open batch until its group has given its partitions to others; then it goes on.
    fn pause_worker(&mut self, cut: Cut, time: Duration) -> anyhow::Result<()> {
        let (index, _) = self.hold(cut, 1, |_| true)?;
        if self.workers.len() < 2 {
            bail!("nobody would be left");
        }
        let others = self.workers.len() - 1;
        self.workers[index].signal(Signal::SIGSTOP)?;
        thread::sleep(time);
        wait("the group goes on without the worker that sleeps", SOON, || Ok(self.world.members(self.engines)? == Some(others)))?;
        self.tally.fault("SIGSTOP of worker beyond its session");
        self.workers[index].order(Order::Go);
        self.workers[index].signal(Signal::SIGCONT)
    }

    /// A static member sleeps with an open batch, and another worker takes its name and its partitions. When it wakes up it
    /// must see that it is no member any more, commit nothing, and end.
    fn replace_worker(&mut self, cut: Cut) -> anyhow::Result<()> {
        let (index, _) = self.hold(cut, 1, Worker::is_static)?;
        let mut asleep = self.workers.remove(index);
        asleep.signal(Signal::SIGSTOP)?;
        self.start(asleep.slot)?;
        let members = self.workers.len();
        wait("the group goes on with the new worker", SOON, || Ok(self.world.members(self.engines)? == Some(members)))?;
        self.tally.fault("SIGSTOP of worker, its name taken by another");
        asleep.order(Order::Go);
        asleep.signal(Signal::SIGCONT)?;
        wait("the worker whose name was taken ends", SOON, || Ok(asleep.ended()?.is_some()))?;
        let status = asleep.ended()?.context("it has ended")?;
        ensure!(status.code().is_some_and(|code| code != 0 && code != 101), "it ended with {status}: {}", asleep.tail());
        Ok(())
    }

    fn free_slot(&self) -> usize {
        let taken = |slot: &usize| self.workers.iter().any(|worker| worker.slot == *slot);
        (0..).find(|slot| !taken(slot)).unwrap_or_default()
    }

    fn join(&mut self) -> anyhow::Result<()> {
        let slot = self.free_slot();
        self.start(slot)?;
        let members = self.workers.len();
        wait("the group is complete", SOON, || Ok(patiently("members", || self.world.members(self.engines))? == Some(members)))
    }

    /// Lasts at least so long, and until an insert has met it.
    fn spoil_line(&mut self, manner: Manner, time: Duration) -> anyhow::Result<()> {
        self.tally.fault(&format!("line to clickhouse: {}", manner.name()));
        self.proxy.begin(manner)?;
        thread::sleep(time);
        let spoilt = wait("an insert meets the bad line", SOON, || Ok(manner == Manner::Refused || self.proxy.spoilt() > 0));
        self.tally.spoilt += u64::try_from(self.proxy.end()?)?;
        spoilt
    }
}
