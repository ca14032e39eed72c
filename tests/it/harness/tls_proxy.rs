//! HTTPS before ClickHouse, by a real proxy (HAProxy); it ends with the test.

use std::net::TcpStream;
use std::os::unix::process::CommandExt;
use std::process::{Child, Command, Stdio};
use std::time::Duration;
use std::{env, fs};

use nix::sys::prctl;
use nix::sys::signal::Signal;
use tempfile::TempDir;

use super::certificates::Certificates;
use super::secure::free_port;
use super::{Engines, wait_until};

/// The proxy and its certificates.
pub(crate) struct TlsProxy {
    pub(crate) certificates: Certificates,
    /// `https://127.0.0.1:PORT`
    pub(crate) url: String,
    child: Child,
    _folder: TempDir,
}

impl TlsProxy {
    /// Starts one.
    pub(crate) fn before(engines: &Engines) -> Self {
        let folder = TempDir::new().unwrap();
        let certificates = Certificates::make(folder.path(), &[]);
        let port = free_port();
        let target = engines.clickhouse_url.trim_start_matches("http://").trim_end_matches('/');
        let config = format!(
            "global\n  maxconn 100\ndefaults\n  mode http\n  timeout connect 5s\n  timeout client 120s\n  timeout server 120s\n\
             frontend https\n  bind 127.0.0.1:{port} ssl crt {}\n  default_backend clickhouse\n\
             backend clickhouse\n  server clickhouse {target}\n",
            certificates.path("server")
        );
        let file = folder.path().join("haproxy.cfg");
        fs::write(&file, config).unwrap();
        let mut command = Command::new("haproxy");
        let path = format!("{}:/usr/sbin", env::var("PATH").unwrap());
        command.arg("-db").arg("-f").arg(&file).env("PATH", path).stdin(Stdio::null()).stdout(Stdio::null());
        // SAFETY: between fork and exec this makes one plain system call, and allocates nothing.
        unsafe { command.pre_exec(|| Ok(prctl::set_pdeathsig(Signal::SIGKILL)?)) };
        let child = command.spawn().expect("haproxy (deploy/install-tools.sh installs it)");
        wait_until("the proxy listens", Duration::from_secs(30), || TcpStream::connect(("127.0.0.1", port)).is_ok());
        Self { certificates, url: format!("https://127.0.0.1:{port}"), child, _folder: folder }
    }
}

impl Drop for TlsProxy {
    fn drop(&mut self) {
        // It may have ended.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }
}
