//! The rows that changed cells touch: noted in a table, and recomputed in steps that each become visible at once.

use std::collections::BTreeSet;

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::{Kind, Reference};
use chiso_schemas::store::Store;
use clickhouse::Row;
use serde::Deserialize;
use uuid::Uuid;

use crate::failure::Failure;
use crate::scope::{STEP_PERIODS_MAX, STEP_ROWS_MAX};
use crate::sql::Scope;
use crate::stored;

/// What steps leave behind, by epoch.
const NOTES: [&str; 4] = ["touched_rows", "step_members", "step_needs", "step_cells"];

/// Indicators that are worked on in steps of their own, beside those of the other family: they read other columns of cells.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Family {
    /// Flows and flow ratios.
    Flows,
    /// Stocks and stock ratios.
    States,
}

impl Family {
    /// Its kinds.
    pub fn kinds(self) -> [Kind; 2] {
        match self {
            Self::Flows => [Kind::Flow, Kind::FlowRatio],
            Self::States => [Kind::Stock, Kind::StockRatio],
        }
    }
}

/// Notes the rows of these periods that the marks of the batches touch, of indicators of a family.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn note(
    store: &Store,
    (generation, epoch): (u32, u32),
    (batches, family): (&[Uuid], Family),
    periods: &[Period],
) -> Result<(), Failure> {
    for periods in periods.chunks(STEP_PERIODS_MAX) {
        let scope = Scope { generation, indicators: Vec::new(), periods: periods.to_vec() };
        let noted = scope.note_touched(store.write(), epoch, batches, family).execute().await;
        noted.map_err(store.during("find the rows that changed facts touch"))?;
    }
    Ok(())
}

/// Notes the rows of these indicators in these areas, those below and above them included.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn note_areas(
    store: &Store,
    (generation, epoch): (u32, u32),
    (indicators, areas): (&[String], &[String]),
    periods: &[Period],
) -> Result<(), Failure> {
    for periods in periods.chunks(STEP_PERIODS_MAX) {
        let scope = Scope { generation, indicators: indicators.to_vec(), periods: periods.to_vec() };
        let noted = scope.note_areas(store.write(), epoch, areas).execute().await;
        noted.map_err(store.during("find the rows of areas"))?;
    }
    Ok(())
}

/// Forgets what was noted, the cells of the steps included.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn forget(store: &Store, epoch: u32) -> Result<(), Failure> {
    futures::future::try_join_all(NOTES.map(|table| drop_epoch(store, table, epoch))).await?;
    Ok(())
}

pub(crate) async fn drop_epoch(store: &Store, table: &str, epoch: u32) -> Result<(), Failure> {
    let sql = format!("ALTER TABLE {table} DROP PARTITION {epoch}");
    Ok(store.write().query_raw(&sql).execute().await.map_err(store.during(format!("empty {table}")))?)
}

/// Forgets what passes have left that ended in the middle. Not what is younger than an hour: a statement of such a pass may be under
/// way, and would take what is missing for rows that are gone.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn sweep(store: &Store) -> Result<(), Failure> {
    for table in NOTES.into_iter().chain([stored::NOTE, "inherited"]) {
        let sql = format!(
            "SELECT DISTINCT epoch FROM {table}
             WHERE epoch IN (SELECT epoch FROM claims WHERE claimed_at < now64(3) - INTERVAL 1 HOUR AND epoch < (SELECT max(epoch) FROM claims))"
        );
        let epochs =
            store.read().query_raw(&sql).fetch_all::<u32>().await.map_err(store.during(format!("look through {table}")))?;
        for epoch in epochs {
            drop_epoch(store, table, epoch).await?;
        }
    }
    Ok(())
}

#[derive(Row, Deserialize)]
struct GroupRow {
    indicator: String,
    calendar: String,
    period: String,
    rows: u64,
}

/// The steps that recompute what is noted of a family. Rows of one area, period and indicator are always in one step.
///
/// # Errors
/// ClickHouse does not answer.
pub async fn steps(
    store: &Store,
    (generation, epoch): (u32, u32),
    (reference, family): (&Reference, Family),
    periods: &[Period],
) -> Result<Vec<Scope>, Failure> {
    let query = store.read().query(
        "SELECT toString(indicator) AS indicator, toString(calendar) AS calendar, toString(period) AS period, toUInt64(count()) AS rows
         FROM touched_rows WHERE epoch = ? GROUP BY indicator, calendar, period ORDER BY indicator, calendar, period",
    );
    let groups = query.bind(epoch).fetch_all::<GroupRow>().await.map_err(store.during("read the touched rows"))?;
    let is_own = |row: &&GroupRow| reference.indicators.get(&row.indicator).is_some_and(|own| family.kinds().contains(&own.kind));
    let find = |row: &GroupRow| {
        let at = periods.iter().position(|period| period.calendar.as_str() == row.calendar && period.id == row.period);
        at.map(|at| Group { indicator: row.indicator.clone(), period: at, rows: row.rows })
    };
    let groups: Vec<Group> = groups.iter().filter(is_own).filter_map(find).collect();
    let scope = |(indicators, own): (Vec<String>, BTreeSet<usize>)| Scope {
        generation,
        indicators,
        periods: own.into_iter().map(|at| periods[at].clone()).collect(),
    };
    Ok(packed(&groups).into_iter().map(scope).collect())
}

/// Touched rows of one indicator in one period.
struct Group {
    indicator: String,
    /// Place of the period in a list.
    period: usize,
    rows: u64,
}

/// Groups in the order of their indicators, in steps. Small indicators stand together whole; one that is too large for a step
/// is cut by periods, and then stands alone.
fn packed(groups: &[Group]) -> Vec<(Vec<String>, BTreeSet<usize>)> {
    let mut steps: Vec<(Vec<String>, BTreeSet<usize>)> = Vec::new();
    let mut filled = u64::MAX;
    for own in groups.chunk_by(|a, b| a.indicator == b.indicator) {
        let rows = own.iter().map(|group| group.rows).sum::<u64>();
        let mut pieces = cut(own);
        let whole = pieces.len() == 1;
        if let (true, Some(last), Some(piece)) = (whole, steps.last_mut(), pieces.first())
            && filled.saturating_add(rows) <= STEP_ROWS_MAX
            && last.1.union(piece).count() <= STEP_PERIODS_MAX
        {
            last.0.push(own[0].indicator.clone());
            last.1.append(&mut pieces[0]);
            filled += rows;
            continue;
        }
        steps.extend(pieces.into_iter().map(|piece| (vec![own[0].indicator.clone()], piece)));
        filled = if whole { rows } else { u64::MAX };
    }
    steps
}

fn cut(own: &[Group]) -> Vec<BTreeSet<usize>> {
    let mut pieces: Vec<BTreeSet<usize>> = Vec::new();
    let mut filled = u64::MAX;
    for group in own {
        filled = filled.saturating_add(group.rows);
        if filled > STEP_ROWS_MAX || pieces.last().is_none_or(|piece| piece.len() == STEP_PERIODS_MAX) {
            pieces.push(BTreeSet::new());
            filled = group.rows;
        }
        if let Some(piece) = pieces.last_mut() {
            piece.insert(group.period);
        }
    }
    pieces
}

#[cfg(test)]
mod tests {
    use super::*;

    fn group(indicator: &str, period: usize, rows: u64) -> Group {
        Group { indicator: indicator.to_owned(), period, rows }
    }

    #[test]
    fn small_indicators_share_a_step_and_a_large_one_is_cut_by_periods() {
        let groups = [
            group("a", 0, 100),
            group("b", 1, 100),
            group("c", 0, 300_000),
            group("c", 1, 300_000),
            group("c", 2, 100),
            group("d", 0, 1),
        ];
        let steps = packed(&groups);
        let shown: Vec<(String, Vec<usize>)> =
            steps.into_iter().map(|(indicators, periods)| (indicators.join("+"), periods.into_iter().collect())).collect();
        let expected = [("a+b", vec![0, 1]), ("c", vec![0]), ("c", vec![1, 2]), ("d", vec![0])];
        assert_eq!(shown, expected.map(|(indicators, periods)| (indicators.to_owned(), periods)));
    }

    #[test]
    fn no_step_has_more_periods_than_fit_into_its_text() {
        let groups: Vec<Group> = (0..1_201).map(|period| group("a", period, 1)).collect();
        assert_eq!(packed(&groups).iter().map(|(_, periods)| periods.len()).collect::<Vec<_>>(), [500, 500, 201]);
        let groups: Vec<Group> = (0..6)
            .flat_map(|n| (0..300).map(move |period| (n, period)))
            .map(|(n, p)| group(&format!("i{n}"), p + 300 * (n % 2), 1))
            .collect();
        assert!(packed(&groups).iter().all(|(_, periods)| periods.len() <= STEP_PERIODS_MAX));
    }
}
