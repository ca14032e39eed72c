//! Who may say and read what: secured connections, users of few rights, secrets, payloads that look like SQL.

mod clickhouse;
mod kafka;
mod payloads;
mod secrets;
mod topics;

use std::time::{Duration, Instant};

use crate::harness::{Ended, SecureKafka, WORKER, Way, World};

/// The facts of the project: real events of five wards.
pub(crate) const SEED: &str = concat!(env!("CARGO_MANIFEST_DIR"), "/../schemas/events/seed-events.jsonl");
/// A program that cannot reach something says so within that time.
const HALF_A_MINUTE: Duration = Duration::from_secs(30);

/// Runs `chiso-ingest` with these settings instead of those of the world.
fn ingest(world: &World, settings: &[(&str, String)], arguments: &[&str]) -> Ended {
    let mut command = world.command("chiso-ingest", arguments);
    for (name, value) in settings {
        // Those of the programs have a section; others are of the system.
        let variable = if name.contains("__") { format!("CHISO__{name}") } else { (*name).to_owned() };
        command.env(variable, value);
    }
    command.output().unwrap().into()
}

/// What `chiso-ingest` complains of at once or within half a minute, without any of the secrets.
fn complaint(world: &World, settings: &[(&str, String)], arguments: &[&str], code: i32) -> String {
    let begin = Instant::now();
    let text = ingest(world, settings, arguments).fails(code);
    assert!(begin.elapsed() < HALF_A_MINUTE, "after {:?}: {text}", begin.elapsed());
    for (name, value) in settings {
        assert!(!name.ends_with("PASSWORD") || value.is_empty() || !text.contains(value), "{name} is told: {text}");
    }
    text
}

/// The settings of a worker for a way to connect, with some of them otherwise or, without a value, not at all.
fn worker(kafka: &SecureKafka, way: Way, otherwise: &[(&'static str, Option<String>)]) -> Vec<(&'static str, String)> {
    let mut settings = kafka.settings(way, WORKER);
    for (name, value) in otherwise {
        settings.retain(|(known, _)| known != name);
        settings.extend(value.clone().map(|value| (*name, value)));
    }
    settings
}
