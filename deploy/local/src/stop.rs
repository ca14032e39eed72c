//! SIGINT, SIGTERM and SIGHUP as a value to wait for.

use std::sync::mpsc::{self, Receiver};
use std::thread;
use std::time::Duration;

use anyhow::Context;
use nix::sys::signal::{SigHandler, SigSet, Signal, signal};

/// The signals that ask for an orderly end.
const SIGNALS: [Signal; 3] = [Signal::SIGINT, Signal::SIGTERM, Signal::SIGHUP];

/// Asked to stop, or not yet.
pub(crate) struct Stop {
    received: Receiver<Signal>,
}

impl Stop {
    /// From here on the signals no longer end the program. To be called before any other thread is there.
    pub(crate) fn listen() -> anyhow::Result<Self> {
        let set = SIGNALS.into_iter().collect::<SigSet>();
        // Threads started later inherit the mask, so only the one below receives the signals.
        set.thread_block().context("cannot block signals")?;
        for each in SIGNALS {
            // A shell starts background jobs with SIGINT ignored, and an ignored signal is never received.
            // SAFETY: the default disposition runs no code of ours.
            unsafe { signal(each, SigHandler::SigDfl) }.context("cannot reset a signal")?;
        }
        let (sender, received) = mpsc::channel();
        thread::Builder::new()
            .name("signals".to_owned())
            .spawn(move || {
                while let Ok(signal) = set.wait() {
                    if sender.send(signal).is_err() {
                        break;
                    }
                }
            })
            .context("cannot start a thread")?;
        Ok(Self { received })
    }

    /// Waits so long, or until a signal asks to stop: then its name.
    pub(crate) fn within(&self, time: Duration) -> Option<Signal> {
        self.received.recv_timeout(time).ok()
    }
}
