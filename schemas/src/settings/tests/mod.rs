//! Tests of the settings.
#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

use std::io::Write;

use super::*;

mod secure;

const NEEDS: [Key; 2] = [key::KAFKA_BROKERS, key::CLICKHOUSE_URL];

fn environment<'a>(pairs: &'a [(&'a str, &'a str)]) -> impl Iterator<Item = (OsString, OsString)> + 'a {
    pairs.iter().map(|(name, value)| (name.into(), value.into()))
}

fn load(toml: &str, pairs: &[(&str, &str)]) -> Result<Settings, Problems> {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(toml.as_bytes()).unwrap();
    Settings::load_with(Some(file.path()), environment(pairs), &NEEDS)
}

const ENOUGH: &str = "[kafka]\nbrokers = \"b:9092\"\n[clickhouse]\nurl = \"http://c:8123\"\n";

#[test]
fn defaults_stand_where_nothing_is_given() {
    let settings = load(ENOUGH, &[("PATH", "/bin"), ("CHISO_LOG", "not ours")]).unwrap();
    assert_eq!(settings.kafka.topic, "chiso.indicator-events.v1");
    assert_eq!(settings.kafka.group, "chiso-ingest");
    assert_eq!((settings.clickhouse.user.as_str(), settings.clickhouse.database.as_str()), ("chiso", "chiso"));
    assert_eq!((settings.batch.rows_max, settings.batch.bytes_max, settings.batch.age_ms_max), (262_144, 64 << 20, 1000));
    assert_eq!(settings.shutdown.drain_ms_max, 20_000);
    assert_eq!((settings.log.format, settings.log.filter.as_str()), (LogFormat::Text, "info"));
    assert_eq!(settings.reference.dir, None);
}

#[test]
fn the_environment_wins_over_the_file() {
    let toml = format!("{ENOUGH}[batch]\nrows_max = 5\nage_ms_max = 20\n");
    let settings = load(&toml, &[("CHISO__BATCH__ROWS_MAX", "7"), ("CHISO__KAFKA__BROKERS", "x:1,y:2")]).unwrap();
    assert_eq!((settings.batch.rows_max, settings.batch.age_ms_max), (7, 20));
    assert_eq!(settings.kafka.brokers, "x:1,y:2");
}

#[test]
fn all_problems_are_listed_at_once_with_both_names_and_what_to_write() {
    let toml = "[kafka]\nbroker = 1\ntopic = \"a b\"\n[batch]\nrows_max = 0\nbytes_max = \"1\"\n[log]\nformat = \"xml\"\n";
    let pairs =
        [("CHISO__BATCH__AGE_MS_MAX", "soon"), ("CHISO__KAFKA__TOPICS", "x"), ("CHISO__STORE__URL", "x"), ("CHISO__LOG", "x")];
    let problems = load(toml, &pairs).unwrap_err();
    let text = problems.to_string();
    for (place, what) in [
        (
            "kafka.broker (CHISO__KAFKA__BROKER)",
            "the keys there are kafka.brokers, kafka.topic, kafka.group, kafka.instance, kafka.session_ms_max",
        ),
        ("kafka.topics (CHISO__KAFKA__TOPICS)", "no such key (from the environment)"),
        ("store.url (CHISO__STORE__URL)", "the sections are kafka, rejects, clickhouse, batch"),
        ("log (CHISO__LOG)", "no such key"),
        ("kafka.brokers (CHISO__KAFKA__BROKERS)", "missing; write the brokers as host:port"),
        ("kafka.topic (CHISO__KAFKA__TOPIC)", "\"a b\" will not do; write the name of a topic"),
        ("clickhouse.url (CHISO__CLICKHOUSE__URL)", "missing; write the HTTP or HTTPS address"),
        ("batch.rows_max (CHISO__BATCH__ROWS_MAX)", "0 is out of bounds; write a whole number from 1 to 1000000"),
        ("batch.bytes_max (CHISO__BATCH__BYTES_MAX)", "a string is no whole number"),
        ("batch.age_ms_max (CHISO__BATCH__AGE_MS_MAX)", "\"soon\" is no whole number"),
        ("log.format (CHISO__LOG__FORMAT)", "\"xml\" will not do; write \"text\" or \"json\""),
    ] {
        let line = text.lines().find(|line| line.trim_start().starts_with(&format!("{place}:"))).expect(place);
        assert!(line.contains(what), "{line}");
    }
    assert_eq!(problems.0.len(), 11, "{text}");
}

#[test]
fn what_the_command_does_not_need_may_be_absent() {
    assert!(Settings::load_with(None, environment(&[]), &[]).is_ok());
    let problems = Settings::load_with(None, environment(&[]), &NEEDS).unwrap_err();
    assert_eq!(problems.0.len(), 2);
}

#[test]
fn a_file_that_is_missing_or_no_toml_is_one_problem_beside_the_others() {
    let missing =
        Settings::load_with(Some(Path::new("/no/such.toml")), environment(&[("CHISO__LOG__FORMAT", "x")]), &[]).unwrap_err();
    assert!(missing.to_string().contains("/no/such.toml"), "{missing}");
    assert_eq!(missing.0.len(), 2, "{missing}");
}

#[test]
fn a_secret_is_never_shown() {
    let secret = "hunter2-s3cret";
    let settings = load(ENOUGH, &[("CHISO__CLICKHOUSE__PASSWORD", secret)]).unwrap();
    assert_eq!(settings.clickhouse.password.reveal(), secret);
    for shown in [format!("{settings}"), format!("{settings:?}"), format!("{}", settings.clickhouse.password)] {
        assert!(!shown.contains(secret), "{shown}");
    }
    for (toml, pairs) in [
        (format!("[clickhouse]\npassword = \"{secret}\n"), vec![]),
        (format!("[clickhouse]\npassword = [\"{secret}\"]\n"), vec![]),
        (format!("[clickhouse]\nurl = \"http://chiso:{secret}@host:8123\"\n"), vec![]),
        (format!("[clickhouse]\npassword = \"{secret}\"\npassword_file = \"/x\"\n"), vec![]),
        (format!("{ENOUGH}password {secret}\n"), vec![]),
        (ENOUGH.to_owned(), vec![("CHISO__CLICKHOUSE__PASSWORD_FILE", "/no/such/file"), ("CHISO__CLICKHOUSE__PASSWORD", secret)]),
    ] {
        let problems = load(&toml, &pairs).unwrap_err();
        assert!(!format!("{problems} {problems:?}").contains(secret), "{problems}");
    }
}

#[test]
fn a_variable_that_is_not_utf_8_is_a_problem_that_does_not_show_it() {
    use std::os::unix::ffi::OsStringExt;
    let value = OsString::from_vec(b"hunter2\xff".to_vec());
    let problems = Settings::load_with(None, std::iter::once(("CHISO__CLICKHOUSE__PASSWORD".into(), value)), &[]).unwrap_err();
    assert!(problems.to_string().contains("CHISO__CLICKHOUSE__PASSWORD: the value is not UTF-8"), "{problems}");
    assert!(!problems.to_string().contains("hunter2"), "{problems}");
}

#[test]
fn the_password_may_stand_in_a_file_of_its_own() {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(b"s3cret \n").unwrap();
    let path = file.path().to_str().unwrap();
    let settings = load(ENOUGH, &[("CHISO__CLICKHOUSE__PASSWORD_FILE", path)]).unwrap();
    assert_eq!(settings.clickhouse.password.reveal(), "s3cret ");
}

#[test]
fn names_that_reach_sql_and_addresses_are_closed() {
    for (name, value, right) in [
        ("CHISO__CLICKHOUSE__DATABASE", "chiso_2", true),
        ("CHISO__CLICKHOUSE__DATABASE", "2chiso", false),
        ("CHISO__CLICKHOUSE__DATABASE", "a`b", false),
        ("CHISO__CLICKHOUSE__URL", "http://[::1]:8123/", true),
        ("CHISO__CLICKHOUSE__URL", "localhost:8123", false),
        ("CHISO__CLICKHOUSE__URL", "http://localhost:8123/x", false),
        ("CHISO__CLICKHOUSE__URL", "http://localhost:port", false),
        ("CHISO__KAFKA__BROKERS", "a:9092, b:9092", false),
        ("CHISO__KAFKA__BROKERS", "", false),
        ("CHISO__LOG__FILTER", "info,chiso_ingest=debug", true),
        ("CHISO__LOG__FILTER", "a=b=c", false),
    ] {
        assert_eq!(load(ENOUGH, &[(name, value)]).is_ok(), right, "{name}={value}");
    }
}

/// The example file of the project.
const EXAMPLE: &str = include_str!("../../../../deploy/chiso.toml");

#[test]
fn the_example_file_loads_and_lists_every_key_with_its_default() {
    let settings = load(EXAMPLE, &[]).unwrap();
    assert_eq!(settings.kafka.brokers, "kafka-1:9092,kafka-2:9092,kafka-3:9092");
    let mut section = "";
    let mut listed = Vec::new();
    for line in EXAMPLE.lines() {
        if let Some(name) = line.strip_prefix('[') {
            section = name.trim_end_matches(']');
        }
        let entry = line.strip_prefix("# ").unwrap_or(line);
        let Some((name, value)) = entry.split_once('=') else { continue };
        let Some(key) = key::ALL.iter().find(|key| (key.section, key.name) == (section, name.trim())) else { continue };
        assert!(!line.starts_with('#') || value.trim() == key.default, "{line}");
        listed.push(*key);
    }
    assert_eq!(listed, key::ALL);
}

#[test]
fn printed_settings_load_again() {
    let pairs = [("CHISO__BATCH__ROWS_MAX", "9"), ("CHISO__LOG__FORMAT", "json"), ("CHISO__REFERENCE__DIR", "/ref \"x\"")];
    let first = load(ENOUGH, &pairs).unwrap();
    let second = load(&first.to_string(), &[]).unwrap();
    assert_eq!(first.to_string(), second.to_string());
    assert!(first.to_string().contains("rows_max = 9\n"), "{first}");
}
