//! `bench-rollup`: what passes, rebuilds, audits and questions cost on many stored facts, beside plain SQL and ClickHouse's own views.

use std::path::PathBuf;
use std::process::ExitCode;

use anyhow::{Context, Result};
use chiso_bench::rollup::facts::{LAST_DAY, Stock};
use chiso_bench::rollup::server::Server;
use chiso_bench::rollup::{audits, passes, queries, rebuilds, views};
use clap::Parser;

/// Measure passes by the facts stored, a rebuild, an audit, ten questions, and the same figures from ClickHouse's own views.
#[derive(Parser)]
struct Arguments {
    /// Facts stored, from the least to the most; questions are asked of the last
    #[arg(long, value_delimiter = ',', default_value = "2000000,10000000,50000000")]
    facts: Vec<u64>,
    /// Passes of each kind, rebuilds, and plain SQL
    #[arg(long, default_value_t = 3)]
    runs: usize,
    /// How often each question is asked
    #[arg(long, default_value_t = 200)]
    times: usize,
    /// Decides what the questions are about
    #[arg(long, default_value_t = 1)]
    seed: u64,
    /// Folder that keeps the engines and the facts for the next run, which goes on with those that are stored
    #[arg(long, value_name = "DIR")]
    keep: Option<PathBuf>,
    /// What is measured
    #[arg(long, value_delimiter = ',', default_value = "passes,questions,rebuilds,audits,views")]
    parts: Vec<Part>,
}

#[derive(Clone, Copy, PartialEq, Eq, clap::ValueEnum)]
enum Part {
    Passes,
    Questions,
    Rebuilds,
    Audits,
    Views,
}

fn main() -> ExitCode {
    match measure(&Arguments::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            eprintln!("bench-rollup: {error:#}");
            ExitCode::FAILURE
        }
    }
}

fn measure(arguments: &Arguments) -> Result<()> {
    let program = std::env::current_exe()?;
    let server = Server::start(program.parent().context("no folder of programs")?, arguments.keep.as_deref())?;
    let cores = std::thread::available_parallelism()?;
    println!("ClickHouse {} of chiso-local on {cores} cores\n", server.sql("default", "SELECT version()")?);
    let stocks: Vec<Stock> = arguments.facts.iter().map(|facts| Stock::of(*facts)).collect();
    let wanted = |part: Part| arguments.parts.contains(&part);
    let mut measured = Vec::new();
    for stock in &stocks {
        if !stock.is_stored(&server)? {
            store(&server, stock)?;
        }
        if wanted(Part::Passes) {
            eprintln!("passes");
            measured.push(passes::measure(&server, stock, arguments.runs)?);
        }
    }
    if wanted(Part::Passes) {
        println!("### A pass\n\n{}", passes::report(&measured));
    }
    if let Some(last) = stocks.last().filter(|_| wanted(Part::Questions)) {
        eprintln!("questions");
        println!("### Ten questions\n\n{}", queries::measure(&server, last, (arguments.seed, arguments.times))?);
    }
    if let Some(middle) = stocks.get(stocks.len() / 2).filter(|_| wanted(Part::Rebuilds)) {
        eprintln!("rebuilds");
        println!("### A rebuild\n\n{}", rebuilds::measure(&server, middle, arguments.runs)?);
    }
    if let Some(middle) = stocks.get(stocks.len() / 2).filter(|_| wanted(Part::Audits)) {
        eprintln!("audits");
        println!("### An audit\n\n{}", audits::measure(&server, middle)?);
    }
    if let Some(first) = stocks.first().filter(|_| wanted(Part::Views)) {
        eprintln!("views");
        println!("### Views of ClickHouse\n\n{}", views::measure(&server, first)?);
    }
    Ok(())
}

fn store(server: &Server, stock: &Stock) -> Result<()> {
    eprintln!("storing {} facts of {} wards", stock.facts, stock.wards);
    stock.store(server)?;
    eprintln!("first rebuild");
    let took = server.rollup(&stock.database, &["rebuild", "--today", LAST_DAY])?.took;
    eprintln!("{:.0} s; merging", took.as_secs_f64());
    stock.merge(server)
}
