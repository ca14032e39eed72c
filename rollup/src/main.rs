//! The rollup program.
fn main() {}
