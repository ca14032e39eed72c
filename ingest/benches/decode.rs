//! What an event costs between Kafka and ClickHouse, without either: judging it, keeping it, making blocks of it.
//!
//! `make bench-decode` runs it. The events are those of `schemas/events/seed-events.jsonl`, with ids of their own.
#![allow(clippy::unwrap_used, missing_docs)]

use std::hint::black_box;
use std::sync::Arc;

use chiso_ingest::batch::{Limits, Open};
use chiso_ingest::place::Place;
use chiso_ingest::reference::Generation;
use chiso_ingest::rows::Arrival;
use chiso_schemas::event::{self, Event, Message};
use chiso_schemas::reference::{Files, Reference};
use chiso_schemas::settings;
use criterion::{BatchSize, Criterion, Throughput, criterion_group, criterion_main};

const SEED: &str = include_str!("../../schemas/events/seed-events.jsonl");
const HEADERS: [(&str, &[u8]); 1] = [("content-type", b"application/cloudevents+json; charset=UTF-8")];
/// So many events make one batch.
const EVENTS: usize = 100_000;

fn lines() -> Vec<String> {
    let named = |(number, line): (usize, &str)| line.replacen("\"id\":\"", &format!("\"id\":\"{number}-"), 1);
    SEED.lines().cycle().take(EVENTS).enumerate().map(named).collect()
}

fn judge<'a>(line: &'a str, reference: &'a Reference) -> Event<'a> {
    event::decode(&Message { topic: "events", headers: &HEADERS, value: Some(line.as_bytes()) }, reference).unwrap()
}

fn filled(generation: &Arc<Generation>, lines: &[String]) -> Open {
    let settings = settings::Batch { rows_max: 1_000_000, bytes_max: u64::MAX, age_ms_max: 60_000 };
    let mut open = Open::new(Limits::new(&settings), generation, None);
    let place = Place::new("events", 0);
    for (offset, line) in (0..).zip(lines) {
        open.accept(&judge(line, &generation.reference), Arrival::new(place, offset, Some(1_750_000_000_000)));
    }
    open
}

fn bench(criterion: &mut Criterion) {
    let lines = lines();
    let generation = Arc::new(Generation::new(1, Reference::parse(&Files::embedded()).unwrap()));
    let mut group = criterion.benchmark_group("event");
    group.throughput(Throughput::Elements(EVENTS as u64)).sample_size(20);
    group.bench_function("decode and validate", |bencher| {
        bencher.iter(|| lines.iter().for_each(|line| drop(black_box(judge(line, &generation.reference)))));
    });
    group.bench_function("decode, validate and keep", |bencher| bencher.iter(|| filled(&generation, &lines).rows()));
    group.bench_function("sort, find repeats and cells", |bencher| {
        bencher.iter_batched(|| filled(&generation, &lines), |open| open.seal(Vec::new(), 0), BatchSize::PerIteration);
    });
    let sealed = filled(&generation, &lines).seal(Vec::new(), 0);
    group.bench_function("encode as Native", |bencher| {
        bencher.iter(|| {
            let mut block = sealed.events(0..sealed.rows());
            std::iter::from_fn(|| block.next_piece()).map(|piece| piece.len()).sum::<usize>()
        });
    });
    group.finish();
}

criterion_group!(benches, bench);
criterion_main!(benches);
