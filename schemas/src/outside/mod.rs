//! How a program that runs on is seen from outside: `/metrics`, `/livez` and `/readyz` over HTTP, and what they are made of.

mod http;
mod process;
mod trouble;

pub use http::{Observed, serve};
pub use process::ProcessMetrics;
pub use trouble::Trouble;
