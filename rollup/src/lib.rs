//! Steps of the rollup.
