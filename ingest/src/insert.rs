//! Writes a sealed batch into ClickHouse: events, rejects, marks, ledger, in this order, each as often as it takes.
//!
//! Marks stand before the ledger and after the events, so that whoever sees an offset range as stored also sees the
//! events of it and what the rollup must do. Every attempt carries the same deduplication token, so ClickHouse keeps
//! the rows once, also when an answer was lost.

use std::time::Duration;

use chiso_schemas::store::{Store, StoreError};
use clickhouse::error::Result as ClientResult;
use clickhouse::insert::Insert as TableInsert;
use clickhouse::{Client, Row};

use crate::batch::Sealed;
use crate::counts::Counts;
use crate::offset::Range;
use crate::probe::{Cut, Passing, Probe};
use crate::retry::retry;
use crate::rows::{EventRow, LedgerRow, MarkRow, RejectRow, Stamp};

/// The receipt for a batch that ClickHouse has stored. Only [`Insert::write`] makes one, and only one can be committed.
#[derive(Debug)]
pub struct Durable {
    ranges: Vec<Range>,
    counts: Counts,
}

impl Durable {
    /// The positions that are stored.
    pub fn ranges(&self) -> &[Range] {
        &self.ranges
    }

    /// What became of the messages in it.
    pub fn counts(&self) -> &Counts {
        &self.counts
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
    probe: Option<Probe>,
}

/// How long ClickHouse may take to accept a piece of the rows.
const SEND_TIMEOUT: Duration = Duration::from_secs(30);
/// How long it may take to answer once it has them all.
const ANSWER_TIMEOUT: Duration = Duration::from_secs(180);

impl Insert {
    /// Messages are read by the group.
    pub fn new(store: Store, group: impl Into<String>) -> Self {
        // The client cannot read the type of a named tuple, so a test compares rows and tables instead.
        let client = store.write().clone().with_validation(false);
        Self { client, store, group: group.into(), probe: None }
    }

    /// Tells a probe of the cuts that batches pass here.
    pub fn with_probe(self, probe: Option<Probe>) -> Self {
        Self { probe, ..self }
    }

    fn pass(&self, cut: Cut, sealed: &Sealed) {
        if let Some(probe) = &self.probe {
            probe(cut, &sealed.passing());
        }
    }

    /// Writes the batch, and tries again as long as that can help.
    ///
    /// # Errors
    /// ClickHouse refused it in a way that only a person can change.
    pub async fn write(&self, sealed: Sealed) -> Result<Durable, StoreError> {
        let stamp = sealed.stamp();
        if !sealed.facts.is_empty() {
            retry(&self.store, "insert into event_log", || self.events(&sealed, stamp)).await?;
        }
        if !sealed.refused.is_empty() {
            retry(&self.store, "insert into rejected_log", || self.rejects(&sealed, stamp)).await?;
        }
        if sealed.marks().len() > 0 {
            retry(&self.store, "insert into marks", || self.marks(&sealed, stamp)).await?;
        }
        if !sealed.ledger.is_empty() {
            retry(&self.store, "insert into ledger", || self.ledger(&sealed, stamp)).await?;
        }
        self.pass(Cut::Inserted, &sealed);
        Ok(Durable { ranges: sealed.ledger.iter().map(|entry| entry.range).collect(), counts: sealed.counts })
    }

    async fn events(&self, sealed: &Sealed, stamp: Stamp) -> ClientResult<()> {
        let mut insert = self.begin::<EventRow<'_>>("event_log", sealed).await?;
        let (first, second) = sealed.facts.split_at(sealed.facts.len() / 2);
        for fact in first {
            insert.write(&EventRow::new(fact, stamp)).await?;
        }
        self.pass(Cut::MidInsert, sealed);
        for fact in second {
            insert.write(&EventRow::new(fact, stamp)).await?;
        }
        insert.end().await
    }

    async fn rejects(&self, sealed: &Sealed, stamp: Stamp) -> ClientResult<()> {
        let mut insert = self.begin::<RejectRow<'_>>("rejected_log", sealed).await?;
        for refused in &sealed.refused {
            insert.write(&RejectRow::new(refused, stamp)).await?;
        }
        insert.end().await
    }

    async fn marks(&self, sealed: &Sealed, stamp: Stamp) -> ClientResult<()> {
        let mut insert = self.begin::<MarkRow<'_>>("marks", sealed).await?;
        for fact in sealed.marks() {
            insert.write(&MarkRow::new(fact, stamp.batch, sealed.sealed_ms)).await?;
        }
        insert.end().await
    }

    async fn ledger(&self, sealed: &Sealed, stamp: Stamp) -> ClientResult<()> {
        let mut insert = self.begin::<LedgerRow<'_>>("ledger", sealed).await?;
        for entry in &sealed.ledger {
            let row = LedgerRow {
                topic: entry.range.place.topic.name(),
                partition: entry.range.place.partition,
                from_offset: entry.range.from,
                next_offset: entry.range.next,
                batch: stamp.batch,
                observed_end: entry.seen.end,
                observed_at: entry.seen.at_ms,
                group_id: &self.group,
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
