//! The right to work, as it is used: an epoch and its steps.

use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};

use chiso_schemas::reference::Reference;
use chiso_schemas::store::{Store, active_generation, active_reference};
use chrono::TimeDelta;

use crate::claim::Claim;
use crate::failure::Failure;

/// The right to work, and how far it is used: steps of one epoch are numbered through all its passes.
pub struct Turn {
    /// The epoch.
    pub claim: Claim,
    step: AtomicU32,
    /// How far `complete_through` must move to be worth a record by itself.
    pub(crate) moment_every: TimeDelta,
    /// The reference data of the last pass, with their generation: reading them takes longer than a pass without changes.
    known: Option<(u32, Arc<Reference>)>,
}

impl Turn {
    /// Begins with an epoch that was just claimed. A pass that finds nothing else records `complete_through` if it has moved
    /// by `moment_every`.
    pub fn new(claim: Claim, moment_every: TimeDelta) -> Self {
        Self { claim, step: AtomicU32::new(0), moment_every, known: None }
    }

    /// The reference data in force, and their generation.
    ///
    /// # Errors
    /// There are none, or ClickHouse does not answer.
    pub(crate) async fn reference(&mut self, store: &Store) -> Result<(u32, Arc<Reference>), Failure> {
        let active = active_generation(store).await?;
        if let Some((generation, reference)) = &self.known
            && active == Some(*generation)
        {
            return Ok((*generation, Arc::clone(reference)));
        }
        let (generation, reference) = active_reference(store).await?;
        let reference = Arc::new(reference);
        self.known = Some((generation, Arc::clone(&reference)));
        Ok((generation, reference))
    }

    /// The number of the next step.
    ///
    /// # Errors
    /// A later epoch was claimed, or ClickHouse does not answer.
    pub(crate) async fn next_step(&self, store: &Store) -> Result<u32, Failure> {
        self.claim.still_holds(store).await?;
        Ok(self.step.fetch_add(1, Ordering::Relaxed) + 1)
    }
}
