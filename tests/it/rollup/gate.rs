//! A line to ClickHouse that stops at a statement: what has sent it can then be killed or stopped right there.

use std::borrow::Cow;
use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::process::Stdio;
use std::sync::atomic::{AtomicBool, AtomicU32, Ordering};
use std::sync::{Arc, Condvar, Mutex};
use std::thread;
use std::time::Duration;

use crate::harness::{World, wait_until};

/// How long a command may take to come to a statement.
const PATIENCE: Duration = Duration::from_secs(90);
/// How a statement asks whether a later epoch was claimed, and a question of the same length that is never denied.
const STILL_HOLDS: &str = "(SELECT max(epoch) FROM claims) = {epoch:UInt32}";
const ALWAYS_HOLDS: &str = "(SELECT max(epoch) FROM claims) >={epoch:UInt32}";

/// Where the line stops.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub(crate) enum Stop {
    /// Before ClickHouse gets the first statement that begins like this.
    Before(&'static str),
    /// The same; ClickHouse then takes it for one that it had begun with before: it does not see that a later epoch was claimed.
    Within(&'static str),
    /// When ClickHouse has answered the statement with this number, the first being 1, of those that write.
    After(u32),
    /// The same, of those that write or make something.
    Making(u32),
}

/// Runs `chiso-rollup` and kills it when ClickHouse has answered the statement with this number of those that write; whether it made
/// so many.
pub(crate) fn killed_after(world: &World, arguments: &[&str], statement: u32) -> bool {
    killed_at(world, arguments, Stop::After(statement))
}

/// Runs `chiso-rollup` and kills it where the line stops; whether it came there.
pub(crate) fn killed_at(world: &World, arguments: &[&str], stop: Stop) -> bool {
    let (address, gate) = Gate::start(stop, &world.engines.clickhouse_url);
    let mut command = world.command("chiso-rollup", arguments);
    command.env("CHISO__CLICKHOUSE__URL", address).stdout(Stdio::null()).stderr(Stdio::null());
    let mut child = command.spawn().unwrap();
    wait_until("it stops or ends", PATIENCE, || gate.is_reached() || child.try_wait().unwrap().is_some());
    if !gate.is_reached() {
        return false;
    }
    child.kill().unwrap();
    child.wait().unwrap();
    gate.open();
    true
}

/// The line.
pub(crate) struct Gate {
    stop: Stop,
    written: AtomicU32,
    reached: AtomicBool,
    blinded: AtomicBool,
    opened: Mutex<bool>,
    opens: Condvar,
}

impl Gate {
    /// Starts a line; its address.
    pub(crate) fn start(stop: Stop, target: &str) -> (String, Arc<Self>) {
        let gate = Arc::new(Self {
            stop,
            written: AtomicU32::new(0),
            reached: AtomicBool::new(false),
            blinded: AtomicBool::new(false),
            opened: Mutex::new(false),
            opens: Condvar::new(),
        });
        let target = target.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let own = Arc::clone(&gate);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, gate, target) = (client.unwrap(), Arc::clone(&own), target.clone());
                thread::spawn(move || gate.forward(&client, &target));
            }
        });
        (address, gate)
    }

    /// Whether it has stopped.
    pub(crate) fn is_reached(&self) -> bool {
        self.reached.load(Ordering::SeqCst)
    }

    /// Waits until it has.
    pub(crate) fn wait(&self) {
        wait_until("the statement is reached", PATIENCE, || self.is_reached());
    }

    /// Whether statements were kept from seeing later epochs, if they were to be.
    pub(crate) fn has_done_its_part(&self) -> bool {
        self.blinded.load(Ordering::SeqCst) || !matches!(self.stop, Stop::Within(_))
    }

    /// Lets everything through from now on.
    pub(crate) fn open(&self) {
        *self.opened.lock().unwrap() = true;
        self.opens.notify_all();
    }

    fn counts(&self, text: &str) -> bool {
        let makes = matches!(self.stop, Stop::Making(_)) && text.contains("CREATE ");
        makes || ["INSERT INTO ", "ALTER TABLE "].iter().any(|word| text.contains(word))
    }

    fn halt(&self) {
        self.reached.store(true, Ordering::SeqCst);
        let opened = self.opened.lock().unwrap();
        drop(self.opens.wait_while(opened, |opened| !*opened).unwrap());
    }

    fn forward(&self, client: &TcpStream, target: &str) {
        let server = TcpStream::connect(target).unwrap();
        let halts_after = AtomicBool::new(false);
        thread::scope(|scope| {
            scope.spawn(|| {
                pump(client, &server, |bytes| {
                    // The text stands in the body, or in the address.
                    let text = String::from_utf8_lossy(bytes)
                        .replace(['+'], " ")
                        .replace("%20", " ")
                        .replace("%60", "")
                        .replace('`', "");
                    match self.stop {
                        Stop::Before(begin) | Stop::Within(begin) if text.contains(begin) && !self.is_reached() => self.halt(),
                        Stop::After(number) | Stop::Making(number) if self.counts(&text) => {
                            let is_it = self.written.fetch_add(1, Ordering::SeqCst) + 1 == number;
                            halts_after.store(is_it, Ordering::SeqCst);
                        }
                        _ => {}
                    }
                    self.blind(bytes)
                });
            });
            pump(&server, client, |bytes| {
                if halts_after.swap(false, Ordering::SeqCst) {
                    self.halt();
                }
                Cow::Borrowed(bytes)
            });
        });
    }

    /// Lets what comes after [`Stop::Within`] see no later epoch.
    fn blind<'a>(&self, bytes: &'a [u8]) -> Cow<'a, [u8]> {
        let is_after = matches!(self.stop, Stop::Within(_)) && self.is_reached();
        match str::from_utf8(bytes) {
            Ok(text) if is_after && text.contains(STILL_HOLDS) => {
                self.blinded.store(true, Ordering::SeqCst);
                Cow::Owned(text.replace(STILL_HOLDS, ALWAYS_HOLDS).into_bytes())
            }
            _ => Cow::Borrowed(bytes),
        }
    }
}

/// Copies what passes until the end, then closes both.
fn pump(mut from: &TcpStream, mut to: &TcpStream, pass: impl Fn(&[u8]) -> Cow<'_, [u8]>) {
    let mut buffer = vec![0; 1 << 18];
    while let Ok(count) = from.read(&mut buffer) {
        let passed = pass(&buffer[..count]);
        if count == 0 || to.write_all(&passed).is_err() {
            break;
        }
    }
    // The other side may have closed first.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
