//! Work in one turn: rows of scopes in steps that readers see whole or not at all.

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::Reference;
use chiso_schemas::store::Store;

use crate::claim::Claim;
use crate::failure::Failure;
use crate::scope::{Volume, row_steps};
use crate::sql::{Scope, Written};
use crate::touched::{self, Family};
use crate::touched_sql::Touched;
use crate::turn::Turn;

/// A turn at work, with what it has done.
pub(crate) struct Work<'a> {
    pub(crate) store: &'a Store,
    pub(crate) turn: &'a mut Turn,
    /// Generation of the reference data.
    pub(crate) generation: u32,
    /// The reference data.
    pub(crate) reference: &'a Reference,
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
    /// The most days that a state is carried.
    pub(crate) fn carry_days_max(&self) -> u32 {
        carry_days_max(self.reference)
    }

    /// Generation and epoch.
    pub(crate) fn at(&self) -> (u32, u32) {
        (self.generation, self.turn.claim.epoch)
    }

    /// Recomputes the rows of these periods that are noted as touched, by something else than marks, and forgets the notes.
    pub(crate) async fn touched(&mut self, periods: &[Period]) -> Result<(), Failure> {
        if periods.is_empty() {
            return Ok(());
        }
        let of = |family| self.family(family, periods, false);
        let (flows, states) = futures::try_join!(of(Family::Flows), of(Family::States))?;
        self.rows += flows + states;
        touched::forget(self.store, self.turn.claim.epoch).await
    }

    /// Recomputes the rows of these periods that are noted as touched, of one family; how many it wrote.
    pub(crate) async fn family(&self, family: Family, periods: &[Period], by_marks: bool) -> Result<u64, Failure> {
        let steps = touched::steps(self.store, self.at(), (self.reference, family), periods).await?;
        let mut rows = 0;
        for scope in &steps {
            let number = self.turn.next_step(self.store).await?;
            rows += write_touched(self.store, self.turn.claim, number, (scope, family, by_marks)).await?;
        }
        Ok(rows)
    }

    /// Computes all rows of a scope. What is stored of it must be noted.
    pub(crate) async fn whole(&mut self, scope: &Scope, written: Written) -> Result<(), Failure> {
        let (store, epoch, step) = (self.store, self.turn.claim.epoch, self.turn.next_step(self.store).await?);
        let version = self.turn.claim.version(step);
        let done = scope.insert_wards(store.write(), written, (epoch, version)).execute().await;
        done.map_err(store.during("compute the rows of wards"))?;
        let done = scope.insert_rows(store.write(), written, (epoch, version)).execute().await;
        done.map_err(store.during("write rollup rows"))?;
        self.rows += count_rows(store, version).await?;
        Ok(())
    }

    /// Computes all rows of these indicators in these periods. What is stored of them must be noted.
    pub(crate) async fn all(&mut self, volumes: &[Volume], periods: &[Period], written: Written) -> Result<(), Failure> {
        for step in row_steps(self.generation, volumes, periods, self.carry_days_max()) {
            self.whole(&step, written).await?;
        }
        Ok(())
    }
}

/// Recomputes the touched rows of a step; how many it wrote.
async fn write_touched(
    store: &Store,
    claim: Claim,
    number: u32,
    (scope, family, by_marks): (&Scope, Family, bool),
) -> Result<u64, Failure> {
    let (epoch, version) = (claim.epoch, claim.version(number));
    let step = Touched { scope, family, by_marks, epoch, step: number, version };
    for query in step.insert_wards(store.write()) {
        query.execute().await.map_err(store.during("compute the rows of wards"))?;
    }
    let is_whole = step.is_whole(store.read()).fetch_one::<bool>().await;
    let is_whole = is_whole.map_err(store.during("look for rows that are gone"))?;
    if !is_whole {
        let gone = step.insert_gone_wards(store.write()).execute().await;
        gone.map_err(store.during("write rows of wards that are gone"))?;
    }
    claim.still_holds(store).await?;
    let done = step.insert_rows(store.write(), is_whole).execute().await;
    done.map_err(store.during("write rollup rows"))?;
    count_rows(store, version).await
}

async fn count_rows(store: &Store, version: u64) -> Result<u64, Failure> {
    let query = store.read().query("SELECT count() FROM rollup_rows WHERE version = ?").bind(version);
    Ok(query.fetch_one::<u64>().await.map_err(store.during("count what was written"))?)
}
