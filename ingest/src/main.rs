//! The ingest program.
fn main() {}
