//! A page of metrics as Prometheus reads it.

use std::collections::{BTreeMap, BTreeSet};

/// Values by series, and what is said of each metric.
pub(crate) struct Page {
    values: BTreeMap<String, f64>,
    /// Names with `# HELP` and `# TYPE`.
    pub(super) described: BTreeSet<String>,
}

impl Page {
    pub(super) fn parse(text: &str) -> Self {
        assert!(text.ends_with("# EOF\n"), "a page that was cut off: {text}");
        let (mut values, mut described) = (BTreeMap::new(), BTreeSet::new());
        for line in text.lines() {
            if let Some(rest) = line.strip_prefix("# HELP ") {
                let (name, help) = rest.split_once(' ').unwrap();
                assert!(help.len() > 5, "{line}");
                assert!(described.insert(name.to_owned()), "described twice: {line}");
            } else if !line.starts_with('#') {
                let (series, value) = line.rsplit_once(' ').unwrap();
                assert!(values.insert(series.to_owned(), value.parse().unwrap()).is_none(), "shown twice: {line}");
            }
        }
        Self { values, described }
    }

    /// The value of a series, written as on the page; 0 where there is none, as for Prometheus' functions.
    pub(crate) fn value(&self, series: &str) -> f64 {
        self.values.get(series).copied().unwrap_or_default()
    }

    /// Whether there is such a series.
    pub(super) fn has(&self, series: &str) -> bool {
        self.values.contains_key(series)
    }

    /// The sum of all series of that name with all of those pieces in their labels.
    pub(super) fn sum(&self, name: &str, labels: &[&str]) -> f64 {
        let fits = |series: &str| {
            let (found, rest) = series.split_once('{').unwrap_or((series, ""));
            found == name && labels.iter().all(|label| rest.contains(label))
        };
        self.values.iter().filter(|(series, _)| fits(series)).map(|(_, value)| value).sum()
    }

    /// Names of all series, labels left out.
    pub(super) fn names(&self) -> BTreeSet<String> {
        self.values.keys().map(|series| series.split('{').next().unwrap().to_owned()).collect()
    }
}
