//! The reference data that workers judge by: the active generation, loaded at start and again when it changes.

use std::sync::Arc;
use std::sync::mpsc::{Receiver, Sender, channel};
use std::time::Duration;

use chiso_schemas::reference::Reference;
use chiso_schemas::store::{ReferenceError, Store, StoreError, active_generation, active_reference};
use tokio::runtime::Handle;
use tracing::{info, warn};

use crate::dictionary::Dictionaries;
use crate::failure::Failure;

/// One generation of reference data.
#[derive(Debug)]
pub struct Generation {
    /// Its number.
    pub number: u32,
    /// What it says.
    pub reference: Reference,
    /// Its codes, ranked.
    pub dictionaries: Dictionaries,
}

impl Generation {
    /// Ranks the codes of a reference.
    pub fn new(number: u32, reference: Reference) -> Self {
        Self { number, dictionaries: Dictionaries::new(&reference), reference }
    }
}

/// How often ClickHouse is asked for a newer generation.
const LOOK: Duration = Duration::from_secs(3);

/// Loads the active generation.
///
/// # Errors
/// There is none, or ClickHouse does not answer.
pub async fn load(store: &Store) -> Result<Arc<Generation>, Failure> {
    match active_reference(store).await {
        Ok((number, reference)) => {
            info!(generation = number, "reference data loaded");
            Ok(Arc::new(Generation::new(number, reference)))
        }
        Err(ReferenceError::Store(error)) => Err(error.into()),
        Err(error @ ReferenceError::None(_)) => Err(Failure::Dependency(error.to_string())),
        Err(error) => Err(Failure::Finding(error.to_string())),
    }
}

/// Yields every generation after `current` that is activated from now on.
pub fn watch(runtime: &Handle, store: Store, current: u32) -> Receiver<Arc<Generation>> {
    let (sender, receiver) = channel();
    runtime.spawn(follow(store, current, sender));
    receiver
}

async fn follow(store: Store, mut current: u32, newer: Sender<Arc<Generation>>) {
    let mut failing = false;
    loop {
        tokio::time::sleep(LOOK).await;
        let renewed = renewed(&store, current).await;
        // Once, not every few seconds for as long as ClickHouse is away.
        if let (Err(error), false) = (&renewed, failing) {
            warn!(%error, "reference data not renewed, going on with the old until clickhouse answers");
        }
        failing = renewed.is_err();
        let Ok(Some(generation)) = renewed else { continue };
        current = generation.number;
        if newer.send(generation).is_err() {
            return;
        }
    }
}

async fn renewed(store: &Store, current: u32) -> Result<Option<Arc<Generation>>, Failure> {
    match active_generation(store).await.map_err(|error: StoreError| Failure::from(error))? {
        Some(number) if number > current => load(store).await.map(Some),
        _ => Ok(None),
    }
}
