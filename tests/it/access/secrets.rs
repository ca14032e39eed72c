//! Secrets stay secret, also in the most talkative log.

use super::{ingest, worker};
use crate::harness::{TlsProxy, WORKER, Way, World, secure_kafka, unique};

#[test]
fn no_secret_is_logged_at_any_level() {
    let kafka = secure_kafka();
    let world = World::new("secrets", 1);
    kafka.admit(&world);
    let proxy = TlsProxy::before(world.engines);
    let key_password = unique("s3cret-of-the-key");
    let key_file = kafka.certificates.encrypted_key(WORKER, &key_password);
    let common = [
        ("CLICKHOUSE__URL", proxy.url.clone()),
        ("CLICKHOUSE__CA_FILE", proxy.certificates.path("ca")),
        ("CLICKHOUSE__PASSWORD", world.engines.password.clone()),
        ("LOG__FILTER", "trace".to_owned()),
    ];
    let key = [("KAFKA__KEY_FILE", Some(key_file)), ("KAFKA__KEY_PASSWORD", Some(key_password))];
    let ways = [
        worker(kafka, Way::Certificate, &key),
        worker(kafka, Way::Password("SCRAM-SHA-512"), &[]),
        worker(kafka, Way::Password("PLAIN"), &[]),
    ];
    for (way, format) in ways.iter().zip(["text", "json", "text"]) {
        let settings = [&common[..], way, &[("LOG__FORMAT", format.to_owned())]].concat();
        let ended = ingest(&world, &settings, &["run", "--until-caught-up"]);
        assert_eq!(ended.code, Some(0), "{}", ended.stderr);
        assert!(ended.stderr.contains("librdkafka") && ended.stderr.contains("TRACE"), "{}", ended.stderr);
        let secrets = settings.iter().filter(|(name, _)| name.ends_with("PASSWORD")).collect::<Vec<_>>();
        assert_eq!(secrets.len(), 2, "{settings:?}");
        let printed = ingest(&world, &settings, &["--print-config"]).ok();
        for (name, secret) in secrets {
            for text in [&ended.stderr, &ended.stdout, &printed] {
                let line = text.lines().find(|line| line.contains(secret));
                assert_eq!(line, None, "{name} is told");
            }
        }
    }
}
