//! What is wrong before the first message is said at once, with the exit codes of the contract.

use std::net::TcpListener;
use std::time::{Duration, Instant};

use super::{SOON, said};
use crate::harness::{World, unique};

/// An address at which nobody listens.
fn nobody() -> String {
    let listener = TcpListener::bind("127.0.0.1:0").unwrap();
    listener.local_addr().unwrap().to_string()
}

#[test]
fn all_problems_of_the_settings_are_listed_and_the_exit_code_is_2() {
    let world = World::bare("settings", 1);
    let config = tempfile::NamedTempFile::new().unwrap();
    std::fs::write(config.path(), "[batch]\nrows = 5\nage_ms_max = \"long\"\n[kafka]\ntopic = \"a b\"\n").unwrap();
    let mut command = world.command("chiso-ingest", &["run", "--config", config.path().to_str().unwrap()]);
    command.env_remove("CHISO__KAFKA__BROKERS").env_remove("CHISO__KAFKA__TOPIC").env("CHISO__LOG__LEVEL", "debug");
    let output = command.output().unwrap();
    assert_eq!(output.status.code(), Some(2));
    let said = said(&output);
    assert!(said.contains("5 problems in the settings"), "{said}");
    for key in [
        "batch.rows",
        "batch.age_ms_max",
        "kafka.topic",
        "kafka.brokers (CHISO__KAFKA__BROKERS): missing",
        "log.level (CHISO__LOG__LEVEL)",
    ] {
        assert!(said.contains(key), "{key}: {said}");
    }
}

#[test]
fn the_settings_in_force_are_printed_without_the_password() {
    let mut world = World::bare("printed", 1);
    world.set("CLICKHOUSE__PASSWORD", "hunter2-s3cret");
    world.set("BATCH__ROWS_MAX", "77");
    let output = world.ingest(&["--print-config"]);
    assert_eq!(output.status.code(), Some(0));
    let said = said(&output);
    assert!(said.contains("rows_max = 77") && said.contains(&format!("topic = \"{}\"", world.topic)), "{said}");
    assert!(!said.contains("hunter2"), "{said}");
}

#[test]
fn wrong_usage_is_exit_code_2() {
    let world = World::bare("usage", 1);
    for arguments in [&["fly"][..], &[], &["publish"], &["publish", "/no/such/file"], &["check", "/no/such/file"]] {
        assert_eq!(world.ingest(arguments).status.code(), Some(2), "{arguments:?}");
    }
}

#[test]
fn engines_that_are_not_there_are_exit_code_3_with_a_line_that_says_where() {
    let address = nobody();
    let mut without_clickhouse = World::bare("away", 1);
    without_clickhouse.set("CLICKHOUSE__URL", format!("http://{address}"));
    let mut without_kafka = World::new("away", 1);
    without_kafka.set("KAFKA__BROKERS", &address);
    let publish = &["publish", super::SEED, "--create-topic", "1"];
    let ends = [
        (&without_clickhouse, &["run"][..]),
        (&without_kafka, &["run"]),
        (&without_kafka, &publish[..2]),
        (&without_kafka, publish),
    ];
    std::thread::scope(|scope| {
        let ends =
            ends.map(|(world, arguments)| (arguments, scope.spawn(|| (Instant::now(), world.ingest(arguments), Instant::now()))));
        for (arguments, end) in ends {
            let (begin, output, end) = end.join().unwrap();
            assert!(end - begin < Duration::from_secs(30), "{arguments:?}");
            assert_eq!(output.status.code(), Some(3), "{arguments:?}: {}", said(&output));
            let lines = String::from_utf8_lossy(&output.stderr).lines().filter(|line| line.contains("cannot")).count();
            assert!(lines == 1 && said(&output).contains(&address), "{arguments:?}: {}", said(&output));
        }
    });
}

#[test]
fn a_missing_topic_is_exit_code_3_and_names_the_way_out() {
    let mut world = World::new("no_topic", 1);
    world.set("KAFKA__TOPIC", unique("nowhere"));
    for arguments in [&["run"][..], &["publish", super::SEED]] {
        let output = world.ingest(arguments);
        assert_eq!(output.status.code(), Some(3), "{}", said(&output));
        assert!(said(&output).contains("--create-topic"), "{}", said(&output));
    }
}

#[test]
fn a_database_that_is_not_ready_is_exit_code_3_and_a_newer_one_is_refused() {
    let world = World::bare("bare", 1);
    let output = world.ingest(&["run"]);
    assert_eq!(output.status.code(), Some(3), "{}", said(&output));
    assert!(said(&output).contains("run chiso-rollup migrate"), "{}", said(&output));

    let world = World::new("newer", 1);
    world.sql("INSERT INTO schema_versions (version, file) VALUES (99, '99_from_the_future.sql')");
    let output = world.ingest(&["run", "--until-caught-up"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("99_from_the_future.sql"), "{}", said(&output));
}

#[test]
fn a_wrong_password_stops_at_once() {
    let mut world = World::new("password", 1);
    world.set("CLICKHOUSE__PASSWORD", "hunter2-wrong");
    let begin = Instant::now();
    let output = world.ingest(&["run"]);
    assert!(begin.elapsed() < SOON / 6);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("clickhouse.password") && !said(&output).contains("hunter2"), "{}", said(&output));
}

#[test]
fn a_table_that_differs_stops_the_line_and_commits_nothing() {
    let world = World::new("differs", 1);
    world.sql("ALTER TABLE event_log DROP COLUMN id");
    world.produce(&[super::event(1)]);
    let output = world.ingest(&["run", "--until-caught-up"]);
    assert_eq!(output.status.code(), Some(1), "{}", said(&output));
    assert!(said(&output).contains("cannot insert into event_log") && said(&output).contains("migrate"), "{}", said(&output));
    assert_eq!(world.committed(), [0]);
    assert_eq!(world.number("SELECT count() FROM ledger"), 0);
    assert_eq!(world.number("SELECT count() FROM rejected_log"), 0);
}
