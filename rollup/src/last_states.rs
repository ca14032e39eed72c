//! Last states: ClickHouse makes them of cells as these are written; here they are compared with all cells, and made anew.

use chiso_schemas::reference::Reference;
use chiso_schemas::store::Store;
use clickhouse::Client;
use clickhouse::query::Query;

use crate::failure::Failure;
use crate::sql::with_settings;

/// Indicators and wards of which a last state is missing, is not what the cells say, or is none of theirs.
const WRONG: &str = include_str!("../sql/last_states_wrong.sql");

/// Makes the last states of those of these indicators that are stocks anew, where they are not what the cells say; of how many wards,
/// each counted once an indicator. A hand has made them wrong, or a stop between cells and what ClickHouse makes of them; cells that are
/// right are not written again, and do not replace what claims to be later.
///
/// # Errors
/// ClickHouse does not do its part.
pub(crate) async fn mend(store: &Store, reference: &Reference, indicators: &[String]) -> Result<u64, Failure> {
    let is_stock = |code: &&String| reference.indicators.get(code).is_some_and(|own| own.kind.is_stock());
    let stocks: Vec<&String> = indicators.iter().filter(is_stock).collect();
    let of = |client: &Client, sql: &str| -> Query {
        with_settings(client.query_raw(&sql.replace("<wrong>", WRONG))).param("indicators", &stocks)
    };
    let count = of(store.read(), "SELECT count() FROM (<wrong>)").fetch_one::<u64>().await;
    let count = count.map_err(store.during("compare last states with cells"))?;
    if count > 0 {
        // What is removed is wrong all the more, so that a stop in between does no harm.
        let remove = "DELETE FROM last_states WHERE (indicator, ward) IN (<wrong>)";
        let write_again = "INSERT INTO cells SELECT * FROM cells FINAL WHERE (indicator, ward) IN (<wrong>)";
        for sql in [remove, write_again] {
            of(store.write(), sql).execute().await.map_err(store.during("make last states anew"))?;
        }
    }
    Ok(count)
}
