//! The audit of a random sample that a leading scheduler makes every night.

use std::time::Duration;

use chiso_schemas::store::Store;
use chrono::NaiveDate;
use clickhouse::Row;
use serde::Serialize;
use tracing::{error, info};

use super::{Selection, Summary, run};
use crate::chores::note;
use crate::failure::Failure;
use crate::pass::last_pass;
use crate::scheduler::Schedule;
use crate::{is_past, local_day};

/// How often it is looked whether the hour has come.
const LOOK_EVERY: Duration = Duration::from_secs(20);
/// Differences that the log names; the audit of the same seed lists all.
const NAMED_MAX: u64 = 20;

#[derive(Row, Serialize)]
struct AuditRow {
    #[serde(with = "clickhouse::serde::chrono::date32")]
    today: NaiveDate,
    seed: u64,
    rows: u64,
    cells: u64,
    differences: u64,
    in_flight: u64,
}

/// Audits once a night, for ever; what fails is tried again.
pub(crate) async fn every_night(store: Store, schedule: Schedule) {
    loop {
        let today = schedule.today.unwrap_or_else(local_day);
        match is_due(&store, &schedule, today).await {
            Ok(true) => note(&schedule.metrics, "audit", audit(&store, &schedule, today).await),
            Ok(false) => {}
            Err(error) => note::<()>(&schedule.metrics, "audit", Err(error)),
        }
        tokio::time::sleep(LOOK_EVERY).await;
    }
}

async fn is_due(store: &Store, schedule: &Schedule, today: NaiveDate) -> Result<bool, Failure> {
    let settings = &schedule.settings.audit;
    if settings.sample == 0 || !is_past(settings.minute()) {
        return Ok(false);
    }
    if last_pass(store).await?.is_none() {
        return Ok(false);
    }
    let done =
        store.read().query_raw("SELECT count() FROM audits WHERE today = {today:Date32}").param("today", today.to_string());
    Ok(done.fetch_one::<u64>().await.map_err(store.during("read the last audit"))? == 0)
}

async fn audit(store: &Store, schedule: &Schedule, today: NaiveDate) -> Result<(), Failure> {
    let seed = u64::from(rand::random::<u32>());
    let count = usize::try_from(schedule.settings.audit.sample).unwrap_or(usize::MAX);
    let selection = Selection { sample: Some((count, seed)), ..Selection::default() };
    let mut named = 0;
    let summary = run(store, &selection, today, &mut |difference| {
        named += 1;
        if named <= NAMED_MAX {
            let super::Difference { table, key, column, proven, stored } = difference;
            error!(table, key, column, proven, stored, "the audit found a difference");
        }
    })
    .await?;
    schedule.metrics.audited(summary.differences);
    let Summary { rows, cells, differences, in_flight, .. } = summary;
    info!(seed, rows, cells, differences, in_flight, "audit of a sample finished");
    let row = AuditRow { today, seed, rows, cells, differences, in_flight };
    let insert = async {
        let mut insert = store.write().insert::<AuditRow>("audits").await?;
        insert.write(&row).await?;
        insert.end().await
    };
    Ok(insert.await.map_err(store.during("note the audit"))?)
}
