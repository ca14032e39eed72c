//! What can go wrong at ClickHouse: the server's code, read in one place, and what to do about it.

use std::fmt;

use clickhouse::error::Error;

/// What an error calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// No answer from the server: try again, and say so.
    Unreachable,
    /// The server is there and cannot now: try again.
    Busy,
    /// Trying again cannot help: a person must change something.
    Stop,
}

/// Something that ClickHouse did not do.
#[derive(Clone, Debug)]
pub struct StoreError {
    doing: String,
    place: String,
    code: Option<u32>,
    fault: Fault,
    what: String,
}

/// As much of a server's message as one line bears; it may quote whole queries.
const SHOWN_CHARS: usize = 600;

impl StoreError {
    pub(super) fn new(doing: String, place: &str, cause: &Error) -> Self {
        let text = cause.to_string();
        let code = server_code(&text);
        let what = text.split_whitespace().collect::<Vec<_>>().join(" ").chars().take(SHOWN_CHARS).collect();
        Self { doing, place: place.to_owned(), code, fault: fault(cause, code, &text), what }
    }

    /// The server's exception code, where it gave one.
    pub fn code(&self) -> Option<u32> {
        self.code
    }

    /// What the error calls for.
    pub fn fault(&self) -> Fault {
        self.fault
    }

    fn hint(&self) -> &'static str {
        match (self.fault, self.code) {
            (Fault::Unreachable, _) => "is ClickHouse running, and is clickhouse.url (CHISO__CLICKHOUSE__URL) right?",
            (_, Some(192 | 193 | 194 | 516)) => {
                "set clickhouse.user and clickhouse.password or clickhouse.password_file to those of a ClickHouse user"
            }
            (_, Some(497)) => "let an administrator of ClickHouse grant that to the user",
            (_, Some(60 | 81)) => "run chiso-rollup migrate, and check clickhouse.database",
            (_, Some(10 | 16 | 47 | 53 | 70)) => {
                "the tables differ from what this program expects: run chiso-rollup migrate of the same release"
            }
            (_, Some(115)) => "this release of ClickHouse is older than the one chiso is made for: upgrade it",
            (_, Some(241)) => "give ClickHouse more memory, or make batch.rows_max and batch.bytes_max smaller",
            (_, Some(243)) => "make room on the disks of ClickHouse",
            (_, Some(252)) => "if this stays: inserts are too small or too many for the merges; see system.parts",
            _ => "look into the log of ClickHouse",
        }
    }
}

impl fmt::Display for StoreError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "cannot {} at {}: {}; {}", self.doing, self.place, self.what, self.hint())
    }
}

impl std::error::Error for StoreError {}

/// The number in `Code: 60. DB::Exception: ...`.
fn server_code(text: &str) -> Option<u32> {
    let digits = text.split_once("Code: ")?.1;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

/// Codes that pass by themselves: overload, network within a cluster, a server that is stopping, disk or memory full.
const PASSING: [u32; 13] = [159, 202, 203, 209, 210, 236, 241, 242, 243, 285, 319, 425, 999];
/// The same code for "too many parts", which passes, and "too many partitions in one insert", which never does.
const TOO_MANY_PARTS: u32 = 252;

fn fault(cause: &Error, code: Option<u32>, text: &str) -> Fault {
    match (cause, code) {
        (_, Some(TOO_MANY_PARTS)) if text.contains("Too many parts") => Fault::Busy,
        (_, Some(code)) if PASSING.contains(&code) => Fault::Busy,
        (_, Some(_)) => Fault::Stop,
        (Error::Network(_) | Error::TimedOut, None) => Fault::Unreachable,
        // What a proxy answers while the server behind it is away.
        (Error::BadResponse(answer), None) if ["429", "502", "503", "504"].iter().any(|status| answer.starts_with(status)) => {
            Fault::Unreachable
        }
        _ => Fault::Stop,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn of(text: &str) -> StoreError {
        StoreError::new("insert into marks".into(), "http://c:8123", &Error::BadResponse(text.into()))
    }

    #[test]
    fn the_code_decides_what_the_error_calls_for() {
        for (text, code, fault) in [
            ("Code: 60. DB::Exception: Unknown table", Some(60), Fault::Stop),
            ("Code: 516. DB::Exception: chiso: Authentication failed", Some(516), Fault::Stop),
            ("Code: 241. DB::Exception: memory limit exceeded", Some(241), Fault::Busy),
            ("Code: 252. DB::Exception: Too many parts (3000) in all", Some(252), Fault::Busy),
            ("Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)", Some(252), Fault::Stop),
            ("Code: 999", Some(999), Fault::Busy),
            ("502 Bad Gateway", None, Fault::Unreachable),
            ("404 Not Found", None, Fault::Stop),
        ] {
            let error = of(text);
            assert_eq!((error.code(), error.fault()), (code, fault), "{text}");
        }
    }

    #[test]
    fn an_error_says_what_where_and_what_to_do() {
        let text = of("Code: 60. DB::Exception: Table chiso.marks\n does not exist.").to_string();
        assert!(text.starts_with("cannot insert into marks at http://c:8123: bad response: Code: 60"), "{text}");
        assert!(text.ends_with("run chiso-rollup migrate, and check clickhouse.database"), "{text}");
        assert!(!text.contains('\n'), "{text}");
    }
}
