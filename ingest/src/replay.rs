//! `chiso-ingest replay-rejected`: publishes refused messages again, byte for byte, after the cause is fixed.
//!
//! A message goes to the partition that it came from, where the other messages of its key are, whatever partitioner its
//! publisher used. It is marked as replayed once Kafka has it; a crash between the two publishes it again, and the event
//! is then a repeat like any other. A topic that is gone keeps nothing of the others from being published again.

mod select;

use std::collections::{BTreeMap, BTreeSet};
use std::io::{IsTerminal, Write, stderr, stdin};
use std::time::Duration;

use chiso_schemas::settings::Settings;
use chiso_schemas::store::Store;
use clickhouse::Row;
use serde::Serialize;
use serde_json::json;
use tokio::runtime::Handle;
use uuid::Uuid;

use crate::args::ReplayArgs;
use crate::broker::Unusable;
use crate::courier::{Courier, Letter, Lost};
use crate::failure::Failure;
use crate::headers::Header;
use crate::place::Place;
use crate::progress::Progress;
use crate::retry::retry;
use crate::run::reach;
use select::{Group, Select, StoredReject};

/// How long the brokers may take to answer at start.
const REACHED: Duration = Duration::from_secs(20);
/// How long a message may take to be delivered.
const DELIVERED: Duration = Duration::from_secs(60);

/// Publishes what the filters select and prints a summary as one line of JSON.
///
/// # Errors
/// Kafka or ClickHouse is not there, or a message was not delivered; or, after all that could be published was, a topic
/// cannot be used. What was delivered is marked.
pub fn replay(settings: &Settings, args: &ReplayArgs, runtime: &Handle) -> Result<(), Failure> {
    let select = Select::new(args)?;
    let store = reach(settings, runtime)?;
    let groups = runtime.block_on(select.groups(&store))?;
    let found = groups.iter().map(|group| group.messages).sum::<u64>();
    let due = args.limit.unwrap_or(found).min(found);
    if args.dry_run || due == 0 {
        println!("{}", json!({ "found": found, "due": due, "replayed": 0, "reasons": reasons(&groups) }));
        return Ok(());
    }
    if !args.yes && stdin().is_terminal() && stderr().is_terminal() && !agreed(due)? {
        return Err(Failure::Usage("nothing was published".to_owned()));
    }
    let courier = Courier::new(&settings.kafka, DELIVERED)?;
    let (replay, progress) = (Uuid::new_v4(), Progress::new(true));
    let (done, missing) = (BTreeMap::new(), BTreeMap::new());
    let mut replay = Replay { store, select, courier, settings, replay, progress, done, due, missing };
    let ended = runtime.block_on(replay.all(&groups));
    let replayed = replay.replayed();
    replay.progress.finish(|| format!("{replayed} refused messages published again"));
    let missing = replay.missing.iter().map(|(topic, (messages, _))| (topic, messages)).collect::<BTreeMap<_, _>>();
    println!(
        "{}",
        json!({ "found": found, "due": due, "replayed": replayed, "reasons": replay.done, "missing_topics": missing })
    );
    ended?;
    replay.found_all()
}

fn reasons(groups: &[Group]) -> BTreeMap<String, u64> {
    let mut reasons = BTreeMap::new();
    for group in groups {
        *reasons.entry(group.reason.clone()).or_default() += group.messages;
    }
    reasons
}

/// Asks whoever sits at the terminal.
fn agreed(due: u64) -> Result<bool, Failure> {
    let unreadable = |error| Failure::Usage(format!("cannot ask at the terminal: {error}; say --yes"));
    eprint!("publish {due} refused messages again? [y/N] ");
    stderr().flush().map_err(unreadable)?;
    let mut answer = String::new();
    stdin().read_line(&mut answer).map_err(unreadable)?;
    Ok(matches!(answer.trim(), "y" | "Y" | "yes"))
}

/// A mark: a row of `replayed`.
#[derive(Row, Serialize)]
struct Mark<'a> {
    topic: &'a str,
    incarnation: u32,
    partition: i32,
    offset: i64,
    #[serde(with = "clickhouse::serde::uuid")]
    replay: Uuid,
}

struct Replay<'a> {
    store: Store,
    select: Select,
    courier: Courier,
    settings: &'a Settings,
    /// Name of this run.
    replay: Uuid,
    progress: Progress,
    /// Published and marked, by reason.
    done: BTreeMap<String, u64>,
    due: u64,
    /// Topics that cannot be used: how many refused messages would have to go there, and why they cannot.
    missing: BTreeMap<String, (u64, Unusable)>,
}

impl Replay<'_> {
    fn replayed(&self) -> u64 {
        self.done.values().sum()
    }

    /// Partition after partition up to the last message that was refused when it began: what is refused again meanwhile
    /// would never end.
    async fn all(&mut self, groups: &[Group]) -> Result<(), Failure> {
        let known = self.find_topics(groups)?;
        let mut ends = BTreeMap::<(&str, u32, i32), i64>::new();
        for group in groups.iter().filter(|group| !self.missing.contains_key(&group.topic)) {
            let end = ends.entry((&group.topic, group.incarnation, group.partition)).or_insert(group.last);
            *end = group.last.max(*end);
        }
        for ((topic, incarnation, partition), last) in ends {
            let exists = known.iter().any(|place| (place.topic.name(), place.partition) == (topic, partition));
            // A topic that was made anew may have fewer partitions; then the key decides.
            let to = exists.then_some(partition);
            let mut after = -1;
            while self.replayed() < self.due {
                let page = self.select.page(&self.store, (topic, incarnation, partition), (after, last)).await?;
                let left = usize::try_from(self.due - self.replayed()).unwrap_or(usize::MAX);
                let Some(end) = page.last().map(|reject| reject.offset) else { break };
                self.publish(topic, to, page.get(..left).unwrap_or(&page)).await?;
                after = end;
            }
        }
        Ok(())
    }

    /// The partitions of the topics that can be used; notes the others.
    fn find_topics(&mut self, groups: &[Group]) -> Result<BTreeSet<Place>, Failure> {
        let mut messages = BTreeMap::<&str, u64>::new();
        for group in groups {
            *messages.entry(&group.topic).or_default() += group.messages;
        }
        let mut known = BTreeSet::new();
        for (topic, messages) in messages {
            match self.courier.usable(&self.settings.kafka.brokers, topic, REACHED)? {
                Ok(places) => known.extend(places),
                Err(unusable) => _ = self.missing.insert(topic.to_owned(), (messages, unusable)),
            }
        }
        Ok(known)
    }

    /// Says which topics could not be used.
    fn found_all(&self) -> Result<(), Failure> {
        if self.missing.is_empty() {
            return Ok(());
        }
        let of = |(topic, (messages, why)): (&String, &(u64, Unusable))| format!("{messages} of topic {topic} ({why})");
        let all = self.missing.iter().map(of).collect::<Vec<_>>().join(", ");
        let what = format!("refused messages that cannot be published again at {}: {all}", self.settings.kafka.brokers);
        Err(Failure::Finding(format!(
            "{what}; create these topics or have this user granted them, or name the others with --topic"
        )))
    }

    /// Publishes a page and marks what was delivered of it.
    async fn publish(&mut self, topic: &str, partition: Option<i32>, page: &[StoredReject]) -> Result<(), Failure> {
        let mut lost = Vec::new();
        for (number, reject) in page.iter().enumerate() {
            let headers: Vec<Header<'_>> = reject
                .headers
                .iter()
                .map(|(name, value)| (name.as_slice(), value.as_ref().map(|value| value.as_slice())))
                .collect();
            let key = reject.key.as_ref().map(|key| key.as_slice());
            let value = reject.raw.as_ref().map(|raw| raw.as_slice());
            let letter = Letter { topic, partition, key, headers: &headers, value };
            if let Err(error) = self.courier.send(&letter, number).await {
                lost.push((number, error));
            }
        }
        lost.extend(self.courier.settle().await);
        let numbers = lost.iter().map(|(number, _)| *number).collect::<BTreeSet<_>>();
        let delivered = page.iter().enumerate().filter(|(number, _)| !numbers.contains(number)).map(|(_, reject)| reject);
        let delivered = delivered.collect::<Vec<_>>();
        self.mark(topic, &delivered).await?;
        for reject in delivered {
            *self.done.entry(reject.reason.clone()).or_default() += 1;
        }
        let replayed = self.replayed();
        self.progress.show(replayed, Some(self.due), || format!("{replayed} refused messages published again"));
        match lost.first() {
            Some(first) => Err(self.undelivered(topic, page, (lost.len(), first))),
            None => Ok(()),
        }
    }

    /// Marks messages under a name of their own, so that a repeated attempt leaves no copies.
    async fn mark(&self, topic: &str, delivered: &[&StoredReject]) -> Result<(), Failure> {
        if delivered.is_empty() {
            return Ok(());
        }
        let token = Uuid::new_v4().to_string();
        let insert = || async {
            let mut insert =
                self.store.write().insert::<Mark<'_>>("replayed").await?.with_setting("insert_deduplication_token", &token);
            for reject in delivered {
                insert
                    .write(&Mark {
                        topic,
                        incarnation: reject.incarnation,
                        partition: reject.partition,
                        offset: reject.offset,
                        replay: self.replay,
                    })
                    .await?;
            }
            insert.end().await
        };
        retry(&self.store, None, "replayed", insert).await?;
        Ok(())
    }

    fn undelivered(&self, topic: &str, page: &[StoredReject], (count, first): (usize, &Lost)) -> Failure {
        let (number, error) = first;
        let at = page
            .get(*number)
            .map_or(String::new(), |reject| format!("partition {} offset {}: ", reject.partition, reject.offset));
        let what = format!("{count} messages were not delivered to topic {topic} at {}", self.settings.kafka.brokers);
        Failure::Dependency(format!("{what}, the first of them {at}{error}; they are not marked: ask again"))
    }
}
