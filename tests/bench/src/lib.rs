//! What `make bench-ingest` needs: events, engines, the systems that are measured, meters and the table of figures; and beside
//! it, in `rollup`, what `make bench-rollup` needs.

pub mod events;
pub mod publish;
pub mod engines;
pub mod meter;
pub mod systems;
pub mod run;
pub mod report;
pub mod rollup;
