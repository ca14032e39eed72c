//! `chiso-ingest adopt` and `accept-loss`: what only a person can decide, because going on without would skip messages in
//! silence.

use chiso_schemas::settings::Settings;
use serde_json::json;
use tokio::runtime::Handle;

use crate::args::{AcceptLossArgs, AdoptArgs};
use crate::broker::Questions;
use crate::failure::Failure;
use crate::ledger::{Beginning, Ledger, Note};
use crate::observe::{now_ms, observe};
use crate::offset::{NextOffset, Range};
use crate::place::{Place, Topic};
use crate::run::{REACHED, reach};
use crate::topics::Topics;

/// Begins a new incarnation of a topic: what was stored of the topic that had the name before no longer decides where
/// reading begins, nor what is complete. A topic that does not exist any more gets one without partitions.
///
/// # Errors
/// Kafka or ClickHouse is not there, or the topic was never read.
pub fn adopt(settings: &Settings, args: &AdoptArgs, runtime: &Handle) -> Result<(), Failure> {
    let (topic, because) = (Topic::named(&args.topic), reason(&args.because)?);
    let ledger = Ledger::new(reach(settings, runtime)?, &settings.kafka.group);
    let questions = Questions::new(&settings.kafka, Topics::Named(args.topic.clone()))?;
    questions.reached(REACHED)?;
    let unanswered = |error| Failure::Dependency(format!("cannot ask Kafka about topic {topic}: {error}"));
    let topic_id = questions.topic_ids(&[topic]).map_err(unanswered)?.remove(&topic);
    let Some(last) = runtime.block_on(ledger.incarnations())?.remove(&topic) else {
        let what = "was never read, so a worker begins it by itself";
        return Err(Failure::Finding(format!("topic {topic} {what}; check the name")));
    };
    let number = last.number + 1;
    let found = topic_id.as_deref().unwrap_or_default();
    let begun = runtime.block_on(ledger.begin(Beginning { topic, number, topic_id: found, since_ms: now_ms(), because }))?;
    if topic_id.is_some() {
        // Until they are read, nothing may look complete.
        let places = questions.places(REACHED)?;
        let begins = questions.begins(&places).map_err(unanswered)?;
        let seen = observe(&questions, &places).map_err(unanswered)?;
        let note = |((place, begin), (_, seen)): ((Place, i64), (Place, crate::observe::Observation))| {
            let at = NextOffset::stated(begin);
            (Range { place, incarnation: number, from: at, next: at }, Note::Seen { end: seen.end, at_ms: seen.at_ms })
        };
        let notes = begins.into_iter().zip(seen).map(note).collect::<Vec<_>>();
        runtime.block_on(ledger.note(&notes))?;
    }
    println!("{}", json!({ "topic": args.topic, "incarnation": begun.number, "topic_id": begun.topic_id }));
    Ok(())
}

/// Notes as lost what expired between the end of what is stored and the beginning of the log.
///
/// # Errors
/// Kafka or ClickHouse is not there, or nothing of the partition is lost.
pub fn accept_loss(settings: &Settings, args: &AcceptLossArgs, runtime: &Handle) -> Result<(), Failure> {
    let (place, because) = (Place::new(&args.topic, args.partition), reason(&args.because)?);
    let ledger = Ledger::new(reach(settings, runtime)?, &settings.kafka.group);
    let questions = Questions::new(&settings.kafka, Topics::Named(args.topic.clone()))?;
    if !questions.places(REACHED)?.contains(&place) {
        return Err(Failure::Finding(format!("there is no partition {place} in Kafka; check its name and number")));
    }
    let unanswered = |error| Failure::Dependency(format!("cannot ask Kafka where {place} begins: {error}"));
    let begin = questions.begins(&[place]).map_err(unanswered)?.first().map_or(0, |(_, begin)| *begin);
    let Some(covered) = runtime.block_on(ledger.covered())?.remove(&place) else {
        let what = "was never read, so a worker begins where it begins";
        return Err(Failure::Finding(format!("{place} {what}: nothing of it is lost")));
    };
    let from = covered.stored_end;
    if from >= begin {
        let what = "Kafka still has the message after it";
        return Err(Failure::Finding(format!("{place} is stored up to {from} and {what}: nothing of it is lost")));
    }
    let range = Range { place, incarnation: covered.incarnation, from: covered.stored(), next: NextOffset::stated(begin) };
    runtime.block_on(ledger.note(&[(range, Note::Lost { because })]))?;
    println!("{}", json!({ "topic": args.topic, "partition": args.partition, "lost_from": from, "lost_to": begin }));
    Ok(())
}

fn reason(because: &str) -> Result<&str, Failure> {
    let because = because.trim();
    if because.is_empty() { Err(Failure::Usage("say why with --because TEXT".to_owned())) } else { Ok(because) }
}
