//! What `make bench-rollup` needs: a ClickHouse, stored facts, what is measured, and the tables of figures.

pub mod server;
pub mod facts;
pub mod passes;
pub mod rebuilds;
pub mod audits;
pub mod queries;
pub mod views;
