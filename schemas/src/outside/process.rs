//! What the process itself uses, read from `/proc` at each scrape, under the names that all Prometheus clients use.

use std::fmt::Error;

use procfs::process::Process;
use prometheus_client::collector::Collector;
use prometheus_client::encoding::{DescriptorEncoder, EncodeMetric};
use prometheus_client::metrics::counter::ConstCounter;
use prometheus_client::metrics::gauge::ConstGauge;

/// Memory, processor time, files and threads of this process.
#[derive(Debug)]
pub struct ProcessMetrics;

/// One reading.
struct Reading {
    cpu_seconds: f64,
    start_seconds: f64,
    resident_bytes: u64,
    virtual_bytes: u64,
    threads: i64,
    files: u64,
    files_max: u64,
}

/// Nothing where `/proc` cannot be read: metrics never disturb the work.
fn read() -> Option<Reading> {
    let process = Process::myself().ok()?;
    let stat = process.stat().ok()?;
    let ticks = |ticks: u64| ticks as f64 / procfs::ticks_per_second() as f64;
    let files_max = match process.limits().ok()?.max_open_files.soft_limit {
        procfs::process::LimitValue::Value(limit) => limit,
        procfs::process::LimitValue::Unlimited => u64::MAX,
    };
    Some(Reading {
        cpu_seconds: ticks(stat.utime + stat.stime),
        start_seconds: procfs::boot_time_secs().ok()? as f64 + ticks(stat.starttime),
        resident_bytes: stat.rss * procfs::page_size(),
        virtual_bytes: stat.vsize,
        threads: stat.num_threads,
        files: process.fd_count().ok()? as u64,
        files_max,
    })
}

impl Collector for ProcessMetrics {
    fn encode(&self, mut encoder: DescriptorEncoder<'_>) -> Result<(), Error> {
        let Some(reading) = read() else { return Ok(()) };
        let mut show = |name: &str, help: &str, metric: &dyn EncodeMetric| {
            metric.encode(encoder.encode_descriptor(name, help, None, metric.metric_type())?)
        };
        let gauge = ConstGauge::<u64>::new;
        show("process_cpu_seconds", "Processor time used, in user and system mode.", &ConstCounter::new(reading.cpu_seconds))?;
        show("process_start_time_seconds", "Start of the process, since 1970.", &ConstGauge::new(reading.start_seconds))?;
        show("process_resident_memory_bytes", "Memory in use.", &gauge(reading.resident_bytes))?;
        show("process_virtual_memory_bytes", "Address space in use.", &gauge(reading.virtual_bytes))?;
        show("process_threads", "Threads.", &ConstGauge::new(reading.threads))?;
        show("process_open_fds", "Open file descriptors.", &gauge(reading.files))?;
        show("process_max_fds", "The limit of open file descriptors.", &gauge(reading.files_max))
    }
}
