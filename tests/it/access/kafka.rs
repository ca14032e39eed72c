//! Kafka over TLS and with users: every way in works with the least rights, and every way that is barred says why.

use std::fs;
use std::thread;

use serde_json::{Value, json};

use super::{SEED, complaint, ingest, worker};
use crate::harness::{PUBLISHER, WORKER, Way, World, secure_kafka, unique};

const PASSWORD_512: Way = Way::Password("SCRAM-SHA-512");
const RUN: [&str; 2] = ["run", "--until-caught-up"];

#[test]
fn events_pass_through_every_way_with_the_least_rights() {
    let kafka = secure_kafka();
    let world = World::new("ways", 1);
    kafka.admit(&world);
    let lines = fs::read_to_string(SEED).unwrap().lines().count();
    let ways = [Way::Certificate, PASSWORD_512, Way::Password("SCRAM-SHA-256"), Way::Password("PLAIN"), Way::Readable];
    for way in ways {
        let sent = ingest(&world, &kafka.settings(way, PUBLISHER), &["publish", SEED]).ok();
        assert_eq!(serde_json::from_str::<Value>(&sent).unwrap()["published"], lines, "{way:?}");
        let stored = ingest(&world, &kafka.settings(way, WORKER), &RUN).ok();
        let expected = json!({"read": lines, "stored": lines, "repeated": 0, "rejected": 0, "reasons": {}});
        let summary = serde_json::from_str::<Value>(&stored).unwrap();
        for (name, value) in expected.as_object().unwrap() {
            assert_eq!(&summary[name], value, "{way:?}: {summary}");
        }
    }
}

#[test]
fn a_private_key_may_have_a_password_and_secrets_may_lie_in_files() {
    let kafka = secure_kafka();
    let world = World::new("keys", 1);
    kafka.admit(&world);
    let folder = tempfile::tempdir().unwrap();
    let secret = unique("s3cret-of-the-key");
    let encrypted = kafka.certificates.encrypted_key(WORKER, &secret);
    let file = |name: &str, text: &str| {
        let path = folder.path().join(name);
        fs::write(&path, format!("{text}\n")).unwrap();
        Some(path.to_str().unwrap().to_owned())
    };
    let key = ("KAFKA__KEY_FILE", Some(encrypted));
    let from_file = [key.clone(), ("KAFKA__KEY_PASSWORD_FILE", file("key", &secret))];
    ingest(&world, &worker(kafka, Way::Certificate, &from_file), &RUN).ok();
    let wrong = worker(kafka, Way::Certificate, &[key, ("KAFKA__KEY_PASSWORD", Some(secret.replace("key", "lock")))]);
    let text = complaint(&world, &wrong, &RUN, 2);
    assert!(text.contains("cannot make a consumer of the [kafka] settings") && text.contains("ssl.key.location"), "{text}");
    let from_file = [("KAFKA__PASSWORD", None), ("KAFKA__PASSWORD_FILE", file("password", &kafka.password))];
    ingest(&world, &worker(kafka, PASSWORD_512, &from_file), &RUN).ok();
}

#[test]
fn a_way_that_is_barred_says_why_and_what_to_do() {
    let kafka = secure_kafka();
    let world = World::new("barred", 1);
    kafka.admit(&world);
    let certificates = &kafka.certificates;
    let wrong_ca = ("KAFKA__CA_FILE", Some(certificates.path("stranger-ca")));
    let certificate = |name: Option<&str>| {
        [
            ("KAFKA__CERTIFICATE_FILE", name.map(|name| certificates.path(name))),
            ("KAFKA__KEY_FILE", name.map(|name| certificates.path(&format!("{name}-key")))),
        ]
    };
    let password = ("KAFKA__PASSWORD", Some(unique("s3cret-but-wrong")));
    let brokers = |way| ("KAFKA__BROKERS", Some(kafka.brokers(way)));
    let cases: [(&str, Vec<_>, i32, &str); 8] = [
        (
            "wrong CA",
            worker(kafka, Way::Certificate, std::slice::from_ref(&wrong_ca)),
            3,
            "set kafka.ca_file to the CA certificate",
        ),
        ("wrong CA and password", worker(kafka, PASSWORD_512, &[wrong_ca]), 3, "set kafka.ca_file to the CA certificate"),
        (
            "no certificate",
            worker(kafka, Way::Certificate, &certificate(None)),
            3,
            "set kafka.certificate_file and kafka.key_file",
        ),
        ("a stranger", worker(kafka, Way::Certificate, &certificate(Some("stranger"))), 3, "set kafka.certificate_file"),
        ("wrong password", worker(kafka, PASSWORD_512, std::slice::from_ref(&password)), 1, "set kafka.user and kafka.password"),
        ("wrong PLAIN password", worker(kafka, Way::Password("PLAIN"), &[password]), 1, "set kafka.user and kafka.password"),
        (
            "TLS to a readable port",
            worker(kafka, PASSWORD_512, &[brokers(Way::Readable)]),
            3,
            "set kafka.security to what that port",
        ),
        (
            "readable to a TLS port",
            vec![("KAFKA__BROKERS", kafka.brokers(Way::Certificate))],
            3,
            "kafka.security what that port speaks",
        ),
    ];
    let world = &world;
    // At once: each waits until its time is up.
    thread::scope(|scope| {
        for (name, settings, code, hint) in &cases {
            for command in [&["publish", SEED][..], &RUN] {
                scope.spawn(move || {
                    let text = complaint(world, settings, command, *code);
                    assert!(text.contains(hint) && text.contains("cannot reach Kafka at 127.0.0.1:"), "{name}: {text}");
                });
            }
        }
    });
}

#[test]
fn a_right_that_is_missing_is_named() {
    let kafka = secure_kafka();
    let world = World::new("rights", 1);
    kafka.admit(&world);
    // A topic that exists, and that nobody was granted anything of.
    let other = unique("of-others");
    kafka.create_topic(&other);
    let topic = ("KAFKA__TOPIC", Some(other));
    let text = complaint(&world, &worker(kafka, PASSWORD_512, std::slice::from_ref(&topic)), &RUN, 3);
    assert!(text.contains("cannot use topic") && text.contains("grant this user the topic (deploy/kafka/acls.sh)"), "{text}");
    let text = complaint(&world, &worker(kafka, PASSWORD_512, &[topic]), &["publish", SEED], 3);
    assert!(text.contains("cannot use topic") && text.contains("grant this user the topic (deploy/kafka/acls.sh)"), "{text}");
    // Another group, of which the worker has no right.
    let group = ("KAFKA__GROUP", Some(unique("group-of-others")));
    let text = complaint(&world, &worker(kafka, PASSWORD_512, &[group]), &RUN, 3);
    assert!(text.contains("grant this user the group kafka.group"), "{text}");
    // The worker reads and does not write, the publisher writes and does not read.
    let text = complaint(&world, &worker(kafka, PASSWORD_512, &[]), &["publish", SEED], 1);
    assert!(text.contains("were not delivered") && text.contains("deploy/kafka/acls.sh"), "{text}");
    let text = complaint(&world, &kafka.settings(PASSWORD_512, PUBLISHER), &RUN, 3);
    assert!(text.contains("grant this user the group kafka.group"), "{text}");
}
