//! Leadership: an epoch is claimed by one row under a deduplication token, so that versions come from no clock.

use chiso_schemas::store::Store;
use clickhouse::Row;
use serde::Serialize;
use uuid::Uuid;

use crate::failure::Failure;

/// [`Claim::still_holds`] as a condition in a statement that writes, as ClickHouse knows it when it begins with it: who was paused just before, and wakes
/// up when another has taken over, writes nothing. What is under way at that moment, versions decide.
pub(crate) const STILL_HOLDS: &str = "(SELECT max(epoch) FROM claims) = {epoch:UInt32}";

/// The right to write rollups with the versions of one epoch, until somebody claims a later one.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Claim {
    /// The epoch.
    pub epoch: u32,
}

#[derive(Row, Serialize)]
struct ClaimRow<'a> {
    epoch: u32,
    holder: &'a str,
}

impl Claim {
    /// Claims the epoch after the last one, whoever holds that.
    ///
    /// # Errors
    /// ClickHouse does not answer, or the tables are missing.
    pub async fn next(store: &Store) -> Result<Self, Failure> {
        loop {
            let last = last_epoch(store).await?;
            if let Some(claim) = Self::after(store, last).await? {
                return Ok(claim);
            }
        }
    }

    /// Claims the epoch after that one; `None` if somebody else was first. Of the rows inserted under the token of an epoch
    /// ClickHouse keeps one, and who reads back another holder was second.
    ///
    /// # Errors
    /// ClickHouse does not answer, or the tables are missing.
    pub async fn after(store: &Store, last: u32) -> Result<Option<Self>, Failure> {
        let holder = format!("{} {}", std::process::id(), Uuid::new_v4());
        let epoch = last.saturating_add(1);
        insert(store, &ClaimRow { epoch, holder: &holder }).await.map_err(store.during("claim an epoch"))?;
        let query = store.read().query("SELECT holder FROM claims WHERE epoch = ?").bind(epoch);
        let kept = query.fetch_one::<String>().await.map_err(store.during("read the claim of an epoch"))?;
        if kept != holder {
            return Ok(None);
        }
        let inherited =
            "INSERT INTO inherited SELECT ?, batch FROM marks WHERE batch NOT IN (SELECT batch FROM retired) GROUP BY batch";
        let noted = store.write().query(inherited).bind(epoch).execute().await;
        noted.map_err(store.during("note the batches that wait"))?;
        Ok(Some(Self { epoch }))
    }

    /// Refuses if a later epoch was claimed: then somebody else recomputes, and this pass must retire nothing.
    ///
    /// # Errors
    /// A later epoch was claimed, or ClickHouse does not answer.
    pub async fn still_holds(self, store: &Store) -> Result<(), Failure> {
        let last = last_epoch(store).await?;
        if last == self.epoch {
            return Ok(());
        }
        Err(Failure::Superseded { epoch: self.epoch, last })
    }

    /// The version of rows that a step of this epoch writes.
    pub fn version(self, step: u32) -> u64 {
        u64::from(self.epoch) << 32 | u64::from(step)
    }
}

async fn last_epoch(store: &Store) -> Result<u32, Failure> {
    let last = store.read().query("SELECT max(epoch) FROM claims").fetch_one::<u32>().await;
    Ok(last.map_err(store.during("read the last epoch"))?)
}

async fn insert(store: &Store, row: &ClaimRow<'_>) -> clickhouse::error::Result<()> {
    let mut insert = store
        .write()
        .insert::<ClaimRow<'_>>("claims")
        .await?
        .with_setting("insert_deduplication_token", format!("claim-{}", row.epoch));
    insert.write(row).await?;
    insert.end().await
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_later_epoch_outbids_every_step_of_an_earlier_one() {
        assert!(Claim { epoch: 2 }.version(0) > Claim { epoch: 1 }.version(u32::MAX));
        assert!(Claim { epoch: 1 }.version(2) > Claim { epoch: 1 }.version(1));
    }
}
