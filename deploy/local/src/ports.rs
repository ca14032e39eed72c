//! Ports on the loopback address: the ones asked for, or free ones.

use std::net::{Ipv4Addr, TcpListener};

use anyhow::{Context, bail};

use crate::random;

/// Free ports are looked for below the range Linux gives to outgoing connections, so that none of those takes one
/// between our look and the start of the engine.
const FREE_FROM: u16 = 10_000;
const FREE_COUNT: u16 = 20_000;
const TRIES: u32 = 200;

/// Hands out ports, none of them twice.
#[derive(Default)]
pub(crate) struct Ports {
    // Held open until all are chosen.
    taken: Vec<TcpListener>,
}

impl Ports {
    /// The port given by `flag`, if it is free, or else any free one.
    pub(crate) fn choose(&mut self, flag: &str, given: Option<u16>) -> anyhow::Result<u16> {
        if let Some(port) = given {
            let listener = TcpListener::bind((Ipv4Addr::LOCALHOST, port))
                .with_context(|| format!("port {port} cannot be used, give another {flag}"))?;
            self.taken.push(listener);
            return Ok(port);
        }
        for _ in 0..TRIES {
            let port = FREE_FROM + u16::from_ne_bytes(random::bytes()?) % FREE_COUNT;
            if let Ok(listener) = TcpListener::bind((Ipv4Addr::LOCALHOST, port)) {
                self.taken.push(listener);
                return Ok(port);
            }
        }
        bail!("no free port found between {FREE_FROM} and {}, give one with {flag}", FREE_FROM + FREE_COUNT)
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn ports_are_distinct_and_a_taken_one_is_refused() {
        let mut ports = Ports::default();
        let one = ports.choose("--kafka-port", None).unwrap();
        let two = ports.choose("--http-port", None).unwrap();
        assert_ne!(one, two);
        let error = ports.choose("--tcp-port", Some(one)).unwrap_err().to_string();
        assert!(error.contains("--tcp-port") && error.contains(&one.to_string()), "{error}");
        drop(ports);
        assert_eq!(Ports::default().choose("--tcp-port", Some(one)).unwrap(), one);
    }
}
