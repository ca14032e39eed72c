//! `chiso-local`.

use crate::harness::{engines, unique};

#[test]
fn shared_engines_take_topics_databases_and_statements() {
    let engines = engines();
    let (topic, database) = (unique("topic"), unique("database"));
    engines.create_topic(&topic, 3);
    engines.create_database(&database);
    engines.sql(&database, "CREATE TABLE t (a Int32) ENGINE MergeTree ORDER BY a");
    engines.sql(&database, "INSERT INTO t VALUES (7)");
    assert_eq!(engines.sql(&database, "SELECT a FROM t"), "7\n");
}
