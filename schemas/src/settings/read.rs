//! Settings as they are written: a file below the environment, judged key by key.

use std::collections::BTreeMap;
use std::ffi::OsString;
use std::ops::RangeInclusive;
use std::path::{Path, PathBuf};

use config::{Config, Environment, File, FileFormat, Source, Value, ValueKind};

use super::key::{self, Key, PREFIX};
use super::problems::Problem;
use super::secret::Secret;

/// The values that file and environment give, and the problems found so far.
pub(super) struct Reader {
    given: BTreeMap<String, Value>,
    needs: Vec<Key>,
    pub(super) problems: Vec<Problem>,
}

impl Reader {
    /// `needs` are the keys without which the command cannot work.
    pub(super) fn new(file: Option<&Path>, environment: impl Iterator<Item = (OsString, OsString)>, needs: &[Key]) -> Self {
        let mut reader = Self { given: BTreeMap::new(), needs: needs.to_vec(), problems: Vec::new() };
        let variables = reader.variables(environment);
        // The file first: what is set later wins.
        if let Some(path) = file {
            reader.take(File::from(path).format(FileFormat::Toml), &path.display().to_string());
        }
        let source = Environment::with_prefix(PREFIX).prefix_separator("__").separator("__").source(Some(variables));
        reader.take(source, "the environment");
        reader.refuse_unknown();
        reader
    }

    fn variables(&mut self, environment: impl Iterator<Item = (OsString, OsString)>) -> config::Map<String, String> {
        let mut variables = config::Map::new();
        for (name, value) in environment {
            let name = name.to_string_lossy().into_owned();
            if !name.starts_with(PREFIX) || !name[PREFIX.len()..].starts_with("__") {
                continue;
            }
            match value.into_string() {
                Ok(value) => _ = variables.insert(name, value),
                Err(_) => self.problems.push(Problem::at(name, "the value is not UTF-8; write it in UTF-8")),
            }
        }
        variables
    }

    fn take(&mut self, source: impl Source + Send + Sync + 'static, place: &str) {
        let values = Config::builder().add_source(source).build().and_then(|config| config.collect());
        match values {
            Ok(values) => {
                let root = Value::new(None, values);
                self.flatten(String::new(), root);
            }
            Err(error) => self.problems.push(Problem::at(place, without_quotation(&error.to_string()))),
        }
    }

    /// Sections become paths: `kafka.brokers`.
    fn flatten(&mut self, path: String, value: Value) {
        match value.kind {
            ValueKind::Table(table) => {
                for (name, inner) in table {
                    let path = if path.is_empty() { name } else { format!("{path}.{name}") };
                    self.flatten(path, inner);
                }
            }
            _ => _ = self.given.insert(path, value),
        }
    }

    fn refuse_unknown(&mut self) {
        for (path, value) in &self.given {
            if key::ALL.iter().any(|key| key.path() == *path) {
                continue;
            }
            let section = path.split('.').next().unwrap_or_default();
            let known = key::ALL.iter().filter(|key| key.section == section).map(|key| key.path()).collect::<Vec<_>>();
            let origin = value.origin().unwrap_or("the settings").to_owned();
            let what = if known.is_empty() {
                let mut sections = key::ALL.iter().map(|key| key.section).collect::<Vec<_>>();
                sections.dedup();
                format!("no such section (from {origin}); the sections are {}", sections.join(", "))
            } else {
                format!("no such key (from {origin}); the keys there are {}", known.join(", "))
            };
            self.problems.push(Problem::unknown(path, what));
        }
    }

    /// The value as text; empty, and a problem if the command needs it, when nobody gives one.
    pub(super) fn text(&mut self, key: &Key) -> String {
        self.optional(key).unwrap_or_else(|| key.default.trim_matches('"').to_owned())
    }

    /// The value as text, where one is given.
    pub(super) fn optional(&mut self, key: &Key) -> Option<String> {
        let Some(value) = self.given.get(&key.path()) else {
            if self.needs.contains(key) && key.default.is_empty() {
                self.problems.push(Problem::bad(key, "missing"));
            }
            return None;
        };
        // The value is not repeated here: it may be a secret.
        match &value.kind {
            ValueKind::String(text) if text.contains('\0') => {
                self.problems.push(Problem::bad(key, "there is a NUL character in it"));
                None
            }
            ValueKind::String(text) => Some(text.clone()),
            other => {
                self.problems.push(Problem::bad(key, format!("{} is no string", kind_name(other))));
                None
            }
        }
    }

    /// The value as a whole number within bounds.
    pub(super) fn number(&mut self, key: &Key, bounds: RangeInclusive<u64>) -> u64 {
        let parsed = match self.given.get(&key.path()).map(|value| (&value.kind, value.origin())) {
            None => key.default.parse().map_err(|_| "missing".to_owned()),
            Some((ValueKind::I64(number), _)) => u64::try_from(*number).map_err(|_| format!("{number} is negative")),
            // A variable is always text; in a file a number must be written as one.
            Some((ValueKind::String(text), Some("the environment"))) => {
                text.parse().map_err(|_| format!("{text:?} is no whole number"))
            }
            Some((other, _)) => Err(format!("{} is no whole number", kind_name(other))),
        };
        match parsed.and_then(|n| if bounds.contains(&n) { Ok(n) } else { Err(format!("{n} is out of bounds")) }) {
            Ok(number) => number,
            Err(what) => {
                self.problems.push(Problem::bad(key, what));
                *bounds.start()
            }
        }
    }

    /// One of a few words.
    pub(super) fn choice<T: Copy>(&mut self, key: &Key, all: &[T], name: impl Fn(T) -> &'static str) -> T {
        let word = self.text(key);
        let found = all.iter().find(|&&one| name(one) == word);
        self.check(key, &word, found.is_some());
        found.copied().unwrap_or(all[0])
    }

    /// A path, where one is given.
    pub(super) fn path(&mut self, key: &Key) -> Option<PathBuf> {
        let path = self.optional(key)?;
        self.check(key, &path, !path.is_empty());
        Some(path.into())
    }

    /// The path of a file that holds what PEM files mark with that word, such as `CERTIFICATE`.
    pub(super) fn pem(&mut self, key: &Key, mark: &str) -> Option<PathBuf> {
        let path = self.path(key)?;
        if let Some(text) = self.file(key, &path)
            && !text.lines().any(|line| line.starts_with("-----BEGIN ") && line.trim_end().ends_with(&format!("{mark}-----")))
        {
            self.problems.push(Problem::bad(key, format!("there is no {mark} in {}", path.display())));
        }
        Some(path)
    }

    /// A secret, itself or in a file, and that file.
    pub(super) fn secret(&mut self, key: &Key, file_key: &Key) -> (Secret, Option<PathBuf>) {
        let (given, file) = (self.optional(key), self.path(file_key));
        let secret = match (given, &file) {
            (Some(_), Some(_)) => {
                let what = format!("given beside {key}; write one of the two");
                self.problems.push(Problem::at(file_key.to_string(), what));
                String::new()
            }
            (Some(secret), None) => secret,
            (None, Some(file)) => {
                let text = self.file(file_key, file).unwrap_or_default();
                if text.contains('\0') {
                    self.problems.push(Problem::bad(file_key, format!("there is a NUL character in {}", file.display())));
                }
                text.trim_end_matches(['\r', '\n']).to_owned()
            }
            (None, None) => String::new(),
        };
        (Secret::new(secret), file)
    }

    fn file(&mut self, key: &Key, path: &Path) -> Option<String> {
        let text = std::fs::read_to_string(path);
        text.map_err(|error| self.problems.push(Problem::bad(key, format!("cannot read {}: {error}", path.display())))).ok()
    }

    /// Whether a problem with that key is known.
    pub(super) fn has_problem(&self, key: &Key) -> bool {
        self.problems.iter().any(|problem| problem.place == key.to_string())
    }

    /// Records a problem unless the value is right; the value is shown.
    pub(super) fn check(&mut self, key: &Key, value: &str, right: bool) {
        if !right {
            self.problems.push(Problem::bad(key, format!("{value:?} will not do")));
        }
    }
}

fn kind_name(kind: &ValueKind) -> &'static str {
    match kind {
        ValueKind::Nil => "nothing",
        ValueKind::Boolean(_) => "a boolean",
        ValueKind::I64(_) | ValueKind::I128(_) | ValueKind::U64(_) | ValueKind::U128(_) => "a number",
        ValueKind::Float(_) => "a number with a fraction",
        ValueKind::String(_) => "a string",
        ValueKind::Table(_) => "a section",
        ValueKind::Array(_) => "a list",
    }
}

/// A parser's message without the lines of the file that it quotes: a password may stand there.
fn without_quotation(message: &str) -> String {
    let quoted = |line: &str| line.split_once('|').is_some_and(|(before, _)| before.trim().chars().all(|c| c.is_ascii_digit()));
    message.lines().filter(|line| !quoted(line)).map(str::trim).filter(|line| !line.is_empty()).collect::<Vec<_>>().join(": ")
}
