//! What a worker and a scheduler show of themselves: metrics, health, logs and traces, and the rules and pages made for them.

mod alerts;
mod health;
mod logs;
mod metrics;
mod page;
mod scheduler;
mod traces;

use std::ops::Deref;
use std::sync::LazyLock;
use std::time::Duration;

use page::Page;

use crate::harness::{World, wait_until};
use crate::ingest::{SOON, Worker};
use crate::rollup::Scheduler;

static AGENT: LazyLock<ureq::Agent> = LazyLock::new(|| {
    let config = ureq::Agent::config_builder().timeout_global(Some(Duration::from_secs(10))).http_status_as_error(false);
    config.max_idle_connections(0).proxy(None).build().into()
});

/// Where a program answers over HTTP.
pub(crate) struct Site(String);

/// A worker whose HTTP server listens on a free port.
struct Watched {
    worker: Worker,
    site: Site,
}

impl Deref for Watched {
    type Target = Site;

    fn deref(&self) -> &Site {
        &self.site
    }
}

impl Watched {
    fn start(world: &mut World) -> Self {
        world.set("HTTP__LISTEN", "127.0.0.1:0");
        let worker = Worker::start(world);
        Self { site: Site::of(|| worker.log()), worker }
    }
}

impl Site {
    /// Where the program with that log listens.
    fn of(log: impl Fn() -> String) -> Self {
        let address = || {
            let log = log();
            let (_, rest) = log.split_once("answering /metrics, /livez and /readyz address=")?;
            Some(rest.split_once('\n')?.0.to_owned())
        };
        wait_until("the program listens", SOON, || address().is_some());
        Self(address().unwrap())
    }

    pub(crate) fn of_scheduler(scheduler: &Scheduler) -> Self {
        Self::of(|| scheduler.log())
    }

    /// Status and body.
    fn get(&self, path: &str) -> (u16, String) {
        let mut response = AGENT.get(format!("http://{}{path}", self.0)).call().unwrap();
        (response.status().as_u16(), response.body_mut().read_to_string().unwrap())
    }

    pub(crate) fn metrics(&self) -> Page {
        Page::parse(&self.get("/metrics").1)
    }

    fn is_ready(&self) -> bool {
        self.get("/readyz").0 == 200
    }

    fn wait_ready(&self) {
        wait_until("the program is ready", SOON, || self.is_ready());
    }
}
