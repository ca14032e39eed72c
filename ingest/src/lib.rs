//! Steps of the ingest worker.
