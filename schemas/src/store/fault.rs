//! What an error of ClickHouse calls for: one table from its code, and what is no exception of ClickHouse at all.
//!
//! Only a code that is listed as a fault of the data can ever lead to a refused message: everything else is tried
//! again or stops the line, so a broken ClickHouse never fills the reject table with good data.

use clickhouse::error::Error;

/// What an error calls for.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// It passes by itself: overload, network, a server that stops or starts. Try again, for as long as it takes.
    Retry,
    /// It passes when somebody makes room: try again for as long as it takes, seldom, and say so.
    Wait,
    /// Trying again cannot help: a person must change something.
    Stop,
    /// ClickHouse refuses a value of some row: what is sent may be divided to find it.
    Bisect,
    /// Nothing is known of this error: try again, and stop if it stays.
    Unlisted,
}

/// ClickHouse's code and name for an error, and what it calls for. A test compares numbers and names with a server.
///
/// Not in it on purpose, though they may look like faults of data: codes that a request which was cut short or spoilt
/// on its way also gives (3, 32, 33, 40, 117, 128, 131, 246, 271), and those that a disk gives (23, 24, 74, 75, 76).
pub const FAULTS: &[(u32, &str, Fault)] = &[
    (159, "TIMEOUT_EXCEEDED", Fault::Retry),
    (160, "TOO_SLOW", Fault::Retry),
    (173, "CANNOT_ALLOCATE_MEMORY", Fault::Retry),
    (198, "DNS_ERROR", Fault::Retry),
    (202, "TOO_MANY_SIMULTANEOUS_QUERIES", Fault::Retry),
    (203, "NO_FREE_CONNECTION", Fault::Retry),
    (209, "SOCKET_TIMEOUT", Fault::Retry),
    (210, "NETWORK_ERROR", Fault::Retry),
    (218, "TABLE_IS_DROPPED", Fault::Retry),
    (225, "NO_ZOOKEEPER", Fault::Retry),
    (236, "ABORTED", Fault::Retry),
    (241, "MEMORY_LIMIT_EXCEEDED", Fault::Retry),
    (242, "TABLE_IS_READ_ONLY", Fault::Retry),
    (244, "UNEXPECTED_ZOOKEEPER_ERROR", Fault::Retry),
    (252, "TOO_MANY_PARTS", Fault::Retry),
    (254, "NO_ACTIVE_REPLICAS", Fault::Retry),
    (279, "ALL_CONNECTION_TRIES_FAILED", Fault::Retry),
    (285, "TOO_FEW_LIVE_REPLICAS", Fault::Retry),
    (286, "UNSATISFIED_QUORUM_FOR_PREVIOUS_WRITE", Fault::Retry),
    (289, "REPLICA_IS_NOT_IN_QUORUM", Fault::Retry),
    (319, "UNKNOWN_STATUS_OF_INSERT", Fault::Retry),
    (364, "RECEIVED_ERROR_TOO_MANY_REQUESTS", Fault::Retry),
    (369, "ALL_REPLICAS_ARE_STALE", Fault::Retry),
    (373, "SESSION_IS_LOCKED", Fault::Retry),
    (384, "PART_IS_TEMPORARILY_LOCKED", Fault::Retry),
    (394, "QUERY_WAS_CANCELLED", Fault::Retry),
    (416, "REPLICA_STATUS_CHANGED", Fault::Retry),
    (425, "SYSTEM_ERROR", Fault::Retry),
    (439, "CANNOT_SCHEDULE_TASK", Fault::Retry),
    (473, "DEADLOCK_AVOIDED", Fault::Retry),
    (499, "S3_ERROR", Fault::Retry),
    (500, "AZURE_BLOB_STORAGE_ERROR", Fault::Retry),
    (519, "NO_REMOTE_SHARD_AVAILABLE", Fault::Retry),
    (529, "NOT_A_LEADER", Fault::Retry),
    (574, "DISTRIBUTED_TOO_MANY_PENDING_BYTES", Fault::Retry),
    (693, "AWS_ERROR", Fault::Retry),
    (696, "ASYNC_LOAD_CANCELED", Fault::Retry),
    (700, "USER_SESSION_LIMIT_EXCEEDED", Fault::Retry),
    (722, "ASYNC_LOAD_WAIT_FAILED", Fault::Retry),
    (733, "TABLE_IS_BEING_RESTARTED", Fault::Retry),
    (734, "CANNOT_WRITE_AFTER_BUFFER_CANCELED", Fault::Retry),
    (735, "QUERY_WAS_CANCELLED_BY_CLIENT", Fault::Retry),
    (738, "PART_IS_LOCKED", Fault::Retry),
    (745, "SERVER_OVERLOADED", Fault::Retry),
    (749, "TCP_CONNECTION_LIMIT_REACHED", Fault::Retry),
    (762, "HTTP_CONNECTION_LIMIT_REACHED", Fault::Retry),
    (776, "RESOURCE_LIMIT_EXCEEDED", Fault::Retry),
    (777, "MEMORY_RESERVATION_KILLED", Fault::Retry),
    (778, "MEMORY_RESERVATION_FAILED", Fault::Retry),
    (904, "TOO_MANY_UNAVAILABLE_SHARDS", Fault::Retry),
    (999, "KEEPER_EXCEPTION", Fault::Retry),
    (201, "QUOTA_EXCEEDED", Fault::Wait),
    (243, "NOT_ENOUGH_SPACE", Fault::Wait),
    (7, "INCORRECT_NUMBER_OF_COLUMNS", Fault::Stop),
    (8, "THERE_IS_NO_COLUMN", Fault::Stop),
    (10, "NOT_FOUND_COLUMN_IN_BLOCK", Fault::Stop),
    (16, "NO_SUCH_COLUMN_IN_TABLE", Fault::Stop),
    (20, "NUMBER_OF_COLUMNS_DOESNT_MATCH", Fault::Stop),
    (44, "ILLEGAL_COLUMN", Fault::Stop),
    (46, "UNKNOWN_FUNCTION", Fault::Stop),
    (47, "UNKNOWN_IDENTIFIER", Fault::Stop),
    (48, "NOT_IMPLEMENTED", Fault::Stop),
    (50, "UNKNOWN_TYPE", Fault::Stop),
    (53, "TYPE_MISMATCH", Fault::Stop),
    (60, "UNKNOWN_TABLE", Fault::Stop),
    (62, "SYNTAX_ERROR", Fault::Stop),
    (70, "CANNOT_CONVERT_TYPE", Fault::Stop),
    (73, "UNKNOWN_FORMAT", Fault::Stop),
    (81, "UNKNOWN_DATABASE", Fault::Stop),
    (115, "UNKNOWN_SETTING", Fault::Stop),
    (164, "READONLY", Fault::Stop),
    (192, "UNKNOWN_USER", Fault::Stop),
    (193, "WRONG_PASSWORD", Fault::Stop),
    (194, "REQUIRED_PASSWORD", Fault::Stop),
    (195, "IP_ADDRESS_NOT_ALLOWED", Fault::Stop),
    (291, "DATABASE_ACCESS_DENIED", Fault::Stop),
    (452, "SETTING_CONSTRAINT_VIOLATION", Fault::Stop),
    (471, "INVALID_SETTING_VALUE", Fault::Stop),
    (472, "READONLY_SETTING", Fault::Stop),
    (497, "ACCESS_DENIED", Fault::Stop),
    (511, "UNKNOWN_ROLE", Fault::Stop),
    (512, "SET_NON_GRANTED_ROLE", Fault::Stop),
    (516, "AUTHENTICATION_FAILED", Fault::Stop),
    (565, "TOO_MANY_PARTITIONS", Fault::Stop),
    (720, "USER_EXPIRED", Fault::Stop),
    (741, "TABLE_UUID_MISMATCH", Fault::Stop),
    (767, "REQUIRED_SECOND_FACTOR", Fault::Stop),
    (774, "TABLE_IS_PERMANENTLY_READ_ONLY", Fault::Stop),
    (6, "CANNOT_PARSE_TEXT", Fault::Bisect),
    (25, "CANNOT_PARSE_ESCAPE_SEQUENCE", Fault::Bisect),
    (26, "CANNOT_PARSE_QUOTED_STRING", Fault::Bisect),
    (27, "CANNOT_PARSE_INPUT_ASSERTION_FAILED", Fault::Bisect),
    (38, "CANNOT_PARSE_DATE", Fault::Bisect),
    (41, "CANNOT_PARSE_DATETIME", Fault::Bisect),
    (69, "ARGUMENT_OUT_OF_BOUND", Fault::Bisect),
    (72, "CANNOT_PARSE_NUMBER", Fault::Bisect),
    (153, "ILLEGAL_DIVISION", Fault::Bisect),
    (321, "VALUE_IS_OUT_OF_RANGE_OF_DATA_TYPE", Fault::Bisect),
    (349, "CANNOT_INSERT_NULL_IN_ORDINARY_COLUMN", Fault::Bisect),
    (376, "CANNOT_PARSE_UUID", Fault::Bisect),
    (395, "FUNCTION_THROW_IF_VALUE_IS_NON_ZERO", Fault::Bisect),
    (407, "DECIMAL_OVERFLOW", Fault::Bisect),
    (467, "CANNOT_PARSE_BOOL", Fault::Bisect),
    (469, "VIOLATED_CONSTRAINT", Fault::Bisect),
    (632, "UNEXPECTED_DATA_AFTER_PARSED_VALUE", Fault::Bisect),
    (675, "CANNOT_PARSE_IPV4", Fault::Bisect),
    (676, "CANNOT_PARSE_IPV6", Fault::Bisect),
    (691, "UNKNOWN_ELEMENT_OF_ENUM", Fault::Bisect),
];

/// The same code for "too many parts", which passes, and "too many partitions in one insert", which never does.
const TOO_MANY_PARTS: u32 = 252;
/// What operating systems call a full disk; ClickHouse passes it on under several codes.
const DISK_FULL: [&str; 2] = ["No space left on device", "Disk quota exceeded"];
/// Answers of a proxy below 500 that pass by themselves: a timeout, too many requests.
const PASSING_STATUS: [u16; 2] = [408, 429];

/// What the error calls for, and ClickHouse's code where it gave one.
pub(super) fn fault(cause: &Error) -> (Fault, Option<u32>) {
    match cause {
        Error::BadResponse(answer) => match server_code(answer) {
            Some(code) => (of_code(code, answer), Some(code)),
            None => (of_status(status(answer)), None),
        },
        Error::Network(_) | Error::TimedOut => (Fault::Retry, None),
        // What the line did to an answer, or what the client has no name for.
        Error::Other(_) | Error::Decompression(_) | Error::NotEnoughData => (Fault::Unlisted, None),
        _ => (Fault::Stop, None),
    }
}

/// The number in `Code: 60. DB::Exception: ...`, which begins every exception of ClickHouse.
fn server_code(answer: &str) -> Option<u32> {
    let digits = answer.trim_start().strip_prefix("Code: ")?;
    let end = digits.find(|c: char| !c.is_ascii_digit()).unwrap_or(digits.len());
    digits[..end].parse().ok()
}

fn of_code(code: u32, answer: &str) -> Fault {
    match FAULTS.iter().find(|(listed, ..)| *listed == code) {
        Some(_) if code == TOO_MANY_PARTS && !answer.contains("Too many parts") => Fault::Stop,
        // The rows are stored by then, so none of them may be refused: somebody must look at that view.
        Some((.., Fault::Bisect)) if is_of_view(answer) => Fault::Stop,
        Some(&(.., fault)) => fault,
        None if DISK_FULL.iter().any(|text| answer.contains(text)) => Fault::Wait,
        None => Fault::Unlisted,
    }
}

/// Whether a materialized view failed. ClickHouse says so last, after what it quotes of the rows:
/// `... while pushing to view chiso.by_day. (VIOLATED_CONSTRAINT) (version 26.7.2.1)`.
fn is_of_view(answer: &str) -> bool {
    answer.rsplit_once("while pushing to view ").is_some_and(|(_, rest)| !rest.contains(['\'', '"']))
}

fn of_status(status: Option<u16>) -> Fault {
    match status {
        Some(status) if status < 500 && !PASSING_STATUS.contains(&status) => Fault::Stop,
        // A proxy says something while the server behind it is away.
        _ => Fault::Retry,
    }
}

/// The status in an answer that is not ClickHouse's, such as `<h1>503 Service Unavailable</h1>`; the client keeps
/// nothing but the text.
fn status(answer: &str) -> Option<u16> {
    let numbers = answer.split(|c: char| !c.is_ascii_alphanumeric()).filter(|word| word.len() == 3);
    numbers.filter_map(|word| word.parse().ok()).find(|status| (400..600).contains(status))
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    #[test]
    fn no_code_is_listed_twice() {
        let codes = FAULTS.iter().map(|(code, ..)| code).collect::<BTreeSet<_>>();
        assert_eq!(codes.len(), FAULTS.len());
    }

    #[test]
    fn every_listed_code_calls_for_what_the_table_says() {
        for &(code, name, expected) in FAULTS {
            let text = format!("Code: {code}. DB::Exception: Too many parts (3000) or something. ({name}) (version 26.7.2.1)");
            assert_eq!(fault(&Error::BadResponse(text)), (expected, Some(code)), "{code}");
        }
    }

    #[test]
    fn what_is_said_beside_the_code_decides_where_one_code_has_two_meanings() {
        for (text, code, expected) in [
            ("Code: 252. DB::Exception: Too many parts (3000) in all", Some(252), Fault::Retry),
            ("Code: 252. DB::Exception: Too many partitions for single INSERT block (more than 100)", Some(252), Fault::Stop),
            (
                "Code: 469. DB::Exception: Constraint `c` is violated at row 6. Column values: s = 'x'. (V) (version 1)",
                Some(469),
                Fault::Bisect,
            ),
            ("Code: 395. DB::Exception: throwIf: while pushing to view default.mv. (F) (version 1)", Some(395), Fault::Stop),
            // What a publisher wrote into a row must not pass for what ClickHouse says.
            ("Code: 469. DB::Exception: values: s = 'while pushing to view a.b. (F)'. (V) (version 1)", Some(469), Fault::Bisect),
            (
                "Code: 75. DB::Exception: Cannot write to file, errno: 28, strerror: No space left on device",
                Some(75),
                Fault::Wait,
            ),
            ("Code: 75. DB::Exception: Cannot write to file, errno: 5, strerror: Input/output error", Some(75), Fault::Unlisted),
            ("Code: 49. DB::Exception: Logical error", Some(49), Fault::Unlisted),
            ("Code: 33. DB::Exception: Cannot read all data", Some(33), Fault::Unlisted),
            ("Code: 999", Some(999), Fault::Retry),
        ] {
            assert_eq!(fault(&Error::BadResponse(text.to_owned())), (expected, code), "{text}");
        }
    }

    #[test]
    fn answers_that_are_not_from_clickhouse_never_refuse_a_row() {
        for (text, expected) in [
            ("502 Bad Gateway", Fault::Retry),
            (
                "<html><body><h1>503 Service Unavailable</h1>\nNo server is available to handle this request.</body></html>",
                Fault::Retry,
            ),
            ("upstream connect error or disconnect/reset before headers", Fault::Retry),
            ("<html><head><title>429 Too Many Requests</title></head></html>", Fault::Retry),
            ("the proxy met Code: 469. DB::Exception", Fault::Stop),
            ("404 Not Found", Fault::Stop),
            ("<html><head><title>401 Authorization Required</title></head></html>", Fault::Stop),
        ] {
            assert_eq!(fault(&Error::BadResponse(text.to_owned())), (expected, None), "{text}");
        }
        assert_eq!(fault(&Error::TimedOut), (Fault::Retry, None));
        assert_eq!(fault(&Error::Custom(String::new())), (Fault::Stop, None));
    }
}
