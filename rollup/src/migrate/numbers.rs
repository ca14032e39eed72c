//! Numbers that stand for texts in `summands`: no two texts may share one.

use chiso_schemas::store::Store;

use crate::failure::Failure;

/// Texts of a generation that share a number: codes of indicators, unit ids, kept periods of all years.
const SHARED: &str = "
SELECT arrayStringConcat(groupArray(text), ' and ')
FROM
(
    SELECT DISTINCT 'indicators' AS kind, toString(code) AS text, sipHash64(text) % 268435456 AS number FROM reference_indicators WHERE generation = {generation:UInt32}
    UNION ALL
    SELECT DISTINCT 'areas', toString(area_id) AS text, sipHash64(text) % 68719476736 FROM reference_areas
    WHERE generation = {generation:UInt32} AND level != 'ward'
    UNION ALL
    SELECT DISTINCT 'wards', toString(area_id) AS text, sipHash64(text) FROM reference_areas WHERE generation = {generation:UInt32} AND level = 'ward'
    UNION ALL
    SELECT 'periods', concat(arrayJoin(['civil', 'legal']), ' ', toString(arrayJoin(range(1900, 2300))), '-',
           arrayJoin(arrayConcat(arrayMap(n -> concat('M', leftPad(toString(n), 2, '0')), range(1, 13)), ['Q1', 'Q2', 'Q3', 'Q4', 'H1', 'H2', '9M', 'Y']))) AS text,
           sipHash64(text)
)
GROUP BY kind, number HAVING count() > 1";

/// Refuses a generation that is loaded and not activated if two of its texts share a number. Among so few texts chance does
/// that once in some ten thousand catalogues; figures of two areas would be added up as one.
///
/// # Errors
/// Two texts share a number, or ClickHouse does not answer.
pub(super) async fn check(store: &Store, generation: u32) -> Result<(), Failure> {
    let shared = store.read().query_raw(SHARED).param("generation", generation).fetch_all::<String>().await;
    let shared = shared.map_err(store.during("look for texts that share a number"))?;
    if shared.is_empty() {
        return Ok(());
    }
    Err(Failure::Refused(format!(
        "the reference data are not activated: {} have the same hash; change one of each, which need not mean anything",
        shared.join("; ")
    )))
}
