//! Judges findings in SQL: within the cells that some batches touched, or in a slice of everything.

use chiso_schemas::calendar::{Calendar, PeriodError};
use chiso_schemas::settings;
use chiso_schemas::store::Store;
use chrono::{Datelike, NaiveDate};
use clickhouse::query::Query;
use uuid::Uuid;

use super::{Kind, moment};
use crate::failure::Failure;

/// Merges what a query has found into what is stored; an `INSERT`.
const WRITE: &str = include_str!("../../sql/findings/write.sql");
const MONTHS: &str = include_str!("../../sql/findings/months.sql");
const ASKED_MONTHS: &str = include_str!("../../sql/findings/asked_months.sql");
const OBSERVATIONS: &str = include_str!("../../sql/findings/observations.sql");

/// Where to look.
#[derive(Clone, Copy, Debug)]
pub(super) enum Place<'a> {
    /// In the cells that these batches touched, and what these can change.
    Batches(&'a [Uuid]),
    /// In everything of an indicator, in one of so many slices of its wards.
    Slice(&'a str, Slice),
}

/// One of so many slices by hash.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(super) struct Slice {
    pub(super) at: u64,
    pub(super) count: u64,
}

/// What findings are judged by.
#[derive(Clone, Debug)]
pub(super) struct Rules {
    pub(super) generation: u32,
    pub(super) today: NaiveDate,
    pub(super) settings: settings::Findings,
    cut_offs: String,
    first_month: u32,
}

impl Rules {
    /// `first_fact` is the day of the first fact.
    pub(super) fn new(
        (generation, calendars): (u32, &[Calendar]),
        (first_fact, today): (NaiveDate, NaiveDate),
        settings: &settings::Findings,
    ) -> Result<Self, PeriodError> {
        let cut_offs = calendars.iter().map(|calendar| {
            let any = calendar.period("2001-M03")?;
            // A cut-off is 28 at most.
            let cut_off = if any.end.day() == 31 { 0 } else { any.end.day() };
            Ok(format!("('{}', toUInt32({cut_off}))", calendar.id))
        });
        let cut_offs = cut_offs.collect::<Result<Vec<_>, PeriodError>>()?;
        let cut_offs = format!("[{}]", cut_offs.join(", "));
        Ok(Self { generation, today, settings: settings.clone(), cut_offs, first_month: month(first_fact) })
    }

    fn bind(&self, query: Query) -> Query {
        let query = query.param("generation", self.generation).param("today", self.today.to_string());
        let query = query.param("first_month", self.first_month).param("last_month", month(self.today));
        let query = query.param("jump_factor", self.settings.jump_factor).param("grace", self.settings.missing_grace_days);
        // The queries give columns of their input other values under the same name.
        query.with_setting("prefer_column_name_to_alias", "1").with_setting("join_use_nulls", "0")
    }

    fn filled(&self, sql: &str) -> String {
        sql.replace("<observations>", OBSERVATIONS)
            .replace("<asked_months>", ASKED_MONTHS)
            .replace("<months>", MONTHS)
            .replace("<cut_offs>", &self.cut_offs)
    }
}

/// Months since the year 0.
fn month(day: NaiveDate) -> u32 {
    u32::try_from(day.year()).unwrap_or_default() * 12 + day.month0()
}

/// Kinds that depend on the facts of one ward and indicator, each with its query.
const OF_WARDS: [(Kind, &str); 5] = [
    (Kind::SeriesConflict, include_str!("../../sql/findings/series_conflict.sql")),
    (Kind::PercentMismatch, include_str!("../../sql/findings/percent_mismatch.sql")),
    (Kind::SourceConflict, include_str!("../../sql/findings/source_conflict.sql")),
    (Kind::Jump, include_str!("../../sql/findings/jump.sql")),
    (Kind::MissingReport, include_str!("../../sql/findings/missing_report.sql")),
];
/// Kinds that depend on events of any ward and indicator, each with its query, what must be the same, and what must not differ.
const OF_NAMES: [(Kind, &str, &str, &str); 2] = [
    (
        Kind::IdReused,
        include_str!("../../sql/findings/id_reused.sql"),
        "concat(source, ' ', id)",
        "date, indicator, ward, record, version",
    ),
    (
        Kind::RecordMoved,
        include_str!("../../sql/findings/record_moved.sql"),
        "concat(source, ' ', record)",
        "date, indicator, ward",
    ),
];

/// Judges what depends on single wards and indicators, within a place.
pub(super) async fn wards(store: &Store, rules: &Rules, place: Place<'_>) -> Result<(), Failure> {
    for (kind, found) in OF_WARDS {
        let place = match (kind, place) {
            // A ward may be expected to report because of another's facts, which may lie in another slice: all at once, in the first.
            (Kind::MissingReport, Place::Slice(_, Slice { at: 1.., .. })) => continue,
            (Kind::MissingReport, Place::Slice(indicator, _)) => Place::Slice(indicator, Slice { at: 0, count: 1 }),
            _ => place,
        };
        let text = rules.filled(&written(found, stored(kind, place))).replace("<cells>", cells(place));
        judge(store, kind, bind(rules.bind(store.write().query_raw(&text)), place)).await?;
    }
    Ok(())
}

/// Notes ids that were used twice within the cells that batches touched. Across cells, and whether it is over, is found in slices of
/// everything.
pub(super) async fn ids(store: &Store, rules: &Rules, batches: &[Uuid]) -> Result<(), Failure> {
    let (place, (kind, found, ..)) = (Place::Batches(batches), OF_NAMES[0]);
    let found = found.replace("<events>", "(date, indicator, ward) IN (SELECT date, indicator, ward FROM (<cells>))");
    let stored =
        format!("SELECT * FROM finding_log FINAL WHERE kind = {{kind:String}} AND subject IN (SELECT subject FROM ({found}))");
    let text = written(&found, &stored).replace("<cells>", cells(place));
    judge(store, kind, bind(rules.bind(store.write().query_raw(&text)), place)).await
}

/// Judges what depends on events of any ward and indicator, in a slice of all names.
pub(super) async fn names(store: &Store, rules: &Rules, slice: Slice) -> Result<(), Failure> {
    for (kind, found, name, place) in OF_NAMES {
        // First by hashes, which take little memory; then what remains, exactly.
        let events = format!(
            "cityHash64({name}) IN
             (
                 SELECT named FROM (SELECT cityHash64({name}) AS named, cityHash64({place}) AS placed FROM event_log)
                 WHERE named % {{count:UInt64}} = {{at:UInt64}}
                 GROUP BY named HAVING min(placed) != max(placed)
             )"
        );
        let stored =
            "SELECT * FROM finding_log FINAL WHERE kind = {kind:String} AND cityHash64(subject) % {count:UInt64} = {at:UInt64}";
        let text = written(found, stored).replace("<events>", &events);
        judge(store, kind, bind_slice(rules.bind(store.write().query_raw(&text)), slice)).await?;
    }
    Ok(())
}

async fn judge(store: &Store, kind: Kind, query: Query) -> Result<(), Failure> {
    let judged = moment(store).await?;
    let done = query.param("kind", kind.as_str()).param("judged", judged).execute().await;
    Ok(done.map_err(store.during(format!("look for {kind}")))?)
}

fn written(found: &str, stored: &str) -> String {
    WRITE.replace("<found>", found).replace("<stored>", stored)
}

fn bind(query: Query, place: Place<'_>) -> Query {
    match place {
        Place::Batches(batches) => query.param("batches", batches.iter().map(Uuid::to_string).collect::<Vec<_>>()),
        Place::Slice(indicator, slice) => bind_slice(query.param("indicator", indicator), slice),
    }
}

fn bind_slice(query: Query, slice: Slice) -> Query {
    query.param("count", slice.count).param("at", slice.at)
}

/// The cells of a place.
fn cells(place: Place<'_>) -> &'static str {
    match place {
        Place::Batches(_) => "SELECT DISTINCT indicator, ward, date FROM marks WHERE batch IN {batches:Array(UUID)}",
        Place::Slice(..) => {
            "SELECT indicator, ward, date FROM cells WHERE indicator = {indicator:String} AND cityHash64(toString(ward)) % {count:UInt64} = {at:UInt64}"
        }
    }
}

/// The stored findings that are judged anew in a place: those that its cells can change.
fn stored(kind: Kind, place: Place<'_>) -> &'static str {
    match (place, kind) {
        (Place::Slice(..), _) => {
            "SELECT * FROM finding_log FINAL
             WHERE kind = {kind:String} AND indicator = {indicator:String} AND cityHash64(toString(ward)) % {count:UInt64} = {at:UInt64}"
        }
        (Place::Batches(_), Kind::SourceConflict | Kind::Jump) => {
            "SELECT log.indicator AS indicator, log.ward AS ward, day, subject, period, detail, first_seen, last_seen, settled_at
             FROM (SELECT * FROM finding_log FINAL WHERE kind = {kind:String} AND (indicator, ward) IN (SELECT indicator, ward FROM (<cells>))) AS log
             INNER JOIN (SELECT indicator, ward, toInt32(min(date)) AS lo, toInt32(max(date)) AS hi FROM (<cells>) GROUP BY indicator, ward) AS changed
                 ON log.indicator = changed.indicator AND log.ward = changed.ward
             INNER JOIN (SELECT code, carry_days FROM reference_indicators WHERE generation = {generation:UInt32}) AS catalogue ON log.indicator = catalogue.code
             WHERE toInt32(log.day) BETWEEN lo AND hi + toInt32(carry_days) - 1"
        }
        (Place::Batches(_), Kind::MissingReport) => {
            "SELECT * FROM finding_log FINAL
             WHERE kind = {kind:String} AND (indicator, ward, day) IN
                 (WITH <asked_months> SELECT indicator, code, toDate32(end) FROM expected INNER JOIN wards ON expected.unit = wards.unit_id)"
        }
        (Place::Batches(_), _) => {
            "SELECT * FROM finding_log FINAL WHERE kind = {kind:String} AND (indicator, ward, day) IN (SELECT indicator, ward, date FROM (<cells>))"
        }
    }
}
