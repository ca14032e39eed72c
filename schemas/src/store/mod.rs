//! ClickHouse: clients made from the settings, with everything pinned whose default has moved between releases.

mod connect;
mod error;
mod fault;
mod reference;
mod schema;
mod statements;

use std::sync::Arc;
use std::time::{Duration, Instant};

use clickhouse::{Client, Compression};

pub use connect::TrustError;
pub use error::StoreError;
pub use fault::{FAULTS, Fault};
pub use reference::{ReferenceError, active_generation, active_reference, reference_of};
pub use schema::{SCHEMA, SchemaError, VIEWS, check_schema, schema_digest};
pub use statements::statements;

use crate::settings::ClickHouse;

/// One database of a ClickHouse server.
#[derive(Clone)]
pub struct Store {
    server: Client,
    read: Client,
    write: Client,
    database: Arc<str>,
    place: Arc<str>,
}

/// What makes an insert whole, once only, and answered when it is stored, whatever the server's defaults are.
pub const WRITE_SETTINGS: [(&str, &str); 6] = [
    ("async_insert", "0"),
    ("wait_end_of_query", "1"),
    ("insert_deduplicate", "1"),
    ("deduplicate_insert", "enable"),
    ("deduplicate_blocks_in_dependent_materialized_views", "1"),
    // Blocks must be cut at the same rows in every retry.
    ("input_format_parallel_parsing", "0"),
];

/// How long one attempt to reach the server may take.
const ATTEMPT: Duration = Duration::from_secs(5);
/// Pause between two attempts.
const PAUSE: Duration = Duration::from_millis(300);

impl Store {
    /// Makes the clients; nothing is sent yet.
    ///
    /// # Errors
    /// The certificates to trust cannot be used.
    pub fn new(settings: &ClickHouse) -> Result<Self, TrustError> {
        let server = connect::client(settings)?
            .with_url(settings.url.as_str())
            .with_user(settings.user.as_str())
            .with_password(settings.password.reveal())
            .with_compression(Compression::None)
            .with_product_info("chiso", env!("CARGO_PKG_VERSION"));
        let read = server.clone().with_database(settings.database.as_str());
        let write = WRITE_SETTINGS.iter().fold(read.clone(), |client, (name, value)| client.with_setting(*name, *value));
        let place = format!("{} (user {}, database {})", settings.url, settings.user, settings.database);
        Ok(Self { server, read, write, database: settings.database.as_str().into(), place: place.into() })
    }

    /// For statements that must work before the database exists.
    pub fn server(&self) -> &Client {
        &self.server
    }

    /// For queries.
    pub fn read(&self) -> &Client {
        &self.read
    }

    /// For inserts and changes: an answer means stored.
    pub fn write(&self) -> &Client {
        &self.write
    }

    /// Name of the database; it needs no quotes.
    pub fn database(&self) -> &str {
        &self.database
    }

    /// Turns errors of the client into ours, with what was done and where:
    /// `.map_err(store.during("insert into marks"))` reads "cannot insert into marks at ...".
    pub fn during(&self, doing: impl Into<String>) -> impl FnOnce(clickhouse::error::Error) -> StoreError {
        let (doing, place) = (doing.into(), Arc::clone(&self.place));
        move |cause| StoreError::new(doing, &place, &cause)
    }

    /// Waits until the server answers and takes user and password, at most `within`.
    ///
    /// # Errors
    /// The last answer; at once if waiting cannot help, such as a wrong password.
    pub async fn reachable(&self, within: Duration) -> Result<(), StoreError> {
        let begin = Instant::now();
        loop {
            let answer = tokio::time::timeout(ATTEMPT, self.server.query("SELECT 1").fetch_one::<u8>()).await;
            let answer = answer.unwrap_or(Err(clickhouse::error::Error::TimedOut));
            let Err(cause) = answer else { return Ok(()) };
            let error = self.during("reach ClickHouse")(cause);
            if error.fault() == Fault::Stop || begin.elapsed() + PAUSE >= within {
                return Err(error);
            }
            tokio::time::sleep(PAUSE).await;
        }
    }
}
