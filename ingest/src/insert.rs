//! Writes a sealed batch into ClickHouse: events, rejects, marks, ledger, in this order, each as often as it takes. What is
//! refused goes to the rejects topic, too, before the ledger, which decides what is read again.
//!
//! Marks stand before the ledger and after the events, so that whoever sees an offset range as stored also sees the
//! events of it and what the rollup must do. Every attempt carries the same deduplication token, so ClickHouse keeps
//! the rows once, also when an answer was lost.

use std::ops::Range;
use std::sync::Arc;
use std::sync::atomic::{AtomicUsize, Ordering};
use std::time::Duration;

use chiso_schemas::settings::Kafka;
use chiso_schemas::store::{Fault, Store};
use clickhouse::error::Result as ClientResult;
use clickhouse::insert::Insert as TableInsert;
use clickhouse::{Client, Row};
use tracing::warn;
use uuid::Uuid;

use crate::batch::{Sealed, Spare};
use crate::bisect::{self, Unstorable, bisect};
use crate::counts::{Counts, Tallies};
use crate::failure::Failure;
use crate::metrics::Metrics;
use crate::native::Block;
use crate::offset;
use crate::probe::{Cut, Passing, Probe};
use crate::rejects_topic::RejectsTopic;
use crate::reread::Reread;
use crate::retry::retry;
use crate::rows::{LedgerRow, RejectRow};

/// The receipt for a batch that ClickHouse has stored. Only [`Insert::write`] makes one, and only one can be committed.
#[derive(Debug)]
pub struct Durable {
    ranges: Vec<offset::Range>,
    counts: Counts,
    tallies: Tallies,
    spare: Spare,
}

impl Durable {
    /// The positions that are stored.
    pub fn ranges(&self) -> &[offset::Range] {
        &self.ranges
    }

    /// What became of the messages in it.
    pub fn counts(&self) -> &Counts {
        &self.counts
    }

    /// The same by partition.
    pub fn tallies(&self) -> &Tallies {
        &self.tallies
    }

    /// The memory of the batch, once nothing else of it is needed.
    pub fn into_spare(self) -> Spare {
        self.spare
    }

    /// What a probe is told of it.
    pub(crate) fn passing(&self) -> Passing {
        let rows = usize::try_from(self.counts.stored + self.counts.rejected()).unwrap_or(usize::MAX);
        Passing { rows, ranges: self.ranges.clone() }
    }
}

/// Where batches go.
#[derive(Clone)]
pub struct Insert {
    client: Client,
    store: Store,
    group: String,
    metrics: Arc<Metrics>,
    probe: Option<Probe>,
    rejects_topic: Option<Arc<RejectsTopic>>,
    reread: Arc<Reread>,
    /// Rows stored since ClickHouse refused one for what is in it.
    stored_since: Arc<AtomicUsize>,
}

/// How long ClickHouse may take to accept a piece of the rows.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to answer once it has them all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(180);

impl Insert {
    /// Messages are read with these settings.
    pub fn new(store: Store, kafka: &Kafka, metrics: Arc<Metrics>) -> Self {
        // The client cannot read the type of a named tuple, so a test compares rows and tables instead.
        let client = store.write().clone().with_validation(false);
        let (group, reread) = (kafka.group.clone(), Arc::new(Reread::new(kafka)));
        // Of what was stored before it started, a worker knows nothing bad.
        let stored_since = Arc::new(AtomicUsize::new(bisect::ONE_IN));
        Self { client, store, group, metrics, probe: None, rejects_topic: None, reread, stored_since }
    }

    /// Tells a probe of the cuts that batches pass here.
    pub fn with_probe(self, probe: Option<Probe>) -> Self {
        Self { probe, ..self }
    }

    /// Sends what is refused to a topic as well.
    pub fn with_rejects_topic(self, rejects_topic: Option<Arc<RejectsTopic>>) -> Self {
        Self { rejects_topic, ..self }
    }

    fn pass(&self, cut: Cut, sealed: &Sealed) {
        if let Some(probe) = &self.probe {
            probe(cut, &sealed.passing());
        }
    }

    /// Writes the batch, and tries again as long as that can help.
    ///
    /// # Errors
    /// ClickHouse or the rejects topic refused it in a way that only a person can change.
    pub async fn write(&self, mut sealed: Sealed) -> Result<Durable, Failure> {
        let (store, metrics) = (&self.store, Some(&*self.metrics));
        self.store_events(&mut sealed).await?;
        if !sealed.refused.is_empty() {
            retry(store, metrics, "rejected_log", || self.rejects(&sealed)).await?;
            if let Some(topic) = &self.rejects_topic {
                topic.deliver(&sealed.refused).await?;
            }
        }
        retry(store, metrics, "marks", || self.marks(&sealed)).await?;
        if !sealed.ledger.is_empty() {
            retry(store, metrics, "ledger", || self.ledger(&sealed)).await?;
        }
        self.pass(Cut::Inserted, &sealed);
        let ranges = sealed.ledger.iter().map(|entry| entry.range).collect();
        let (counts, tallies) = (sealed.counts.clone(), sealed.tallies.clone());
        Ok(Durable { ranges, counts, tallies, spare: sealed.into_spare() })
    }

    /// Stores the events. Those that ClickHouse refuses on their own become refused messages of the batch, once it is known
    /// that they are few.
    async fn store_events(&self, sealed: &mut Sealed) -> Result<(), Failure> {
        let rows = sealed.rows();
        if rows == 0 {
            return Ok(());
        }
        let batch = &*sealed;
        let insert = |rows: Range<usize>, token: String| async move {
            let attempt = || self.events(batch, rows.clone(), token.clone());
            retry(&self.store, Some(&*self.metrics), "event_log", attempt).await
        };
        match insert(0..rows, batch.token("event_log")).await {
            Ok(()) => {
                self.stored_since.fetch_add(rows, Ordering::Relaxed);
                return Ok(());
            }
            Err(error) if error.fault() == Fault::Bisect => {
                warn!(%error, rows, "clickhouse refuses a batch for what is in it, dividing it")
            }
            Err(error) => return Err(error.into()),
        }
        let stored_before = self.stored_since.load(Ordering::Relaxed);
        let unstorable = bisect(rows, stored_before, |range| insert(range, Uuid::new_v4().to_string())).await?;
        let mut refused = Vec::new();
        for Unstorable { row, said } in &unstorable {
            let mut messages = Vec::new();
            for arrival in batch.messages(*row) {
                messages.push(self.reread.refused(arrival, said, batch.reference()).await?);
            }
            refused.push(messages);
        }
        if unstorable.is_empty() {
            self.stored_since.fetch_add(rows, Ordering::Relaxed);
        } else {
            self.stored_since.store(0, Ordering::Relaxed);
        }
        refused.into_iter().for_each(|messages| sealed.refuse(messages));
        Ok(())
    }

    async fn events(&self, sealed: &Sealed, rows: Range<usize>, token: String) -> ClientResult<()> {
        let mut halfway = false;
        self.send(sealed.events(rows), "event_log", token, |block| {
            if !halfway && block.is_half_written() {
                halfway = true;
                self.pass(Cut::MidInsert, sealed);
            }
        })
        .await
    }

    async fn marks(&self, sealed: &Sealed) -> ClientResult<()> {
        match sealed.marks() {
            Some(block) => self.send(block, "marks", sealed.token("marks"), |_| ()).await,
            None => Ok(()),
        }
    }

    /// Sends a block piece by piece, each made when ClickHouse has taken the one before; `sent` is called after each.
    async fn send(
        &self,
        mut block: Block<'_>,
        table: &str,
        token: String,
        mut sent: impl FnMut(&Block<'_>) + Send,
    ) -> ClientResult<()> {
        let insert = self.client.insert_formatted_with(block.statement(table));
        let mut insert = insert
            .with_timeouts(Some(SEND_TIMEOUT), Some(ANSWER_TIMEOUT))
            .with_setting("insert_deduplication_token", token)
            // Copies are rare and a merge removes them; looking for them here costs more than it saves.
            .with_setting("optimize_on_insert", "0");
        while let Some(piece) = block.next_piece() {
            insert.send(piece).await?;
            sent(&block);
        }
        insert.end().await
    }

    async fn rejects(&self, sealed: &Sealed) -> ClientResult<()> {
        let stamp = sealed.stamp();
        let mut insert = self.begin::<RejectRow<'_>>("rejected_log", sealed).await?;
        for refused in &sealed.refused {
            insert.write(&RejectRow::new(refused, sealed.incarnation(refused.arrival.place), stamp)).await?;
        }
        insert.end().await
    }

    async fn ledger(&self, sealed: &Sealed) -> ClientResult<()> {
        let stamp = sealed.stamp();
        let mut insert = self.begin::<LedgerRow<'_>>("ledger", sealed).await?;
        for entry in &sealed.ledger {
            let row = LedgerRow {
                topic: entry.range.place.topic.name(),
                incarnation: entry.range.incarnation,
                partition: entry.range.place.partition,
                from_offset: entry.range.from,
                next_offset: entry.range.next,
                batch: stamp.batch,
                observed_end: entry.seen.end,
                observed_at: entry.seen.at_ms,
                group_id: &self.group,
                lost_because: "",
            };
            insert.write(&row).await?;
        }
        insert.end().await
    }

    async fn begin<R: Row>(&self, table: &str, sealed: &Sealed) -> ClientResult<TableInsert<R>> {
        let insert = self.client.insert::<R>(table).await?;
        Ok(insert
            .with_timeouts(Some(SEND_TIMEOUT), Some(ANSWER_TIMEOUT))
            .with_setting("insert_deduplication_token", sealed.token(table))
            // Copies are rare and a merge removes them; looking for them here costs more than it saves.
            .with_setting("optimize_on_insert", "0"))
    }
}
