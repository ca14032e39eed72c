//! `cut-worker`: `chiso-ingest run` with a probe, so that a fault can meet it at a chosen moment of a batch. Settings come
//! from the environment, orders by stdin; every passage of a cut is a line on stdout.

use std::io::BufRead as _;
use std::process::ExitCode;
use std::sync::{Arc, Condvar, Mutex, PoisonError};
use std::thread;

use anyhow::{Context as _, bail};
use chiso_chaos::passage::{Order, Passage};
use chiso_ingest::args::{Cli, Command};
use chiso_ingest::probe::{Cut, Passing, Probe};
use chiso_ingest::run;
use chiso_schemas::logging;
use chiso_schemas::settings::{Settings, key};
use clap::Parser as _;

#[path = "cut_worker/early.rs"]
mod early;

use early::Early;

/// A worker with cut points, for fault tests only.
#[derive(clap::Parser)]
struct Arguments {
    /// Negative control: write the ledger and commit the offsets before the events are stored.
    #[arg(long)]
    commit_before_insert: bool,
}

fn main() -> ExitCode {
    match execute(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("cut-worker: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn execute(arguments: &Arguments) -> anyhow::Result<()> {
    let settings = Settings::load(None, &[key::KAFKA_BROKERS, key::CLICKHOUSE_URL])?;
    let Some(Command::Run(run_arguments)) = Cli::parse_from(["chiso-ingest", "run"]).command else { bail!("not `run`") };
    logging::init(&settings.log).map_err(|error| anyhow::anyhow!("cannot start logging: {error}"))?;
    let early = if arguments.commit_before_insert { Some(Early::new(&settings)?) } else { None };
    let gate = Arc::new(Gate::default());
    let orders = Arc::clone(&gate);
    thread::spawn(move || orders.obey());
    let probe: Probe = Arc::new(move |cut, passing| {
        // Others must be able to go on while this thread waits, as they would if it were only slow.
        match tokio::runtime::Handle::try_current() {
            Ok(_) => tokio::task::block_in_place(|| gate.pass(cut, passing, early.as_ref())),
            Err(_) => gate.pass(cut, passing, early.as_ref()),
        }
    });
    let runtime = tokio::runtime::Runtime::new().context("cannot start threads")?;
    run::run(&settings, &run_arguments, runtime.handle(), Some(probe))?;
    Ok(())
}

/// Where the worker shall hold.
#[derive(Default)]
struct Gate {
    order: Mutex<Option<(Cut, u32)>>,
    changed: Condvar,
}

impl Gate {
    /// Takes orders until stdin ends: then nobody watches this worker any more, and it ends at once.
    fn obey(&self) {
        for line in std::io::stdin().lock().lines().map_while(Result::ok) {
            let order = match Order::parse(&line) {
                Some(Order::Hold(cut, nth)) => Some((cut, nth)),
                Some(Order::Go) => None,
                None => {
                    eprintln!("cut-worker: no such order: {line}");
                    continue;
                }
            };
            *self.order.lock().unwrap_or_else(PoisonError::into_inner) = order;
            self.changed.notify_all();
        }
        std::process::exit(1);
    }

    /// Says that a batch passes, and holds it if that was ordered.
    fn pass(&self, cut: Cut, passing: &Passing, early: Option<&Early>) {
        if let (Some(early), Cut::Sealed, 1..) = (early, cut, passing.rows) {
            early.commit(passing);
        }
        let mut order = self.order.lock().unwrap_or_else(PoisonError::into_inner);
        let held = match order.as_mut() {
            Some((wanted, nth)) if *wanted == cut && passing.rows > 0 => {
                *nth = nth.saturating_sub(1);
                *nth == 0
            }
            _ => false,
        };
        let ranges = passing.ranges.iter().map(|range| (range.place.partition, range.from.get(), range.next.get())).collect();
        let passage = Passage { cut: cut.name().to_owned(), rows: passing.rows, ranges, held };
        println!("{}", serde_json::json!(passage));
        while held && order.is_some() {
            order = self.changed.wait(order).unwrap_or_else(PoisonError::into_inner);
        }
    }
}
