//! `chiso-ingest run`: makes the parts of the pipeline, each checked before the first message is read.

use std::sync::Arc;
use std::sync::atomic::{AtomicBool, Ordering};
use std::sync::mpsc::{Receiver, RecvTimeoutError};
use std::time::{Duration, Instant};

use chiso_schemas::outside::serve;
use chiso_schemas::settings::Settings;
use chiso_schemas::store::{SchemaError, Store, check_schema};
use rdkafka::error::KafkaError;
use tokio::runtime::Handle;
use tokio::signal::unix::{SignalKind, signal};
use tracing::{info, warn};

use crate::args::RunArgs;
use crate::batch::Limits;
use crate::broker::Questions;
use crate::client::answer_hint;
use crate::consume::Consumer;
use crate::failure::Failure;
use crate::goal::Goal;
use crate::health::Health;
use crate::insert::Insert;
use crate::ledger::Ledger;
use crate::metrics::Metrics;
use crate::observe::{Observations, Observer};
use crate::orphans::{self, Watch};
use crate::pipeline::{Parts, Pipeline};
use crate::probe::Probe;
use crate::progress::Progress;
use crate::reference;
use crate::rejects_topic::RejectsTopic;
use crate::start::Starter;
use crate::summary;
use crate::topics::Topics;

/// How long ClickHouse and then Kafka may take to answer at start: both together below half a minute.
pub const REACHED: Duration = Duration::from_secs(12);
/// How long leaving the group may take.
const CLOSED: Duration = Duration::from_secs(5);

/// How long a turn of the pipeline may take besides draining: Kafka may be slow to answer for what is committed, for
/// where partitions begin and end, and for a commit.
const TURN: Duration = Duration::from_secs(120);

/// Consumes until it is stopped or has caught up, and prints what became of the messages as one line of JSON. Fault tests
/// give a probe, the program none.
///
/// # Errors
/// A dependency is not there, or something that a person must change.
pub fn run(settings: &Settings, args: &RunArgs, runtime: &Handle, probe: Option<Probe>) -> Result<(), Failure> {
    let drain_max = Duration::from_millis(settings.shutdown.drain_ms_max);
    let metrics = Arc::new(Metrics::new(Health::new(drain_max + TURN)));
    if let Some(listen) = settings.http.listen {
        runtime.block_on(serve(listen, Arc::clone(&metrics))).map_err(Failure::Usage)?;
    }
    let store = reach(settings, runtime)?;
    let generation = runtime.block_on(reference::load(&store))?;
    metrics.generation(generation.number);
    let newer = reference::watch(runtime, store.clone(), generation.number);
    let topics = Topics::new(&settings.kafka.topic)?;
    let mut consumer = Consumer::new(&settings.kafka, topics.clone(), Arc::clone(&metrics))?;
    let closed = consumer.closed();
    let consumer = Arc::new(consumer);
    let questions = Arc::new(Questions::new(&settings.kafka, topics.clone())?);
    let places = questions.places(REACHED)?;
    let brokers = &settings.kafka.brokers;
    let kafka = |doing: &str, error: KafkaError| {
        Failure::Dependency(format!("cannot {doing} at {brokers}: {error}; {}", answer_hint(&error)))
    };
    let ledger = Ledger::new(store.clone(), &settings.kafka.group);
    let starter = Starter { questions: Arc::clone(&questions), ledger, runtime: runtime.clone() };
    let goal = args.until_caught_up.then(|| Goal::now(starter.clone(), &places, REACHED)).transpose()?;
    let rejects_topic = RejectsTopic::open(settings)?.map(Arc::new);
    consumer.subscribe().map_err(|error| kafka("subscribe to the topic", error))?;
    // Until here there is nothing to store, and a signal may end the process at once.
    let stop = stop_signal(runtime)?;
    let observations = Observations::default();
    let observer = Observer::start(Arc::clone(&questions), observations.clone(), Arc::clone(&metrics));
    let (watch, guest) = Watch::start(orphans::Parts {
        questions: Arc::clone(&questions),
        consumer: Arc::downgrade(&consumer),
        kafka: settings.kafka.clone(),
        topics,
        drain_max,
        metrics: Arc::clone(&metrics),
    });
    summary::start(runtime, Arc::clone(&metrics));
    info!(topic = settings.kafka.topic, group = settings.kafka.group, partitions = places.len(), "worker started");
    let mut pipeline = Pipeline::new(Parts {
        consumer,
        questions,
        starter,
        insert: Insert::new(store, &settings.kafka, Arc::clone(&metrics))
            .with_probe(probe.clone())
            .with_rejects_topic(rejects_topic),
        runtime: runtime.clone(),
        generation,
        newer,
        observations,
        limits: Limits::new(&settings.batch),
        drain_max,
        goal,
        progress: Progress::new(args.progress),
        metrics,
        probe,
    });
    let counts = pipeline.run(|| stop.load(Ordering::Relaxed));
    drop((observer, watch));
    // The consumer goes with the pipeline, and leaves the group.
    std::thread::spawn(move || drop(pipeline));
    leave(&[closed, guest]);
    let counts = counts?;
    info!(read = counts.read, stored = counts.stored, repeated = counts.repeated, rejected = counts.rejected(), "worker stopped");
    println!("{}", counts.to_json());
    Ok(())
}

/// Waits until all members of the group that this process has made have left it.
fn leave(members: &[Receiver<()>]) {
    let deadline = Instant::now() + CLOSED;
    let stays = |member: &Receiver<()>| {
        member.recv_timeout(deadline.saturating_duration_since(Instant::now())) == Err(RecvTimeoutError::Timeout)
    };
    if members.iter().filter(|member| stays(member)).count() > 0 {
        warn!("kafka does not answer: the group will miss this worker after kafka.session_ms_max only");
    }
}

/// ClickHouse, once it answers and has the tables of this release.
///
/// # Errors
/// It is not there, or the tables are not.
pub fn reach(settings: &Settings, runtime: &Handle) -> Result<Store, Failure> {
    let store = Store::new(&settings.clickhouse)?;
    runtime.block_on(store.reachable(REACHED))?;
    runtime.block_on(check_schema(&store)).map_err(|error| match error {
        SchemaError::Store(error) => error.into(),
        SchemaError::Missing { .. } => Failure::Dependency(error.to_string()),
        SchemaError::Newer { .. } | SchemaError::Other { .. } => Failure::Finding(error.to_string()),
    })?;
    Ok(store)
}

/// Becomes true on SIGTERM or SIGINT.
fn stop_signal(runtime: &Handle) -> Result<Arc<AtomicBool>, Failure> {
    let stop = Arc::new(AtomicBool::new(false));
    let _inside = runtime.enter();
    for kind in [SignalKind::terminate(), SignalKind::interrupt()] {
        let mut signals = signal(kind).map_err(|error| Failure::Finding(format!("cannot wait for signals: {error}")))?;
        let stop = Arc::clone(&stop);
        runtime.spawn(async move {
            signals.recv().await;
            info!("stopping: storing and committing what is read");
            stop.store(true, Ordering::Relaxed);
        });
    }
    Ok(stop)
}
