//! Accounts of wards and provinces, with the filters and rights that `deploy/clickhouse/accounts.sql` gives them: the embedded
//! server takes users from a file only.

use std::str::FromStr;

use crate::verify::sha256;
use crate::xml::escaped;

const SQL: &str = include_str!("../../clickhouse/accounts.sql");
const TO: &str = " TO chiso_account;";
const POLICY: &str = "CREATE ROW POLICY OR REPLACE chiso_account ON chiso.";

/// An account to make.
#[derive(Clone, PartialEq, Eq, Debug)]
pub(crate) struct Account {
    name: String,
    password: String,
}

impl FromStr for Account {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let (name, password) = text.split_once('=').ok_or("write NAME=PASSWORD")?;
        let is_word = |c: char| c.is_ascii_lowercase() || c.is_ascii_digit() || c == '_';
        if !name.starts_with(|c: char| c.is_ascii_lowercase()) || !name.chars().all(is_word) {
            return Err("a name is small letters, digits and _, and begins with a letter".to_owned());
        }
        if ["default", "analyst"].contains(&name) || name.starts_with("chiso") {
            return Err(format!("there is a user {name} already"));
        }
        if password.is_empty() {
            return Err("an account needs a password".to_owned());
        }
        Ok(Self { name: name.to_owned(), password: password.to_owned() })
    }
}

impl Account {
    /// The account as it stands in users.xml.
    pub(crate) fn xml(&self) -> String {
        let Self { name, password } = self;
        let grants = grants().map(|grant| format!("                <query>{grant}</query>\n")).collect::<String>();
        let filter = |(view, filter): (&str, String)| format!("                    <{view}><filter>{filter}</filter></{view}>\n");
        let filters = filters().map(filter).collect::<String>();
        format!(
            "        <{name}>\n            <password_sha256_hex>{}</password_sha256_hex>\n            \
             <networks><ip>127.0.0.1</ip></networks>\n            <profile>account</profile>\n            \
             <quota>default</quota>\n            <grants>\n{grants}            </grants>\n            \
             <databases>\n                <chiso>\n{filters}                </chiso>\n            </databases>\n        </{name}>\n",
            sha256(password.as_bytes())
        )
    }
}

/// What accounts are granted, without saying to whom.
fn grants() -> impl Iterator<Item = &'static str> {
    SQL.lines().filter_map(|line| line.strip_suffix(TO)).filter(|line| line.starts_with("GRANT "))
}

/// Views and their filters, as XML holds them.
fn filters() -> impl Iterator<Item = (&'static str, String)> {
    let policies = SQL.lines().filter_map(|line| line.strip_suffix(TO)?.strip_prefix(POLICY)?.split_once(" USING "));
    policies.map(|(view, filter)| (view, escaped(filter)))
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn every_view_with_rows_of_units_has_a_filter() {
        let filtered = filters().map(|(view, _)| view).collect::<Vec<_>>();
        assert_eq!(filtered, ["account_reach", "account_days", "rollups", "reports", "report_versions", "events", "findings"]);
        assert_eq!(SQL.matches("ROW POLICY").count(), filtered.len());
        for view in filtered {
            assert!(grants().any(|grant| grant == format!("GRANT SELECT ON chiso.{view}")), "{view}");
        }
        assert_eq!(grants().count(), SQL.matches("GRANT ").count());
    }

    #[test]
    fn names_cannot_be_those_of_others() {
        assert!("ward_1=x".parse::<Account>().unwrap().xml().contains("<ward_1>"));
        for wrong in ["x", "=x", "chiso=x", "chiso_rollup=x", "default=x", "a b=x", "<a>=x", "a="] {
            assert!(wrong.parse::<Account>().is_err(), "{wrong}");
        }
    }
}
