//! Traces by OTLP: what a receiver gets, and that none of it disturbs the worker.

use std::io::{BufRead, BufReader, Read, Write};
use std::net::{TcpListener, TcpStream};
use std::sync::{Arc, Mutex};
use std::thread;
use std::time::{Duration, Instant};

use opentelemetry_proto::tonic::collector::trace::v1::ExportTraceServiceRequest;
use opentelemetry_proto::tonic::common::v1::any_value;
use opentelemetry_proto::tonic::trace::v1::Span;
use prost::Message;

use crate::harness::{World, wait_until};
use crate::ingest::{SOON, Worker, events};

/// A collector that keeps what it gets.
#[derive(Clone, Default)]
struct Collector(Arc<Mutex<Vec<Span>>>);

impl Collector {
    /// Starts it and returns its address.
    fn start(&self) -> String {
        let listener = TcpListener::bind("127.0.0.1:0").unwrap();
        let address = format!("http://{}", listener.local_addr().unwrap());
        let collector = self.clone();
        thread::spawn(move || {
            for client in listener.incoming() {
                let (collector, client) = (collector.clone(), client.unwrap());
                thread::spawn(move || while collector.take(&client) {});
            }
        });
        address
    }

    /// Takes one request; whether there was one.
    fn take(&self, mut client: &TcpStream) -> bool {
        let mut lines = BufReader::new(client);
        let (mut head, mut length) = (String::new(), 0);
        loop {
            let mut line = String::new();
            if lines.read_line(&mut line).unwrap_or_default() == 0 {
                return false;
            }
            if let Some((name, value)) = line.split_once(':')
                && name.eq_ignore_ascii_case("content-length")
            {
                length = value.trim().parse().unwrap();
            }
            if line == "\r\n" {
                break;
            }
            head += &line;
        }
        assert!(head.starts_with("POST /v1/traces ") && head.contains("application/x-protobuf"), "{head}");
        let mut body = vec![0; length];
        lines.read_exact(&mut body).unwrap();
        let request = ExportTraceServiceRequest::decode(&*body).unwrap();
        let spans = request.resource_spans.into_iter().flat_map(|spans| {
            let resource = spans.resource.unwrap();
            assert!(resource.attributes.iter().any(|named| named.key == "service.name"), "{resource:?}");
            spans.scope_spans.into_iter().flat_map(|spans| spans.spans)
        });
        self.0.lock().unwrap().extend(spans);
        client.write_all(b"HTTP/1.1 200 OK\r\ncontent-type: application/x-protobuf\r\ncontent-length: 0\r\n\r\n").is_ok()
    }

    fn spans(&self) -> Vec<Span> {
        self.0.lock().unwrap().clone()
    }
}

fn attribute(span: &Span, key: &str) -> String {
    let value = span.attributes.iter().find(|named| named.key == key).and_then(|named| named.value.clone()?.value);
    match value.unwrap_or_else(|| panic!("{key} is not in {span:?}")) {
        any_value::Value::StringValue(text) => text,
        any_value::Value::IntValue(number) => number.to_string(),
        other => panic!("{other:?}"),
    }
}

#[test]
fn a_batch_is_a_trace_of_inserts_and_a_commit() {
    let mut world = World::new("traced", 2);
    let collector = Collector::default();
    world.set("TRACES__OTLP_ENDPOINT", collector.start());
    // What is exported does not depend on what is logged.
    world.set("LOG__FILTER", "warn");
    let worker = Worker::start(&world);
    world.produce(&events(20, 2));
    wait_until("the events are committed", SOON, || world.committed() == [10, 10]);
    worker.stop();
    let spans = collector.spans();
    let names = || spans.iter().map(|span| &*span.name).collect::<Vec<_>>();
    let batch = world.sql("SELECT toString(any(batch)) FROM event_log");
    let root = spans.iter().find(|span| span.name == "batch" && attribute(span, "batch") == batch);
    let root = root.unwrap_or_else(|| panic!("{batch} is not in {:?}", names()));
    assert!(root.parent_span_id.is_empty());
    assert_eq!(attribute(root, "sealed_by"), "age");
    let inside = spans.iter().filter(|span| span.parent_span_id == root.span_id && span.trace_id == root.trace_id);
    let mut inside = inside.collect::<Vec<_>>();
    inside.sort_by_key(|span| span.start_time_unix_nano);
    let told = |span: &&Span| match &*span.name {
        "insert" => format!("{} {}", attribute(span, "table"), attribute(span, "attempt")),
        other => other.to_owned(),
    };
    assert_eq!(inside.iter().map(told).collect::<Vec<_>>(), ["event_log 1", "marks 1", "ledger 1", "commit"]);
    for span in inside {
        assert!(root.start_time_unix_nano <= span.start_time_unix_nano, "{span:?} {root:?}");
        // Commits are sent beside the pipeline, which goes on meanwhile.
        assert!(span.name == "commit" || span.end_time_unix_nano <= root.end_time_unix_nano, "{span:?} {root:?}");
    }
}

#[test]
fn a_collector_that_is_away_or_hangs_disturbs_nothing() {
    let silent = TcpListener::bind("127.0.0.1:0").unwrap();
    let gone = TcpListener::bind("127.0.0.1:0").unwrap().local_addr().unwrap();
    for endpoint in [gone, silent.local_addr().unwrap()] {
        let mut world = World::new("untraced", 1);
        world.set("TRACES__OTLP_ENDPOINT", format!("http://{endpoint}"));
        world.set("BATCH__ROWS_MAX", "10");
        let worker = Worker::start(&world);
        world.produce(&events(500, 1));
        wait_until("the events are committed", SOON, || world.committed() == [500]);
        let begun = Instant::now();
        assert_eq!(worker.stop()["stored"], 500);
        assert!(begun.elapsed() < Duration::from_secs(10), "{:?}", begun.elapsed());
    }
}
