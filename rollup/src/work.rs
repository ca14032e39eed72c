//! Work in one turn: cells of scopes, and rows of scopes in steps that readers see whole or not at all.

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::Reference;
use chiso_schemas::store::Store;

use crate::cells::CellScope;
use crate::failure::Failure;
use crate::scope::{Volume, row_steps};
use crate::sql::Scope;
use crate::touched;
use crate::turn::Turn;

/// A turn at work, with what it has done.
pub(crate) struct Work<'a> {
    pub(crate) store: &'a Store,
    pub(crate) turn: &'a mut Turn,
    /// Generation of the reference data.
    pub(crate) generation: u32,
    /// The most days that a state is carried.
    pub(crate) carry_days_max: u32,
    /// Cells recomputed for marks.
    pub(crate) cells: u64,
    /// Rows written, gone ones included.
    pub(crate) rows: u64,
}

/// The most days that a state of any indicator is carried.
pub(crate) fn carry_days_max(reference: &Reference) -> u32 {
    reference.indicators.iter().map(|indicator| indicator.carry_days).max().unwrap_or_default()
}

impl Work<'_> {
    /// Generation and epoch.
    pub(crate) fn at(&self) -> (u32, u32) {
        (self.generation, self.turn.claim.epoch)
    }

    /// Recomputes cells whole, from the events.
    pub(crate) async fn cells_of(&self, scope: &CellScope) -> Result<(), Failure> {
        let done = scope.insert(self.store.write()).execute().await;
        Ok(done.map_err(self.store.during("recompute cells"))?)
    }

    /// Recomputes the rows of these periods that are noted as touched, and forgets the notes.
    pub(crate) async fn touched(&mut self, periods: &[Period]) -> Result<(), Failure> {
        if periods.is_empty() {
            return Ok(());
        }
        for step in touched::steps(self.store, self.at(), periods).await? {
            self.write_touched(&step).await?;
        }
        touched::forget(self.store, self.turn.claim.epoch).await
    }

    async fn write_touched(&mut self, scope: &Scope) -> Result<(), Failure> {
        let (store, step) = (self.store, (self.turn.claim.epoch, self.turn.next_step(self.store).await?));
        for query in scope.insert_touched_wards(store.write(), step) {
            query.execute().await.map_err(store.during("compute the rows of wards"))?;
        }
        let version = self.turn.claim.version(step.1);
        let done = scope.insert_touched_rows(store.write(), step, version).execute().await;
        done.map_err(store.during("write rollup rows"))?;
        self.count_rows(version).await
    }

    /// Computes all rows of a scope. What is stored of it must be noted.
    pub(crate) async fn whole(&mut self, scope: &Scope) -> Result<(), Failure> {
        let (store, step) = (self.store, (self.turn.claim.epoch, self.turn.next_step(self.store).await?));
        scope.insert_wards(store.write(), step).execute().await.map_err(store.during("compute the rows of wards"))?;
        let version = self.turn.claim.version(step.1);
        let done = scope.insert_rows(store.write(), step, version).execute().await;
        done.map_err(store.during("write rollup rows"))?;
        touched::forget_wards(store, step.0).await?;
        self.count_rows(version).await
    }

    /// Computes all rows of these indicators in these periods. What is stored of them must be noted.
    pub(crate) async fn all(&mut self, volumes: &[Volume], periods: &[Period]) -> Result<(), Failure> {
        for step in row_steps(self.generation, volumes, periods, self.carry_days_max) {
            self.whole(&step).await?;
        }
        Ok(())
    }

    async fn count_rows(&mut self, version: u64) -> Result<(), Failure> {
        let query = self.store.read().query("SELECT count() FROM rollup_rows WHERE version = ?").bind(version);
        self.rows += query.fetch_one::<u64>().await.map_err(self.store.during("count what was written"))?;
        Ok(())
    }
}
