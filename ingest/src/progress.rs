//! Shows how far a command is, on stderr: a bar on a terminal, a line every few seconds elsewhere.

use std::io::IsTerminal;
use std::time::{Duration, Instant};

use indicatif::{ProgressBar, ProgressDrawTarget, ProgressStyle};

/// Progress of a command that an operator watches.
pub struct Progress(Shown);

enum Shown {
    Nothing,
    Bar(ProgressBar),
    Lines { last: Instant },
}

/// Pause between two lines.
const LINE: Duration = Duration::from_secs(3);

impl Progress {
    /// Shows nothing unless it is wanted.
    pub fn new(wanted: bool) -> Self {
        if !wanted {
            return Self(Shown::Nothing);
        }
        if !std::io::stderr().is_terminal() {
            return Self(Shown::Lines { last: Instant::now() });
        }
        let style = ProgressStyle::with_template("{bar:30} {percent:>3} %  {msg}  {elapsed}")
            .unwrap_or_else(|_| ProgressStyle::default_bar());
        let bar = ProgressBar::with_draw_target(None, ProgressDrawTarget::stderr_with_hz(5)).with_style(style);
        Self(Shown::Bar(bar))
    }

    /// Shows how far it is: how much is done, and of how much, where that is known.
    pub fn show(&mut self, done: u64, all: Option<u64>, text: impl Fn() -> String) {
        match &mut self.0 {
            Shown::Nothing => {}
            Shown::Bar(bar) => {
                if let Some(all) = all {
                    bar.set_length(all);
                }
                bar.set_position(done);
                bar.set_message(text());
            }
            Shown::Lines { last } => {
                if last.elapsed() >= LINE {
                    *last = Instant::now();
                    let part = all.map(|all| format!("{} %, ", 100 * done / all.max(1))).unwrap_or_default();
                    eprintln!("{part}{}", text());
                }
            }
        }
    }

    /// Leaves the last state.
    pub fn finish(&mut self, text: impl Fn() -> String) {
        match &self.0 {
            Shown::Nothing => {}
            Shown::Bar(bar) => bar.finish_with_message(text()),
            Shown::Lines { .. } => eprintln!("{}", text()),
        }
    }
}
