//! What is stored, as ClickHouse and Kafka tell it.

use std::collections::{BTreeMap, BTreeSet};

use anyhow::Context as _;

use crate::engines::Engines;
use crate::load::Place;
use crate::truth::Identity;
use crate::world::{PARTITIONS, World};

/// Spells what makes two events the same.
pub const IDENTITY: &str =
    "concat(toString(date), ' ', indicator, ' ', ward, ' ', source, ' ', hex(record), ' ', toString(version))";

/// How far the ledger covers a partition.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub struct Cover {
    /// From the beginning to here without a gap.
    pub next: i64,
    /// Something behind a gap is covered, too.
    pub gap: bool,
}

/// What the ledger says of every partition.
///
/// # Errors
/// ClickHouse does not answer.
pub fn covered(engines: &Engines, world: &World) -> anyhow::Result<Vec<Cover>> {
    let query = "SELECT partition, from_offset, next_offset FROM ledger ORDER BY partition, from_offset, next_offset";
    let mut covers = vec![Cover { next: 0, gap: false }; usize::try_from(PARTITIONS)?];
    for row in world.rows(engines, query)? {
        let [partition, from, next] = row[..].iter().map(|field| field.parse::<i64>()).collect::<Result<Vec<_>, _>>()?[..] else {
            anyhow::bail!("not three numbers: {row:?}");
        };
        let cover = covers.get_mut(usize::try_from(partition)?).context("no such partition")?;
        if from <= cover.next {
            cover.next = cover.next.max(next);
        } else {
            cover.gap = true;
        }
    }
    Ok(covers)
}

/// Events and refusals in the tables.
pub struct Stored {
    /// Distinct events.
    pub events: BTreeSet<Identity>,
    /// Reasons by place, as analysts see them; more than one if a place is there more than once.
    pub refusals: BTreeMap<Place, Vec<String>>,
    /// Rows beyond one an identity or place, until a merge removes them.
    pub copies: u64,
}

impl Stored {
    /// Asks for everything.
    ///
    /// # Errors
    /// ClickHouse does not answer.
    pub fn read(engines: &Engines, world: &World) -> anyhow::Result<Self> {
        let rows = world
            .rows(engines, &format!("SELECT {IDENTITY} AS identity, count() FROM event_log GROUP BY identity FORMAT TSVRaw"))?;
        let (mut events, mut copies) = (BTreeSet::new(), 0);
        for row in rows {
            let [identity, count] = &row[..] else { anyhow::bail!("not an event: {row:?}") };
            copies += count.parse::<u64>()? - 1;
            events.insert(identity.clone());
        }
        let mut refusals = BTreeMap::<Place, Vec<String>>::new();
        for row in world.rows(engines, "SELECT partition, offset, reason FROM rejected_events")? {
            let [partition, offset, reason] = &row[..] else { anyhow::bail!("not a refusal: {row:?}") };
            refusals.entry((partition.parse()?, offset.parse()?)).or_default().push(reason.clone());
        }
        let copied = world.rows(engines, "SELECT count() - uniqExact(topic, partition, offset) FROM rejected_log")?;
        copies += copied.first().and_then(|row| row.first()).context("no number")?.parse::<u64>()?;
        Ok(Self { events, refusals, copies })
    }
}
