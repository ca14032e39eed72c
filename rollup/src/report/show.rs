//! `report show`: the rows of a version, byte for byte what its hash is taken of.

use std::io::Write;

use chiso_schemas::calendar::CalendarId;
use chiso_schemas::store::Store;

use super::{InForce, about, digest, versions};
use crate::export::Format;
use crate::export::row::{self, ExportRow};
use crate::export::write::Writer;
use crate::export::xlsx::About;
use crate::failure::Failure;

/// Which version of which reports.
#[derive(Clone, Debug)]
pub(super) struct Shown {
    pub(super) calendar: CalendarId,
    pub(super) period: String,
    /// Areas; none = all that are closed.
    pub(super) areas: Vec<String>,
    /// None = the latest of each area.
    pub(super) version: Option<u32>,
}

/// Prints the rows in the order of contract section 6.
pub(super) async fn show(store: &Store, shown: &Shown, format: Format, out: impl Write + Send) -> Result<(), Failure> {
    let data = InForce::of(store, None).await?;
    let period = data.period(shown.calendar, &shown.period)?;
    let wanted = |version: &&super::Version| shown.version.map_or(version.latest, |number| number == version.version);
    let found = versions(store, &period, &shown.areas).await?;
    let missing = |area: &&String| !found.iter().filter(wanted).any(|version| version.area_id == **area);
    let missing: Vec<&str> = shown.areas.iter().filter(missing).map(String::as_str).collect();
    if !found.iter().any(|version| wanted(&version)) || !missing.is_empty() {
        let version = shown.version.map_or(String::new(), |number| format!(" version {number} of"));
        let areas = if missing.is_empty() { String::new() } else { format!(" of {}", missing.join(", ")) };
        return Err(Failure::Refused(format!(
            "there is no{version} closed report {} {}{areas}; see chiso-rollup report list",
            period.calendar, period.id
        )));
    }
    // Version 0 is none.
    let table =
        "(SELECT * FROM report_rows WHERE calendar = {calendar:String} AND period = {period:String} AND (area_id, stage) IN
                  (SELECT area_id, stage FROM report_versions WHERE calendar = {calendar:String} AND period = {period:String}
                   AND if({version:UInt32} = 0, latest, version = {version:UInt32})))";
    let none: [String; 0] = [];
    let query = about(store, &row::select(table), &period, &shown.areas).param("version", shown.version.unwrap_or(0));
    let query = query.param("levels", none.as_slice()).param("indicators", none.as_slice());
    let mut rows = query.fetch::<ExportRow>().map_err(store.during("read a closed report"))?;
    let count = found.iter().filter(wanted).count();
    let about = About::of_report(
        &data.reference,
        &period,
        &shown.areas,
        shown.version.map_or("mới nhất".to_owned(), |n| n.to_string()),
        count,
    );
    let mut writer = Writer::begin(format, out, about).map_err(Failure::unwritten)?;
    while let Some(mut row) = rows.next().await.map_err(store.during("read a closed report"))? {
        digest::mend(&mut row, &period);
        writer.row(&row).map_err(Failure::unwritten)?;
    }
    writer.end().map_err(Failure::unwritten)
}
