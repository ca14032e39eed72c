//! A line to ClickHouse that holds back requests which contain some texts.

use std::io::{Read, Write};
use std::net::{Shutdown, TcpListener, TcpStream};
use std::sync::Arc;
use std::sync::atomic::{AtomicU32, Ordering};
use std::thread;

/// What is held back, and how often it was.
pub(crate) struct Line {
    texts: &'static [&'static str],
    held: AtomicU32,
}

impl Line {
    /// Starts a line that never lets requests with these texts in their head through; its address.
    pub(crate) fn holding(texts: &'static [&'static str], target: &str) -> (String, Arc<Self>) {
        let line = Arc::new(Self { texts, held: AtomicU32::new(0) });
        let target = target.trim_start_matches("http://").trim_end_matches('/').to_owned();
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let own = Arc::clone(&line);
        thread::spawn(move || {
            for client in listener.incoming() {
                let (client, line, target) = (client.unwrap(), Arc::clone(&own), target.clone());
                thread::spawn(move || line.forward(&client, &target));
            }
        });
        (address, line)
    }

    /// Requests held back so far.
    pub(crate) fn held(&self) -> u32 {
        self.held.load(Ordering::SeqCst)
    }

    fn forward(&self, client: &TcpStream, target: &str) {
        let server = TcpStream::connect(target).unwrap();
        thread::scope(|scope| {
            scope.spawn(|| {
                pump(client, &server, |bytes| {
                    let head = String::from_utf8_lossy(bytes);
                    let held = self.texts.iter().all(|text| head.contains(text));
                    self.held.fetch_add(u32::from(held), Ordering::SeqCst);
                    held
                })
            });
            pump(&server, client, |_| false)
        });
    }
}

/// Copies until the end, then closes both. From what is held on, nothing is copied, and nothing is closed.
fn pump(mut from: &TcpStream, mut to: &TcpStream, hold: impl Fn(&[u8]) -> bool) {
    let mut buffer = vec![0; 1 << 16];
    let mut holding = false;
    while let Ok(count) = from.read(&mut buffer) {
        holding = holding || hold(&buffer[..count]);
        if count == 0 || (!holding && to.write_all(&buffer[..count]).is_err()) {
            break;
        }
    }
    // The other side may have closed first.
    let _ = (from.shutdown(Shutdown::Both), to.shutdown(Shutdown::Both));
}
