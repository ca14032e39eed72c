//! Integration tests.

#![allow(clippy::unwrap_used, clippy::expect_used, clippy::panic)]

mod access;
mod bench;
mod chaos;
mod conformance;
mod faults;
mod harness;
mod ingest;
mod local;
mod observe;
mod rollup;
mod tidy;
