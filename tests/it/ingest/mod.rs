//! `chiso-ingest` as its users meet it: real Kafka, real ClickHouse, real processes.

mod commands;
mod coverage;
pub(crate) mod lost_answers;
mod memory;
mod orphans;
mod outcomes;
mod restarts;
mod start;
mod starts;

use std::fs;
use std::io::Read;
use std::process::{Child, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use tempfile::NamedTempFile;

use crate::harness::{Outgoing, World};

/// How long anything here may take.
pub(crate) const SOON: Duration = Duration::from_secs(60);
/// Rows that ClickHouse stores for one event each: what a merge would leave.
pub(crate) const DISTINCT: &str = "SELECT uniqExact(date, indicator, ward, source, record, version) FROM event_log";
/// The facts of the project: real events of five wards.
const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/events/seed-events.jsonl");

/// A valid event, different for every number.
pub(crate) fn event(number: usize) -> Outgoing {
    Outgoing { key: Some(b"11413".to_vec()), ..Outgoing::structured(event_json(number)) }
}

pub(crate) fn event_json(number: usize) -> String {
    format!(
        r#"{{"specversion":"1.0","id":"event-{number}","source":"urn:vn:one-stop","type":"vn.chiso.indicator.updated.v1","time":"2025-08-01T10:00:00+07:00","data":{{"indicator":"bts-stations","ward":"11413","date":"2025-08-01","value":{number}}}}}"#
    )
}

/// Events spread over the partitions.
pub(crate) fn events(count: usize, partitions: i32) -> Vec<Outgoing> {
    (0..count)
        .zip((0..partitions).cycle())
        .map(|(number, partition)| Outgoing { partition: Some(partition), ..event(number) })
        .collect()
}

/// A `chiso-ingest run` that goes on until it is stopped; killed with the test.
pub(crate) struct Worker {
    child: Child,
    log: NamedTempFile,
}

impl Worker {
    pub(crate) fn start(world: &World) -> Self {
        Self::start_with(world, &["run"])
    }

    pub(crate) fn start_with(world: &World, arguments: &[&str]) -> Self {
        let log = NamedTempFile::new().unwrap();
        let mut command = world.command("chiso-ingest", arguments);
        let child = command.stdout(Stdio::piped()).stderr(log.reopen().unwrap()).spawn().unwrap();
        Self { child, log }
    }

    pub(crate) fn signal(&self, signal: Signal) {
        kill(Pid::from_raw(self.child.id().cast_signed()), signal).unwrap();
    }

    /// Its process.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Its log so far.
    pub(crate) fn log(&self) -> String {
        fs::read_to_string(self.log.path()).unwrap()
    }

    pub(crate) fn has_ended(&mut self) -> bool {
        self.child.try_wait().unwrap().is_some()
    }

    /// Waits for its end.
    pub(crate) fn end(mut self) -> Output {
        let mut stdout = Vec::new();
        self.child.stdout.take().unwrap().read_to_end(&mut stdout).unwrap();
        let status = self.child.wait().unwrap();
        Output { status, stdout, stderr: self.log().into_bytes() }
    }

    /// Stops it with SIGTERM, and returns its summary.
    pub(crate) fn stop(self) -> serde_json::Value {
        self.signal(Signal::SIGTERM);
        let output = self.end();
        assert_eq!(output.status.code(), Some(0), "{}", said(&output));
        serde_json::from_slice(&output.stdout).unwrap()
    }
}

impl Drop for Worker {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        self.child.wait().unwrap();
    }
}

pub(crate) fn said(output: &Output) -> String {
    format!("{}{}", String::from_utf8_lossy(&output.stdout), String::from_utf8_lossy(&output.stderr))
}
