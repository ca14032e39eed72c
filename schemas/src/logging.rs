//! Log lines on stderr, as text for people or as JSON for machines.

use tracing_subscriber::layer::SubscriberExt;
use tracing_subscriber::util::SubscriberInitExt;
use tracing_subscriber::{EnvFilter, Layer, Registry};

use crate::settings::{Log, LogFormat};

/// Something else that follows what the program does, such as traces.
pub type ExtraLayer = Box<dyn Layer<Registry> + Send + Sync>;

/// Starts logging for the whole process; call it once. Stdout stays free for results.
///
/// # Errors
/// The filter is none, or logging was started before.
pub fn init(log: &Log) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    init_with(log, None)
}

/// Starts logging, and something else beside it, which the filter of log lines does not touch.
///
/// # Errors
/// As above.
pub fn init_with(log: &Log, extra: Option<ExtraLayer>) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::try_new(&log.filter)?;
    let lines = tracing_subscriber::fmt::layer().with_writer(std::io::stderr);
    let terminal = std::io::IsTerminal::is_terminal(&std::io::stderr());
    let lines: ExtraLayer = match log.format {
        LogFormat::Text => lines.with_ansi(terminal).with_target(false).with_filter(filter).boxed(),
        LogFormat::Json => lines.json().with_filter(filter).boxed(),
    };
    tracing_subscriber::registry().with(extra.into_iter().chain([lines]).collect::<Vec<_>>()).try_init()?;
    Ok(())
}
