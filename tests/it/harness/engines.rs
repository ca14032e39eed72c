//! One Kafka and one ClickHouse for all tests: started by `chiso-local`, or the servers the environment names.

use std::collections::BTreeMap;
use std::fs::{self, File};
use std::path::Path;
use std::process::{self, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc;
use std::time::Duration;
use std::{env, thread};

use futures::executor::block_on;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::{program, wait_until};

/// A first start may fetch the engines; `make test` has done that before.
const UP_DEADLINE: Duration = Duration::from_secs(600);
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
    /// A ClickHouse user that may only read the databases `chiso_*`, where there is one.
    pub(crate) analyst_user: Option<String>,
    /// Its password.
    pub(crate) analyst_password: Option<String>,
    /// Password of the ClickHouse user `chiso_ingest`, where there is one.
    pub(crate) ingest_password: Option<String>,
    /// Password of the ClickHouse user `chiso_rollup`, where there is one.
    pub(crate) rollup_password: Option<String>,
}

/// The engines shared by all tests of this process, started when the first test asks.
pub(crate) fn engines() -> &'static Engines {
    static ENGINES: LazyLock<Engines> = LazyLock::new(|| {
        let given: BTreeMap<String, String> = env::vars().collect();
        Engines::from_settings(&given).unwrap_or_else(start)
    });
    &ENGINES
}

impl Engines {
    /// Reads the settings that the programs read too; nothing unless both servers are named.
    pub(crate) fn from_settings(settings: &BTreeMap<String, String>) -> Option<Self> {
        let get = |name: &str| settings.get(name).cloned();
        Some(Self {
            brokers: get("CHISO__KAFKA__BROKERS")?,
            clickhouse_url: get("CHISO__CLICKHOUSE__URL")?,
            user: get("CHISO__CLICKHOUSE__USER").unwrap_or_else(|| "default".to_owned()),
            password: get("CHISO__CLICKHOUSE__PASSWORD").unwrap_or_default(),
            analyst_user: get("CHISO_LOCAL_ANALYST_USER"),
            analyst_password: get("CHISO_LOCAL_ANALYST_PASSWORD"),
            ingest_password: get("CHISO_LOCAL_INGEST_PASSWORD"),
            rollup_password: get("CHISO_LOCAL_ROLLUP_PASSWORD"),
        })
    }

    /// Reads the file that `chiso-local up --env-file` writes.
    pub(crate) fn from_env_file(path: &Path) -> Self {
        let text = fs::read_to_string(path).unwrap();
        let settings = text
            .lines()
            .map(|line| line.strip_prefix("export ").unwrap().split_once('=').unwrap())
            .map(|(name, value)| (name.to_owned(), value.to_owned()))
            .collect();
        Self::from_settings(&settings).unwrap_or_else(|| panic!("not the settings of two servers: {text}"))
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
        self.sql_as(&self.user, &self.password, database, query)
            .unwrap_or_else(|text| panic!("ClickHouse refused {query}: {text}"))
    }

    /// Runs one statement as any user; the server's text if it refuses.
    pub(crate) fn sql_as(&self, user: &str, password: &str, database: &str, query: &str) -> Result<String, String> {
        let agent: ureq::Agent = ureq::Agent::config_builder()
            .timeout_global(Some(REQUEST_TIMEOUT))
            .http_status_as_error(false)
            .max_idle_connections(0)
            .proxy(None)
            .build()
            .into();
        let mut response = agent
            .post(&self.clickhouse_url)
            .query("database", database)
            .header("X-ClickHouse-User", user)
            .header("X-ClickHouse-Key", password)
            .send(query)
            .map_err(|error| error.to_string())?;
        let text = response.body_mut().with_config().limit(u64::MAX).read_to_string().map_err(|error| error.to_string())?;
        if response.status().is_success() { Ok(text) } else { Err(text) }
    }
}

/// Starts `chiso-local up`. It stops its engines and removes its files when this process ends, however it ends.
fn start() -> Engines {
    let folder = Path::new(env!("CARGO_TARGET_TMPDIR"));
    fs::create_dir_all(folder).unwrap();
    let env_file = folder.join(format!("engines-{}.env", process::id()));
    let log = folder.join(format!("engines-{}.log", process::id()));
    let output = File::create(&log).unwrap();
    let mut command = Command::new(program("chiso-local"));
    command.args(["up", "--env-file"]).arg(&env_file).stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let (sender, ended) = mpsc::channel();
    // The kernel tells chiso-local of the end of the *thread* that started it, and a test's thread ends with the
    // test. So this thread starts it and stays, and ends only with the process.
    thread::spawn(move || {
        let status = command.status();
        let _ = sender.send(format!("{status:?}"));
    });
    wait_until("Kafka and ClickHouse are up", UP_DEADLINE, || {
        if let Ok(status) = ended.try_recv() {
            panic!("chiso-local has ended, {status}: {}", fs::read_to_string(&log).unwrap_or_default());
        }
        env_file.exists()
    });
    let engines = Engines::from_env_file(&env_file);
    // Only interesting when it failed; chiso-local itself removes the other file.
    fs::remove_file(&log).unwrap();
    engines
}
