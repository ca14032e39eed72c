//! Tests of the settings that secure connections: what belongs together is given together, and nothing secret is shown.

use super::*;

/// Settings that a command can work with, and these variables.
fn with(pairs: &[(&str, &str)]) -> Result<Settings, Problems> {
    load(ENOUGH, pairs)
}

fn file(text: &str) -> tempfile::NamedTempFile {
    let mut file = tempfile::NamedTempFile::new().unwrap();
    file.write_all(text.as_bytes()).unwrap();
    file
}

fn path(file: &tempfile::NamedTempFile) -> &str {
    file.path().to_str().unwrap()
}

/// The problems of these variables: exactly so many, each with its piece of text.
fn refused(pairs: &[(&str, &str)], pieces: &[&str]) {
    let problems = with(pairs).unwrap_err();
    let text = problems.to_string();
    assert_eq!(problems.0.len(), pieces.len(), "{pairs:?}: {text}");
    for piece in pieces {
        assert!(text.contains(piece), "{pairs:?}: {text}");
    }
}

const SECURITY: &str = "CHISO__KAFKA__SECURITY";
const USER: (&str, &str) = ("CHISO__KAFKA__USER", "worker");
const PASSWORD: (&str, &str) = ("CHISO__KAFKA__PASSWORD", "x");

#[test]
fn every_way_to_secure_kafka_can_be_set() {
    let settings = with(&[]).unwrap().kafka;
    assert_eq!((settings.security, settings.sasl_mechanism), (Security::Plaintext, SaslMechanism::ScramSha512));
    let certificate = file("text before\n-----BEGIN CERTIFICATE-----\n");
    let key = file("-----BEGIN RSA PRIVATE KEY-----\n");
    let files = [
        ("CHISO__KAFKA__CA_FILE", path(&certificate)),
        ("CHISO__KAFKA__CERTIFICATE_FILE", path(&certificate)),
        ("CHISO__KAFKA__KEY_FILE", path(&key)),
    ];
    let settings = with(&[[(SECURITY, "ssl")].as_slice(), &files].concat()).unwrap().kafka;
    assert_eq!((settings.security, settings.key_file.as_deref()), (Security::Ssl, Some(key.path())));
    for mechanism in SaslMechanism::ALL {
        let sasl = [(SECURITY, "sasl_ssl"), USER, PASSWORD, ("CHISO__KAFKA__SASL_MECHANISM", mechanism.name())];
        let settings = with(&sasl).unwrap().kafka;
        assert_eq!((settings.security, settings.sasl_mechanism), (Security::SaslSsl, mechanism));
    }
    assert!(with(&[(SECURITY, "sasl_plaintext"), USER, PASSWORD]).is_ok());
}

#[test]
fn what_makes_no_sense_together_is_refused() {
    let pem = file("-----BEGIN CERTIFICATE-----\n");
    let key = file("-----BEGIN PRIVATE KEY-----\n");
    let locked = file("-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    let ca = ("CHISO__KAFKA__CA_FILE", path(&pem));
    let certificate = ("CHISO__KAFKA__CERTIFICATE_FILE", path(&pem));
    let locked = ("CHISO__KAFKA__KEY_FILE", path(&locked));
    let key = ("CHISO__KAFKA__KEY_FILE", path(&key));
    refused(
        &[(SECURITY, "tls")],
        &["kafka.security (CHISO__KAFKA__SECURITY): \"tls\" will not do; write \"plaintext\", \"ssl\""],
    );
    refused(&[ca], &["kafka.ca_file (CHISO__KAFKA__CA_FILE): given though kafka.security is \"plaintext\""]);
    refused(&[(SECURITY, "ssl"), certificate], &["kafka.key_file (CHISO__KAFKA__KEY_FILE): missing"]);
    refused(&[(SECURITY, "ssl"), key], &["kafka.certificate_file (CHISO__KAFKA__CERTIFICATE_FILE): missing"]);
    refused(&[(SECURITY, "ssl"), certificate, locked], &["kafka.key_password (CHISO__KAFKA__KEY_PASSWORD): missing"]);
    refused(&[(SECURITY, "ssl"), ("CHISO__KAFKA__KEY_PASSWORD", "x")], &["given without kafka.key_file"]);
    refused(&[USER], &["kafka.user (CHISO__KAFKA__USER): given though"]);
    refused(&[(SECURITY, "ssl"), PASSWORD], &["kafka.password (CHISO__KAFKA__PASSWORD): given though"]);
    refused(&[(SECURITY, "sasl_ssl"), USER], &["kafka.password (CHISO__KAFKA__PASSWORD): missing"]);
    refused(
        &[(SECURITY, "sasl_ssl")],
        &["kafka.user (CHISO__KAFKA__USER): missing", "kafka.password (CHISO__KAFKA__PASSWORD): m"],
    );
    refused(
        &[(SECURITY, "sasl_plaintext"), USER, PASSWORD, ("CHISO__KAFKA__SASL_MECHANISM", "PLAIN")],
        &["\"PLAIN\" would send the password readable"],
    );
    refused(
        &[(SECURITY, "sasl_ssl"), USER, PASSWORD, ("CHISO__KAFKA__SASL_MECHANISM", "GSSAPI")],
        &["\"GSSAPI\" will not do; write \"SCRAM-SHA-512\""],
    );
    refused(&[("CHISO__CLICKHOUSE__CA_FILE", path(&pem))], &["clickhouse.ca_file (CHISO__CLICKHOUSE__CA_FILE): given though"]);
    let https = ("CHISO__CLICKHOUSE__URL", "https://c:8443");
    assert!(with(&[https, ("CHISO__CLICKHOUSE__CA_FILE", path(&pem))]).is_ok());
}

#[test]
fn files_are_read_before_anything_is_sent() {
    let text = file("no certificate\n");
    let empty = file("\n");
    refused(
        &[
            (SECURITY, "sasl_ssl"),
            USER,
            ("CHISO__KAFKA__CA_FILE", "/no/such/ca.pem"),
            ("CHISO__KAFKA__CERTIFICATE_FILE", path(&text)),
            ("CHISO__KAFKA__KEY_FILE", path(&text)),
            ("CHISO__KAFKA__KEY_PASSWORD_FILE", ""),
            ("CHISO__KAFKA__PASSWORD_FILE", "/no/such/password"),
        ],
        &[
            "kafka.ca_file (CHISO__KAFKA__CA_FILE): cannot read /no/such/ca.pem",
            "there is no CERTIFICATE in",
            "there is no PRIVATE KEY in",
            "kafka.key_password_file (CHISO__KAFKA__KEY_PASSWORD_FILE): \"\" will not do",
            "cannot read : No such file",
            "kafka.password_file (CHISO__KAFKA__PASSWORD_FILE): cannot read /no/such/password",
        ],
    );
    let password_file = ("CHISO__KAFKA__PASSWORD_FILE", path(&empty));
    refused(&[(SECURITY, "sasl_ssl"), USER, password_file], &["the file in kafka.password_file is empty"]);
    refused(&[(SECURITY, "sasl_ssl"), USER, password_file, PASSWORD], &["given beside kafka.password ("]);
}

#[test]
fn topics_are_a_name_or_a_pattern_and_never_those_of_rejects() {
    let topic = |topic| with(&[("CHISO__KAFKA__TOPIC", topic)]).map(|settings| settings.kafka);
    assert!(topic("events").unwrap().takes("events") && !topic("events").unwrap().takes("events.2"));
    let pattern = topic(r"^events\.[a-z]+$").unwrap();
    assert!(
        pattern.is_pattern() && pattern.takes("events.hcm") && !pattern.takes("events.hcm.2") && !pattern.takes("eventsxhcm")
    );
    refused(&[("CHISO__KAFKA__TOPIC", "^events(")], &["\"^events(\" is no regular expression: error: unclosed group"]);
    let rejects = |topic, rejects| with(&[("CHISO__KAFKA__TOPIC", topic), ("CHISO__REJECTS__TOPIC", rejects)]);
    assert_eq!(rejects("events", "events.rejected").unwrap().rejects.topic, "events.rejected");
    assert_eq!(rejects("events", "").unwrap().rejects.topic, "");
    assert!(rejects("events", "events").unwrap_err().to_string().contains("\"events\" is read as well"));
    assert!(rejects("^events", "events.rejected").unwrap_err().to_string().contains("kafka.topic is \"^events\""));
    assert!(rejects("^events$", "events.rejected").is_ok());
    assert!(rejects("events", "a b").unwrap_err().to_string().contains("\"a b\" will not do"));
    assert!(with(&[("CHISO__KAFKA__INSTANCE", "worker-1")]).is_ok());
    refused(&[("CHISO__KAFKA__INSTANCE", "worker 1")], &["kafka.instance (CHISO__KAFKA__INSTANCE): \"worker 1\" will not do"]);
}

#[test]
fn addresses_of_metrics_and_traces_are_judged() {
    let settings =
        with(&[("CHISO__HTTP__LISTEN", "[::]:9464"), ("CHISO__TRACES__OTLP_ENDPOINT", "https://c:4318/otlp")]).unwrap();
    assert_eq!(settings.http.listen, Some("[::]:9464".parse().unwrap()));
    assert_eq!(settings.traces.otlp_endpoint.as_deref(), Some("https://c:4318/otlp"));
    let none = with(&[("CHISO__HTTP__LISTEN", ""), ("CHISO__TRACES__OTLP_ENDPOINT", "")]).unwrap();
    assert_eq!((none.http.listen, none.traces.otlp_endpoint), (None, None));
    refused(&[("CHISO__HTTP__LISTEN", "localhost")], &["\"localhost\" will not do; write an IP address and a port"]);
    refused(&[("CHISO__HTTP__LISTEN", ":9464")], &["\":9464\" will not do"]);
    refused(&[("CHISO__TRACES__OTLP_ENDPOINT", "http://u:hunter2@c:4318")], &["this is no such address"]);
}

#[test]
fn no_secret_of_any_key_is_shown() {
    let secret = "hunter2-s3cret";
    let secrets = key::ALL.into_iter().filter(|key| key.is_secret).collect::<Vec<_>>();
    assert_eq!(secrets, [key::KAFKA_KEY_PASSWORD, key::KAFKA_PASSWORD, key::CLICKHOUSE_PASSWORD]);
    let certificate = file("-----BEGIN CERTIFICATE-----\n");
    let private = file("-----BEGIN ENCRYPTED PRIVATE KEY-----\n");
    let base = [
        (SECURITY, "sasl_ssl"),
        USER,
        ("CHISO__KAFKA__CERTIFICATE_FILE", path(&certificate)),
        ("CHISO__KAFKA__KEY_FILE", path(&private)),
    ];
    let kept = file(&format!("{secret}\n"));
    for from_file in [false, true] {
        let names = secrets.iter().map(|key| if from_file { format!("{}_FILE", key.variable()) } else { key.variable() });
        let names = names.collect::<Vec<_>>();
        let value = if from_file { path(&kept) } else { secret };
        let pairs = base.into_iter().chain(names.iter().map(|name| (name.as_str(), value))).collect::<Vec<_>>();
        let settings = with(&pairs).unwrap();
        for held in [&settings.kafka.key_password, &settings.kafka.password, &settings.clickhouse.password] {
            assert_eq!(held.reveal(), secret);
        }
        let json = serde_json::to_string(&settings).unwrap();
        for shown in [settings.to_string(), format!("{settings:?}"), json] {
            assert!(!shown.contains(secret), "{shown}");
        }
        let printed = settings.to_string();
        assert_eq!(printed.matches("password is set and not shown").count(), secrets.len(), "{printed}");
        assert!(!from_file || printed.matches(path(&kept)).count() == secrets.len(), "{printed}");
    }
    for key in secrets {
        let (variable, list) = (key.variable(), format!("[{}]\n{} = [\"{secret}\"]\n", key.section, key.name));
        let beside = format!("{variable}_FILE");
        let nul = format!("{secret}\0");
        for (toml, pairs) in [
            (list.as_str(), vec![]),
            ("", vec![(variable.as_str(), secret), (beside.as_str(), "/no/such")]),
            ("", vec![(variable.as_str(), nul.as_str())]),
            ("x = [", vec![(variable.as_str(), secret)]),
        ] {
            let problems = load(toml, &pairs).unwrap_err();
            assert!(!format!("{problems} {problems:?}").contains(secret), "{problems}");
        }
    }
}
