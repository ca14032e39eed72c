//! `chiso-ingest check`: judges a file of events offline, by the code that judges them in the worker.

use std::io::Write;

use chiso_schemas::event::{Message, decode};
use chiso_schemas::reference::{Files, Reference};
use chiso_schemas::settings::Settings;

use crate::args::CheckArgs;
use crate::counts::Counts;
use crate::failure::Failure;
use crate::lines::Lines;
use crate::topics::Topics;

/// The headers of a structured event.
pub const STRUCTURED: [(&str, &[u8]); 1] = [("content-type", b"application/cloudevents+json; charset=UTF-8")];

/// Prints each refusal as `FILE:LINE: reason: detail`, then a summary.
///
/// # Errors
/// A line is refused, or the file or the reference data cannot be read.
pub fn check(settings: &Settings, args: &CheckArgs, out: &mut impl Write) -> Result<(), Failure> {
    let files = match args.reference.as_ref().or(settings.reference.dir.as_ref()) {
        Some(dir) => Files::read(dir).map_err(|error| Failure::Usage(error.to_string()))?,
        None => Files::embedded(),
    };
    let reference =
        Reference::parse(&files).map_err(|faults| Failure::Usage(format!("the reference data have faults:\n{faults}")))?;
    let topic = Topics::one(args.topic.as_deref().unwrap_or(&settings.kafka.topic), "check events of")?;
    let mut lines = Lines::open(&args.file)?;
    let (mut counts, mut buffer) = (Counts::default(), Vec::new());
    let name = lines.name().to_owned();
    let unwritable = |error| Failure::Finding(format!("cannot write the refusals: {error}"));
    while let Some(line) = lines.next(&mut buffer)? {
        counts.read += 1;
        match decode(&Message { topic, headers: &STRUCTURED, value: Some(line.bytes) }, &reference) {
            Ok(_) => counts.stored += 1,
            Err(refusal) => {
                counts.reject(refusal.reason);
                writeln!(out, "{name}:{}: {refusal}", line.number).map_err(unwritable)?;
            }
        }
    }
    let (read, stored, rejected) = (counts.read, counts.stored, counts.rejected());
    writeln!(out, "{read} events, {stored} accepted, {rejected} refused").map_err(unwritable)?;
    if rejected == 0 { Ok(()) } else { Err(Failure::Finding(format!("{name}: {rejected} of {read} events are refused"))) }
}
