//! `chiso-local` as its users meet it: real processes, real engines, every way to end.

mod accounts;
mod backup;
mod missing;
mod processes;
mod up;
mod users;

use std::collections::BTreeSet;
use std::fs;
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::PermissionsExt;
use std::process::{Command, Stdio};
use std::time::Duration;

use chiso_tests::engines::Servers;
use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tempfile::TempDir;

use crate::harness::{Engines, engines, program, unique, wait_until};

use self::processes::{is_gone, listening_addresses, processes};
use self::up::{DOWN, UP, Up, run};

const TOPIC: &str = "chiso.indicator-events.v1";

fn produce(engines: &Engines, payload: &str) {
    let producer: BaseProducer = ClientConfig::new().set("bootstrap.servers", &engines.brokers).create().unwrap();
    producer.send(BaseRecord::<str, str>::to(TOPIC).partition(0).payload(payload)).unwrap();
    producer.flush(UP).unwrap();
}

/// The first message of partition 0.
fn first_message(engines: &Engines) -> String {
    let consumer: BaseConsumer =
        ClientConfig::new().set("bootstrap.servers", &engines.brokers).set("group.id", unique("reader")).create().unwrap();
    let mut start = TopicPartitionList::new();
    start.add_partition_offset(TOPIC, 0, Offset::Beginning).unwrap();
    consumer.assign(&start).unwrap();
    let mut payload = None;
    wait_until("the first message", UP, || {
        payload = consumer.poll(Duration::from_millis(100)).map(|message| message.unwrap().payload().unwrap().to_vec());
        payload.is_some()
    });
    String::from_utf8(payload.unwrap()).unwrap()
}

fn partitions(engines: &Engines, topic: &str) -> usize {
    let consumer: BaseConsumer = ClientConfig::new().set("bootstrap.servers", &engines.brokers).create().unwrap();
    consumer.fetch_metadata(Some(topic), UP).unwrap().topics()[0].partitions().len()
}

#[test]
fn shared_engines_take_topics_databases_and_statements() {
    let engines = engines();
    let (topic, database) = (unique("topic"), unique("database"));
    engines.create_topic(&topic, 3);
    assert_eq!(partitions(engines, &topic), 3);
    engines.create_database(&database);
    engines.sql(&database, "CREATE TABLE t (a Int32) ENGINE MergeTree ORDER BY a");
    engines.sql(&database, "INSERT INTO t VALUES (7)");
    assert_eq!(engines.sql(&database, "SELECT a FROM t"), "7\n");
}

#[test]
fn a_second_up_on_a_folder_finds_everything_again() {
    let parent = TempDir::new().unwrap();
    // Any name will do.
    let dir = parent.path().join("dữ liệu & 'more'");
    let arguments = ["--dir", dir.to_str().unwrap()];

    let first = Up::start(parent.path(), &arguments);
    assert_eq!(fs::metadata(&first.env_file).unwrap().permissions().mode() & 0o777, 0o600);
    let said = first.said();
    let (brokers, url, analyst) = (&first.engines.brokers, &first.engines.clickhouse_url, first.engines.analyst().1);
    for expected in [
        format!("kcat -b {brokers} -t {TOPIC} -C -e"),
        format!("curl -sS -u chiso:{} '{url}/?database=chiso'", first.engines.password),
        format!("{url}/play?user=analyst"),
        format!("analyst / {analyst}"),
        "with 8 partitions".to_owned(),
    ] {
        assert!(said.contains(&expected), "{expected} is not in {said}");
    }
    produce(&first.engines, "xin chào");
    first.engines.sql("chiso", "CREATE TABLE greetings (text String) ENGINE MergeTree ORDER BY text");
    first.engines.sql("chiso", "INSERT INTO greetings VALUES ('xin chào')");
    let asked = |up: &Up| {
        up.engines.sql("chiso", "SELECT 'xin chào'");
        up.engines.sql("chiso", "SYSTEM FLUSH LOGS query_log");
        up.engines.sql("chiso", "SELECT count() > 0 FROM system.query_log WHERE current_database = 'chiso'")
    };
    assert_eq!(asked(&first), "1\n");
    for pid in first.engine_pids() {
        let addresses = listening_addresses(pid);
        let loopback = ["0100007F", "0000000000000000FFFF00000100007F"];
        assert!(!addresses.is_empty() && addresses.iter().all(|address| loopback.contains(&&**address)), "{addresses:?}");
    }

    let (code, refusal) = run(&["up", "--dir", arguments[1]], &[]);
    assert_eq!(code, Some(1), "{refusal}");
    assert!(refusal.contains("in use by another chiso-local") && refusal.contains(&first.pid().to_string()), "{refusal}");
    assert!(first.env_file.exists(), "the refused one must leave the first alone");

    let (env_file, password) = (first.env_file.clone(), first.engines.password.clone());
    let status = first.end(Signal::SIGTERM);
    assert_eq!(status.code(), Some(0));
    assert!(!env_file.exists(), "the servers it names are gone");

    let second = Up::start(parent.path(), &arguments);
    assert_eq!(second.engines.password, password);
    assert_eq!(asked(&second), "1\n");
    assert_eq!(first_message(&second.engines), "xin chào");
    assert_eq!(second.engines.sql("chiso", "SELECT text FROM greetings"), "xin chào\n");

    // kill -9: nothing is left running, nothing stored is lost, the folder is free again.
    produce(&second.engines, "more");
    second.engines.sql("chiso", "INSERT INTO greetings VALUES ('more')");
    assert_eq!(second.end(Signal::SIGKILL).code(), None);
    let third = Up::start(parent.path(), &arguments);
    assert_eq!(first_message(&third.engines), "xin chào");
    assert_eq!(third.engines.sql("chiso", "SELECT count() FROM greetings"), "2\n");
    assert_eq!(third.end(Signal::SIGINT).code(), Some(0));
}

#[test]
fn ports_topic_and_temporary_folder_are_as_asked() {
    let folder = TempDir::new().unwrap();
    let temporary = folder.path().join("tmp");
    fs::create_dir(&temporary).unwrap();
    let listeners: Vec<TcpListener> = (0..3).map(|_| TcpListener::bind((Ipv4Addr::LOCALHOST, 0)).unwrap()).collect();
    let ports: Vec<String> = listeners.iter().map(|listener| listener.local_addr().unwrap().port().to_string()).collect();

    let taken = ["up", "--http-port", &ports[1]];
    let (code, text) = run(&taken, &[("TMPDIR", &temporary)]);
    assert_eq!(code, Some(1));
    assert!(text.contains(&format!("port {} cannot be used, give another --http-port", ports[1])), "{text}");
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "nothing may be left of a start that failed");
    drop(listeners);

    let arguments =
        ["--kafka-port", &ports[0], "--http-port", &ports[1], "--tcp-port", &ports[2], "--topic", "other", "--partitions", "3"];
    // The parent of chiso-local is a shell here, which is then killed: that alone must stop everything.
    let env_file = folder.path().join("engines.env");
    let mut shell = Command::new("sh")
        .args(["-c", "\"$@\" & echo $! > \"$PID_FILE\"; wait", "sh"])
        .arg(program("chiso-local"))
        .args(["up", "--env-file", env_file.to_str().unwrap()])
        .args(arguments)
        .env("TMPDIR", &temporary)
        .env("PID_FILE", folder.path().join("pid"))
        .stdin(Stdio::null())
        .stdout(Stdio::null())
        .stderr(Stdio::null())
        .spawn()
        .unwrap();
    wait_until("chiso-local is up", UP, || env_file.exists());
    let engines = Engines::of(Servers::read(&env_file).unwrap());
    assert_eq!(engines.brokers, format!("127.0.0.1:{}", ports[0]));
    assert_eq!(engines.clickhouse_url, format!("http://127.0.0.1:{}", ports[1]));
    assert!(fs::read_to_string(&env_file).unwrap().contains("export CHISO__KAFKA__TOPIC=other\n"));
    assert_eq!(partitions(&engines, "other"), 3);
    assert_eq!(engines.sql("default", "SELECT timezone()"), "UTC\n");
    std::net::TcpStream::connect(format!("127.0.0.1:{}", ports[2])).unwrap();

    let local: i32 = fs::read_to_string(folder.path().join("pid")).unwrap().trim().parse().unwrap();
    let pids: Vec<i32> =
        processes().iter().filter(|process| process.parent == local).map(|process| process.pid).chain([local]).collect();
    assert_eq!(pids.len(), 3);
    shell.kill().unwrap();
    shell.wait().unwrap();
    wait_until("all have ended with the parent", DOWN, || pids.iter().all(|pid| is_gone(*pid)));
    assert!(!env_file.exists());
    assert_eq!(fs::read_dir(&temporary).unwrap().count(), 0, "the temporary folder goes away");
}

#[test]
fn an_engine_that_is_killed_comes_back_with_keep() {
    let folder = TempDir::new().unwrap();
    let up = Up::start(folder.path(), &["--keep"]);
    let pid = |name: &str| -> i32 {
        let text = fs::read_to_string(&up.env_file).unwrap();
        text.lines().find_map(|line| line.strip_prefix(&format!("export {name}="))).unwrap().parse().unwrap()
    };
    let names = ["CHISO_LOCAL_KAFKA_PID", "CHISO_LOCAL_CLICKHOUSE_PID"];
    produce(&up.engines, "xin chào");
    up.engines.sql("chiso", "CREATE TABLE greetings (text String) ENGINE MergeTree ORDER BY text");
    up.engines.sql("chiso", "INSERT INTO greetings VALUES ('xin chào')");
    let before = names.map(pid);
    assert_eq!(BTreeSet::from(before), up.engine_pids().into_iter().collect());
    for engine in before {
        kill(Pid::from_raw(engine), Signal::SIGKILL).unwrap();
    }
    wait_until("both are there again", UP, || names.iter().zip(before).all(|(name, before)| pid(name) != before));
    assert_eq!(first_message(&up.engines), "xin chào");
    assert_eq!(up.engines.sql("chiso", "SELECT text FROM greetings"), "xin chào\n");
    assert!(up.said().contains("Kafka has ended (signal: 9 (SIGKILL)); starting it again"), "{}", up.said());
    assert_eq!(up.end(Signal::SIGTERM).code(), Some(0));
}

#[test]
fn an_engine_that_dies_is_reported_with_its_log() {
    let folder = TempDir::new().unwrap();
    let dir = folder.path().join("data");
    let mut up = Up::start(folder.path(), &["--dir", dir.to_str().unwrap()]);
    let pids = up.engine_pids();
    let java =
        *pids.iter().find(|pid| fs::read_to_string(format!("/proc/{pid}/cmdline")).unwrap().contains("kafka.Kafka")).unwrap();
    kill(Pid::from_raw(java), Signal::SIGKILL).unwrap();
    assert_eq!(up.wait().code(), Some(1));
    assert!(pids.iter().all(|pid| is_gone(*pid)), "the other engine goes too");
    let said = up.said();
    let log = dir.join("kafka/kafka.log");
    assert!(said.contains("Kafka has ended (signal: 9 (SIGKILL))"), "{said}");
    assert!(said.contains(&format!("the end of {}", log.display())), "{said}");
    assert!(!up.env_file.exists());

    // ClickHouse that cannot even start: its own words.
    fs::remove_dir_all(dir.join("clickhouse/data")).unwrap();
    fs::write(dir.join("clickhouse/data"), "not a folder").unwrap();
    let (code, text) = run(&["up", "--dir", dir.to_str().unwrap()], &[]);
    assert_eq!(code, Some(1));
    assert!(text.contains("ClickHouse has ended (exit status: 1)") && text.contains("clickhouse.err"), "{text}");
}
