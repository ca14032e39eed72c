//! The columns of `event_log` and `marks` that a batch of facts becomes.

use chiso_schemas::event::Qualifier;
use uuid::Uuid;

use crate::dictionary::{Dictionaries, Dictionary};
use crate::facts::Facts;
use crate::native::Column;
use crate::rows::Stamp;

const DECIMAL: &str = "Nullable(Decimal(38, 6))";
const MOMENT: &str = "DateTime64(3, 'UTC')";

/// What columns are made of.
#[derive(Clone, Copy)]
pub struct Source<'a> {
    /// The facts.
    pub facts: &'a Facts,
    /// Their codes.
    pub dictionaries: &'a Dictionaries,
    /// The topics of their places, in the order of the places.
    pub topics: &'a Dictionary,
    /// What all rows share.
    pub stamp: Stamp,
}

impl<'a> Source<'a> {
    /// The columns of `event_log` for these rows.
    pub fn events(self, rows: &[u32]) -> Vec<Column<'a>> {
        let Self { facts, dictionaries, topics, stamp } = self;
        vec![
            Column::fixed("date", "Date32", move |row| facts.day(row).to_le_bytes()),
            Column::words("indicator", &dictionaries.indicators, rows, move |row| facts.indicator(row)),
            Column::words("ward", &dictionaries.wards, rows, move |row| facts.ward(row)),
            Column::words("source", &dictionaries.sources, rows, move |row| facts.source(row)),
            Column::text("record", move |row| facts.record(row)),
            Column::fixed("version", "UInt128", move |row| facts.version(row).to_le_bytes()),
            Column::text("id", move |row| facts.id(row)),
            Column::fixed("time", MOMENT, move |row| facts.time_ms(row).to_le_bytes()),
            Column::fixed("revision", "UInt32", move |row| facts.revision(row).to_le_bytes()),
            Column::nullable("value", DECIMAL, move |row| facts.value(row).map(i128::to_le_bytes)),
            Column::nullable("numerator", DECIMAL, move |row| facts.numerator(row).map(i128::to_le_bytes)),
            Column::nullable("denominator", DECIMAL, move |row| facts.denominator(row).map(i128::to_le_bytes)),
            Column::nullable("percent", DECIMAL, move |row| facts.percent(row).map(i128::to_le_bytes)),
            Column::fixed("retracted", "Bool", move |row| [u8::from(facts.retracted(row))]),
            Column::fixed("qualifier", QUALIFIER, move |row| [qualifier_number(facts.qualifier(row))]),
            Column::map(
                "dimensions",
                move |row| facts.dimensions(row),
                move |at| facts.dimension_key(at),
                move |at| facts.dimension_value(at),
            ),
            Column::words("topic", topics, rows, move |row| topics.rank(facts.origin(row))),
            Column::fixed("partition", "Int32", move |row| facts.places()[facts.origin(row)].partition.to_le_bytes()),
            Column::fixed("offset", "Int64", move |row| facts.offset(row).to_le_bytes()),
            Column::fixed("arrived", MOMENT, move |row| facts.arrived_ms(row).to_le_bytes()),
            Column::fixed("batch", "UUID", move |_| uuid_bytes(stamp.batch)),
            Column::fixed("generation", "UInt32", move |_| stamp.generation.to_le_bytes()),
            // The earliest arrival has the greatest number: of copies, a merge keeps that one.
            Column::fixed("keep", "UInt64", move |row| (u64::MAX - facts.arrived_ms(row).unsigned_abs()).to_le_bytes()),
        ]
    }

    /// The columns of `marks` for rows of distinct cells.
    pub fn marks(self, rows: &[u32], sealed_ms: i64) -> Vec<Column<'a>> {
        let Self { facts, dictionaries, stamp, .. } = self;
        vec![
            Column::fixed("batch", "UUID", move |_| uuid_bytes(stamp.batch)),
            Column::fixed("marked_at", MOMENT, move |_| sealed_ms.to_le_bytes()),
            Column::words("indicator", &dictionaries.indicators, rows, move |row| facts.indicator(row)),
            Column::words("ward", &dictionaries.wards, rows, move |row| facts.ward(row)),
            Column::fixed("date", "Date32", move |row| facts.day(row).to_le_bytes()),
        ]
    }
}

const QUALIFIER: &str = "Enum8('exact' = 0, 'approximately' = 1, 'more_than' = 2, 'at_least' = 3)";

fn qualifier_number(qualifier: Qualifier) -> u8 {
    match qualifier {
        Qualifier::Exact => 0,
        Qualifier::Approximately => 1,
        Qualifier::MoreThan => 2,
        Qualifier::AtLeast => 3,
    }
}

/// ClickHouse keeps a UUID as two numbers, the upper one first.
fn uuid_bytes(uuid: Uuid) -> [u8; 16] {
    let (upper, lower) = uuid.as_u64_pair();
    let mut bytes = [0; 16];
    bytes[..8].copy_from_slice(&upper.to_le_bytes());
    bytes[8..].copy_from_slice(&lower.to_le_bytes());
    bytes
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use chiso_schemas::reference::{Files, Reference};

    use super::*;

    /// Names and types of the columns of a table, as its file states them.
    fn stated(file: &str, table: &str) -> Vec<(String, String)> {
        let columns = file.split_once(&format!("EXISTS {table}\n(\n")).unwrap().1.split_once("\n)").unwrap().0;
        let column = |line: &str| {
            let (name, rest) = line.trim().split_once(' ').unwrap();
            (name.to_owned(), rest.split(" COMMENT ").next().unwrap().trim().to_owned())
        };
        let is_column = |line: &&str| !["--", "PROJECTION", "INDEX"].iter().any(|word| line.trim().starts_with(word));
        columns.lines().filter(is_column).map(column).collect()
    }

    fn made(columns: &[Column<'_>]) -> Vec<(String, String)> {
        columns.iter().map(|column| (column.name().to_owned(), column.kind().to_owned())).collect()
    }

    #[test]
    fn columns_are_those_of_the_tables() {
        let dictionaries = Dictionaries::new(&Reference::parse(&Files::embedded()).unwrap());
        let facts = Facts::with_room(0);
        let topics = Dictionary::from_iter([]);
        let stamp = Stamp { batch: Uuid::nil(), generation: 1 };
        let source = Source { facts: &facts, dictionaries: &dictionaries, topics: &topics, stamp };
        let events = include_str!("../../schemas/clickhouse/01_event_log.sql");
        assert_eq!(made(&source.events(&[])), stated(events, "event_log"));
        let marks = include_str!("../../schemas/clickhouse/03_marks.sql");
        assert_eq!(made(&source.marks(&[], 0)), stated(marks, "marks"));
    }
}
