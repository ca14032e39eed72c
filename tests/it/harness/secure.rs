//! A Kafka that admits nobody it does not know: TLS with client certificates, users with passwords, access control
//! lists. One for all tests of this process.

use std::fs::{self, File};
use std::os::unix::fs::PermissionsExt;
use std::path::{Path, PathBuf};
use std::process::{self, Command, Stdio};
use std::sync::LazyLock;
use std::sync::mpsc;
use std::thread;
use std::time::Duration;

use futures::executor::block_on;
use rand::RngExt as _;
use rdkafka::ClientConfig;
use rdkafka::admin::{AdminClient, AdminOptions, NewTopic, TopicReplication};
use rdkafka::client::DefaultClientContext;

use super::acls::{self, Acl};
use super::certificates::Certificates;
use super::{World, program, unique, wait_until};

/// Starting Java on a busy machine takes long.
const UP: Duration = Duration::from_secs(120);
const ANSWER: Duration = Duration::from_secs(30);
/// The user of the workers, by certificate and by password.
pub(crate) const WORKER: &str = "chiso-ingest";
/// The user who publishes.
pub(crate) const PUBLISHER: &str = "chiso-publish";
/// The certificate that may do everything.
const ADMINISTRATOR: &str = "administrator";

/// The Kafka, and what its clients need.
pub(crate) struct SecureKafka {
    pub(crate) certificates: Certificates,
    /// Password of both users.
    pub(crate) password: String,
    ports: [u16; 3],
    administrator: AdminClient<DefaultClientContext>,
}

/// A way to connect and to be known.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Way {
    /// TLS, known by certificate.
    Certificate,
    /// TLS, known by user and password, with that mechanism.
    Password(&'static str),
    /// No TLS, known by user and password, which do not travel.
    Readable,
}

/// The one Kafka, started when the first test asks.
pub(crate) fn secure_kafka() -> &'static SecureKafka {
    static KAFKA: LazyLock<SecureKafka> = LazyLock::new(SecureKafka::start);
    &KAFKA
}

/// A port that nobody listens on, below those that Linux gives to outgoing connections.
pub(crate) fn free_port() -> u16 {
    let mut random = rand::rng();
    loop {
        let port = random.random_range(10_000..30_000);
        if std::net::TcpListener::bind(("127.0.0.1", port)).is_ok() {
            return port;
        }
    }
}

impl SecureKafka {
    fn start() -> Self {
        let folder = Path::new(env!("CARGO_TARGET_TMPDIR")).join(format!("secure-kafka-{}", process::id()));
        fs::create_dir_all(&folder).unwrap();
        let certificates = Certificates::make(&folder, &[WORKER, PUBLISHER, ADMINISTRATOR]);
        let password = unique("s3cret-of-kafka");
        let [ssl, sasl_ssl, sasl_plaintext, controller] = [(); 4].map(|()| free_port());
        let properties = include_str!("secure-kafka.properties")
            .replace("@SSL@", &ssl.to_string())
            .replace("@SASL_SSL@", &sasl_ssl.to_string())
            .replace("@SASL_PLAINTEXT@", &sasl_plaintext.to_string())
            .replace("@CONTROLLER@", &controller.to_string())
            .replace("@PASSWORD@", &password);
        fs::write(folder.join("kafka.properties"), properties).unwrap();
        let ended = spawn(&folder, &password);
        let administrator = ClientConfig::new()
            .set("bootstrap.servers", format!("127.0.0.1:{ssl}"))
            .set("security.protocol", "ssl")
            .set("ssl.ca.location", certificates.path("ca"))
            .set("ssl.certificate.location", certificates.path(ADMINISTRATOR))
            .set("ssl.key.location", certificates.path(&format!("{ADMINISTRATOR}-key")))
            .create::<AdminClient<DefaultClientContext>>()
            .unwrap();
        wait_until("the secure kafka is up", UP, || {
            if let Ok(said) = ended.try_recv() {
                panic!("it has ended: {said}");
            }
            administrator.inner().fetch_metadata(None, Duration::from_secs(1)).is_ok()
        });
        Self { certificates, password, ports: [ssl, sasl_ssl, sasl_plaintext], administrator }
    }

    /// The brokers for a way to connect.
    pub(crate) fn brokers(&self, way: Way) -> String {
        let port = match way {
            Way::Certificate => self.ports[0],
            Way::Password(_) => self.ports[1],
            Way::Readable => self.ports[2],
        };
        format!("127.0.0.1:{port}")
    }

    /// Makes the topic of a world here, too.
    pub(crate) fn create_topic(&self, name: &str) {
        let topic = NewTopic::new(name, 2, TopicReplication::Fixed(1));
        let options = AdminOptions::new().operation_timeout(Some(ANSWER));
        for result in block_on(self.administrator.create_topics([&topic], &options)).unwrap() {
            result.unwrap();
        }
    }

    /// Makes the topic of a world and grants what `deploy/kafka/acls.sh` grants for it.
    pub(crate) fn admit(&self, world: &World) {
        self.create_topic(&world.topic);
        self.grant(&[("TOPIC", &world.topic), ("GROUP", &world.group)]);
        // Rights take hold in the order in which they are granted, and this is of the last one.
        let publisher = self.client(Way::Certificate, PUBLISHER);
        wait_until("the rights hold", ANSWER, || {
            let metadata = publisher.inner().fetch_metadata(Some(&world.topic), ANSWER).unwrap();
            let topic = &metadata.topics()[0];
            topic.error().is_none() && topic.partitions().iter().all(|partition| partition.leader() >= 0)
        });
    }

    /// Runs the script with those variables, and grants what it asks of Kafka's own tool.
    pub(crate) fn grant(&self, variables: &[(&str, &str)]) {
        let folder = tempfile::tempdir().unwrap();
        let asked = folder.path().join("asked");
        let tool = folder.path().join("kafka-acls.sh");
        fs::write(&tool, format!("#!/bin/sh\nprintf '%s\\t' \"$@\" >> {0}\necho >> {0}\n", asked.display())).unwrap();
        fs::set_permissions(&tool, fs::Permissions::from_mode(0o755)).unwrap();
        let script = Path::new(env!("CARGO_MANIFEST_DIR")).join("../deploy/kafka/acls.sh");
        let path = format!("{}:{}", folder.path().display(), std::env::var("PATH").unwrap());
        let mut command = Command::new("bash");
        command.arg(script).env("PATH", path).env("BOOTSTRAP", "x:1").env("COMMAND_CONFIG", "admin.properties");
        let output = command.envs(variables.iter().copied()).output().unwrap();
        assert!(output.status.success(), "{}", String::from_utf8_lossy(&output.stderr));
        let asked = fs::read_to_string(asked).unwrap();
        let acls = asked.lines().map(|line| Acl::from_arguments(&line.trim_end().split('\t').collect::<Vec<_>>()));
        acls::grant(self.administrator.inner(), &acls.collect::<Vec<_>>());
    }

    /// The settings of the programs for a way to connect, as one of the users.
    pub(crate) fn settings(&self, way: Way, user: &str) -> Vec<(&'static str, String)> {
        let mut settings = vec![("KAFKA__BROKERS", self.brokers(way))];
        let mut add = |name, value: &str| settings.push((name, value.to_owned()));
        let security = match way {
            Way::Certificate => "ssl",
            Way::Password(_) => "sasl_ssl",
            Way::Readable => "sasl_plaintext",
        };
        add("KAFKA__SECURITY", security);
        if way != Way::Readable {
            add("KAFKA__CA_FILE", &self.certificates.path("ca"));
        }
        if way == Way::Certificate {
            add("KAFKA__CERTIFICATE_FILE", &self.certificates.path(user));
            add("KAFKA__KEY_FILE", &self.certificates.path(&format!("{user}-key")));
        } else {
            add("KAFKA__USER", user);
            add("KAFKA__PASSWORD", &self.password);
        }
        if let Way::Password(mechanism) = way {
            add("KAFKA__SASL_MECHANISM", mechanism);
        }
        settings
    }

    fn client(&self, way: Way, user: &str) -> AdminClient<DefaultClientContext> {
        ClientConfig::new()
            .set("bootstrap.servers", self.brokers(way))
            .set("security.protocol", "ssl")
            .set("ssl.ca.location", self.certificates.path("ca"))
            .set("ssl.certificate.location", self.certificates.path(user))
            .set("ssl.key.location", self.certificates.path(&format!("{user}-key")))
            .create()
            .unwrap()
    }
}

/// Starts it by `chiso-local`, which ends it and removes the folder when this process ends; what it says at its end.
fn spawn(folder: &Path, password: &str) -> mpsc::Receiver<String> {
    let log: PathBuf = folder.join("chiso-local.log");
    let output = File::create(&log).unwrap();
    let mut command = Command::new(program("chiso-local"));
    command.arg("kafka-server").arg(folder);
    for user in [WORKER, PUBLISHER] {
        for mechanism in ["SCRAM-SHA-512", "SCRAM-SHA-256"] {
            command.args(["--user", &format!("{mechanism}=[name={user},password={password}]")]);
        }
    }
    command.stdin(Stdio::null()).stdout(output.try_clone().unwrap()).stderr(output);
    let (sender, ended) = mpsc::channel();
    // The kernel tells chiso-local of the end of the *thread* that started it.
    thread::spawn(move || {
        let status = command.status();
        let _ = sender.send(format!("{status:?} {}", fs::read_to_string(log).unwrap_or_default()));
    });
    ended
}
