//! The HTTP server of a worker: `/metrics`, `/livez`, `/readyz`. It answers from what the others have reported and asks
//! nobody, so it answers also when Kafka and ClickHouse do not.

use std::io;
use std::net::SocketAddr;
use std::sync::Arc;

use axum::Router;
use axum::extract::State;
use axum::http::StatusCode;
use axum::http::header::{CONTENT_TYPE, HeaderName};
use axum::routing::get;
use tokio::net::TcpListener;
use tokio::runtime::Handle;
use tracing::{error, info};

use crate::failure::Failure;
use crate::metrics::Metrics;

/// The type of the page of metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// Begins to answer on that address.
///
/// # Errors
/// The port is in use, or the address is not one of this machine.
pub fn serve(runtime: &Handle, listen: SocketAddr, metrics: Arc<Metrics>) -> Result<(), Failure> {
    let refused = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there, perhaps another worker; give each its own port",
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose a greater one",
            _ => "set http.listen (CHISO__HTTP__LISTEN) to an address of this machine, such as \"0.0.0.0:9464\"",
        };
        Failure::Usage(format!("cannot listen on {listen} (http.listen): {error}; {hint}"))
    };
    let listener = runtime.block_on(TcpListener::bind(listen)).map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    info!(%address, "answering /metrics, /livez and /readyz");
    runtime.spawn(async move {
        if let Err(error) = axum::serve(listener, pages(metrics)).await {
            error!(%error, "http server ended");
        }
    });
    Ok(())
}

fn pages(metrics: Arc<Metrics>) -> Router {
    Router::new().route("/metrics", get(page)).route("/livez", get(livez)).route("/readyz", get(readyz)).with_state(metrics)
}

async fn page(State(metrics): State<Arc<Metrics>>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, OPEN_METRICS)], metrics.page())
}

async fn livez(State(metrics): State<Arc<Metrics>>) -> (StatusCode, String) {
    answer(metrics.health().live().map_err(|reason| format!("{reason}\n")), "alive\n")
}

async fn readyz(State(metrics): State<Arc<Metrics>>) -> (StatusCode, String) {
    answer(metrics.health().ready(), "ready\n")
}

fn answer(state: Result<(), String>, well: &str) -> (StatusCode, String) {
    match state {
        Ok(()) => (StatusCode::OK, well.to_owned()),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons),
    }
}
