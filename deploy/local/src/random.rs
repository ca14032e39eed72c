//! Random text for passwords and identifiers, from the kernel.

use std::fs::File;
use std::io::Read;

use anyhow::Context;

const LETTERS: &[u8; 62] = b"ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789";

/// Random bytes.
pub(crate) fn bytes<const N: usize>() -> anyhow::Result<[u8; N]> {
    let mut bytes = [0; N];
    File::open("/dev/urandom").and_then(|mut source| source.read_exact(&mut bytes)).context("cannot read /dev/urandom")?;
    Ok(bytes)
}

/// A password of 24 letters and digits: it needs no quoting in a shell, a URL or XML.
pub(crate) fn password() -> anyhow::Result<String> {
    Ok(letters(&bytes::<24>()?))
}

/// A Kafka cluster id: 16 bytes in URL-safe base64, here one whose first 21 digits are letters and numbers.
pub(crate) fn cluster_id() -> anyhow::Result<String> {
    // The 22nd digit carries only 2 bits, so it must be one of A, Q, g, w.
    Ok(letters(&bytes::<21>()?) + "A")
}

fn letters(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| char::from(LETTERS[usize::from(*byte) % LETTERS.len()])).collect()
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]

    use super::*;

    #[test]
    fn passwords_differ_and_need_no_quoting() {
        let (one, two) = (password().unwrap(), password().unwrap());
        assert_ne!(one, two);
        assert_eq!(one.len(), 24);
        assert!(one.bytes().all(|byte| byte.is_ascii_alphanumeric()), "{one}");
    }

    #[test]
    fn cluster_ids_have_22_digits() {
        assert_eq!(cluster_id().unwrap().len(), 22);
    }
}
