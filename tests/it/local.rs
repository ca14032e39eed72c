//! `chiso-local` as its users meet it: real processes, real engines, every way to end.

use std::collections::BTreeSet;
use std::fs::{self, File};
use std::net::{Ipv4Addr, TcpListener};
use std::os::unix::fs::{PermissionsExt, symlink};
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Output, Stdio};
use std::time::Duration;

use nix::sys::signal::{Signal, kill};
use nix::unistd::Pid;
use rdkafka::consumer::{BaseConsumer, Consumer};
use rdkafka::producer::{BaseProducer, BaseRecord, Producer};
use rdkafka::{ClientConfig, Message, Offset, TopicPartitionList};
use tempfile::TempDir;

use crate::harness::{Engines, engines, program, unique, wait_until};

const TOPIC: &str = "chiso.indicator-events.v1";
const UP: Duration = Duration::from_secs(120);
const DOWN: Duration = Duration::from_secs(30);

/// A `chiso-local up` of a test's own; killed with the test.
struct Up {
    child: Child,
    engines: Engines,
    env_file: PathBuf,
    said: PathBuf,
}

impl Up {
    /// Starts it and waits for the env file.
    fn start(folder: &Path, arguments: &[&str]) -> Self {
        let (mut child, env_file, said) = spawn(folder, arguments);
        wait_until("chiso-local is up", UP, || {
            assert_eq!(child.try_wait().unwrap(), None, "{}", fs::read_to_string(&said).unwrap());
            env_file.exists()
        });
        let engines = Engines::from_env_file(&env_file);
        Self { child, engines, env_file, said }
    }

    fn said(&self) -> String {
        fs::read_to_string(&self.said).unwrap()
    }

    fn pid(&self) -> i32 {
        self.child.id().cast_signed()
    }

    /// The two engine processes.
    fn engine_pids(&self) -> Vec<i32> {
        let pids: Vec<i32> =
            processes().into_iter().filter(|process| process.parent == self.pid()).map(|process| process.pid).collect();
        assert_eq!(pids.len(), 2, "Kafka and ClickHouse");
        pids
    }

    /// Sends a signal, waits for the end, and checks that both engines are gone.
    fn end(mut self, signal: Signal) -> ExitStatus {
        let engines = self.engine_pids();
        kill(Pid::from_raw(self.pid()), signal).unwrap();
        let status = self.wait();
        wait_until("both engines are gone", DOWN, || engines.iter().all(|pid| is_gone(*pid)));
        status
    }

    fn wait(&mut self) -> ExitStatus {
        let mut status = None;
        wait_until("chiso-local has ended", DOWN, || {
            status = self.child.try_wait().unwrap();
            status.is_some()
        });
        status.unwrap()
    }
}

impl Drop for Up {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

fn spawn(folder: &Path, arguments: &[&str]) -> (Child, PathBuf, PathBuf) {
    let env_file = folder.join("engines.env");
    // One that was killed could not remove it.
    let _ = fs::remove_file(&env_file);
    let said = folder.join("said");
    let output = File::create(&said).unwrap();
    let child = Command::new(program("chiso-local"))
        .arg("up")
        .args(["--env-file", env_file.to_str().unwrap()])
        .args(arguments)
        .stdin(Stdio::null())
        .stdout(output.try_clone().unwrap())
        .stderr(output)
        .spawn()
        .unwrap();
    (child, env_file, said)
}

/// Runs it to its end.
fn run(arguments: &[&str], environment: &[(&str, &Path)]) -> (Option<i32>, String) {
    let mut command = Command::new(program("chiso-local"));
    command.args(arguments).env_remove("JAVA_HOME").envs(environment.iter().copied());
    let Output { status, stderr, .. } = command.output().unwrap();
    (status.code(), String::from_utf8(stderr).unwrap())
}

struct Process {
    pid: i32,
    parent: i32,
    state: String,
}

fn processes() -> Vec<Process> {
    let numbers = fs::read_dir("/proc").unwrap().filter_map(|entry| entry.unwrap().file_name().to_str()?.parse().ok());
    numbers
        .filter_map(|pid: i32| {
            let stat = fs::read_to_string(format!("/proc/{pid}/stat")).ok()?;
            // The name before the last bracket may hold anything.
            let mut fields = stat.rsplit_once(')')?.1.split_whitespace();
            Some(Process { pid, state: fields.next()?.to_owned(), parent: fields.next()?.parse().ok()? })
        })
        .collect()
}

/// Ended; its parent need not have asked for its status.
fn is_gone(pid: i32) -> bool {
    processes().iter().all(|process| process.pid != pid || process.state == "Z")
}

/// The local addresses, in the spelling of /proc/net/tcp, on which a process listens.
fn listening_addresses(pid: i32) -> BTreeSet<String> {
    let sockets: BTreeSet<String> = fs::read_dir(format!("/proc/{pid}/fd"))
        .unwrap()
        .filter_map(|entry| {
            fs::read_link(entry.unwrap().path()).ok()?.to_str()?.strip_prefix("socket:[")?.strip_suffix(']').map(str::to_owned)
        })
        .collect();
    let mut addresses = BTreeSet::new();
    for table in ["/proc/net/tcp", "/proc/net/tcp6"] {
        for line in fs::read_to_string(table).unwrap_or_default().lines() {
            let fields: Vec<&str> = line.split_whitespace().collect();
            // 0A is LISTEN.
            if fields[3] == "0A" && sockets.contains(fields[9]) {
                addresses.insert(fields[1].split(':').next().unwrap().to_owned());
            }
        }
    }
    addresses
}

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
    let (brokers, url, analyst) =
        (&first.engines.brokers, &first.engines.clickhouse_url, first.engines.analyst_password.as_ref().unwrap());
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
fn the_analyst_reads_and_does_nothing_else() {
    let engines = engines();
    // Somebody's own servers need not have such a user.
    let (Some(user), Some(password)) = (&engines.analyst_user, &engines.analyst_password) else {
        panic!("the servers of the environment have no CHISO_LOCAL_ANALYST_USER: leave CHISO__* unset for this test");
    };
    let database = unique("analyst");
    engines.create_database(&database);
    engines.sql(&database, "CREATE TABLE t (a Int32) ENGINE MergeTree ORDER BY a");
    engines.sql(&database, "INSERT INTO t VALUES (7)");
    let secret = unique("secret").replace("chiso_", "other_");
    engines.create_database(&secret);
    engines.sql(&secret, "CREATE TABLE t (a Int32) ENGINE MergeTree ORDER BY a");

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
        assert!(
            text.contains("Not enough privileges") || text.contains("(READONLY)") || text.contains("(UNKNOWN_TABLE)"),
            "{refused}: {text}"
        );
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
    let engines = Engines::from_env_file(&env_file);
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

#[test]
fn what_is_missing_is_said_in_one_line() {
    let empty = TempDir::new().unwrap();
    let (code, text) = run(&["up"], &[("PATH", empty.path())]);
    assert_eq!(code, Some(3), "{text}");
    assert_eq!(text.lines().count(), 1, "{text}");
    assert!(text.contains("missing: java") && text.contains("apt-get install -y openjdk-17-jre-headless"), "{text}");

    // Nothing fetched yet: the tools that fetch are wanted too, all in the same line.
    let (code, text) = run(&["up"], &[("PATH", empty.path()), ("XDG_CACHE_HOME", empty.path())]);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("apt-get install -y openjdk-17-jre-headless maven npm"), "{text}");

    let (code, _) = run(&["up", "--partitions", "none"], &[]);
    assert_eq!(code, Some(2));
}

#[test]
fn a_damaged_or_half_fetched_engine_is_never_started() {
    let fetched = Command::new(program("chiso-local")).arg("fetch").stderr(Stdio::inherit()).output().unwrap();
    let paths = String::from_utf8(fetched.stdout).unwrap();
    let path = |name: &str| {
        let line = paths.lines().find(|line| line.starts_with(name)).unwrap();
        PathBuf::from(line.split_once('/').map(|(_, path)| format!("/{path}")).unwrap())
    };
    let (kafka, clickhouse) = (path("Kafka"), path("ClickHouse").parent().unwrap().to_owned());

    // A cache with the real ClickHouse, and a Kafka of which one byte of one jar is wrong.
    let folder = TempDir::new().unwrap();
    let cache = folder.path().join("chiso");
    let home = |lib: &Path| cache.join(lib.parent().unwrap().file_name().unwrap());
    fs::create_dir_all(&cache).unwrap();
    symlink(clickhouse.parent().unwrap(), home(&clickhouse)).unwrap();
    let lib = home(&kafka).join("lib");
    fs::create_dir_all(&lib).unwrap();
    for entry in fs::read_dir(&kafka).unwrap() {
        let entry = entry.unwrap();
        fs::copy(entry.path(), lib.join(entry.file_name())).unwrap();
    }
    let jar = lib.join("kafka_2.13-4.3.1.jar");
    let whole = fs::read(&jar).unwrap();
    let mut damaged = whole.clone();
    *damaged.last_mut().unwrap() ^= 1;
    fs::write(&jar, damaged).unwrap();

    // Without Maven the damage cannot be repaired, and the damaged one is not used either.
    let (empty, none) = (folder.path().join("bin"), [("XDG_CACHE_HOME", folder.path())]);
    fs::create_dir(&empty).unwrap();
    let without_tools = [none[0], ("PATH", &*empty)];
    let (code, text) = run(&["fetch"], &without_tools);
    assert_eq!(code, Some(3), "{text}");
    assert!(text.contains("kafka_2.13-4.3.1.jar has SHA-256") && text.contains("apt-get install -y maven\n"), "{text}");

    fs::write(&jar, &whole).unwrap();
    let (code, text) = run(&["fetch"], &without_tools);
    assert_eq!((code, &*text), (Some(0), ""), "the whole one is used without any tool");

    // What an interrupted fetch leaves is another folder, never looked into.
    fs::rename(home(&kafka), home(&kafka).with_added_extension("partial-1")).unwrap();
    let (code, text) = run(&["fetch"], &without_tools);
    assert_eq!(code, Some(3), "{text}");
}
