//! `[findings]` and `[audit]`: what people are told to look at, and how the figures are proven.

use serde::Serialize;

use super::key;
use super::read::Reader;

/// `[findings]`
#[derive(Clone, Debug, Serialize)]
pub struct Findings {
    /// A state that changes by more than this factor is a finding.
    pub jump_factor: u64,
    /// Days after the end of a month until a missing report is a finding.
    pub missing_grace_days: u64,
}

/// `[audit]`
#[derive(Clone, Debug, Serialize)]
pub struct Audit {
    /// Local time of day of the nightly audit, `HH:MM`.
    pub at: String,
    /// Pairs of an indicator and a period that it proves; 0 = no audit.
    pub sample: u64,
}

impl Audit {
    /// Minutes after the local midnight.
    pub fn minute(&self) -> u32 {
        minute(&self.at).unwrap_or_default()
    }
}

pub(super) fn findings(reader: &mut Reader) -> Findings {
    Findings {
        jump_factor: reader.number(&key::FINDINGS_JUMP_FACTOR, 2..=1_000_000),
        missing_grace_days: reader.number(&key::FINDINGS_MISSING_GRACE_DAYS, 0..=366),
    }
}

pub(super) fn audit(reader: &mut Reader) -> Audit {
    let at = reader.text(&key::AUDIT_AT);
    reader.check(&key::AUDIT_AT, &at, minute(&at).is_some());
    Audit { at, sample: reader.number(&key::AUDIT_SAMPLE, 0..=1_000_000) }
}

fn minute(text: &str) -> Option<u32> {
    let (hour, minute) = text.split_once(':').filter(|_| text.len() == 5)?;
    let number = |part: &str, below: u32| {
        let digits = part.len() == 2 && part.bytes().all(|byte| byte.is_ascii_digit());
        part.parse::<u32>().ok().filter(|number| digits && *number < below)
    };
    Some(number(hour, 24)? * 60 + number(minute, 60)?)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_time_of_day_has_hours_and_minutes() {
        assert_eq!((minute("02:00"), minute("23:59"), minute("00:07")), (Some(120), Some(1_439), Some(7)));
        for text in ["", "2:00", "24:00", "12:60", "12-30", "+2:00", "02:00:00", "0200"] {
            assert_eq!(minute(text), None, "{text}");
        }
    }
}
