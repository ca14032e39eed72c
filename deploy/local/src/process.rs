//! Child processes that never outlive us: start, watch, stop.

use std::fs::{self, File};
use std::io;
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, Stdio};

use anyhow::{Context, bail};
use nix::sys::prctl;
use nix::sys::signal::{SigSet, Signal, kill};
use nix::unistd::{Pid, getpid, getppid};

/// Lines of each log shown when an engine has died.
const TAIL_LINES: usize = 15;

/// Asks the kernel for SIGTERM when the process that started us ends.
pub(crate) fn end_with_parent() -> anyhow::Result<()> {
    let parent = getppid();
    prctl::set_pdeathsig(Signal::SIGTERM).context("cannot watch the parent process")?;
    if getppid() != parent {
        bail!("the process that started this one has ended");
    }
    Ok(())
}

/// Makes the kernel send `signal` to the child when we end, even by kill -9.
///
/// The kernel watches the *thread* that starts the child: it must be the main thread.
pub(crate) fn end_with_us(command: &mut Command, signal: Signal) {
    let us = getpid();
    // SAFETY: between fork and exec this makes plain system calls only, and allocates nothing.
    unsafe {
        command.pre_exec(move || {
            prctl::set_pdeathsig(signal)?;
            if getppid() != us {
                return Err(io::Error::from_raw_os_error(nix::libc::ESRCH));
            }
            // We block the signals that we wait for; the child must not.
            SigSet::empty().thread_set_mask()?;
            Ok(())
        });
    }
}

/// A running engine; dropped, it is killed.
pub(crate) struct Engine {
    name: &'static str,
    child: Child,
    logs: Vec<PathBuf>,
}

impl Engine {
    /// Starts an engine. Its output goes to the first of `logs`; the others it writes itself.
    pub(crate) fn start(name: &'static str, mut command: Command, logs: Vec<PathBuf>) -> anyhow::Result<Self> {
        let output = logs.first().context("an engine needs a log")?;
        let output = File::create(output).with_context(|| format!("cannot write {}", output.display()))?;
        command
            .stdin(Stdio::null())
            .stdout(output.try_clone().context("cannot share the log")?)
            .stderr(output)
            // A Ctrl-C on the terminal is for us alone; we stop the engines in order.
            .process_group(0);
        end_with_us(&mut command, Signal::SIGKILL);
        let child = command.spawn().with_context(|| format!("cannot start {name} ({})", command.get_program().display()))?;
        Ok(Self { name, child, logs })
    }

    /// Its process id.
    pub(crate) fn id(&self) -> u32 {
        self.child.id()
    }

    /// Fails, with the end of its log, if the engine has ended.
    pub(crate) fn check(&mut self) -> anyhow::Result<()> {
        let Some(status) = self.child.try_wait().with_context(|| format!("cannot watch {}", self.name))? else {
            return Ok(());
        };
        bail!("{} has ended ({status})\n{}", self.name, tails(&self.logs))
    }

    /// The end of its log, to explain why it does not answer.
    pub(crate) fn tail(&self) -> String {
        tails(&self.logs)
    }

    /// Asks it to stop by SIGTERM.
    pub(crate) fn terminate(&self) {
        if let Ok(id) = i32::try_from(self.child.id()) {
            // It may have ended already.
            let _ = kill(Pid::from_raw(id), Signal::SIGTERM);
        }
    }

    /// Whether it has ended.
    pub(crate) fn ended(&mut self) -> bool {
        !matches!(self.child.try_wait(), Ok(None))
    }
}

impl Drop for Engine {
    fn drop(&mut self) {
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}

/// The last lines of each log that says something, with its path.
fn tails(logs: &[PathBuf]) -> String {
    logs.iter().filter_map(|log| tail(log)).collect::<Vec<_>>().join("\n")
}

/// The last lines of a log with its path, or nothing if it is empty.
pub(crate) fn tail(log: &Path) -> Option<String> {
    let text = fs::read(log).ok()?;
    let text = String::from_utf8_lossy(&text);
    let lines: Vec<&str> = text.lines().filter(|line| !line.trim().is_empty()).collect();
    if lines.is_empty() {
        return None;
    }
    let last = &lines[lines.len().saturating_sub(TAIL_LINES)..];
    Some(format!("the end of {}:\n  {}", log.display(), last.join("\n  ")))
}
