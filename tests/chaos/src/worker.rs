//! A worker under test: a `cut-worker` process that is watched by its stdout and steered by its stdin.

use std::collections::BTreeMap;
use std::fs::File;
use std::io::{BufRead as _, BufReader, Write as _};
use std::os::unix::process::ExitStatusExt as _;
use std::path::{Path, PathBuf};
use std::process::{Child, ChildStdin, Command, ExitStatus, Stdio};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::thread::{self, JoinHandle};
use std::time::Duration;

use anyhow::{Context as _, ensure};
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;

use crate::engines::wait;
use crate::passage::{Order, Passage};

/// Longer than the worker's own deadline for what is open.
const ENDS: Duration = Duration::from_secs(60);
/// Lines of a log that are shown when its worker fails.
const TAIL: usize = 4;
/// What a worker says last that is no member of its group any more.
const FENCED: &str = "another worker has the same kafka.instance";

/// What a worker has said.
#[derive(Default)]
struct Said {
    last: Option<Passage>,
    /// While an insert is held, the pipeline goes on to fill the next batch and says so.
    held: Option<Passage>,
    summary: Option<BTreeMap<String, serde_json::Value>>,
}

/// A running worker; killed when it is dropped.
pub struct Worker {
    /// Its number; a worker that takes the place of a dead one bears the same.
    pub slot: usize,
    child: Child,
    orders: Option<ChildStdin>,
    said: Arc<Mutex<Said>>,
    listener: Option<JoinHandle<()>>,
    log: PathBuf,
}

impl Worker {
    /// Starts it; its log goes to a file.
    ///
    /// # Errors
    /// It cannot be started.
    pub fn start(slot: usize, mut command: Command, log: &Path) -> anyhow::Result<Self> {
        let file = File::create(log)?;
        let mut child =
            command.stdin(Stdio::piped()).stdout(Stdio::piped()).stderr(file).spawn().context("cannot start cut-worker")?;
        let said = Arc::new(Mutex::new(Said::default()));
        let lines = BufReader::new(child.stdout.take().context("no stdout")?).lines();
        let heard = Arc::clone(&said);
        let listener = thread::spawn(move || {
            for line in lines.map_while(Result::ok) {
                let mut heard = heard.lock().unwrap_or_else(PoisonError::into_inner);
                match serde_json::from_str::<Passage>(&line) {
                    Ok(passage) => {
                        if passage.held {
                            heard.held = Some(passage.clone());
                        }
                        heard.last = Some(passage);
                    }
                    Err(_) => heard.summary = serde_json::from_str(&line).ok(),
                }
            }
        });
        let orders = child.stdin.take();
        Ok(Self { slot, child, orders, said, listener: Some(listener), log: log.to_owned() })
    }

    fn said(&self) -> MutexGuard<'_, Said> {
        self.said.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// The last passage that it told of.
    pub fn last(&self) -> Option<Passage> {
        self.said().last.clone()
    }

    /// The passage at which it is held.
    pub fn held(&self) -> Option<Passage> {
        self.said().held.clone()
    }

    /// Tells it something; one that has died hears nothing.
    pub fn order(&mut self, order: Order) {
        if order == Order::Go {
            self.said().held = None;
        }
        if let Some(orders) = &mut self.orders {
            let _ = writeln!(orders, "{}", order.to_line());
        }
    }

    /// Sends a signal.
    ///
    /// # Errors
    /// It is no more.
    pub fn signal(&mut self, signal: Signal) -> anyhow::Result<()> {
        ensure!(self.child.try_wait()?.is_none(), "worker {} has ended by itself, see {}", self.slot, self.log.display());
        Ok(kill(self.pid(), signal)?)
    }

    fn pid(&self) -> Pid {
        Pid::from_raw(self.child.id().cast_signed())
    }

    /// Whether workers of that slot are static members of the group: half of them.
    pub fn is_static(&self) -> bool {
        self.slot.is_multiple_of(2)
    }

    /// Its process id.
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// How it ended, if it has.
    ///
    /// # Errors
    /// The system does not say.
    pub fn ended(&mut self) -> anyhow::Result<Option<ExitStatus>> {
        Ok(self.child.try_wait()?)
    }

    /// The end of its log.
    pub fn tail(&self) -> String {
        let text = std::fs::read_to_string(&self.log).unwrap_or_default();
        let lines = text.lines().collect::<Vec<_>>();
        format!("the end of {}:\n{}", self.log.display(), lines[lines.len().saturating_sub(TAIL)..].join("\n"))
    }

    /// kill -9; the last passage that it told of.
    ///
    /// # Errors
    /// It was dead before.
    pub fn kill(mut self) -> anyhow::Result<Option<Passage>> {
        self.signal(Signal::SIGKILL)?;
        let status = self.child.wait()?;
        ensure!(status.signal() == Some(Signal::SIGKILL as i32), "worker {} ended before it was killed: {status}", self.slot);
        self.listened();
        Ok(self.last())
    }

    /// SIGTERM, and waits for its end. A fault before may have ended it meanwhile: a static member whose session ran out while
    /// Kafka was away may be fenced by its own new membership, and gives up.
    ///
    /// # Errors
    /// It does not end as it should, or what it read does not add up.
    pub fn stop(mut self) -> anyhow::Result<()> {
        self.order(Order::Go);
        if self.ended()?.is_none() {
            kill(self.pid(), Signal::SIGTERM)?;
        }
        wait("a worker stops", ENDS, || Ok(self.child.try_wait()?.is_some()))?;
        let status = self.child.wait()?;
        self.listened();
        if self.is_static() && status.code() == Some(1) && self.tail().contains(FENCED) {
            return Ok(());
        }
        // Before it listens for signals there is nothing to store, and a signal ends it at once.
        let begun = std::fs::read_to_string(&self.log)?.contains("worker started");
        if !begun && status.signal() == Some(Signal::SIGTERM as i32) {
            return Ok(());
        }
        ensure!(status.success(), "worker {} stopped with {status}, see {}", self.slot, self.log.display());
        let said = self.said();
        let summary = said.summary.as_ref().with_context(|| format!("worker {} left no summary", self.slot))?;
        let count = |name: &str| summary.get(name).and_then(serde_json::Value::as_u64).with_context(|| format!("no {name}"));
        let counts =
            Counts { read: count("read")?, stored: count("stored")?, rejected: count("rejected")?, repeated: count("repeated")? };
        ensure!(counts.add_up(), "worker {}: read = stored + rejected + repeated does not hold: {counts:?}", self.slot);
        Ok(())
    }

    fn listened(&mut self) {
        self.orders = None;
        // A listener that panicked has said so itself.
        let _ = self.listener.take().map(JoinHandle::join);
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// What became of the messages that a worker read.
#[derive(Debug)]
struct Counts {
    read: u64,
    stored: u64,
    rejected: u64,
    repeated: u64,
}

impl Counts {
    fn add_up(&self) -> bool {
        self.read == self.stored + self.rejected + self.repeated
    }
}
