//! What each ClickHouse user of `chiso-local` may do.

use tempfile::TempDir;

use super::up::Up;
use crate::harness::unique;

#[test]
fn the_analyst_reads_and_does_nothing_else() {
    let folder = TempDir::new().unwrap();
    let up = Up::start(folder.path(), &["--dir", folder.path().join("data").to_str().unwrap()]);
    let engines = &up.engines;
    let (user, password) = engines.analyst();
    let database = unique("analyst");
    engines.create_database(&database);
    engines.sql(&database, "CREATE TABLE t (a Int32) ENGINE MergeTree ORDER BY a");
    engines.sql(&database, "INSERT INTO t VALUES (7)");
    let secret = unique("secret").replace("chiso_", "other_");
    engines.create_database(&secret);
    engines.sql(&secret, "CREATE TABLE t (a Int32) ENGINE MergeTree ORDER BY a");
    // Makes the log table, so that it could be read.
    engines.sql("default", "SYSTEM FLUSH LOGS");

    let ask = |query: &str| engines.sql_as(user, password, &database, query);
    assert_eq!(ask("SELECT a FROM t SETTINGS max_execution_time = 5, max_threads = 1"), Ok("7\n".to_owned()));
    for refused in [
        "INSERT INTO t VALUES (8)",
        "CREATE TABLE u (a Int32) ENGINE Memory",
        "CREATE DATABASE chiso_of_the_analyst",
        "ALTER TABLE t DELETE WHERE 1",
        "TRUNCATE TABLE t",
        "DROP TABLE t",
        &format!("SELECT * FROM {secret}.t"),
        "SELECT * FROM system.users",
        "SELECT * FROM system.query_log",
        "SELECT * FROM system.server_settings",
        "SELECT * FROM file('/etc/passwd', 'LineAsString')",
        "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')",
        "SET readonly = 0",
    ] {
        let text = ask(refused).expect_err(refused);
        assert!(text.contains("Not enough privileges") || text.contains("(READONLY)"), "{refused}: {text}");
    }
    assert_eq!(engines.sql(&database, "SELECT groupArray(a) FROM t"), "[7]\n");

    for (user, password) in [("chiso", "wrong"), ("chiso", ""), (user, "wrong"), ("nobody", "")] {
        let text = engines.sql_as(user, password, &database, "SELECT 1").unwrap_err();
        assert!(text.contains("AUTHENTICATION_FAILED"), "{user}: {text}");
    }
    // `default` started the server without a password; it may ask for nothing any more.
    for refused in [
        "SELECT * FROM t",
        "SELECT * FROM system.numbers LIMIT 1",
        "SYSTEM STOP LISTEN HTTP",
        "CREATE TABLE u (a Int32) ENGINE Memory",
    ] {
        let text = engines.sql_as("default", "", &database, refused).expect_err(refused);
        assert!(text.contains("QUOTA_EXCEEDED") || text.contains("Not enough privileges"), "{refused}: {text}");
    }
}
