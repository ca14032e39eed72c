//! What differs between two states of a report, for people and for programs.

use std::io::{Result, Write};

use serde::Serialize;

use super::causes::Cause;
use crate::export::row::ExportRow;
use crate::export::write::fields;

/// How to print it.
#[derive(Clone, Copy, PartialEq, Eq, Debug, clap::ValueEnum)]
pub(super) enum Format {
    /// Lines for people.
    Text,
    /// One array, an object for each row that differs.
    Json,
}

/// What differs between two sides of the reports of a period.
#[derive(Clone, PartialEq, Debug)]
pub(super) struct Comparison {
    /// The report and both sides.
    pub(super) title: String,
    pub(super) from: String,
    pub(super) to: String,
    /// Generations of the reference data of both.
    pub(super) generations: (u32, u32),
    pub(super) rows: Vec<Changed>,
}

/// A row that differs.
#[derive(Clone, PartialEq, Debug, Serialize)]
pub(super) struct Changed {
    pub(super) area_id: String,
    area_name: String,
    pub(super) indicator: String,
    lines: Vec<Line>,
    /// Events that came since the old side was complete, in cells that the row counts.
    pub(super) events: u64,
    pub(super) changed_by: Vec<Cause>,
}

/// A column that differs; nothing is empty.
#[derive(Clone, PartialEq, Eq, Debug, Serialize)]
struct Line {
    column: &'static str,
    old: String,
    new: String,
}

/// The columns in which two states of a row differ; `None` if there is neither.
pub(super) fn differing(old: Option<&ExportRow>, new: Option<&ExportRow>) -> Option<Changed> {
    let known = new.or(old)?;
    let texts = |row: Option<&ExportRow>| -> Vec<String> {
        row.map(|row| fields(row).map(|(_, text)| text).collect()).unwrap_or_default()
    };
    let (old_texts, new_texts) = (texts(old), texts(new));
    let at = |texts: &[String], n: usize| texts.get(n).cloned().unwrap_or_default();
    let lines = fields(known).enumerate();
    // Of a row that came or went its name says nothing more.
    let lines = lines.filter(|(_, (column, _))| *column != "area_name" || (old.is_some() && new.is_some()));
    let lines = lines.map(|(n, (column, _))| Line { column, old: at(&old_texts, n), new: at(&new_texts, n) });
    Some(Changed {
        area_id: known.area_id.clone(),
        area_name: known.area_name.clone(),
        indicator: known.indicator.clone(),
        lines: lines.filter(|line| line.old != line.new).collect(),
        events: 0,
        changed_by: Vec::new(),
    })
}

/// A row in JSON, which says what was compared.
#[derive(Serialize)]
struct Object<'a> {
    from: &'a str,
    to: &'a str,
    #[serde(flatten)]
    row: &'a Changed,
}

/// Prints comparisons one after the other.
pub(super) fn print(comparisons: &[Comparison], format: Format, out: &mut impl Write) -> Result<()> {
    match format {
        Format::Json => {
            let objects = |comparison: &'_ Comparison| -> Vec<_> {
                let Comparison { from, to, rows, .. } = comparison;
                rows.iter().map(|row| serde_json::to_value(Object { from, to, row })).collect()
            };
            let objects: Vec<serde_json::Value> = comparisons.iter().flat_map(objects).collect::<serde_json::Result<_>>()?;
            serde_json::to_writer_pretty(&mut *out, &objects)?;
            writeln!(out)
        }
        Format::Text => comparisons.iter().try_for_each(|comparison| text(comparison, out)),
    }
}

fn text(Comparison { title, generations: (old, new), rows, .. }: &Comparison, out: &mut impl Write) -> Result<()> {
    if rows.is_empty() {
        return writeln!(out, "{title}: no difference");
    }
    writeln!(out, "{title}: {} rows differ", rows.len())?;
    if old != new {
        writeln!(out, "the reference data changed from generation {old} to {new}: they may be why, too")?;
    }
    for row in rows {
        writeln!(out, "\n{} {}, {}", row.area_id, row.area_name, row.indicator)?;
        for Line { column, old, new } in &row.lines {
            let shown = |text: &str| if text.is_empty() { "nothing".to_owned() } else { text.to_owned() };
            writeln!(out, "  {column}: {} -> {}", shown(old), shown(new))?;
        }
        for cause in &row.changed_by {
            writeln!(out, "  because of {cause}")?;
        }
        match row.events - row.changed_by.len() as u64 {
            0 if row.events == 0 => writeln!(out, "  no event of it has arrived since: the reference data changed, or the day")?,
            0 => {}
            more => writeln!(out, "  and {more} events more")?,
        }
    }
    Ok(())
}
