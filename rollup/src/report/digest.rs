//! The hash of a version: SHA-256 over what `report show --format csv` prints of it, so that anyone can take it again.

use std::io::{self, Write};

use chiso_schemas::calendar::Period;
use chiso_schemas::reference::FIRST_DAY;
use chiso_schemas::store::Store;
use sha2::{Digest, Sha256};
use uuid::Uuid;

use super::about;
use crate::export::Format;
use crate::export::row::{self, ExportRow};
use crate::export::write::Writer;
use crate::export::xlsx::About;
use crate::failure::Failure;

/// The rows of one area in a stage.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(super) struct Staged {
    pub(super) level: String,
    pub(super) area_id: String,
    pub(super) rows: u64,
    pub(super) sha256: String,
}

/// The areas of a stage with their hashes, in the order of contract section 6.
pub(super) async fn of_stage(store: &Store, stage: Uuid, period: &Period) -> Result<Vec<Staged>, Failure> {
    let table =
        "(SELECT * FROM report_rows WHERE calendar = {calendar:String} AND period = {period:String} AND stage = {stage:UUID})";
    let query = about(store, &row::select(table), period, &[]);
    let none: [String; 0] = [];
    let query = query.param("levels", none.as_slice()).param("indicators", none.as_slice()).param("stage", stage.to_string());
    let mut rows = query.fetch::<ExportRow>().map_err(store.during("read staged rows"))?;
    let (mut areas, mut area) = (Vec::new(), Vec::<ExportRow>::new());
    while let Some(mut row) = rows.next().await.map_err(store.during("read staged rows"))? {
        mend(&mut row, period);
        if area.last().is_some_and(|last| last.area_id != row.area_id) {
            areas.extend(staged(&area)?);
            area.clear();
        }
        area.push(row);
    }
    areas.extend(staged(&area)?);
    Ok(areas)
}

fn staged(rows: &[ExportRow]) -> Result<Option<Staged>, Failure> {
    let Some(first) = rows.first() else { return Ok(None) };
    let (level, area_id) = (first.level.clone(), first.area_id.clone());
    Ok(Some(Staged { level, area_id, rows: rows.len() as u64, sha256: of(rows)? }))
}

/// The hash of the rows of one version.
pub(super) fn of(rows: &[ExportRow]) -> Result<String, Failure> {
    let failed = |cause| Failure::Output { place: "the hash of a report".to_owned(), cause };
    let mut sink = Sink(Sha256::new());
    let mut writer = Writer::begin(Format::Csv, &mut sink, About::default()).map_err(failed)?;
    for row in rows {
        writer.row(row).map_err(failed)?;
    }
    writer.end().map_err(failed)?;
    Ok(sink.hex())
}

/// A period that begins before the first day that a table can hold shows its own beginning, as in `export`.
pub(super) fn mend(row: &mut ExportRow, period: &Period) {
    if period.start < FIRST_DAY {
        row.period_start = period.start.to_string();
    }
}

struct Sink(Sha256);

impl Sink {
    fn hex(self) -> String {
        self.0.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
    }
}

impl Write for Sink {
    fn write(&mut self, bytes: &[u8]) -> io::Result<usize> {
        self.0.update(bytes);
        Ok(bytes.len())
    }

    fn flush(&mut self) -> io::Result<()> {
        Ok(())
    }
}
