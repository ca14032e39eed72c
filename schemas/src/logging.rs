//! Log lines on stderr, as text for people or as JSON for machines.

use tracing_subscriber::EnvFilter;

use crate::settings::{Log, LogFormat};

/// Starts logging for the whole process; call it once. Stdout stays free for results.
///
/// # Errors
/// The filter is none, or logging was started before.
pub fn init(log: &Log) -> Result<(), Box<dyn std::error::Error + Send + Sync>> {
    let filter = EnvFilter::try_new(&log.filter)?;
    let lines = tracing_subscriber::fmt().with_env_filter(filter).with_writer(std::io::stderr);
    match log.format {
        LogFormat::Text => lines.with_ansi(std::io::IsTerminal::is_terminal(&std::io::stderr())).with_target(false).try_init(),
        LogFormat::Json => lines.json().try_init(),
    }
}
