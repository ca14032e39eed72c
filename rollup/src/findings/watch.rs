//! Judges findings beside the passes: what retired batches have touched at once, gaps of offsets every minute, and everything, in
//! slices, every night and after a change of reference data.

use std::collections::HashSet;
use std::time::{Duration, Instant};

use chiso_schemas::calendar::Calendar;
use chiso_schemas::settings::Settings;
use chiso_schemas::store::{Store, check_schema, reference_of};
use chrono::NaiveDate;
use clickhouse::Row;
use serde::Deserialize;
use tracing::info;
use uuid::Uuid;

use super::judge::{self, Place, Rules, Slice};
use super::{Found, Kind, replace};
use crate::chores::note;
use crate::claim::Claim;
use crate::failure::Failure;
use crate::lead::Leader;
use crate::marks::{self, Waiting};
use crate::pass::last_pass;
use crate::progress::Progress;
use crate::scheduler::Schedule;
use crate::scope::first_fact;
use crate::{is_past, local_day};

/// How often it is looked whether passes have retired batches.
const FOLLOW_EVERY: Duration = Duration::from_secs(3);
/// How often the ledger is looked through.
const GAPS_EVERY: Duration = Duration::from_secs(60);
/// Cells of one slice of an indicator at most, roughly.
const SLICE_CELLS: u64 = 500_000;
/// Names of one slice at most, roughly: some hundred bytes each while they are counted.
const SLICE_NAMES: u64 = 8_000_000;

/// Judges beside passes, for ever; what fails is tried again.
pub(crate) async fn watch(store: Store, schedule: Schedule) {
    let mut judge = Judge::new(&schedule.settings);
    let mut gaps_at: Option<Instant> = None;
    loop {
        let today = schedule.today.unwrap_or_else(local_day);
        note(&schedule.metrics, "findings", judge.follow(&store, today).await);
        if gaps_at.is_none_or(|at| at.elapsed() >= GAPS_EVERY) {
            gaps_at = Some(Instant::now());
            note(&schedule.metrics, "offset_gaps", gaps(&store).await);
        }
        match judge.is_night(&store, today).await {
            Ok(true) => note(&schedule.metrics, "all_findings", judge.everything(&store, today).await),
            Ok(false) => {}
            Err(error) => note::<()>(&schedule.metrics, "all_findings", Err(error)),
        }
        tokio::time::sleep(FOLLOW_EVERY).await;
    }
}

/// Judges what waits, the ledger, and everything, now.
///
/// # Errors
/// The tables are not those of this release, or ClickHouse fails. What was judged until then stays.
pub async fn judge_now(store: &Store, settings: &Settings, today: NaiveDate) -> Result<(), Failure> {
    check_schema(store).await?;
    let mut judge = Judge::new(settings);
    judge.follow(store, today).await?;
    gaps(store).await?;
    judge.everything(store, today).await
}

/// Judges with the reference data of the last pass.
struct Judge<'a> {
    settings: &'a Settings,
    /// Those read last, with their generation.
    calendars: Option<(u32, Vec<Calendar>)>,
}

#[derive(Row, Deserialize)]
struct BatchRow {
    #[serde(with = "clickhouse::serde::uuid")]
    batch: Uuid,
    cells: u64,
}

#[derive(Row, Deserialize)]
struct VolumeRow {
    code: String,
    cells: u64,
}

#[derive(Row, Deserialize)]
struct JudgementRow {
    generation: u32,
    today: i32,
}

impl<'a> Judge<'a> {
    fn new(settings: &'a Settings) -> Self {
        Self { settings, calendars: None }
    }

    /// None while no pass was made, or there is no fact.
    async fn rules(&mut self, store: &Store, today: NaiveDate) -> Result<Option<Rules>, Failure> {
        let Some(generation) = last_pass(store).await?.map(|pass| pass.generation) else { return Ok(None) };
        if self.calendars.as_ref().is_none_or(|(known, _)| *known != generation) {
            self.calendars = Some((generation, reference_of(store, generation).await?.calendars));
        }
        let calendars = self.calendars.as_ref().map(|(_, calendars)| calendars.as_slice()).unwrap_or_default();
        let rules = |first| Rules::new((generation, calendars), (first, today), &self.settings.findings);
        Ok(first_fact(store).await?.map(rules).transpose()?)
    }

    /// Looks through the cells of batches that passes have retired since.
    async fn follow(&mut self, store: &Store, today: NaiveDate) -> Result<(), Failure> {
        let retired = "SELECT batch, toUInt64(count()) AS cells FROM marks
                       WHERE batch IN (SELECT batch FROM retired) AND batch NOT IN (SELECT batch FROM examined)
                       GROUP BY batch ORDER BY min(marked_at), batch";
        let retired = store.read().query(retired).fetch_all::<BatchRow>().await;
        let mut retired = retired.map_err(store.during("read the retired batches"))?;
        if retired.is_empty() {
            return Ok(());
        }
        // What a leader does again that took over is not yet as it will be.
        let claim = Claim { epoch: Leader::of(store).await?.epoch };
        let waiting: HashSet<Uuid> = marks::waiting(store, claim).await?.into_iter().map(|waiting| waiting.batch).collect();
        retired.retain(|row| !waiting.contains(&row.batch));
        let Some(rules) = self.rules(store, today).await? else { return Ok(()) };
        let retired: Vec<Waiting> = retired.into_iter().map(|BatchRow { batch, cells }| Waiting { batch, cells }).collect();
        for round in marks::rounds(&retired) {
            let batches: Vec<Uuid> = round.iter().map(|waiting| waiting.batch).collect();
            judge::wards(store, &rules, Place::Batches(&batches)).await?;
            judge::ids(store, &rules, &batches).await?;
            let names: Vec<String> = batches.iter().map(Uuid::to_string).collect();
            let examined = "INSERT INTO examined (batch) SELECT arrayJoin({batches:Array(UUID)})";
            let noted = store.write().query_raw(examined).param("batches", names).execute().await;
            noted.map_err(store.during("note the batches that were looked through"))?;
        }
        Ok(())
    }

    /// Whether everything is to be judged: never done, other reference data, or a new day whose hour has come.
    async fn is_night(&self, store: &Store, today: NaiveDate) -> Result<bool, Failure> {
        let Some(pass) = last_pass(store).await? else { return Ok(false) };
        let sql = "SELECT generation, toInt32(today) AS today FROM judgements ORDER BY finished_at DESC LIMIT 1";
        let last =
            store.read().query(sql).fetch_optional::<JudgementRow>().await.map_err(store.during("read the last judgement"))?;
        Ok(last.is_none_or(|last| {
            let is_new_day = last.today < today.to_epoch_days() && is_past(self.settings.audit.minute());
            last.generation != pass.generation || is_new_day
        }))
    }

    /// Judges everything, in slices of bounded memory.
    async fn everything(&mut self, store: &Store, today: NaiveDate) -> Result<(), Failure> {
        let Some(rules) = self.rules(store, today).await? else { return Ok(()) };
        let begin = Instant::now();
        let volumes = "SELECT toString(indicator) AS code, toUInt64(count()) AS cells FROM cells GROUP BY code ORDER BY code";
        let volumes = store.read().query(volumes).fetch_all::<VolumeRow>().await.map_err(store.during("count the cells"))?;
        let mut progress = Progress::new("judge indicators", volumes.len() as u64);
        for VolumeRow { code, cells } in volumes {
            let count = cells.div_ceil(SLICE_CELLS).max(1);
            for at in 0..count {
                judge::wards(store, &rules, Place::Slice(&code, Slice { at, count })).await?;
            }
            progress.step();
        }
        let events = store.read().query("SELECT count() FROM event_log").fetch_one::<u64>().await;
        let count = events.map_err(store.during("count the stored events"))?.div_ceil(SLICE_NAMES).max(1);
        for at in 0..count {
            judge::names(store, &rules, Slice { at, count }).await?;
        }
        let noted = "INSERT INTO judgements (generation, today) SELECT {generation:UInt32}, {today:Date32}";
        let noted = store.write().query_raw(noted).param("generation", rules.generation).param("today", today.to_string());
        noted.execute().await.map_err(store.during("note the judgement"))?;
        info!(seconds = begin.elapsed().as_secs_f64(), "everything judged for findings");
        Ok(())
    }
}

#[derive(Row, Deserialize)]
struct CoverageRow {
    topic: String,
    partition: i32,
    holes: Vec<(i64, i64)>,
    gone: Vec<(i64, i64, String)>,
}

/// Offsets that are not stored though later ones are, and those that a person gave up.
async fn gaps(store: &Store) -> Result<(), Failure> {
    let sql =
        "SELECT toString(coverage.topic) AS topic, coverage.partition AS partition, arrayMap(g -> (g.1, g.2), gaps) AS holes,
                      arrayMap(l -> (l.1, l.2, l.3), lost) AS gone
               FROM coverage WHERE notEmpty(gaps) OR notEmpty(lost)";
    let rows = store.read().query(sql).fetch_all::<CoverageRow>().await.map_err(store.during("look for gaps of offsets"))?;
    let mut found = Vec::new();
    for CoverageRow { topic, partition, holes, gone } in rows {
        let mut add = |(from, next): (i64, i64), detail: String| {
            found.push(Found { subject: format!("{topic}/{partition}"), period: format!("{from}..{next}"), detail });
        };
        for (from, next) in holes {
            add((from, next), format!("offsets from {from} to {} are not stored, later ones are", next - 1));
        }
        for (from, next, because) in gone {
            add((from, next), format!("offsets from {from} to {} expired unread: {because}", next - 1));
        }
    }
    replace(store, Kind::OffsetGap, &found).await
}
