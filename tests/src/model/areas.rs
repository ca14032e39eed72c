//! From wards to districts, provinces and the country (contract section 5).

use super::kinds::{Amount, Counted, WardNumber};
use super::number::Micros;
use super::units::{Level, Units};
use chrono::NaiveDate;
use std::collections::{BTreeMap, HashMap};

/// The number of an area for one indicator and period.
#[derive(Clone, Debug, Default)]
pub(crate) struct AreaNumber<'a> {
    pub(crate) amount: Option<Amount>,
    /// Shown for wards only.
    pub(crate) stated_percent: Option<Micros>,
    pub(crate) counted: Counted<'a>,
    pub(crate) wards_reporting: usize,
    pub(crate) wards_percent_only: usize,
}

/// Adds the wards up for everything above them, by the hierarchy of the wards' own interval of validity.
pub(crate) fn areas<'a>(units: &'a Units, wards: &BTreeMap<&'a str, WardNumber<'a>>) -> BTreeMap<&'a str, AreaNumber<'a>> {
    let mut areas: BTreeMap<&str, AreaNumber<'a>> = BTreeMap::new();
    for (ward, number) in wards {
        for area in units.chain(ward) {
            let sum = areas.entry(area).or_default();
            let Some(amount) = number.amount else {
                sum.wards_percent_only += 1;
                if area == *ward {
                    sum.stated_percent = number.stated_percent;
                    sum.counted = number.counted.clone();
                }
                continue;
            };
            sum.wards_reporting += 1;
            sum.amount = Some(sum.amount.map_or(amount, |before| before.plus(amount)));
            sum.counted.add(&number.counted);
        }
    }
    areas
}

/// How many wards valid on a day every area has.
pub(crate) fn wards_expected(units: &Units, day: NaiveDate) -> HashMap<&str, usize> {
    let mut expected = HashMap::new();
    for ward in units.all().filter(|unit| unit.level == Level::Ward && unit.valid_on(day)) {
        for area in units.chain(&ward.id) {
            *expected.entry(area).or_default() += 1;
        }
    }
    expected
}
