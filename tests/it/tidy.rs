//! Rules of the code that matter, as a test: headers, sizes, words, and who depends on whom.

use std::fs;
use std::path::{Path, PathBuf};

use syn::spanned::Spanned;
use syn::visit::{self, Visit};

/// Code lines of a file at most: comments, blank lines and tests are not counted.
const FILE_LINES_MAX: usize = 300;
/// Lines of a function at most.
const FUNCTION_LINES_MAX: usize = 70;
/// What is left behind in a hurry.
const LEFTOVERS: [&str; 5] = ["todo!(", "unimplemented!(", "dbg!(", "FIXME", "TODO"];
/// Names that say nothing about what is in a file.
const EMPTY_NAMES: [&str; 6] = ["utils", "util", "common", "helpers", "manager", "misc"];

fn root() -> PathBuf {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap().to_owned()
}

/// Files with one of the endings that belong to the project.
fn files(endings: &[&str]) -> Vec<PathBuf> {
    let mut found = Vec::new();
    let mut open = vec![root()];
    while let Some(dir) = open.pop() {
        for entry in fs::read_dir(dir).unwrap() {
            let path = entry.unwrap().path();
            let name = path.file_name().unwrap().to_str().unwrap();
            if path.is_dir() {
                if !matches!(name, "target" | ".git" | "node_modules") {
                    open.push(path);
                }
            } else if endings.iter().any(|ending| name.ends_with(ending)) {
                found.push(path);
            }
        }
    }
    found.sort();
    assert!(!found.is_empty(), "no file ends in {endings:?} below {}", root().display());
    found
}

/// Lines that a file's functions and test modules take.
#[derive(Default)]
struct Shape {
    functions: Vec<(String, usize, usize)>,
    test_lines: Vec<(usize, usize)>,
}

impl Shape {
    fn function(&mut self, name: &syn::Ident, item: &impl Spanned) {
        let span = item.span();
        self.functions.push((name.to_string(), span.start().line, span.end().line - span.start().line + 1));
    }
}

impl<'ast> Visit<'ast> for Shape {
    fn visit_item_fn(&mut self, item: &'ast syn::ItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_item_fn(self, item);
    }

    fn visit_impl_item_fn(&mut self, item: &'ast syn::ImplItemFn) {
        self.function(&item.sig.ident, &item.block);
        visit::visit_impl_item_fn(self, item);
    }

    fn visit_item_mod(&mut self, item: &'ast syn::ItemMod) {
        let is_test = item.attrs.iter().any(|attr| attr.path().is_ident("cfg") && quoted(attr).contains("test"));
        if is_test {
            self.test_lines.push((item.span().start().line, item.span().end().line));
        }
        visit::visit_item_mod(self, item);
    }
}

fn quoted(attr: &syn::Attribute) -> String {
    attr.meta.require_list().map(|list| list.tokens.to_string()).unwrap_or_default()
}

#[test]
fn files_and_functions_are_small_and_say_what_they_are_for() {
    let mut faults = Vec::new();
    for path in files(&[".rs"]) {
        let text = fs::read_to_string(&path).unwrap();
        let name = path.strip_prefix(root()).unwrap().display().to_string();
        let mut fault = |what: String| faults.push(format!("{name}: {what}"));
        if !text.starts_with("//! ") {
            fault("begin with a line `//! ` that says what the file is for".to_owned());
        }
        let mut shape = Shape::default();
        shape.visit_file(&syn::parse_file(&text).unwrap());
        let is_test = |line: usize| shape.test_lines.iter().any(|(first, last)| (*first..=*last).contains(&line));
        let is_code = |line: &str| !line.trim().is_empty() && !line.trim_start().starts_with("//");
        let code = (1..).zip(text.lines()).filter(|(number, line)| is_code(line) && !is_test(*number)).count();
        // Unit tests are tables of cases, as long as there are cases.
        let whole_file_is_test = name.ends_with("tests.rs") || name.contains("/tests/");
        if code > FILE_LINES_MAX && !whole_file_is_test {
            fault(format!("{code} lines of code, at most {FILE_LINES_MAX}: split it by what its parts do"));
        }
        let counts = |line: usize| !whole_file_is_test && !is_test(line);
        for (function, _, lines) in shape.functions.iter().filter(|(_, line, lines)| *lines > FUNCTION_LINES_MAX && counts(*line))
        {
            fault(format!("function {function} has {lines} lines, at most {FUNCTION_LINES_MAX}"));
        }
        if EMPTY_NAMES.contains(&path.file_stem().unwrap().to_str().unwrap()) {
            fault("name the file after what it holds".to_owned());
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn nothing_is_left_behind() {
    let mut faults = Vec::new();
    for path in files(&[".rs", ".sql", ".sh", ".toml", ".md", ".yaml", ".json", "Makefile"]) {
        if path.ends_with("tests/it/tidy.rs") {
            continue;
        }
        let text = fs::read_to_string(&path).unwrap();
        for (number, line) in (1..).zip(text.lines()) {
            let trailing = line.ends_with([' ', '\t']) && !path.ends_with("LICENSE");
            let leftover = LEFTOVERS.iter().find(|word| line.contains(*word));
            if trailing || leftover.is_some() {
                let what = leftover.map_or("white space at the end".to_owned(), |word| format!("left behind: {word}"));
                faults.push(format!("{}:{number}: {what}", path.display()));
            }
        }
    }
    assert!(faults.is_empty(), "{} faults:\n{}", faults.len(), faults.join("\n"));
}

#[test]
fn the_tables_are_the_only_interface_between_ingest_and_rollup() {
    let manifest =
        |krate: &str| -> toml::Table { fs::read_to_string(root().join(krate).join("Cargo.toml")).unwrap().parse().unwrap() };
    let depends = |krate: &str, on: &str| {
        let manifest = manifest(krate);
        ["dependencies", "dev-dependencies", "build-dependencies"]
            .iter()
            .filter_map(|table| manifest.get(*table)?.as_table())
            .any(|table| table.contains_key(on))
    };
    for (krate, other) in [
        ("ingest", "chiso-rollup"),
        ("rollup", "chiso-ingest"),
        ("schemas", "chiso-ingest"),
        ("schemas", "chiso-rollup"),
        // The model must not see the product's reading of the contract.
        ("tests", "chiso-schemas"),
        ("tests", "chiso-ingest"),
        ("tests", "chiso-rollup"),
    ] {
        assert!(!depends(krate, other), "{krate} must not depend on {other}");
    }
    assert!(depends("ingest", "chiso-schemas") && depends("rollup", "chiso-schemas"));
}
