//! ClickHouse over HTTPS, with users of few rights.

use std::fs;
use std::io::{Read, Write};
use std::net::{Shutdown, SocketAddr, TcpListener};
use std::thread;

use super::{SEED, complaint};
use crate::harness::{TlsProxy, World, unique};

/// The database of `deploy/clickhouse/users.sql`; no other test uses it.
const DATABASE: &str = "chiso";

/// What a close does with rows that did not count.
const FORGET: &str = "DELETE FROM report_rows WHERE stage NOT IN (SELECT stage FROM report_versions)";

/// Every command about a report.
fn reports(run: impl Fn(&[&str])) {
    for command in ["close", "restate", "diff", "show"] {
        run(&["report", command, "--calendar", "legal", "--period", "2025-H2"]);
    }
    run(&["report", "list"]);
    run(&["report", "close-due"]);
}

#[test]
fn the_programs_work_over_https_with_the_rights_of_users_sql_and_no_others() {
    let mut world = World::bare("rights", 2);
    let engines = world.engines;
    let (ingest, rollup) = (engines.ingest_password(), engines.rollup_password());
    let proxy = TlsProxy::before(engines);
    world.database = DATABASE.to_owned();
    world.set("CLICKHOUSE__URL", &proxy.url);
    world.set("CLICKHOUSE__CA_FILE", proxy.certificates.path("ca"));
    let as_user = |user: &str, password: &str, name: &str, arguments: &[&str]| {
        let mut command = world.command(name, arguments);
        command.env("CHISO__CLICKHOUSE__USER", user).env("CHISO__CLICKHOUSE__PASSWORD", password);
        crate::harness::Ended::from(command.output().unwrap()).ok()
    };
    as_user("chiso_rollup", rollup, "chiso-rollup", &["migrate"]);
    as_user("chiso_rollup", rollup, "chiso-rollup", &["migrate"]);
    as_user("chiso_ingest", ingest, "chiso-ingest", &["publish", SEED]);
    // One message that is refused.
    let broken = world.ingest_stdin(&["publish", "-"], b"{\n");
    assert!(broken.status.success());
    as_user("chiso_ingest", ingest, "chiso-ingest", &["run", "--until-caught-up"]);
    as_user("chiso_rollup", rollup, "chiso-rollup", &["run", "--once", "--today", "2026-02-10"]);
    let csv = as_user("chiso_rollup", rollup, "chiso-rollup", &["export", "--calendar", "civil", "--period", "2025-Y"]);
    assert!(csv.lines().count() > 10, "{csv}");
    reports(|arguments| _ = as_user("chiso_rollup", rollup, "chiso-rollup", arguments));
    engines.sql_as("chiso_rollup", rollup, DATABASE, FORGET).unwrap();
    let lines = fs::read_to_string(SEED).unwrap().lines().count();
    assert_eq!(world.sql("SELECT count() FROM event_log FINAL"), lines.to_string());
    assert_eq!(world.sql("SELECT count() FROM rejected_events"), "1");

    let other = unique("other").replace("chiso_", "others_");
    engines.create_database(&other);
    engines.sql(&other, "CREATE TABLE t (a Int8) ENGINE MergeTree ORDER BY a");
    let barred = |user: &str, password: &str, statement: &str| {
        let text = engines.sql_as(user, password, DATABASE, statement).expect_err(statement);
        assert!(text.contains("Not enough privileges"), "{user}: {statement}: {text}");
    };
    let both = [
        "DROP TABLE event_log".to_owned(),
        "DROP DATABASE chiso".to_owned(),
        "TRUNCATE TABLE event_log".to_owned(),
        format!("SELECT * FROM {other}.t"),
        format!("INSERT INTO {other}.t VALUES (1)"),
        "CREATE DATABASE chiso_more".to_owned(),
        "CREATE USER more".to_owned(),
        "GRANT SELECT ON *.* TO chiso_ingest".to_owned(),
        "SELECT * FROM system.users".to_owned(),
        "SELECT * FROM file('/etc/passwd', 'LineAsString')".to_owned(),
        "SELECT * FROM url('http://127.0.0.1/', 'LineAsString')".to_owned(),
        "SYSTEM SHUTDOWN".to_owned(),
    ];
    for statement in &both {
        barred("chiso_ingest", ingest, statement);
        barred("chiso_rollup", rollup, statement);
    }
    for statement in [
        "SELECT * FROM event_log",
        "SELECT * FROM marks",
        "SELECT * FROM rollup_rows",
        "INSERT INTO rollup_rows (period) VALUES ('x')",
        "INSERT INTO reference_files (file) VALUES ('x')",
        "ALTER TABLE event_log DELETE WHERE 1",
        "DELETE FROM rejected_log WHERE 1",
        "OPTIMIZE TABLE event_log FINAL",
        "CREATE TABLE more (a Int8) ENGINE Memory",
        "DROP VIEW events",
    ] {
        barred("chiso_ingest", ingest, statement);
    }
}

#[test]
fn clickhouse_reads_every_statement_of_users_sql_and_accounts_sql() {
    let world = World::bare("users_sql", 1);
    let text =
        concat!(include_str!("../../../deploy/clickhouse/users.sql"), include_str!("../../../deploy/clickhouse/accounts.sql"));
    let code = text.lines().filter(|line| !line.starts_with("--")).collect::<Vec<_>>().join("\n");
    let statements = code.split(';').map(str::trim).filter(|statement| !statement.is_empty()).collect::<Vec<_>>();
    assert!(statements.len() > 15);
    for statement in statements {
        let quoted = statement.replace('\\', "\\\\").replace('\'', "\\'");
        world.engines.sql("default", &format!("SELECT formatQuery('{quoted}')"));
    }
}

/// A port that speaks HTTP and no TLS, and says so as web servers do. Not ClickHouse's own: the embedded one ends when a client
/// of TLS hangs up on it, and with it all other tests would.
fn readable_port() -> SocketAddr {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    let address = listener.local_addr().unwrap();
    thread::spawn(move || {
        for mut client in listener.incoming().map_while(Result::ok) {
            let _ = client.write_all(b"HTTP/1.1 400 Bad Request\r\nContent-Length: 0\r\nConnection: close\r\n\r\n");
            // Closing with unread bytes would reset the connection before its answer is read.
            let _ = client.shutdown(Shutdown::Write);
            let _ = client.read_to_end(&mut Vec::new());
        }
    });
    address
}

#[test]
fn a_way_to_clickhouse_that_is_barred_says_why_and_what_to_do() {
    let world = &World::bare("https", 1);
    let proxy = TlsProxy::before(world.engines);
    let ca = |name: &str| ("CLICKHOUSE__CA_FILE", proxy.certificates.path(name));
    let url = |url: &str| ("CLICKHOUSE__URL", url.to_owned());
    let plain = readable_port();
    let wrong = ("CLICKHOUSE__PASSWORD", unique("s3cret-but-wrong"));
    let cases = [
        (vec![url(&proxy.url), ca("stranger-ca")], 3, "set clickhouse.ca_file to the CA certificate of that server"),
        (vec![url(&proxy.url)], 3, "set clickhouse.ca_file to the CA certificate of that server"),
        (vec![url(&proxy.url.replace("https:", "http:"))], 3, "if that is an HTTPS port, set clickhouse.url to https://"),
        (
            vec![url(&format!("https://{plain}")), ca("ca")],
            3,
            "that port does not speak TLS, set clickhouse.url to the HTTPS port",
        ),
        (vec![url(&proxy.url), ca("ca"), wrong], 1, "set clickhouse.user and clickhouse.password"),
        // Trusted by the system is as good as by a file; then only the tables are missing.
        (vec![url(&proxy.url), ("SSL_CERT_FILE", proxy.certificates.path("ca"))], 3, "run chiso-rollup migrate"),
    ];
    thread::scope(|scope| {
        for (settings, code, hint) in &cases {
            scope.spawn(move || {
                let text = complaint(world, settings, &["run", "--until-caught-up"], *code);
                assert!(text.contains(hint), "{settings:?}: {text}");
            });
        }
    });
}
