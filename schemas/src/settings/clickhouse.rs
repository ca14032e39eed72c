//! `[clickhouse]`: where events are stored, and as whom.

use std::path::PathBuf;

use serde::Serialize;

use super::address::is_address;
use super::key;
use super::problems::Problem;
use super::read::Reader;
use super::secret::Secret;

/// `[clickhouse]`
#[derive(Clone, Debug, Serialize)]
pub struct ClickHouse {
    /// HTTP or HTTPS address, without user, password and path.
    pub url: String,
    /// Certificates (PEM) of those who vouch for an HTTPS server; without it, those that the system trusts.
    pub ca_file: Option<PathBuf>,
    /// User.
    pub user: String,
    /// Its password, given or read from `password_file`.
    pub password: Secret,
    /// Where the password was read from.
    pub password_file: Option<PathBuf>,
    /// Database of the tables: letters, digits and `_` only.
    pub database: String,
}

pub(super) fn clickhouse(reader: &mut Reader) -> ClickHouse {
    let url = reader.optional(&key::CLICKHOUSE_URL);
    if url.as_deref().is_some_and(|url| !is_address(url)) {
        // Not shown: people write passwords into addresses.
        reader.problems.push(Problem::bad(&key::CLICKHOUSE_URL, "this is no such address"));
    }
    let (password, password_file) = reader.secret(&key::CLICKHOUSE_PASSWORD, &key::CLICKHOUSE_PASSWORD_FILE);
    let clickhouse = ClickHouse {
        url: url.unwrap_or_default(),
        ca_file: reader.pem(&key::CLICKHOUSE_CA_FILE, "CERTIFICATE"),
        user: reader.text(&key::CLICKHOUSE_USER),
        password,
        password_file,
        database: reader.text(&key::CLICKHOUSE_DATABASE),
    };
    reader.check(&key::CLICKHOUSE_USER, &clickhouse.user, !clickhouse.user.is_empty());
    reader.check(&key::CLICKHOUSE_DATABASE, &clickhouse.database, is_name(&clickhouse.database));
    if clickhouse.ca_file.is_some() && clickhouse.url.starts_with("http://") {
        let what = "given though clickhouse.url begins with http://; set that to an https:// address, or leave this out";
        reader.problems.push(Problem::at(key::CLICKHOUSE_CA_FILE.to_string(), what));
    }
    clickhouse
}

/// Names that need no quotes in SQL, so that none can be forgotten.
fn is_name(database: &str) -> bool {
    let word = |c: char| c.is_ascii_alphanumeric() || c == '_';
    database.chars().all(word) && !database.is_empty() && !database.starts_with(|c: char| c.is_ascii_digit())
}
