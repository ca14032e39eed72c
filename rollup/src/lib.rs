//! Stored facts -> daily cells -> period rollups -> export.
//!
//! `migrate` makes the tables and loads the reference data; a pass ([`pass`]) recomputes cells from the events and period
//! rows from the cells; `export` prints rows of contract section 6, from the stored rows for kept periods and computed
//! on demand for any other.

pub mod failure;
pub mod arguments;
mod clock;
pub mod progress;

pub mod migrate;

pub mod scheduler;
pub mod lead;
pub mod claim;
pub mod turn;
pub mod pass;
mod reference_change;
pub mod marks;
pub mod cells;
mod last_states;
pub mod scope;
pub mod touched;
pub mod touched_sql;
pub mod stored;
mod work;
pub mod sql;
pub mod completeness;
pub mod rebuild;

mod chores;
pub mod compaction;
pub mod sweep;
pub mod findings;
pub mod report;
pub mod audit;

pub mod export;
pub mod status;

mod watch;
mod health;
pub mod metrics;

pub(crate) use clock::{LOCAL_OFFSET_SECONDS, is_past};
pub use clock::{local_day, moment_of};
