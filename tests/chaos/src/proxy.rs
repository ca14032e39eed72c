//! A line to ClickHouse that misbehaves when told: TCP connections are passed on, slowed down, refused, or broken.

use std::io::{Read as _, Write as _};
use std::net::{Shutdown, SocketAddr, TcpListener, TcpStream};
use std::sync::atomic::{AtomicBool, AtomicUsize, Ordering};
use std::sync::{Arc, Mutex, PoisonError};
use std::thread;
use std::time::Duration;

use anyhow::Context as _;
use nix::sys::socket::{setsockopt, sockopt};

use crate::plan::Manner;

/// What a slow line adds to each piece.
const DELAY: Duration = Duration::from_millis(150);
const UNAVAILABLE: &[u8] = b"HTTP/1.1 503 Service Unavailable\r\nContent-Length: 0\r\nConnection: close\r\n\r\n";

/// State of the line, shared with the threads of its connections.
struct State {
    target: SocketAddr,
    manner: Mutex<Option<Manner>>,
    /// Inserts that met a fault.
    spoilt: AtomicUsize,
    /// Inserts of events of which ClickHouse has got something, and which it has not answered.
    receiving: AtomicUsize,
}

impl State {
    fn manner(&self) -> Option<Manner> {
        *self.manner.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// The line.
pub struct Proxy {
    state: Arc<State>,
    address: SocketAddr,
    listening: Mutex<Option<Arc<AtomicBool>>>,
}

impl Proxy {
    /// Opens a line to an HTTP address.
    ///
    /// # Errors
    /// The address is none, or no port is free.
    pub fn open(url: &str) -> anyhow::Result<Self> {
        let target =
            url.trim_start_matches("http://").trim_end_matches('/').parse().with_context(|| format!("no address: {url}"))?;
        let listener = TcpListener::bind("127.0.0.1:0")?;
        let address = listener.local_addr()?;
        let state =
            Arc::new(State { target, manner: Mutex::new(None), spoilt: AtomicUsize::new(0), receiving: AtomicUsize::new(0) });
        let proxy = Self { state, address, listening: Mutex::new(None) };
        proxy.listen(listener);
        Ok(proxy)
    }

    /// Its HTTP address.
    pub fn url(&self) -> String {
        format!("http://{}", self.address)
    }

    fn listen(&self, listener: TcpListener) {
        let (open, state) = (Arc::new(AtomicBool::new(true)), Arc::clone(&self.state));
        *self.listening.lock().unwrap_or_else(PoisonError::into_inner) = Some(Arc::clone(&open));
        thread::spawn(move || {
            for client in listener.incoming().map_while(Result::ok) {
                if !open.load(Ordering::SeqCst) {
                    break;
                }
                let state = Arc::clone(&state);
                thread::spawn(move || forward(&client, &state));
            }
        });
    }

    /// Begins to misbehave; connections that are open are closed.
    ///
    /// # Errors
    /// The listener cannot be closed.
    pub fn begin(&self, manner: Manner) -> anyhow::Result<()> {
        *self.state.manner.lock().unwrap_or_else(PoisonError::into_inner) = Some(manner);
        if manner == Manner::Refused
            && let Some(open) = self.listening.lock().unwrap_or_else(PoisonError::into_inner).take()
        {
            open.store(false, Ordering::SeqCst);
            // The listener sees this connection and closes.
            TcpStream::connect(self.address)?;
        }
        Ok(())
    }

    /// Inserts of events that ClickHouse is receiving. It lists a query only once it has 256 KiB of it, so this is seen here.
    pub fn receiving(&self) -> usize {
        self.state.receiving.load(Ordering::SeqCst)
    }

    /// Inserts that met the fault so far.
    pub fn spoilt(&self) -> usize {
        self.state.spoilt.load(Ordering::SeqCst)
    }

    /// Behaves again; yields how many inserts met the fault so far.
    ///
    /// # Errors
    /// The port is taken by somebody else meanwhile.
    pub fn end(&self) -> anyhow::Result<usize> {
        *self.state.manner.lock().unwrap_or_else(PoisonError::into_inner) = None;
        if self.listening.lock().unwrap_or_else(PoisonError::into_inner).is_none() {
            self.listen(TcpListener::bind(self.address).context("cannot listen again")?);
        }
        Ok(self.state.spoilt.swap(0, Ordering::SeqCst))
    }
}

fn forward(client: &TcpStream, state: &State) {
    let Ok(server) = TcpStream::connect(state.target) else { return };
    let (inserting, receiving) = (AtomicBool::new(false), AtomicBool::new(false));
    let answered = || state.receiving.fetch_sub(usize::from(receiving.swap(false, Ordering::SeqCst)), Ordering::SeqCst);
    let spoil = || state.spoilt.fetch_add(usize::from(inserting.swap(false, Ordering::SeqCst)), Ordering::SeqCst);
    thread::scope(|scope| {
        scope.spawn(|| {
            pump(client, &server, |bytes| {
                // Bodies hold texts of publishers, so only the beginning of a request is looked at.
                let begins =
                    |text: &[u8]| bytes.starts_with(b"POST ") && bytes.windows(text.len()).take(400).any(|part| part == text);
                if begins(b"INSERT") {
                    inserting.store(true, Ordering::SeqCst);
                }
                if begins(b"event_log") && !receiving.swap(true, Ordering::SeqCst) {
                    state.receiving.fetch_add(1, Ordering::SeqCst);
                }
                match state.manner() {
                    Some(Manner::Slow) => {
                        spoil();
                        thread::sleep(DELAY);
                        Some(bytes.len())
                    }
                    Some(Manner::Unavailable) => {
                        spoil();
                        let mut client = client;
                        let _ = client.write_all(UNAVAILABLE);
                        None
                    }
                    Some(Manner::Refused) => {
                        spoil();
                        None
                    }
                    _ => Some(bytes.len()),
                }
            })
        });
        pump(&server, client, |bytes| {
            answered();
            let is_insert = inserting.load(Ordering::SeqCst);
            match state.manner() {
                Some(Manner::AnswerLost) if is_insert => {
                    spoil();
                    reset(client);
                    None
                }
                Some(Manner::HalfAnswer) if is_insert => {
                    spoil();
                    let mut client = client;
                    let _ = client.write_all(&bytes[..bytes.len() / 2]);
                    None
                }
                _ => {
                    inserting.store(false, Ordering::SeqCst);
                    Some(bytes.len())
                }
            }
        });
    });
    answered();
}

/// Closing will send RST instead of FIN.
fn reset(client: &TcpStream) {
    let linger = nix::libc::linger { l_onoff: 1, l_linger: 0 };
    let _ = setsockopt(client, sockopt::Linger, &linger);
}

/// Copies until the end, or until `pass` says no; then closes both.
fn pump(mut from: &TcpStream, mut to: &TcpStream, pass: impl Fn(&[u8]) -> Option<usize>) {
    let mut buffer = vec![0; 1 << 16];
    while let Ok(count) = from.read(&mut buffer) {
        let passed = if count == 0 { None } else { pass(&buffer[..count]) };
        if passed.is_none_or(|passed| to.write_all(&buffer[..passed]).is_err()) {
            break;
        }
    }
    // The other side may have closed first.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
