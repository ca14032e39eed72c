//! The way to ClickHouse: plain HTTP or TLS, whom to trust there, and what a connection that fails calls for.

use std::error::Error;
use std::path::Path;
use std::sync::Arc;
use std::time::Duration;

use clickhouse::Client;
use hyper_rustls::HttpsConnectorBuilder;
use hyper_util::client::legacy::Client as HttpClient;
use hyper_util::client::legacy::connect::HttpConnector;
use hyper_util::rt::TokioExecutor;
use rustls::crypto::ring;
use rustls::pki_types::CertificateDer;
use rustls::pki_types::pem::PemObject;
use rustls::{ClientConfig, RootCertStore};

use crate::settings::ClickHouse;

/// Certificates that cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TrustError {
    /// The file of the settings.
    #[error("cannot use the certificates in {file} (clickhouse.ca_file): {why}; write CA certificates there in PEM form")]
    File {
        /// Path.
        file: String,
        /// What is wrong there.
        why: String,
    },
    /// Those of the system.
    #[error("this system trusts no certificates ({0}); install its package of CA certificates, or set clickhouse.ca_file")]
    System(String),
}

/// How long an idle connection is checked for being alive.
const TCP_KEEPALIVE: Duration = Duration::from_secs(60);
/// How long an idle connection is kept: shorter than any server keeps it.
const IDLE: Duration = Duration::from_secs(2);

/// A client that speaks HTTP or HTTPS, as the address says; TLS 1.2 at least.
pub(super) fn client(settings: &ClickHouse) -> Result<Client, TrustError> {
    if !settings.url.starts_with("https://") {
        return Ok(Client::default());
    }
    let roots = match &settings.ca_file {
        Some(file) => roots_of(file)?,
        None => system_roots()?,
    };
    let tls = ClientConfig::builder_with_provider(Arc::new(ring::default_provider()))
        .with_safe_default_protocol_versions()
        .map_err(|error| TrustError::System(error.to_string()))?
        .with_root_certificates(roots)
        .with_no_client_auth();
    let mut tcp = HttpConnector::new();
    tcp.set_keepalive(Some(TCP_KEEPALIVE));
    tcp.enforce_http(false);
    let connector = HttpsConnectorBuilder::new().with_tls_config(tls).https_only().enable_http1().wrap_connector(tcp);
    Ok(Client::with_http_client(HttpClient::builder(TokioExecutor::new()).pool_idle_timeout(IDLE).build(connector)))
}

fn roots_of(file: &Path) -> Result<RootCertStore, TrustError> {
    let wrong = |why: String| TrustError::File { file: file.display().to_string(), why };
    let mut roots = RootCertStore::empty();
    for certificate in CertificateDer::pem_file_iter(file).map_err(|error| wrong(error.to_string()))? {
        let certificate = certificate.map_err(|error| wrong(error.to_string()))?;
        roots.add(certificate).map_err(|error| wrong(error.to_string()))?;
    }
    if roots.is_empty() { Err(wrong("there are none".into())) } else { Ok(roots) }
}

fn system_roots() -> Result<RootCertStore, TrustError> {
    let found = rustls_native_certs::load_native_certs();
    let mut roots = RootCertStore::empty();
    // Systems ship certificates that are no longer understood; the others count.
    roots.add_parsable_certificates(found.certs);
    if roots.is_empty() {
        let why = found.errors.first().map_or_else(|| "there are none".to_owned(), ToString::to_string);
        return Err(TrustError::System(why));
    }
    Ok(roots)
}

/// The whole of an error, with what caused it: the client's own text ends at "client error (Connect)".
pub(super) fn told(error: &dyn Error) -> String {
    let mut text = error.to_string();
    let mut cause = error.source();
    while let Some(inner) = cause {
        let more = inner.to_string();
        if !text.ends_with(&more) {
            text = format!("{text}: {more}");
        }
        cause = inner.source();
    }
    text
}

/// What to do about a connection without an answer.
pub(super) fn hint(place: &str, told: &str) -> &'static str {
    if told.contains("invalid peer certificate") {
        return "set clickhouse.ca_file to the CA certificate of that server, and clickhouse.url to a name that its certificate holds";
    }
    if told.contains("InvalidContentType") {
        return "that port does not speak TLS, set clickhouse.url to the HTTPS port, or to http://";
    }
    let closed = ["connection closed", "Connection reset", "Broken pipe", "invalid HTTP", "unexpected EOF", "tls handshake eof"];
    match closed.iter().any(|text| told.contains(text)) {
        true if place.starts_with("http://") => {
            "if that is an HTTPS port, set clickhouse.url to https://; otherwise see whether ClickHouse is running"
        }
        // A server that hears TLS where it expects HTTP may hang up before its answer is read.
        true => {
            "if that port does not speak TLS, set clickhouse.url to the HTTPS port, or to http://; otherwise see whether ClickHouse is running"
        }
        false => "is ClickHouse running, and is clickhouse.url (CHISO__CLICKHOUSE__URL) right?",
    }
}
