//! Rows as a table for a terminal: what a person looks at first, figures in one column.

use comfy_table::presets::UTF8_BORDERS_ONLY;
use comfy_table::{CellAlignment, ContentArrangement, Table};

use super::row::ExportRow;

const HEADER: [&str; 8] = ["area", "period", "indicator", "figure", "as of", "notes", "wards", "target"];
const FIGURE_COLUMN: usize = 3;

/// An empty table with its header.
pub(super) fn new() -> Table {
    let mut table = Table::new();
    table.load_style(UTF8_BORDERS_ONLY).set_content_arrangement(ContentArrangement::Disabled).set_header(HEADER);
    if let Some(column) = table.column_mut(FIGURE_COLUMN) {
        column.set_cell_alignment(CellAlignment::Right);
    }
    table
}

/// The cells of one row.
pub(super) fn cells(row: &ExportRow) -> [String; 8] {
    [
        format!("{} ({})", row.area_name, row.area_code),
        format!("{} {}", row.calendar, row.period),
        row.indicator.clone(),
        figure(row),
        row.as_of.clone(),
        notes(row),
        format!("{}/{}", row.wards_reporting + row.wards_percent_only, row.wards_expected),
        format!("{} {}", row.target, row.status).trim().to_owned(),
    ]
}

/// `67355 / 76724 = 87.79 %`, the value of a flow or stock, or the stated percent.
fn figure(row: &ExportRow) -> String {
    if !row.value.is_empty() {
        row.value.clone()
    } else if !row.stated_percent.is_empty() {
        format!("stated {} %", row.stated_percent)
    } else if row.denominator.is_empty() {
        "-".to_owned()
    } else if row.percent.is_empty() {
        format!("{} / {}", row.numerator, row.denominator)
    } else {
        format!("{} / {} = {} %", row.numerator, row.denominator, row.percent)
    }
}

fn notes(row: &ExportRow) -> String {
    let flags = [(row.carried, "carried"), (row.approximate, "approximate"), (row.qualified, "qualified")];
    flags.iter().filter(|(set, _)| *set).map(|(_, name)| *name).collect::<Vec<_>>().join(", ")
}
