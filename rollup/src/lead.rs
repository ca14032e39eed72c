//! Which of several schedulers works: the holder of the last epoch, as long as it says now and then that it is alive.

use std::time::Duration;

use chiso_schemas::store::Store;
use clickhouse::Row;
use serde::{Deserialize, Serialize};
use tokio::task::JoinHandle;
use tracing::warn;

use crate::claim::Claim;
use crate::failure::Failure;

/// After so long without a sign of life, another takes over.
pub const SILENCE_MAX: Duration = Duration::from_secs(15);
/// How often the leader gives one.
const BEAT_EVERY: Duration = Duration::from_secs(3);

/// Who leads, as ClickHouse knows it; all by the clock of the server.
#[derive(Clone, PartialEq, Eq, Debug, Row, Deserialize)]
pub struct Leader {
    /// The last epoch; 0 if none was ever claimed.
    pub epoch: u32,
    /// Process that claimed it.
    pub holder: String,
    /// Milliseconds since its last sign of life.
    pub silent_ms: i64,
    /// It has stopped in good order.
    pub is_over: bool,
}

impl Leader {
    /// The holder of the last epoch.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn of(store: &Store) -> Result<Self, Failure> {
        // A claim is a sign of life too.
        let sql = "WITH (SELECT max(epoch) FROM claims) AS last
                   SELECT epoch, holder,
                          toUnixTimestamp64Milli(now64(3)) - greatest(toUnixTimestamp64Milli(claimed_at), beats.last_ms) AS silent_ms,
                          beats.is_over AS is_over
                   FROM claims
                   CROSS JOIN (SELECT toUnixTimestamp64Milli(max(beat_at)) AS last_ms, max(over) AS is_over FROM beats WHERE epoch = last) AS beats
                   WHERE epoch = last LIMIT 1";
        let leader = store.read().query_raw(sql).fetch_optional::<Self>().await.map_err(store.during("ask who leads"))?;
        Ok(leader.unwrap_or(Self { epoch: 0, holder: String::new(), silent_ms: i64::MAX, is_over: true }))
    }

    /// Whether another may take over.
    pub fn is_gone(&self) -> bool {
        self.is_over || u128::try_from(self.silent_ms).is_ok_and(|silent| silent > SILENCE_MAX.as_millis())
    }
}

#[derive(Row, Serialize)]
struct BeatRow {
    epoch: u32,
    over: bool,
}

/// Signs of life of the holder of an epoch, given until this is dropped.
pub struct Beats {
    claim: Claim,
    task: JoinHandle<()>,
}

impl Beats {
    /// Gives one at once, and then again and again.
    pub fn start(store: &Store, claim: Claim) -> Self {
        let store = store.clone();
        let task = tokio::spawn(async move {
            loop {
                if let Err(error) = beat(&store, claim, false).await {
                    warn!(%error, "no sign of life could be given");
                }
                tokio::time::sleep(BEAT_EVERY).await;
            }
        });
        Self { claim, task }
    }

    /// Stops in good order, so that another need not wait for silence.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub async fn end(&self, store: &Store) -> Result<(), Failure> {
        self.task.abort();
        beat(store, self.claim, true).await
    }
}

impl Drop for Beats {
    fn drop(&mut self) {
        self.task.abort();
    }
}

/// Says that the holder of the epoch is alive, or that it has stopped.
///
/// # Errors
/// ClickHouse does not answer.
async fn beat(store: &Store, claim: Claim, over: bool) -> Result<(), Failure> {
    let insert = async {
        let mut insert = store.write().insert::<BeatRow>("beats").await?;
        insert.write(&BeatRow { epoch: claim.epoch, over }).await?;
        insert.end().await
    };
    Ok(insert.await.map_err(store.during("say that this scheduler is alive"))?)
}
