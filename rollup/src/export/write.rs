//! Rows as CSV, JSON, a workbook or a table for a terminal.

use std::io::{BufWriter, Result, Write};

use comfy_table::Table;

use super::row::ExportRow;
use super::xlsx::{About, Book};
use super::{Format, table};

/// How a column stands in JSON.
#[derive(Clone, Copy)]
enum Form {
    Text,
    /// A number or nothing, as decimal text.
    Number,
    /// A text or nothing.
    Optional,
    /// `true` or `false`.
    Flag,
}

/// One column: its name, its form, its text.
type Column = (&'static str, Form, fn(&ExportRow) -> String);

const COLUMNS: [Column; 26] = [
    ("calendar", Form::Text, |row| row.calendar.clone()),
    ("period", Form::Text, |row| row.period.clone()),
    ("period_start", Form::Text, |row| row.period_start.clone()),
    ("period_end", Form::Text, |row| row.period_end.clone()),
    ("level", Form::Text, |row| row.level.clone()),
    ("area_code", Form::Text, |row| row.area_code.clone()),
    ("area_id", Form::Text, |row| row.area_id.clone()),
    ("area_name", Form::Text, |row| row.area_name.clone()),
    ("indicator", Form::Text, |row| row.indicator.clone()),
    ("kind", Form::Text, |row| row.kind.clone()),
    ("value", Form::Number, |row| row.value.clone()),
    ("numerator", Form::Number, |row| row.numerator.clone()),
    ("denominator", Form::Number, |row| row.denominator.clone()),
    ("percent", Form::Number, |row| row.percent.clone()),
    ("stated_percent", Form::Number, |row| row.stated_percent.clone()),
    ("as_of", Form::Optional, |row| row.as_of.clone()),
    ("carried", Form::Flag, |row| row.carried.to_string()),
    ("approximate", Form::Flag, |row| row.approximate.to_string()),
    ("qualified", Form::Flag, |row| row.qualified.to_string()),
    ("records", Form::Number, |row| row.records.to_string()),
    ("sources", Form::Number, |row| row.sources.to_string()),
    ("wards_reporting", Form::Number, |row| row.wards_reporting.to_string()),
    ("wards_percent_only", Form::Number, |row| row.wards_percent_only.to_string()),
    ("wards_expected", Form::Number, |row| row.wards_expected.to_string()),
    ("target", Form::Number, |row| row.target.clone()),
    ("status", Form::Optional, |row| row.status.clone()),
];

/// Columns that say which row it is.
const KEYS: [&str; 9] =
    ["calendar", "period", "period_start", "period_end", "level", "area_code", "area_id", "indicator", "kind"];

/// The columns that may differ between two states of one row, as text.
pub(crate) fn fields(row: &ExportRow) -> impl Iterator<Item = (&'static str, String)> + '_ {
    COLUMNS.iter().filter(|(name, ..)| !KEYS.contains(name)).map(|(name, _, text)| (*name, text(row)))
}

/// Writes rows one by one.
pub(crate) enum Writer<W: Write + Send> {
    Csv(Box<csv::Writer<W>>),
    Json { out: BufWriter<W>, first: bool },
    Xlsx { out: W, book: Box<Book> },
    Table { out: W, table: Box<Table> },
}

impl<W: Write + Send> Writer<W> {
    /// Writes what stands before the first row. A workbook also says what its rows are about.
    pub(crate) fn begin(format: Format, out: W, about: About) -> Result<Self> {
        match format {
            Format::Csv => {
                let mut writer = csv::Writer::from_writer(out);
                writer.write_record(COLUMNS.iter().map(|(name, ..)| name))?;
                Ok(Self::Csv(Box::new(writer)))
            }
            Format::Json => {
                let mut out = BufWriter::new(out);
                out.write_all(b"[")?;
                Ok(Self::Json { out, first: true })
            }
            Format::Xlsx => Ok(Self::Xlsx { out, book: Box::new(Book::new(about)) }),
            Format::Table => Ok(Self::Table { out, table: Box::new(table::new()) }),
        }
    }

    pub(crate) fn row(&mut self, row: &ExportRow) -> Result<()> {
        match self {
            Self::Csv(writer) => Ok(writer.write_record(COLUMNS.iter().map(|(.., text)| text(row)))?),
            Self::Json { out, first } => {
                out.write_all(if std::mem::take(first) { b"\n{" } else { b",\n{" })?;
                for (place, (name, form, text)) in COLUMNS.iter().enumerate() {
                    let comma = if place == 0 { "" } else { "," };
                    write!(out, "{comma}\"{name}\":{}", json(*form, &text(row)))?;
                }
                out.write_all(b"}")
            }
            Self::Xlsx { book, .. } => book.row(row),
            Self::Table { table, .. } => {
                table.add_row(table::cells(row));
                Ok(())
            }
        }
    }

    /// Writes what stands after the last row.
    pub(crate) fn end(self) -> Result<()> {
        match self {
            Self::Csv(mut writer) => writer.flush(),
            Self::Json { mut out, .. } => {
                out.write_all(b"\n]\n")?;
                out.flush()
            }
            Self::Xlsx { mut out, book } => {
                book.end(&mut out)?;
                out.flush()
            }
            Self::Table { mut out, table } => {
                writeln!(out, "{table}")?;
                out.flush()
            }
        }
    }
}

/// Decimal text is a JSON number as it stands, with all its digits.
fn json(form: Form, text: &str) -> String {
    match form {
        Form::Number | Form::Optional if text.is_empty() => "null".to_owned(),
        Form::Number | Form::Flag => text.to_owned(),
        Form::Text | Form::Optional => serde_json::Value::from(text).to_string(),
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::row::tests::row;
    use super::*;

    fn written(format: Format, rows: usize) -> String {
        let mut out = Vec::new();
        let mut writer = Writer::begin(format, &mut out, About::default()).unwrap();
        (0..rows).for_each(|_| writer.row(&row()).unwrap());
        writer.end().unwrap();
        String::from_utf8(out).unwrap()
    }

    #[test]
    fn csv_quotes_as_rfc_4180_and_ends_lines_in_lf() {
        let text = written(Format::Csv, 1);
        let lines: Vec<&str> = text.split('\n').collect();
        assert!(lines[0].starts_with("calendar,period,period_start") && lines[0].ends_with("wards_expected,target,status"));
        assert_eq!(
            lines[1],
            "legal,2025-H2,2025-06-15,2025-12-14,ward,11413,W11413@2025-07-01,\"Phường \"\"Hải, An\"\"\",it-expenditure,flow,\
             12345678901234567890123456789012.123456,,,,,2025-10-09,false,true,false,3,1,1,0,1,,"
        );
        assert_eq!((lines.len(), lines[2]), (3, ""));
    }

    #[test]
    fn a_table_shows_the_figure_in_one_column() {
        let mut ratio = row();
        (ratio.value, ratio.numerator, ratio.denominator, ratio.percent) =
            (String::new(), "67355".into(), "76724".into(), "87.79".into());
        assert_eq!(table::cells(&ratio)[3], "67355 / 76724 = 87.79 %");
        let text = written(Format::Table, 2);
        assert_eq!(text.matches("12345678901234567890123456789012.123456").count(), 2, "{text}");
        assert!(text.contains("indicator") && text.contains("approximate"), "{text}");
    }

    #[test]
    fn json_keeps_every_digit_and_shows_what_is_absent() {
        assert_eq!(written(Format::Json, 0), "[\n]\n");
        let text = written(Format::Json, 2);
        assert!(text.contains("\"value\":12345678901234567890123456789012.123456,\"numerator\":null"), "{text}");
        let rows: Vec<serde_json::Value> = serde_json::from_str(&text).unwrap();
        assert_eq!(rows.len(), 2);
        assert_eq!(rows[1]["area_name"], "Phường \"Hải, An\"");
        assert_eq!((&rows[1]["approximate"], &rows[1]["status"]), (&true.into(), &serde_json::Value::Null));
    }
}
