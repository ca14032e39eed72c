//! Alert rules, the dashboard and runbook pages: they name metrics that there are, and their commands work.

use std::collections::BTreeSet;
use std::fs;
use std::path::{Path, PathBuf};
use std::process::Command;
use std::sync::Arc;
use std::sync::atomic::AtomicU32;

use serde::Deserialize;
use serde_json::Value;

use tempfile::TempDir;

use super::{Page, Site, Watched};
use crate::harness::{Outgoing, World, program, wait_until};
use crate::ingest::lost_answers::{self, Line};
use crate::ingest::{SOON, events};
use crate::rollup::Scheduler;

#[derive(Deserialize)]
struct Rules {
    groups: Vec<Group>,
}

#[derive(Deserialize)]
struct Group {
    rules: Vec<Rule>,
}

#[derive(Deserialize)]
struct Rule {
    alert: String,
    expr: String,
    annotations: Annotations,
}

#[derive(Deserialize)]
struct Annotations {
    summary: String,
    runbook: String,
}

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR")).parent().unwrap()
}

fn rules() -> Vec<Rule> {
    let text = fs::read_to_string(root().join("deploy/alerts.yaml")).unwrap();
    let rules: Rules = serde_saphyr::from_str(&text).unwrap();
    rules.groups.into_iter().flat_map(|group| group.rules).collect()
}

/// The names of metrics in an expression.
fn metrics(expr: &str) -> BTreeSet<String> {
    let words = expr.split(|c: char| !(c.is_ascii_alphanumeric() || c == '_'));
    words.filter(|word| ["chiso_", "process_"].iter().any(|prefix| word.starts_with(prefix))).map(str::to_owned).collect()
}

/// A worker that has stored and refused something and tried an insert again: families without a series are not shown.
fn busy(world: &mut World) -> Watched {
    let line = Arc::new(Line { lose: AtomicU32::new(1), ..Line::default() });
    let direct = world.engines.clickhouse_url.clone();
    world.set("CLICKHOUSE__URL", lost_answers::start(&direct, &line));
    let watched = Watched::start(world);
    world.produce(&events(10, 1));
    world.produce(&[Outgoing::structured("{")]);
    wait_until("all is stored", SOON, || world.committed() == [11]);
    watched
}

/// A scheduler that has made a pass and has looked what stands.
fn rolling(world: &World, folder: &TempDir) -> (Scheduler, Site) {
    let scheduler = Scheduler::start(world, folder.path(), "scheduler");
    let site = Site::of_scheduler(&scheduler);
    wait_until("the scheduler has looked", SOON, || site.metrics().has("chiso_rollup_complete_through_seconds"));
    (scheduler, site)
}

/// What a worker and a scheduler show together.
fn shown(name: &str) -> [Page; 2] {
    let (mut world, folder) = (World::new(name, 1), TempDir::new().unwrap());
    let watched = busy(&mut world);
    let (scheduler, site) = rolling(&world, &folder);
    let pages = [watched.metrics(), site.metrics()];
    scheduler.stop();
    watched.worker.stop();
    pages
}

/// Whether one of them shows the metric. The name of a family has no suffix in its description.
fn shows(pages: &[Page], metric: &str) -> bool {
    let described = || metric.strip_suffix("_total").or(metric.strip_suffix("_bucket")).unwrap_or(metric);
    pages.iter().any(|page| page.names().contains(metric) || page.described.contains(described()))
}

#[test]
fn every_alert_names_metrics_that_there_are_and_has_a_page() {
    let page = shown("alerts");
    let (rules, index) = (rules(), fs::read_to_string(root().join("deploy/runbook/README.md")).unwrap());
    assert!(rules.len() > 10);
    let mut pages = BTreeSet::from(["README.md".to_owned(), "faults.md".to_owned()]);
    for rule in &rules {
        let used = metrics(&rule.expr);
        assert!(!used.is_empty() && !rule.annotations.summary.is_empty(), "{}", rule.alert);
        for metric in used {
            assert!(shows(&page, &metric), "{} names {metric}, which /metrics does not show", rule.alert);
        }
        let runbook = root().join(&rule.annotations.runbook);
        let text = fs::read_to_string(&runbook).unwrap_or_else(|error| panic!("{}: {error}", runbook.display()));
        assert!(text.starts_with(&format!("# {}: ", rule.alert)), "{}", runbook.display());
        for part in ["**Means.**", "**See it.**", "**Do"] {
            assert!(text.contains(part), "{} has no {part}", runbook.display());
        }
        let name = runbook.file_name().unwrap().to_str().unwrap().to_owned();
        assert!(index.contains(&format!("| {} | [{}]({name}) |", rule.alert, name.trim_end_matches(".md"))), "{name}");
        pages.insert(name);
    }
    for path in pages_of_runbook() {
        assert!(pages.contains(path.file_name().unwrap().to_str().unwrap()), "{} belongs to no alert", path.display());
    }
}

#[test]
fn the_dashboards_name_metrics_that_there_are() {
    let page = shown("panels");
    for name in ["ingest", "rollup"] {
        let text = fs::read_to_string(root().join(format!("deploy/dashboards/{name}.json"))).unwrap();
        let dashboard: Value = serde_json::from_str(&text).unwrap();
        for panel in dashboard["panels"].as_array().unwrap() {
            for target in panel["targets"].as_array().unwrap() {
                let used = metrics(target["expr"].as_str().unwrap());
                assert!(!used.is_empty(), "{panel}");
                for metric in used {
                    assert!(shows(&page, &metric), "{} names {metric}, which /metrics does not show", panel["title"]);
                }
            }
        }
    }
}

fn pages_of_runbook() -> Vec<PathBuf> {
    let folder = fs::read_dir(root().join("deploy/runbook")).unwrap();
    folder.map(|entry| entry.unwrap().path()).collect()
}

/// The commands of a page that change nothing: its blocks of `sh`.
fn commands(page: &Path) -> Vec<String> {
    let text = fs::read_to_string(page).unwrap();
    let blocks = text.split("```sh\n").skip(1).map(|block| block.split("```").next().unwrap().to_owned());
    blocks.collect()
}

#[test]
fn the_commands_of_the_runbook_work() {
    let mut world = World::new("runbook", 1);
    let (watched, folder) = (busy(&mut world), TempDir::new().unwrap());
    let (scheduler, site) = rolling(&world, &folder);
    wait_until("statistics have come", SOON, || watched.metrics().sum("chiso_ingest_kafka_broker_up", &[]) == 1.0);
    let setup = commands(&root().join("deploy/runbook/README.md"));
    let path = format!("{}:{}", program("chiso-ingest").parent().unwrap().display(), std::env::var("PATH").unwrap());
    for page in pages_of_runbook() {
        for block in commands(&page) {
            let mut bash = Command::new("bash");
            bash.args(["-euc", &format!("{}\n{block}", setup[0])]).env("PATH", &path);
            bash.env("WORKER", format!("http://{}", watched.site.0)).env("SCHEDULER", format!("http://{}", site.0));
            for (name, value) in world.command("chiso-ingest", &[]).get_envs() {
                bash.env(name, value.unwrap());
            }
            let output = bash.output().unwrap();
            let said = crate::ingest::said(&output);
            assert!(output.status.success(), "{}:\n{block}\n{said}", page.display());
            // A query may find nothing: then all is well. What all pages begin with only defines names.
            let shows = block.contains("sql ") || block == setup[0] || !output.stdout.is_empty();
            assert!(shows, "{} shows nothing:\n{block}", page.display());
        }
    }
    scheduler.stop();
    watched.worker.stop();
}
