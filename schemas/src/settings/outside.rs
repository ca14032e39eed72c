//! `[http]`, `[traces]` and `[log]`: how the programs are seen from outside.

use std::net::SocketAddr;

use serde::Serialize;

use super::address::is_endpoint;
use super::key;
use super::problems::Problem;
use super::read::Reader;

/// `[http]`
#[derive(Clone, Debug, Serialize)]
pub struct Http {
    /// Where metrics and health are served; nowhere without it.
    pub listen: Option<SocketAddr>,
}

/// `[traces]`
#[derive(Clone, Debug, Serialize)]
pub struct Traces {
    /// Address of an OpenTelemetry collector (OTLP over HTTP), without `/v1/traces`; no traces without it.
    pub otlp_endpoint: Option<String>,
}

/// `[log]`
#[derive(Clone, Debug, Serialize)]
pub struct Log {
    /// Form of the lines.
    pub format: LogFormat,
    /// Which lines, as a directive of tracing's `EnvFilter`.
    pub filter: String,
}

/// Form of log lines.
#[derive(Clone, Copy, PartialEq, Eq, Debug, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum LogFormat {
    /// For people.
    Text,
    /// One JSON object a line.
    Json,
}

impl LogFormat {
    const ALL: [Self; 2] = [Self::Text, Self::Json];

    fn name(self) -> &'static str {
        match self {
            Self::Text => "text",
            Self::Json => "json",
        }
    }
}

pub(super) fn http(reader: &mut Reader) -> Http {
    let given = reader.optional(&key::HTTP_LISTEN).filter(|listen| !listen.is_empty());
    let listen = given.as_deref().and_then(|listen| listen.parse().ok());
    reader.check(&key::HTTP_LISTEN, given.as_deref().unwrap_or_default(), given.is_none() || listen.is_some());
    Http { listen }
}

pub(super) fn traces(reader: &mut Reader) -> Traces {
    let otlp_endpoint = reader.optional(&key::TRACES_OTLP_ENDPOINT).filter(|endpoint| !endpoint.is_empty());
    if otlp_endpoint.as_deref().is_some_and(|endpoint| !is_endpoint(endpoint)) {
        // Not shown: people write passwords into addresses.
        reader.problems.push(Problem::bad(&key::TRACES_OTLP_ENDPOINT, "this is no such address"));
    }
    Traces { otlp_endpoint }
}

pub(super) fn log(reader: &mut Reader) -> Log {
    let format = reader.choice(&key::LOG_FORMAT, &LogFormat::ALL, LogFormat::name);
    let filter = reader.text(&key::LOG_FILTER);
    let parsed = tracing_subscriber::EnvFilter::try_new(&filter);
    reader.check(&key::LOG_FILTER, &filter, parsed.is_ok());
    Log { format, filter }
}
