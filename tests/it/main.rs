//! Integration tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod harness;
mod local;
mod tidy;
