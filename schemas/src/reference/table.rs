//! Reads one CSV file with a closed header into rows of named fields.

use std::rc::Rc;

use csv::{ReaderBuilder, StringRecord};

use super::faults::{Faults, Place};
use super::files::File;

/// The columns that a file must and may have.
pub(super) struct Header {
    pub(super) required: &'static [&'static str],
    pub(super) optional: &'static [&'static str],
}

/// The rows of a file; `None` if its header is unusable, so that references into it cannot be judged.
pub(super) type Rows = Option<Vec<Row>>;

/// One record of a file.
pub(super) struct Row {
    pub(super) place: Place,
    /// Whether the line has the form of a record; what else is wrong with it cannot be judged if not.
    pub(super) sound: bool,
    columns: Rc<[String]>,
    fields: StringRecord,
}

impl Row {
    /// The field of a required column.
    pub(super) fn get(&self, column: &str) -> &str {
        self.find(column).unwrap_or_default()
    }

    /// The field of an optional column, if the file has that column.
    pub(super) fn find(&self, column: &str) -> Option<&str> {
        let at = self.columns.iter().position(|name| name == column)?;
        self.fields.get(at)
    }

    /// The field of a column that must not be empty.
    pub(super) fn require(&self, column: &str, faults: &mut Faults) -> Option<String> {
        let field = self.get(column);
        if field.is_empty() {
            faults.add(self.place, format!("{column}: is empty; fill it in"));
        }
        (!field.is_empty()).then(|| field.to_owned())
    }

    /// The field of a column as one of a few words.
    pub(super) fn choose<T: Copy>(&self, column: &str, choices: &[(&str, T)], faults: &mut Faults) -> Option<T> {
        let field = self.get(column);
        let found = choices.iter().find(|(word, _)| *word == field).map(|(_, choice)| *choice);
        if found.is_none() {
            let words = choices.iter().map(|(word, _)| *word).collect::<Vec<_>>().join(", ");
            faults.add(self.place, format!("{column} {field:?}: must be one of {words}"));
        }
        found
    }
}

/// Reads the file; faults of its form are added to `faults`, and rows with such a fault are not sound.
pub(super) fn read(file: File, text: &str, header: &Header, faults: &mut Faults) -> Rows {
    let mut reader = ReaderBuilder::new().flexible(true).has_headers(false).from_reader(text.as_bytes());
    let mut records = reader.records();
    let top = Place { file, line: 1 };
    let first = match records.next() {
        Some(Ok(record)) => record,
        Some(Err(error)) => {
            faults.add(top, format!("cannot be read as CSV: {error}; save it as UTF-8 CSV"));
            return None;
        }
        None => {
            faults.add(top, format!("is empty: the first line must be {}", header.required.join(",")));
            return None;
        }
    };
    let columns: Rc<[String]> = first.iter().map(str::to_owned).collect();
    if !check_header(top, &columns, header, faults) {
        return None;
    }
    let mut rows = Vec::new();
    for record in records {
        match record {
            Ok(fields) => {
                let place = Place { file, line: fields.position().map_or(0, csv::Position::line) };
                let sound = check_form(place, &columns, &fields, faults);
                rows.push(Row { place, sound, columns: Rc::clone(&columns), fields });
            }
            Err(error) => {
                let line = error.position().map_or(0, csv::Position::line);
                faults.add(Place { file, line }, format!("cannot be read as CSV: {error}; correct the line"));
            }
        }
    }
    Some(rows)
}

fn check_header(top: Place, columns: &[String], header: &Header, faults: &mut Faults) -> bool {
    let before = faults.len();
    for (n, column) in columns.iter().enumerate() {
        if !header.required.contains(&column.as_str()) && !header.optional.contains(&column.as_str()) {
            let known = header.required.iter().chain(header.optional).copied().collect::<Vec<_>>().join(",");
            faults.add(top, format!("column {column}: unknown; remove or correct it, the columns are {known}"));
        } else if columns[..n].contains(column) {
            faults.add(top, format!("column {column}: stands there twice; remove one"));
        }
    }
    for column in header.required {
        if !columns.iter().any(|name| name == column) {
            faults.add(top, format!("column {column}: missing; add it"));
        }
    }
    faults.len() == before
}

fn check_form(place: Place, columns: &[String], fields: &StringRecord, faults: &mut Faults) -> bool {
    let before = faults.len();
    if fields.len() != columns.len() {
        let (given, expected) = (fields.len(), columns.len());
        faults.add(place, format!("has {given} fields, the header has {expected}; add or remove commas or quotes"));
    }
    for (column, field) in columns.iter().zip(fields) {
        if field.trim() != field {
            faults.add(place, format!("{column} {field:?}: has white space around it; remove that"));
        } else if field.bytes().any(|b| b.is_ascii_control()) {
            let rule = "holds a line break or control character; close the quote or remove it";
            faults.add(place, format!("{column} {field:?}: {rule}"));
        }
    }
    faults.len() == before
}
