//! Optional traces by OTLP: what a batch goes through, sealed -> insert into each table -> commit.
//!
//! Spans are handed to a queue of a thread of its own. When the collector is slow or away, the queue is full and spans
//! are dropped: nothing waits for them but the end of the process, and that briefly.

use std::time::Duration;

use chiso_schemas::logging::ExtraLayer;
use chiso_schemas::settings::Traces;
use opentelemetry::KeyValue;
use opentelemetry::trace::TracerProvider;
use opentelemetry_otlp::{Protocol, SpanExporter, WithExportConfig};
use opentelemetry_sdk::Resource;
use opentelemetry_sdk::trace::SdkTracerProvider;
use tracing::Level;
use tracing_subscriber::Layer;
use tracing_subscriber::filter::Targets;

use crate::failure::Failure;

/// How long the collector may take for one delivery.
const DELIVERY: Duration = Duration::from_secs(5);
/// How long the end of the process waits for the last delivery.
const LAST_DELIVERY: Duration = Duration::from_secs(2);

/// Traces that are being sent; the last ones go when it is dropped.
#[derive(Default)]
pub struct Sending(Option<SdkTracerProvider>);

/// Makes what sends spans, and the layer that yields them; both do nothing unless an endpoint is set.
///
/// # Errors
/// The endpoint is no address, or wants TLS.
pub fn start(settings: &Traces) -> Result<(Sending, Option<ExtraLayer>), Failure> {
    let Some(endpoint) = &settings.otlp_endpoint else { return Ok(<_>::default()) };
    let refused = |why: &str| Failure::Usage(format!("cannot send traces to {endpoint} (traces.otlp_endpoint): {why}"));
    if endpoint.starts_with("https://") {
        return Err(refused("the worker sends them over plain http:// only; let a collector beside it go on with TLS"));
    }
    let exporter = SpanExporter::builder()
        .with_http()
        .with_protocol(Protocol::HttpBinary)
        .with_endpoint(format!("{}/v1/traces", endpoint.trim_end_matches('/')))
        .with_timeout(DELIVERY)
        .build()
        .map_err(|error| refused(&error.to_string()))?;
    let resource = Resource::builder()
        .with_service_name("chiso-ingest")
        .with_attribute(KeyValue::new("service.version", env!("CARGO_PKG_VERSION")))
        .build();
    let provider = SdkTracerProvider::builder().with_batch_exporter(exporter).with_resource(resource).build();
    // Only our own spans: those of libraries, and of the exporter itself, say nothing of a batch.
    let ours = Targets::new().with_target("chiso_ingest", Level::INFO);
    let layer = tracing_opentelemetry::layer().with_tracer(provider.tracer("chiso-ingest")).with_filter(ours);
    Ok((Sending(Some(provider)), Some(layer.boxed())))
}

impl Drop for Sending {
    fn drop(&mut self) {
        if let Some(provider) = &self.0 {
            // A collector that is away has said so in the log; the worker ends as it would without.
            let _ = provider.shutdown_with_timeout(LAST_DELIVERY);
        }
    }
}
