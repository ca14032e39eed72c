//! Fault injection: real workers, Kafka and ClickHouse under load are killed, paused and lied to at chosen moments of a
//! batch; what is stored is compared with the model. This is a crate of its own because the model must not see the product.
//!
//! Modules stand in the order in which a run uses them.

pub mod plan;
pub mod engines;
pub mod world;
pub mod load;
pub mod passage;
pub mod worker;
pub mod proxy;
pub mod inject;
pub mod truth;
pub mod stored;
pub mod check;
pub mod episode;
pub mod tally;
