//! The protocol of a close: stage the rows in one query, hash them, claim versions, and see which claims counted.

use std::collections::{HashMap, HashSet};

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::{FIRST_DAY, Level};
use chiso_schemas::store::Store;
use chrono::{DateTime, Utc};
use serde_json::json;
use uuid::Uuid;

use super::diff::{CURRENT, LATEST, changed};
use super::digest::{self, Staged};
use super::{InForce, Version, about, utc, versions};
use crate::failure::Failure;
use crate::sql::{COLUMNS, with_settings};

/// Seconds after which a stage can claim nothing any more.
const CLAIM_WITHIN_S: u32 = 1_800;

/// Why a version is made.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) enum Because {
    Schedule,
    Command,
    Restatement,
}

impl Because {
    const fn as_str(self) -> &'static str {
        match self {
            Self::Schedule => "schedule",
            Self::Command => "command",
            Self::Restatement => "restatement",
        }
    }
}

/// Which areas of the period get a version.
#[derive(Clone, Debug)]
pub(super) enum Which {
    /// Those of these levels that have rows and no version yet: their first.
    Unclosed(Vec<Level>),
    /// These, each with its level, that have no version yet, whether they have rows or not: their first.
    Named(Vec<(String, Level)>),
    /// Closed ones (of these, or none for all) whose rows are no longer those of their latest version: the next one.
    Changed(Vec<String>),
}

/// A close at work.
#[derive(Clone, Copy)]
pub(super) struct Freeze<'a> {
    pub(super) store: &'a Store,
    pub(super) data: &'a InForce,
    pub(super) period: &'a Period,
    pub(super) by: &'a str,
    pub(super) because: Because,
    pub(super) incomplete: bool,
}

/// A version that was made.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Made {
    pub(super) area_id: String,
    pub(super) version: u32,
    pub(super) rows: u64,
    pub(super) sha256: String,
}

impl Freeze<'_> {
    /// Makes the versions; those that another close has made meanwhile are not among them.
    pub(super) async fn freeze(&self, which: &Which) -> Result<Vec<Made>, Failure> {
        let (stage, begun_ms) = (Uuid::new_v4(), self.server_ms().await?);
        // Before rows are copied: who makes a version later than this has copied newer ones, and must win.
        let before = versions(self.store, self.period, &[]).await?;
        self.stage(stage, which).await?;
        let staged = digest::of_stage(self.store, stage, self.period).await?;
        let claims = self.claims(which, &staged, &before).await?;
        if let Err(error) = self.still_in_force().await {
            self.forget(stage).await?;
            return Err(error);
        }
        self.claim(stage, begun_ms, &claims).await?;
        let after = versions(self.store, self.period, &[]).await?;
        let kept: HashMap<&str, u32> =
            after.iter().filter(|kept| kept.stage == stage).map(|kept| (kept.area_id.as_str(), kept.version)).collect();
        if claims.len() > kept.len() || staged.len() > kept.len() {
            self.forget(stage).await?;
        }
        let exists = |claim: &Claim| after.iter().any(|v| v.area_id == claim.area.area_id && v.version == claim.version);
        if !claims.iter().all(exists) {
            return Err(Failure::Refused(format!(
                "the close of {} {} took longer than {} minutes, so its copy of the rows is given up: close again",
                self.period.calendar,
                self.period.id,
                CLAIM_WITHIN_S / 60
            )));
        }
        let made = claims.into_iter().filter(|claim| kept.get(claim.area.area_id.as_str()) == Some(&claim.version));
        let made =
            made.map(|Claim { area, version }| Made { area_id: area.area_id, version, rows: area.rows, sha256: area.sha256 });
        Ok(made.collect())
    }

    async fn server_ms(&self) -> Result<i64, Failure> {
        let now = self.store.read().query("SELECT toUnixTimestamp64Milli(now64(3))").fetch_one::<i64>().await;
        Ok(now.map_err(self.store.during("ask for the time"))?)
    }

    /// Copies the rows in one query: it sees every step of a pass whole, so an area is the sum of its wards.
    async fn stage(&self, stage: Uuid, which: &Which) -> Result<(), Failure> {
        const UNCLAIMED: &str =
            "area_id NOT IN (SELECT area_id FROM report_claims WHERE calendar = {calendar:String} AND period = {period:String})";
        let (condition, areas, levels) = match which {
            Which::Unclosed(levels) => {
                (format!("toString(level) IN {{levels:Array(String)}} AND {UNCLAIMED}"), Vec::new(), &levels[..])
            }
            Which::Named(named) => {
                let areas = named.iter().map(|(area, _)| area.clone()).collect();
                (format!("area_id IN {{areas:Array(String)}} AND {UNCLAIMED}"), areas, &[][..])
            }
            Which::Changed(areas) => {
                let changed = changed(LATEST, CURRENT);
                (format!("area_id IN (SELECT area_id FROM ({changed}))"), areas.clone(), &[][..])
            }
        };
        let sql = format!(
            "INSERT INTO report_rows (stage, {COLUMNS})
             SELECT {{stage:UUID}}, {COLUMNS} FROM rollup_rows FINAL
             WHERE calendar = {{calendar:String}} AND period = {{period:String}} AND NOT gone AND {condition}"
        );
        let levels: Vec<&str> = levels.iter().map(|level| level.as_str()).collect();
        let query = with_settings(self.store.write().query_raw(&sql));
        let query = query.param("calendar", self.period.calendar.as_str()).param("period", &self.period.id);
        let query = query.param("stage", stage.to_string()).param("areas", &areas).param("levels", &levels);
        Ok(query.execute().await.map_err(self.store.during("copy the rows of a report"))?)
    }

    /// What to claim: the staged areas, and those that have no rows but are meant all the same; as the next versions after those
    /// that there were before.
    async fn claims(&self, which: &Which, staged: &[Staged], before: &[Version]) -> Result<Vec<Claim>, Failure> {
        let nothing = |area_id: &str, level: &str| -> Result<Staged, Failure> {
            Ok(Staged { level: level.to_owned(), area_id: area_id.to_owned(), rows: 0, sha256: digest::of(&[])? })
        };
        let by_area: HashMap<&str, &Staged> = staged.iter().map(|area| (area.area_id.as_str(), area)).collect();
        let mut claims: Vec<Claim> = Vec::new();
        match which {
            Which::Unclosed(_) => claims.extend(staged.iter().map(|area| Claim { area: area.clone(), version: 1 })),
            Which::Named(named) => {
                claims.extend(staged.iter().map(|area| Claim { area: area.clone(), version: 1 }));
                let is_closed = |area: &str| before.iter().any(|version| version.area_id == area);
                for (area, level) in named.iter().filter(|(area, _)| !by_area.contains_key(area.as_str()) && !is_closed(area)) {
                    claims.push(Claim { area: nothing(area, level.as_str())?, version: 1 });
                }
            }
            Which::Changed(areas) => {
                let current = about(self.store, &format!("SELECT DISTINCT toString(area_id) FROM {CURRENT}"), self.period, areas);
                let current = current.fetch_all::<String>().await.map_err(self.store.during("list the areas with rows"))?;
                let current: HashSet<String> = current.into_iter().collect();
                let is_meant = |closed: &&Version| closed.latest && (areas.is_empty() || areas.contains(&closed.area_id));
                for closed in before.iter().filter(is_meant) {
                    let area = match by_area.get(closed.area_id.as_str()) {
                        Some(area) => (*area).clone(),
                        None if current.contains(&closed.area_id) => continue,
                        None => nothing(&closed.area_id, &closed.level)?,
                    };
                    if area.sha256 != closed.sha256 {
                        claims.push(Claim { area, version: closed.version.saturating_add(1) });
                    }
                }
            }
        }
        Ok(claims)
    }

    /// Refuses if other reference data were activated meanwhile: the rows may be of both.
    async fn still_in_force(&self) -> Result<(), Failure> {
        let now = InForce::of(self.store, Some(self.data)).await?;
        let same = now.generation == self.data.generation && now.awaits_pass == self.data.awaits_pass;
        if same { Ok(()) } else { Err(Failure::Refused("the reference data changed during the close; close again".to_owned())) }
    }

    /// Claims, unless so much time has passed that the stage may be swept away: by the clock of the server, in one statement.
    async fn claim(&self, stage: Uuid, begun_ms: i64, claims: &[Claim]) -> Result<(), Failure> {
        if claims.is_empty() {
            return Ok(());
        }
        let lines: String = claims.iter().map(|claim| format!("{}\n", self.line(stage, claim))).collect();
        let sql = format!(
            "INSERT INTO report_claims (calendar, period, period_end, level, area_id, version, stage, closed_by, because, incomplete, due_at,
                                        complete_through, generation, rows, sha256)
             SELECT * FROM input('calendar String, period String, period_end Date32, level String, area_id String, version UInt32, stage UUID,
                                  closed_by String, because String, incomplete Bool, due_at Nullable(DateTime64(3, ''UTC'')),
                                  complete_through Nullable(DateTime64(3, ''UTC'')), generation UInt32, rows UInt64, sha256 String')
             WHERE toUnixTimestamp64Milli(now64(3)) < {begun_ms} + 1000 * {CLAIM_WITHIN_S}
             FORMAT JSONEachRow"
        );
        let insert = async {
            let mut insert = self
                .store
                .write()
                .insert_formatted_with(sql)
                .with_setting("insert_deduplication_token", format!("report-{stage}"))
                .with_setting("date_time_input_format", "best_effort");
            insert.send(lines.into()).await?;
            insert.end().await
        };
        Ok(insert.await.map_err(self.store.during("claim versions of reports"))?)
    }

    fn line(&self, stage: Uuid, claim: &Claim) -> String {
        let (period, data) = (self.period, self.data);
        let level = Level::from_word(&claim.area.level);
        let due: Option<DateTime<Utc>> = level.and_then(|level| data.reference.schedule.due(period, level));
        json!({
            "calendar": period.calendar.as_str(), "period": period.id, "period_end": period.end.max(FIRST_DAY), "level": claim.area.level,
            "area_id": claim.area.area_id, "version": claim.version, "stage": stage, "closed_by": self.by, "because": self.because.as_str(),
            "incomplete": self.incomplete, "due_at": due.map(utc), "complete_through": data.complete_through.map(utc),
            "generation": data.generation, "rows": claim.area.rows, "sha256": claim.area.sha256,
        })
        .to_string()
    }

    /// Takes away the claims of this stage that did not count, and then what it has copied and not claimed. A claim that did not
    /// count never will, as long as the numbers of blocks are those of this server: a restored copy must not have it.
    async fn forget(&self, stage: Uuid) -> Result<(), Failure> {
        let own = "calendar = {calendar:String} AND period = {period:String} AND stage = {stage:UUID}";
        let claims = format!(
            "DELETE FROM report_claims WHERE {own} AND (area_id, version) NOT IN (SELECT area_id, version FROM report_versions WHERE {own})"
        );
        let rows =
            format!("DELETE FROM report_rows WHERE {own} AND area_id NOT IN (SELECT area_id FROM report_claims WHERE {own})");
        for sql in [claims, rows] {
            let query = self.store.write().query_raw(&sql).param("calendar", self.period.calendar.as_str());
            let query = query.param("period", &self.period.id).param("stage", stage.to_string());
            query.execute().await.map_err(self.store.during("forget what a close has made that did not count"))?;
        }
        Ok(())
    }
}

#[derive(Clone, Debug)]
struct Claim {
    area: Staged,
    version: u32,
}

/// Takes away what closes have left that were killed: claims that did not count, and rows that nobody claimed. Rows with a claim
/// stay, whatever becomes of it.
pub(super) async fn sweep(store: &Store) -> Result<(), Failure> {
    let claims = "(calendar, period, area_id, version, stage) NOT IN (SELECT calendar, period, area_id, version, stage FROM report_versions)";
    let rows = "(stage, area_id) NOT IN (SELECT stage, area_id FROM report_claims)";
    for (table, since, left) in [("report_claims", "closed_at", claims), ("report_rows", "staged_at", rows)] {
        let left = format!("{since} < now64(3) - INTERVAL {} SECOND AND {left}", 2 * CLAIM_WITHIN_S);
        let count = store.read().query_raw(&format!("SELECT count() FROM {table} WHERE {left}")).fetch_one::<u64>().await;
        if count.map_err(store.during(format!("look in {table} for what closes have left")))? > 0 {
            let swept = store.write().query_raw(&format!("DELETE FROM {table} WHERE {left}")).execute().await;
            swept.map_err(store.during(format!("sweep {table} of what closes have left")))?;
        }
    }
    Ok(())
}
