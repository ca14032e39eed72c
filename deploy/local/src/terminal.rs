//! What the operator sees: results on standard output, progress and faults on standard error.
//!
//! A reader who has gone away must not stop the engines, so a failed write is ignored.

use std::io::{IsTerminal, Write, stderr, stdout};
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// How often a long step says where it is when there is no terminal.
const PLAIN_EVERY: Duration = Duration::from_secs(10);

/// Writes a line to standard error.
pub(crate) fn say(line: &str) {
    let _ = writeln!(stderr(), "{line}");
}

/// Writes text to standard output.
pub(crate) fn print(text: &str) {
    let _ = stdout().write_all(text.as_bytes()).and_then(|()| stdout().flush());
}

/// A long step: a bar with elapsed time and size on a terminal, a plain line now and then elsewhere.
pub(crate) struct Progress {
    step: String,
    total: u64,
    started: Instant,
    spoken: Instant,
    bar: Option<ProgressBar>,
}

impl Progress {
    /// Begins a step that brings about `total` bytes.
    pub(crate) fn start(step: &str, total: u64) -> Self {
        let bar = stderr().is_terminal().then(|| {
            let bar = ProgressBar::with_draw_target(Some(total), ProgressDrawTarget::stderr());
            let style = ProgressStyle::with_template("{spinner} {msg} {bar:30} {bytes}/{total_bytes} {elapsed}")
                .unwrap_or_else(|_| ProgressStyle::default_bar());
            bar.set_style(style);
            bar.set_message(step.to_owned());
            bar.enable_steady_tick(Duration::from_millis(120));
            bar
        });
        if bar.is_none() {
            say(&format!("{step} ..."));
        }
        let now = Instant::now();
        Self { step: step.to_owned(), total, started: now, spoken: now, bar }
    }

    /// Says how many bytes are there.
    pub(crate) fn at(&mut self, bytes: u64) {
        if let Some(bar) = &self.bar {
            bar.set_position(bytes.min(self.total));
        } else if self.spoken.elapsed() >= PLAIN_EVERY {
            self.spoken = Instant::now();
            say(&format!("{} ... {}", self.step, self.so_far(bytes)));
        }
    }

    /// Ends the step well.
    pub(crate) fn done(self) {
        if let Some(bar) = &self.bar {
            bar.finish_and_clear();
        }
        say(&format!("{}: done, {}", self.step, self.so_far(self.total)));
    }

    fn so_far(&self, bytes: u64) -> String {
        format!("{} of {} MB, {} s", bytes / 1_000_000, self.total / 1_000_000, self.started.elapsed().as_secs())
    }
}
