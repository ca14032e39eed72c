//! What a worker under test says on its stdout, and what it is told on its stdin: one line each.

use chiso_ingest::probe::Cut;
use serde::{Deserialize, Serialize};

/// A batch passes a cut.
#[derive(Clone, PartialEq, Eq, Debug, Serialize, Deserialize)]
pub struct Passage {
    /// [`Cut::name`].
    pub cut: String,
    /// Rows of the batch.
    pub rows: usize,
    /// Partition, first position, position after the last.
    pub ranges: Vec<(i32, i64, i64)>,
    /// The worker waits there until it is told to go on.
    pub held: bool,
}

impl Passage {
    /// Whether a batch with rows is open or on its way: it began, and its offsets are not committed.
    pub fn is_open(&self) -> bool {
        self.rows > 0 && (self.cut != Cut::AfterCommit.name() || self.held)
    }
}

/// An order to a worker.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Order {
    /// Hold at the n-th passage of a cut with a batch that has rows, counted from now.
    Hold(Cut, u32),
    /// Go on, and hold nowhere.
    Go,
}

impl Order {
    /// As a line without its end.
    pub fn to_line(self) -> String {
        match self {
            Self::Hold(cut, nth) => format!("hold {} {nth}", cut.name()),
            Self::Go => "go".to_owned(),
        }
    }

    /// Reads a line.
    pub fn parse(line: &str) -> Option<Self> {
        match line.split_whitespace().collect::<Vec<_>>()[..] {
            ["go"] => Some(Self::Go),
            ["hold", cut, nth] => {
                let cut = Cut::ALL.into_iter().find(|known| known.name() == cut)?;
                Some(Self::Hold(cut, nth.parse().ok()?))
            }
            _ => None,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn orders_are_read_as_they_are_written() {
        for order in Cut::ALL.map(|cut| Order::Hold(cut, 3)).into_iter().chain([Order::Go]) {
            assert_eq!(Order::parse(&order.to_line()), Some(order));
        }
        for line in ["", "hold", "hold nowhere 1", "hold sealed x", "stop"] {
            assert_eq!(Order::parse(line), None, "{line}");
        }
    }
}
