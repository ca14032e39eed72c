//! The golden cases of `tests/golden/`: logs with the rows and refusals that a reference implementation gave for them.

use crate::model::Calendar;
use anyhow::{Context, Result};
use std::fs;
use std::path::{Path, PathBuf};

/// A log and what has to come of it.
#[derive(Clone, Debug)]
pub struct Golden {
    /// The name of its folder.
    pub name: String,
    /// Where its files are.
    pub folder: PathBuf,
    /// The reference data that it is about.
    pub reference: PathBuf,
    /// A file of structured events.
    pub events: Vec<u8>,
    /// The calendars and periods that [`Golden::rows`] answers for.
    pub periods: Vec<(Calendar, String)>,
    /// All rows of these periods, as CSV.
    pub rows: String,
    /// The refused lines of the file, from 1, each with its reason.
    pub rejects: Vec<(usize, String)>,
}

/// All golden cases, by name.
///
/// # Errors
/// When a file is missing or cannot be read.
pub fn cases() -> Result<Vec<Golden>> {
    let root = Path::new(env!("CARGO_MANIFEST_DIR"));
    let mut cases = Vec::new();
    for entry in fs::read_dir(root.join("golden"))? {
        let folder = entry?.path();
        if folder.join("events.jsonl").is_file() {
            cases.push(case(&folder, root).with_context(|| format!("golden case {}", folder.display()))?);
        }
    }
    cases.sort_by(|a, b| a.name.cmp(&b.name));
    Ok(cases)
}

fn case(folder: &Path, root: &Path) -> Result<Golden> {
    let own = folder.join("reference");
    Ok(Golden {
        name: folder.file_name().unwrap_or_default().to_string_lossy().into_owned(),
        folder: folder.to_owned(),
        reference: if own.is_dir() { own } else { root.join("../schemas/reference") },
        events: fs::read(folder.join("events.jsonl"))?,
        periods: periods(&folder.join("periods.csv"))?,
        rows: fs::read_to_string(folder.join("rows.csv"))?,
        rejects: csv::Reader::from_path(folder.join("rejects.csv"))?.deserialize().collect::<Result<_, _>>()?,
    })
}

/// Reads `calendar,period` lines.
///
/// # Errors
/// When the file cannot be read or names an unknown calendar.
pub fn periods(path: &Path) -> Result<Vec<(Calendar, String)>> {
    let mut periods = Vec::new();
    for record in csv::Reader::from_path(path).with_context(|| format!("cannot read {}", path.display()))?.deserialize() {
        let (calendar, period): (String, String) = record?;
        periods.push((Calendar::named(&calendar).with_context(|| format!("{}: calendar {calendar:?}", path.display()))?, period));
    }
    Ok(periods)
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::cases;
    use crate::model::{Message, Reference, effective, judge_all, rows, to_csv};

    #[test]
    fn the_model_agrees_with_every_golden_case() {
        let cases = cases().unwrap();
        assert!(cases.len() >= 3, "golden cases are missing: {:?}", cases.iter().map(|case| &case.name).collect::<Vec<_>>());
        for case in cases {
            let reference = Reference::load(&case.reference).unwrap();
            let lines = Message::of_lines("chiso.indicator-events.v1", &case.events);
            let judged = judge_all(&reference, lines.iter().map(|(_, message)| message));
            let refused: Vec<(usize, String)> =
                judged.refused.iter().map(|(at, reason)| (lines[*at].0, (*reason).to_owned())).collect();
            assert_eq!(refused, case.rejects, "refusals of {}", case.name);
            let facts = effective(&judged.facts);
            let found: Vec<_> = case.periods.iter().flat_map(|(calendar, id)| rows(&reference, &facts, *calendar, id)).collect();
            let found = to_csv(&found);
            for (found, expected) in found.lines().zip(case.rows.lines()) {
                assert_eq!(found, expected, "rows of {}", case.name);
            }
            assert_eq!(found.len(), case.rows.len(), "rows of {}", case.name);
        }
    }
}
