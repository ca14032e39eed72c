//! The ingest worker: Kafka message -> decode -> validate -> batch -> ClickHouse insert -> commit.
//!
//! Modules stand in the order in which a message passes them; the commands and what they share follow.

pub mod topics;
pub mod consume;
pub mod outages;
pub mod place;
pub mod headers;
pub mod decode;
pub mod dictionary;
pub mod texts;
pub mod facts;
pub mod order;
pub mod rows;
pub mod batch;
pub mod event_block;
pub mod native;
pub mod insert;
pub mod retry;
pub mod bisect;
pub mod reread;
pub mod commit;
pub mod offset;
pub mod counts;
pub mod start;
pub mod ledger;
pub mod topic_ids;
pub mod observe;
pub mod orphans;
pub mod guest;
pub mod goal;
pub mod reference;
pub mod health;
pub mod metrics;
pub mod pipeline;
pub mod probe;

pub mod args;
pub mod run;
pub mod coverage;
pub mod lag;
pub mod decisions;
pub mod summary;
pub mod traces;
pub mod check;
pub mod courier;
pub mod rejects_topic;
pub mod replay;
pub mod publish;
pub mod lines;
pub mod split;
pub mod broker;
pub mod group;
pub mod client;
pub mod progress;
pub mod failure;
