//! Which topics are read: one by its name, or all whose names match a pattern, also those that appear later.

use std::fmt;

use regex::Regex;

use crate::failure::Failure;

/// What `kafka.topic` says.
#[derive(Clone, Debug)]
pub enum Topics {
    /// The topic of that name.
    Named(String),
    /// All topics that the regular expression matches, save those of Kafka itself.
    Matching(Regex),
}

/// Topics of Kafka itself, such as `__consumer_offsets`: no pattern means them.
pub const INTERNAL: &str = "__";

impl Topics {
    /// A name, or a regular expression that begins with `^`.
    ///
    /// # Errors
    /// It is no regular expression.
    pub fn new(text: &str) -> Result<Self, Failure> {
        if !text.starts_with('^') {
            return Ok(Self::Named(text.to_owned()));
        }
        let refused = |error| Failure::Usage(format!("kafka.topic (CHISO__KAFKA__TOPIC) is no regular expression: {error}"));
        Regex::new(text).map(Self::Matching).map_err(refused)
    }

    /// The one topic of a command that cannot work on several.
    ///
    /// # Errors
    /// Several are meant.
    pub fn one<'a>(text: &'a str, doing: &str) -> Result<&'a str, Failure> {
        if text.starts_with('^') {
            let what = format!("cannot {doing} topics that match a pattern ({text}); name one with --topic");
            return Err(Failure::Usage(what));
        }
        Ok(text)
    }

    /// Whether the topic of that name is one of them.
    pub fn contain(&self, name: &str) -> bool {
        match self {
            Self::Named(known) => known == name,
            Self::Matching(pattern) => !name.starts_with(INTERNAL) && pattern.is_match(name),
        }
    }

    /// The name of the one topic; none if a pattern says which.
    pub fn name(&self) -> Option<&str> {
        match self {
            Self::Named(name) => Some(name),
            Self::Matching(_) => None,
        }
    }

    /// As librdkafka takes it for a subscription.
    pub fn subscription(&self) -> &str {
        match self {
            Self::Named(name) => name,
            Self::Matching(pattern) => pattern.as_str(),
        }
    }
}

impl fmt::Display for Topics {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Named(name) => write!(f, "topic {name}"),
            Self::Matching(pattern) => write!(f, "topics {pattern}"),
        }
    }
}

#[cfg(test)]
mod tests {
    #![allow(clippy::unwrap_used)]
    use super::*;

    #[test]
    fn a_name_means_itself_and_a_pattern_all_that_match() {
        let named = Topics::new("chiso.a").unwrap();
        assert!(named.contain("chiso.a") && !named.contain("chiso.ab") && !named.contain("chiso_a"));
        let matching = Topics::new(r"^chiso\.(a|b)").unwrap();
        assert!(matching.contain("chiso.a") && matching.contain("chiso.bc") && !matching.contain("x.chiso.a"));
        let all = Topics::new("^").unwrap();
        assert!(all.contain("anything") && !all.contain("__consumer_offsets"));
        assert_eq!(Topics::new("^(").map(|_| ()).unwrap_err().code(), 2);
        assert!(Topics::one("a", "publish to").is_ok() && Topics::one("^a", "publish to").is_err());
    }
}
