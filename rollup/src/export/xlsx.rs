//! Rows as a workbook for people: one sheet a level, in Vietnamese, and at the end a sheet that says what it is. Rows leave memory
//! as they are written.

mod about;
mod columns;
mod number;

use std::io::{Error, Result, Write};

use rust_xlsxwriter::{Format, FormatAlign, FormatBorder, Workbook, Worksheet, XlsxError};

use super::row::ExportRow;
pub(crate) use about::About;
use columns::{COLUMNS, Cell};
use number::Numbers;

/// Rows that one sheet holds, its header left out.
const ROWS_MAX: u32 = 1_048_575;

/// Day, month, year, as Vietnam writes it, in a program of any language.
const DATE: &str = "[$-42A]dd/mm/yyyy";

/// Levels and the names of their sheets, in the order of contract section 6.
const LEVELS: [(&str, &str); 4] =
    [("ward", "Cấp xã"), ("district", "Cấp huyện"), ("province", "Cấp tỉnh"), ("country", "Cả nước")];

/// A workbook that is being written.
pub(crate) struct Book {
    workbook: Workbook,
    sheets: [Option<Sheet>; LEVELS.len()],
    about: About,
    looks: Looks,
    rows_max: u32,
}

struct Sheet {
    sheet: Worksheet,
    rows: u32,
}

/// How cells look.
struct Looks {
    header: Format,
    text: Format,
    date: Format,
    numbers: Numbers,
}

fn failed(error: XlsxError) -> Error {
    Error::other(error)
}

impl Book {
    /// An empty workbook.
    pub(super) fn new(about: About) -> Self {
        let header =
            Format::new().set_bold().set_text_wrap().set_align(FormatAlign::Center).set_align(FormatAlign::VerticalCenter);
        let looks = Looks {
            header: header.set_border_bottom(FormatBorder::Thin),
            text: Format::new(),
            date: Format::new().set_num_format(DATE),
            numbers: Numbers::new(),
        };
        Self { workbook: Workbook::new(), sheets: [const { None }; LEVELS.len()], about, looks, rows_max: ROWS_MAX }
    }

    /// Adds a row to the sheet of its level.
    pub(super) fn row(&mut self, row: &ExportRow) -> Result<()> {
        let place = LEVELS.iter().position(|(level, _)| *level == row.level);
        let place = place.ok_or_else(|| Error::other(format!("level {} has no sheet", row.level)))?;
        let sheet = match &mut self.sheets[place] {
            Some(sheet) => sheet,
            none => none.insert(begin(&mut self.workbook, LEVELS[place].1, &self.looks).map_err(failed)?),
        };
        if sheet.rows == self.rows_max {
            return Err(Error::other(format!(
                "a sheet holds {} rows, and level {} has more; choose fewer with --level, --period, --area or --indicator, or take --format csv",
                self.rows_max, row.level
            )));
        }
        sheet.rows += 1;
        write_row(sheet, row, &self.about, &self.looks).map_err(failed)
    }

    /// Writes the workbook.
    pub(super) fn end(mut self, out: impl Write + Send) -> Result<()> {
        let last_column = columns::index(COLUMNS.len() - 1);
        for Sheet { mut sheet, rows } in self.sheets.into_iter().flatten() {
            sheet.autofilter(0, 0, rows, last_column).map_err(failed)?;
            self.workbook.push_worksheet(sheet);
        }
        self.workbook.push_worksheet(self.about.sheet(&self.looks.header).map_err(failed)?);
        self.workbook.save_to_writer(out).map_err(failed)
    }
}

/// A sheet with its header, which stays in sight.
fn begin(workbook: &mut Workbook, name: &str, looks: &Looks) -> std::result::Result<Sheet, XlsxError> {
    let mut sheet = workbook.new_worksheet_with_constant_memory()?;
    sheet.set_name(name)?.set_freeze_panes(1, 0)?.set_row_height(0, 45)?;
    for (place, column) in COLUMNS.iter().enumerate() {
        sheet.set_column_width(columns::index(place), column.width)?;
    }
    for (place, column) in COLUMNS.iter().enumerate() {
        sheet.write_string_with_format(0, columns::index(place), column.title, &looks.header)?;
    }
    Ok(Sheet { sheet, rows: 0 })
}

fn write_row(sheet: &mut Sheet, row: &ExportRow, about: &About, looks: &Looks) -> std::result::Result<(), XlsxError> {
    for (place, column) in COLUMNS.iter().enumerate() {
        let (at, place, sheet) = (sheet.rows, columns::index(place), &mut sheet.sheet);
        match (column.cell)(row, about) {
            Cell::Empty => {}
            Cell::Text(text) => _ = sheet.write_string_with_format(at, place, text, &looks.text)?,
            Cell::Date(text) => match columns::shown_date(&text) {
                Some(date) => _ = sheet.write_date_with_format(at, place, date, &looks.date)?,
                None => _ = sheet.write_string_with_format(at, place, text, &looks.text)?,
            },
            Cell::Number(text) => looks.numbers.write(sheet, (at, place), &text, false)?,
            Cell::Percent(text) => looks.numbers.write(sheet, (at, place), &text, true)?,
        }
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::super::row::tests::row;
    use super::*;

    #[test]
    fn a_level_with_too_many_rows_is_refused_with_the_way_out() {
        let mut book = Book { rows_max: 2, ..Book::new(About::default()) };
        let country = ExportRow { level: "country".to_owned(), ..row() };
        for row in [&row(), &row(), &country] {
            book.row(row).unwrap();
        }
        let error = book.row(&row()).unwrap_err().to_string();
        assert!(error.contains("level ward has more") && error.contains("--level, --period"), "{error}");
        book.row(&country).unwrap();
        let mut out = Vec::new();
        book.end(&mut out).unwrap();
        assert!(out.starts_with(b"PK"));
    }
}
