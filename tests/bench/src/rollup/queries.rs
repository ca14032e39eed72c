//! Ten questions of an analyst to the view `rollups`, each asked again and again about something else.

use std::fmt::Write;
use std::time::{Duration, Instant};

use anyhow::{Context, Result};
use rand::rngs::Xoshiro256PlusPlus;
use rand::{Rng, SeedableRng};

use super::facts::Stock;
use super::server::Server;

/// Longest that 99 of 100 answers may take.
const P99_MAX: Duration = Duration::from_millis(100);

/// What is asked, with words for what changes.
const QUESTIONS: [(&str, &str); 10] = [
    ("one row", "SELECT * FROM rollups WHERE calendar = 'legal' AND period = '<month>' AND indicator = '<indicator>' AND area_id = '<ward>'"),
    ("a ward's report", "SELECT * FROM rollups WHERE calendar = 'legal' AND period = '<month>' AND area_id = '<ward>' ORDER BY indicator"),
    (
        "all wards of an indicator",
        "SELECT area_id, area_name, value, percent FROM rollups WHERE calendar = 'civil' AND period = '<month>' AND indicator = '<indicator>' AND level = 'ward'",
    ),
    (
        "a province over all months",
        "SELECT period, value, percent FROM rollups WHERE calendar = 'civil' AND indicator = '<indicator>' AND area_id = '<province>' AND period LIKE '%-M%' ORDER BY period",
    ),
    ("the country over all periods", "SELECT calendar, period, indicator, value, percent FROM rollups WHERE area_id = 'VN'"),
    (
        "a ranking of provinces",
        "SELECT area_name, percent, value FROM rollups WHERE calendar = 'legal' AND period = '<month>' AND indicator = '<indicator>' AND level = 'province' ORDER BY percent DESC, value DESC",
    ),
    (
        "targets not met",
        "SELECT area_id, indicator, percent, target FROM rollups WHERE calendar = 'legal' AND period = '<month>' AND status = 'not_met' AND level = 'ward'",
    ),
    (
        "percent-only wards",
        "SELECT area_id, stated_percent FROM rollups WHERE calendar = 'civil' AND period = '<month>' AND indicator = '<indicator>' AND level = 'ward' AND wards_percent_only > 0",
    ),
    (
        "change from the last period",
        "SELECT now.area_id, now.value - before.value, now.percent - before.percent
         FROM (SELECT * FROM rollups WHERE calendar = 'civil' AND period = '<month>' AND indicator = '<indicator>' AND level = 'province') AS now
         INNER JOIN (SELECT * FROM rollups WHERE calendar = 'civil' AND period = '<month before>' AND indicator = '<indicator>' AND level = 'province') AS before
             USING (area_id)",
    ),
    ("everything of one ward", "SELECT * FROM rollups WHERE area_id = '<ward>'"),
];

/// What the questions may be about.
struct Subjects {
    wards: Vec<String>,
    provinces: Vec<String>,
    indicators: Vec<String>,
    months: Vec<String>,
}

/// Asks each question so many times; the report.
///
/// # Errors
/// ClickHouse does not answer.
pub fn measure(server: &Server, stock: &Stock, (seed, times): (u64, usize)) -> Result<String> {
    let list = |sql: &str| -> Result<Vec<String>> { Ok(server.sql(&stock.database, sql)?.lines().map(str::to_owned).collect()) };
    let month = "calendar = 'civil' AND period LIKE '%-M%'";
    let subjects = Subjects {
        wards: list(&format!(
            "SELECT DISTINCT area_id FROM rollups WHERE level = 'ward' AND {month} ORDER BY area_id LIMIT 4000"
        ))?,
        provinces: list(&format!("SELECT DISTINCT area_id FROM rollups WHERE level = 'province' AND {month} ORDER BY area_id"))?,
        indicators: list("SELECT code FROM indicators ORDER BY code")?,
        months: list(&format!("SELECT DISTINCT period FROM rollups WHERE {month} AND level = 'country' ORDER BY period"))?,
    };
    let rows = server.number(&stock.database, "SELECT count() FROM rollups")?;
    let mut text = format!(
        "{rows} rows of {} wards over {} years; {times} times each\n\n| question | rows of the last answer | median ms | p99 ms | at most {} ms |\n|---|---:|---:|---:|---|\n",
        stock.wards,
        stock.years,
        P99_MAX.as_millis()
    );
    let mut dice = Xoshiro256PlusPlus::seed_from_u64(seed);
    for (name, question) in QUESTIONS {
        let mut took = Vec::new();
        let mut answered = 0;
        // The first ones find cold caches.
        for run in 0..times + 5 {
            let sql = subjects.fill(question, &mut dice).context("nothing to ask about")?;
            let begin = Instant::now();
            answered = server.ask(&stock.database, &sql)?.lines().count();
            if run >= 5 {
                took.push(begin.elapsed());
            }
        }
        took.sort();
        let at = |part: usize| took.get((took.len() * part).div_ceil(100).saturating_sub(1)).copied().unwrap_or_default();
        let verdict = if at(99) <= P99_MAX { "reached" } else { "NOT reached" };
        let ms = |time: Duration| time.as_secs_f64() * 1000.0;
        // Writing to a String cannot fail.
        let _ = writeln!(text, "| {name} | {answered} | {:.0} | {:.0} | {verdict} |", ms(at(50)), ms(at(99)));
    }
    Ok(text)
}

impl Subjects {
    fn fill(&self, question: &str, dice: &mut impl Rng) -> Option<String> {
        let mut any = |list: &[String]| -> Option<String> {
            let place = usize::try_from(dice.next_u64() % u64::try_from(list.len()).ok()?.max(1)).ok()?;
            list.get(place).cloned()
        };
        let (ward, province, indicator) = (any(&self.wards)?, any(&self.provinces)?, any(&self.indicators)?);
        let month = any(self.months.get(1..)?)?;
        let before =
            self.months.iter().position(|known| *known == month).and_then(|place| self.months.get(place.checked_sub(1)?))?;
        let filled = question.replace("<ward>", &ward).replace("<province>", &province).replace("<indicator>", &indicator);
        Some(filled.replace("<month>", &month).replace("<month before>", before))
    }
}
