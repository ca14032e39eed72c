//! The HTTP server of a program: `/metrics`, `/livez`, `/readyz`. It answers from what the others have reported and asks
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
use tracing::{error, info};

/// The type of the page of metrics.
const OPEN_METRICS: &str = "application/openmetrics-text; version=1.0.0; charset=utf-8";

/// A program that can be asked how it is.
pub trait Observed: Send + Sync + 'static {
    /// The page that Prometheus reads, in the text form of OpenMetrics.
    fn page(&self) -> String;

    /// Whether the process does its work; if not, to start it again may help.
    ///
    /// # Errors
    /// Why it does not.
    fn live(&self) -> Result<(), String>;

    /// Whether it does what it is for.
    ///
    /// # Errors
    /// Every reason why it does not, one a line.
    fn ready(&self) -> Result<(), String>;
}

/// Begins to answer on the address of `http.listen`.
///
/// # Errors
/// The port is in use, or the address is not one of this machine: what to do about it.
pub async fn serve(listen: SocketAddr, observed: Arc<impl Observed>) -> Result<(), String> {
    let refused = |error: io::Error| {
        let hint = match error.kind() {
            io::ErrorKind::AddrInUse => "another program listens there, perhaps another one of chiso; give each its own port",
            io::ErrorKind::PermissionDenied => "ports below 1024 need a privilege; choose a greater one",
            _ => "set http.listen (CHISO__HTTP__LISTEN) to an address of this machine, such as \"0.0.0.0:9464\"",
        };
        format!("cannot listen on {listen} (http.listen): {error}; {hint}")
    };
    let listener = TcpListener::bind(listen).await.map_err(refused)?;
    let address = listener.local_addr().map_err(refused)?;
    info!(%address, "answering /metrics, /livez and /readyz");
    tokio::spawn(async move {
        if let Err(error) = axum::serve(listener, pages(observed)).await {
            error!(%error, "http server ended");
        }
    });
    Ok(())
}

fn pages<O: Observed>(observed: Arc<O>) -> Router {
    Router::new()
        .route("/metrics", get(metrics::<O>))
        .route("/livez", get(livez::<O>))
        .route("/readyz", get(readyz::<O>))
        .with_state(observed)
}

async fn metrics<O: Observed>(State(observed): State<Arc<O>>) -> ([(HeaderName, &'static str); 1], String) {
    ([(CONTENT_TYPE, OPEN_METRICS)], observed.page())
}

async fn livez<O: Observed>(State(observed): State<Arc<O>>) -> (StatusCode, String) {
    answer(observed.live().map_err(|reason| format!("{reason}\n")), "alive\n")
}

async fn readyz<O: Observed>(State(observed): State<Arc<O>>) -> (StatusCode, String) {
    answer(observed.ready(), "ready\n")
}

fn answer(state: Result<(), String>, well: &str) -> (StatusCode, String) {
    match state {
        Ok(()) => (StatusCode::OK, well.to_owned()),
        Err(reasons) => (StatusCode::SERVICE_UNAVAILABLE, reasons),
    }
}
