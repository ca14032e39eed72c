//! The ClickHouse users of the programs, with the rights that `deploy/clickhouse/users.sql` gives them: the embedded
//! server takes users from a file only.

use crate::data_dir::Identity;
use crate::verify::sha256;

/// The user of chiso-ingest.
pub(crate) const INGEST_USER: &str = "chiso_ingest";
/// The user of chiso-rollup.
pub(crate) const ROLLUP_USER: &str = "chiso_rollup";

const SQL: &str = include_str!("../../clickhouse/users.sql");
/// Digits of a password.
const PASSWORD_DIGITS: usize = 24;

/// The password of one of them; it follows from that of the user who may do everything, so that nothing more is kept.
pub(crate) fn password(identity: &Identity, user: &str) -> String {
    sha256(format!("{}:{user}", identity.password).as_bytes()).chars().take(PASSWORD_DIGITS).collect()
}

/// Both of them as they stand in users.xml.
pub(crate) fn xml(identity: &Identity) -> String {
    [INGEST_USER, ROLLUP_USER].map(|user| entry(user, &password(identity, user))).concat()
}

fn entry(user: &str, password: &str) -> String {
    let grants = grants(user).map(|grant| format!("                <query>{grant}</query>\n")).collect::<String>();
    format!(
        "        <{user}>\n            <password_sha256_hex>{}</password_sha256_hex>\n            \
         <networks><ip>127.0.0.1</ip></networks>\n            <profile>default</profile>\n            \
         <quota>default</quota>\n            <grants>\n{grants}            </grants>\n        </{user}>\n",
        sha256(password.as_bytes())
    )
}

/// What the user is granted, without saying to whom.
fn grants(user: &str) -> impl Iterator<Item = &'static str> {
    let to = format!(" TO {user};");
    SQL.lines().filter_map(move |line| line.strip_suffix(&to)).filter(|line| line.starts_with("GRANT "))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn both_users_have_rights_and_only_in_the_database() {
        for (user, count) in [(INGEST_USER, 10), (ROLLUP_USER, 4)] {
            assert_eq!(grants(user).count(), count);
            let within = |grant: &str| grant.contains(" ON chiso.") || grant.starts_with("GRANT TABLE ENGINE ON ");
            assert!(grants(user).all(within));
        }
    }
}
