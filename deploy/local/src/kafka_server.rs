//! Kafka alone, as somebody else's `kafka.properties` says: for tests of what the usual one has not, such as TLS and users.

use std::fs;
use std::path::Path;
use std::time::Duration;

use anyhow::Context;

use crate::cache::Cache;
use crate::kafka::{self, KafkaProgram};
use crate::random;
use crate::requirements::{self, Program};
use crate::stop::Stop;

/// How often the process and the signals are looked at.
const LOOK_EVERY: Duration = Duration::from_millis(100);

/// Formats the folder, with users, starts Kafka in it, and waits for a signal; then removes the folder.
pub(crate) fn serve(folder: &Path, users: &[String]) -> anyhow::Result<()> {
    let engines = Cache::locate()?.ensure(&[Program::Java])?;
    let stop = Stop::listen()?;
    let java = requirements::java().map_err(anyhow::Error::msg)?;
    let program = KafkaProgram { java, lib: engines.kafka_lib };
    kafka::write_log_config(folder)?;
    kafka::format(&program, folder, &random::cluster_id()?, users)?;
    let mut engine = kafka::run(&program, folder)?;
    while stop.within(LOOK_EVERY).is_none() {
        engine.check()?;
    }
    drop(engine);
    fs::remove_dir_all(folder).with_context(|| format!("cannot remove {}", folder.display()))
}
