//! The model of the contract and the generator of event logs: what the product is compared with; and the engines it is tried on.
//!
//! Nothing here depends on the product. The two share the CSV files of the reference data and nothing else.

pub mod engines;
pub mod generate;
pub mod golden;
pub mod model;
