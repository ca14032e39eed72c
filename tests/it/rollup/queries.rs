//! The page of example queries: each works for an analyst and shows something, and every view has one.

use std::fs;
use std::path::Path;

use crate::harness::{Outgoing, World};

/// Real facts of four wards.
const SEED: &str = crate::access::SEED;

/// The blocks of `sql` on a page.
pub(super) fn queries(page: &str) -> Vec<String> {
    let path = Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().join("docs").join(page);
    let text = fs::read_to_string(path).unwrap();
    text.split("```sql\n").skip(1).map(|block| block.split("```").next().unwrap().trim().to_owned()).collect()
}

#[test]
fn every_query_of_the_page_shows_something_and_every_view_has_one() {
    let world = World::new("queries", 2);
    world.chiso_ingest(&["publish", SEED]).ok();
    world.produce(&[Outgoing::structured("{")]);
    world.process("2026-02-10");
    world
        .rollup(&["report", "close", "--calendar", "legal", "--period", "2025-H2", "--area", "W11413@2025-07-01", "--incomplete"])
        .ok();
    world.sql("INSERT INTO finding_log (kind, subject, first_seen, last_seen) VALUES ('jump', 'x', now64(3), now64(3))");
    let (user, password) = world.engines.analyst();
    let queries = queries("queries.md");
    for query in &queries {
        let answer =
            world.engines.sql_as(user, password, &world.database, query).unwrap_or_else(|error| panic!("{query}\n{error}"));
        assert!(!answer.trim().is_empty(), "{query}\nshows nothing");
    }
    let views = world.sql("SELECT name FROM system.tables WHERE database = currentDatabase() AND engine = 'View' AND NOT startsWith(name, 'account_')");
    for view in views.lines() {
        let asks = |query: &String| query.split_whitespace().any(|word| word == view);
        assert!(queries.iter().any(asks), "docs/queries.md has no query of the view {view}");
    }
}
