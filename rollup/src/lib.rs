//! Stored facts -> daily cells -> period rollups -> export.
//!
//! `migrate` makes the tables and loads the reference data; a pass ([`pass`]) recomputes cells from the events and period
//! rows from the cells; `export` prints rows of contract section 6, from the stored rows for kept periods and computed
//! on demand for any other.

pub mod failure;
pub mod sql;

pub mod migrate;

pub mod claim;
pub mod completeness;
pub mod compaction;
pub mod pass;
pub mod progress;
pub mod scope;

pub mod export;
