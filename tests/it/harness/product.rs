//! What the tests of the whole path do with a world: publish a log of the model, roll up, export, change reference data.

use std::ffi::OsStr;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Output;
use std::time::Duration;

use chiso_tests::model::Message;
use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::message::{Header, OwnedHeaders};
use rdkafka::producer::{DeliveryFuture, FutureProducer, FutureRecord, Producer};
use tempfile::TempDir;

use super::World;

const PATIENCE: Duration = Duration::from_secs(60);

/// A partition and an offset in the topic of a world.
pub(crate) type Place = (i32, i64);

/// A program that has ended.
#[derive(Debug)]
pub(crate) struct Ended {
    pub(crate) code: Option<i32>,
    pub(crate) stdout: String,
    pub(crate) stderr: String,
}

impl Ended {
    /// What it printed, if it has done what it should.
    pub(crate) fn ok(self) -> String {
        assert_eq!(self.code, Some(0), "stderr:\n{}", self.stderr);
        self.stdout
    }

    /// What it complained of, if it ended with that code.
    pub(crate) fn fails(self, code: i32) -> String {
        assert_eq!(self.code, Some(code), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self.stderr
    }
}

impl From<Output> for Ended {
    fn from(output: Output) -> Self {
        Self {
            code: output.status.code(),
            stdout: String::from_utf8(output.stdout).unwrap(),
            stderr: String::from_utf8(output.stderr).unwrap(),
        }
    }
}

impl World {
    /// A topic with partitions, and a database with reference data from a directory.
    pub(crate) fn with_reference(name: &str, partitions: i32, reference: &Path) -> Self {
        let world = Self::bare(name, partitions);
        world.migrate_from(reference).ok();
        world
    }

    /// Runs `chiso-rollup` to its end.
    pub(crate) fn rollup<A: AsRef<OsStr>>(&self, arguments: &[A]) -> Ended {
        let mut command = self.command("chiso-rollup", &[]);
        command.args(arguments).output().unwrap().into()
    }

    /// Runs `chiso-ingest` to its end.
    pub(crate) fn chiso_ingest(&self, arguments: &[&str]) -> Ended {
        self.ingest(arguments).into()
    }

    /// Loads reference data from a directory.
    pub(crate) fn migrate_from(&self, reference: &Path) -> Ended {
        self.rollup(&[OsStr::new("migrate"), OsStr::new("--reference"), reference.as_os_str()])
    }

    /// One pass on that local day; its summary.
    pub(crate) fn roll_up(&self, today: &str) -> serde_json::Value {
        serde_json::from_str(&self.rollup(&["run", "--once", "--today", today]).ok()).unwrap()
    }

    /// The rows of some periods of a calendar, as CSV.
    pub(crate) fn export(&self, calendar: &str, periods: &[impl AsRef<str>], arguments: &[&str]) -> String {
        let mut all = vec!["export", "--calendar", calendar];
        periods.iter().for_each(|period| all.extend(["--period", period.as_ref()]));
        all.extend(arguments);
        self.rollup(&all).ok()
    }

    /// Ingests all that lies in the topic, then rolls up.
    pub(crate) fn process(&self, today: &str) {
        self.catch_up();
        self.roll_up(today);
    }

    /// Publishes events in structured mode, without keys.
    pub(crate) fn publish_events(&self, events: impl IntoIterator<Item = impl AsRef<[u8]>>) -> Vec<Place> {
        let messages: Vec<Message> = events.into_iter().map(|event| Message::structured(&self.topic, event.as_ref())).collect();
        self.publish(&messages)
    }

    /// Publishes messages byte for byte; where each lies.
    pub(crate) fn publish<'a>(&self, messages: impl IntoIterator<Item = &'a Message>) -> Vec<Place> {
        let producer: FutureProducer = ClientConfig::new()
            .set("bootstrap.servers", &self.engines.brokers)
            .set("enable.idempotence", "true")
            .set("linger.ms", "20")
            .set("partitioner", "murmur2_random")
            .create()
            .unwrap();
        let sent: Vec<DeliveryFuture> = messages.into_iter().map(|message| send(&producer, &self.topic, message)).collect();
        producer.flush(PATIENCE).unwrap();
        let place = |sent| block_on::<DeliveryFuture>(sent).unwrap().map_err(|(error, _)| error).unwrap();
        sent.into_iter().map(place).map(|delivery| (delivery.partition, delivery.offset)).collect()
    }
}

/// Queues a message; waits while the queue is full.
fn send(producer: &FutureProducer, topic: &str, message: &Message) -> DeliveryFuture {
    let mut headers = OwnedHeaders::new();
    for (key, value) in &message.headers {
        headers = headers.insert(Header { key, value: Some(value) });
    }
    let mut record: FutureRecord<'_, [u8], [u8]> = FutureRecord::to(topic).headers(headers);
    record.key = message.key.as_deref();
    record.payload = message.value.as_deref();
    producer.send_result(record).map_err(|(error, _)| error).unwrap()
}

/// A copy of a directory of reference data that a test may change.
pub(crate) struct ReferenceCopy(TempDir);

impl ReferenceCopy {
    /// Copies `schemas/reference`, or what is laid out like it.
    pub(crate) fn of(folder: &Path) -> Self {
        let copy = TempDir::new().unwrap();
        fs::create_dir(copy.path().join("admin-units")).unwrap();
        for file in reference_files(folder) {
            fs::copy(folder.join(&file), copy.path().join(&file)).unwrap();
        }
        Self(copy)
    }

    pub(crate) fn path(&self) -> &Path {
        self.0.path()
    }

    /// Replaces every occurrence of a piece of a file; there must be one.
    pub(crate) fn replace(&self, file: &str, from: &str, to: &str) -> &Self {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(from), "{file} does not hold {from:?}");
        fs::write(path, text.replace(from, to)).unwrap();
        self
    }

    /// Takes all lines out of a file that hold a piece of text; there must be one.
    pub(crate) fn remove(&self, file: &str, piece: &str) -> &Self {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        assert!(text.contains(piece), "{file} does not hold {piece:?}");
        let kept: String = text.split_inclusive('\n').filter(|line| !line.contains(piece)).collect();
        fs::write(path, kept).unwrap();
        self
    }

    /// `file:line` of the first line that holds a piece of text.
    pub(crate) fn place(&self, file: &str, piece: &str) -> String {
        let text = fs::read_to_string(self.0.path().join(file)).unwrap();
        let line = text.lines().position(|line| line.contains(piece));
        format!("{file}:{}", line.unwrap_or_else(|| panic!("{file} does not hold {piece:?}")) + 1)
    }

    /// Makes a file, or makes it anew.
    pub(crate) fn write(&self, file: &str, text: &str) -> &Self {
        fs::write(self.0.path().join(file), text).unwrap();
        self
    }

    /// Adds lines to the end of a file.
    pub(crate) fn append(&self, file: &str, lines: &str) -> &Self {
        let path = self.0.path().join(file);
        let text = fs::read_to_string(&path).unwrap();
        fs::write(path, text + lines).unwrap();
        self
    }
}

/// The files of a directory of reference data, as paths within it.
fn reference_files(folder: &Path) -> Vec<PathBuf> {
    let within = |folder: PathBuf| fs::read_dir(folder).unwrap().map(|entry| entry.unwrap().path());
    let files = within(folder.to_owned()).chain(within(folder.join("admin-units")));
    let files = files.filter(|path| path.extension().is_some_and(|ending| ending == "csv"));
    files.map(|path| path.strip_prefix(folder).unwrap().to_owned()).collect()
}

/// The reference data that the programs have built in.
pub(crate) fn shipped_reference() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("../schemas/reference")
}

/// A small made-up country: quick to load, with three reforms and a target of every kind.
pub(crate) fn small_country() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).join("golden/small-country/reference")
}
