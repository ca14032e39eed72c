//! Stored facts: as many as wished at the same facts per indicator and ward, so that wards and years grow and not density.

use anyhow::Result;

use super::server::Server;

/// The local day of all runs; wards of July 2025 have two years of facts by then.
pub const LAST_DAY: &str = "2027-07-31";
/// Facts of a series in a year: one every four days.
const FACTS_A_YEAR: u64 = 91;
/// All indicators.
const INDICATORS: u64 = 85;
/// All wards of the country.
const WARDS: u64 = 3_321;
/// Facts of one statement at most.
const CHUNK: u64 = 2_000_000;

/// A database with facts.
#[derive(Clone, Debug)]
pub struct Stock {
    /// Its name.
    pub database: String,
    /// Facts that it holds; 3 % of them are corrected by an event more.
    pub facts: u64,
    /// Wards that they are about, spread over the country.
    pub wards: u64,
    /// Years that they lie in.
    pub years: u64,
}

impl Stock {
    /// So many facts, roughly: of all wards over two years where that is not too many, else of fewer wards over one year.
    #[must_use]
    pub fn of(facts: u64) -> Self {
        let years = if facts >= INDICATORS * WARDS * FACTS_A_YEAR * 3 / 2 { 2 } else { 1 };
        let series = facts / (FACTS_A_YEAR * years);
        let wards = (series / INDICATORS).clamp(1, WARDS);
        // So few more make the country whole.
        let wards = if WARDS - wards < WARDS / 20 { WARDS } else { wards };
        Self { database: format!("chiso_facts_{facts}"), facts: wards * INDICATORS * FACTS_A_YEAR * years, wards, years }
    }

    /// Makes the tables and fills the event log.
    ///
    /// # Errors
    /// ClickHouse or `chiso-rollup` fails.
    pub fn store(&self, server: &Server) -> Result<()> {
        server.rollup(&self.database, &["migrate"])?;
        let wards = format!(
            "CREATE TABLE bench_wards ENGINE = MergeTree ORDER BY code AS
             SELECT code FROM
             (
                 SELECT toString(code) AS code, row_number() OVER (ORDER BY cityHash64(code)) AS place
                 FROM units WHERE level = 'ward' AND valid_from <= '2025-07-01' AND valid_to >= '{LAST_DAY}'
             ) WHERE place <= {}",
            self.wards
        );
        server.sql(&self.database, &wards)?;
        let days = (365 * self.years).to_string();
        let text = include_str!("../../sql/rollup-facts.sql").replace("<last day>", LAST_DAY).replace("<days>", &days);
        let mut from = 0;
        while from < self.facts {
            let to = self.facts.min(from + CHUNK);
            let chunk = text.replace("<from>", &from.to_string()).replace("<to>", &to.to_string());
            server.sql(&self.database, &chunk)?;
            from = to;
        }
        Ok(())
    }

    /// Merges the tables, as ClickHouse does by itself within hours, and notes that the facts are stored.
    ///
    /// # Errors
    /// ClickHouse fails.
    pub fn merge(&self, server: &Server) -> Result<()> {
        for table in ["event_log", "cells", "last_states", "summands", "rollup_rows"] {
            server.sql(&self.database, &format!("OPTIMIZE TABLE {table} FINAL"))?;
        }
        server.sql(&self.database, "CREATE TABLE bench_stored (facts UInt64) ENGINE = MergeTree ORDER BY facts")?;
        Ok(())
    }

    /// Whether an earlier run has stored and rolled up these facts.
    ///
    /// # Errors
    /// ClickHouse fails.
    pub fn is_stored(&self, server: &Server) -> Result<bool> {
        let sql = format!("EXISTS TABLE {}.bench_stored", self.database);
        Ok(server.number("default", &sql)? == 1)
    }

    /// Stores new facts with their marks, as one batch: so many of a hundred of the last three days, the rest over the year.
    ///
    /// # Errors
    /// ClickHouse fails.
    pub fn change(&self, server: &Server, count: u64, recent: u64) -> Result<()> {
        let batch = server.sql(&self.database, "SELECT generateUUIDv4()")?;
        let text = include_str!("../../sql/rollup-changes.sql")
            .replace("<last day>", LAST_DAY)
            .replace("<batch>", &batch)
            .replace("<recent>", &recent.to_string())
            .replace("<count>", &count.to_string());
        server.sql(&self.database, &text)?;
        let marks = format!(
            "INSERT INTO marks SELECT DISTINCT batch, now64(3), indicator, ward, date FROM event_log WHERE batch = '{batch}'"
        );
        server.sql(&self.database, &marks)?;
        Ok(())
    }

    /// Makes the table `bench_periods`: the kept periods of both calendars.
    ///
    /// # Errors
    /// ClickHouse fails.
    pub fn note_periods(&self, server: &Server) -> Result<()> {
        let sql = "CREATE TABLE IF NOT EXISTS bench_periods ENGINE = MergeTree ORDER BY (calendar, period) AS
                   SELECT DISTINCT toString(calendar) AS calendar, toString(period) AS period, period_start AS start, period_end AS end
                   FROM rollups";
        server.sql(&self.database, sql)?;
        Ok(())
    }
}
