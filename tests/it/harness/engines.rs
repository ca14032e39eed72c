//! One Kafka and one ClickHouse for all tests: started by `chiso-local`, or the servers the environment names.

use std::path::Path;
use std::process;
use std::sync::{LazyLock, mpsc};
use std::time::Duration;
use std::{fs, thread};

use chiso_tests::engines::{Local, Servers};
use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::{program, wait_until};

const REQUEST_TIMEOUT: Duration = Duration::from_secs(120);

/// How to reach the two servers.
#[derive(Clone, Debug)]
pub(crate) struct Engines {
    /// Kafka's bootstrap servers.
    pub(crate) brokers: String,
    /// ClickHouse's HTTP address.
    pub(crate) clickhouse_url: String,
    /// A ClickHouse user that may do everything.
    pub(crate) user: String,
    /// Its password.
    pub(crate) password: String,
    servers: Servers,
}

/// The engines shared by all tests of this process, started when the first test asks.
pub(crate) fn engines() -> &'static Engines {
    static ENGINES: LazyLock<Engines> = LazyLock::new(|| Engines::of(Servers::of_environment().unwrap_or_else(start)));
    &ENGINES
}

impl Engines {
    /// Those servers.
    pub(crate) fn of(servers: Servers) -> Self {
        let (user, password) = servers.user();
        Self {
            brokers: servers.brokers().to_owned(),
            clickhouse_url: servers.clickhouse_url().to_owned(),
            user: user.to_owned(),
            password: password.to_owned(),
            servers,
        }
    }

    /// Name and password of a ClickHouse user that may only read the databases `chiso_*`.
    pub(crate) fn analyst(&self) -> (&str, &str) {
        (self.of_user("CHISO_LOCAL_ANALYST_USER"), self.of_user("CHISO_LOCAL_ANALYST_PASSWORD"))
    }

    /// Password of the ClickHouse user `chiso_ingest`.
    pub(crate) fn ingest_password(&self) -> &str {
        self.of_user("CHISO_LOCAL_INGEST_PASSWORD")
    }

    /// Password of the ClickHouse user `chiso_rollup`.
    pub(crate) fn rollup_password(&self) -> &str {
        self.of_user("CHISO_LOCAL_ROLLUP_PASSWORD")
    }

    /// Servers that the environment names must have the users as well: without them a test of rights would show nothing.
    fn of_user(&self, name: &str) -> &str {
        self.servers.setting(name).unwrap_or_else(|| {
            let what = "this test needs a ClickHouse user of few rights, made by deploy/clickhouse/users.sql";
            panic!("{name} is not set: {what}; name the user, or unset CHISO__KAFKA__BROKERS and CHISO__CLICKHOUSE__URL, and the tests start engines that have it")
        })
    }

    /// Creates a topic and waits until every partition has a leader.
    pub(crate) fn create_topic(&self, name: &str, partitions: i32) {
        let client: AdminClient<DefaultClientContext> =
            ClientConfig::new().set("bootstrap.servers", &self.brokers).create().unwrap();
        let topic = NewTopic::new(name, partitions, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(REQUEST_TIMEOUT));
        for result in block_on(client.create_topics([&topic], &options)).unwrap() {
            result.unwrap();
        }
        wait_until("the new topic can be used", REQUEST_TIMEOUT, || {
            let metadata = client.inner().fetch_metadata(Some(name), REQUEST_TIMEOUT).unwrap();
            let found = metadata.topics()[0].partitions();
            found.len() == usize::try_from(partitions).unwrap() && found.iter().all(|partition| partition.leader() >= 0)
        });
    }

    /// Creates an empty database.
    pub(crate) fn create_database(&self, name: &str) {
        self.sql("default", &format!("CREATE DATABASE {name}"));
    }

    /// Runs one statement as the user that may do everything, and returns its answer.
    pub(crate) fn sql(&self, database: &str, query: &str) -> String {
        self.servers.sql(database, query).unwrap()
    }

    /// Runs one statement as any user; the server's text if it refuses.
    pub(crate) fn sql_as(&self, user: &str, password: &str, database: &str, query: &str) -> Result<String, String> {
        self.servers.sql_as((user, password), database, query)
    }
}

/// Starts `chiso-local up`. It stops its engines and removes its files when this process ends, however it ends.
fn start() -> Servers {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).unwrap();
    let (stem, program) = (folder.join(format!("engines-{}", process::id())), program("chiso-local"));
    let log = stem.with_extension("log");
    let (sender, started) = mpsc::channel();
    // The kernel tells chiso-local of the end of the *thread* that started it, and a test's thread ends with the
    // test. So this thread starts it and stays, and ends only with the process.
    thread::spawn(move || {
        let local = Local::up(&program, &stem, &[] as &[&str]);
        let servers = local.as_ref().map(|local| local.servers().unwrap()).map_err(|error| format!("{error:#}"));
        sender.send(servers).unwrap();
        while local.is_ok() {
            thread::park();
        }
    });
    let servers = started.recv().unwrap().unwrap_or_else(|error| panic!("{error}"));
    // Only interesting when it failed; chiso-local itself removes the other file.
    fs::remove_file(&log).unwrap();
    servers
}
