//! The program `chiso-ingest`: arguments, settings, logging, the command, the exit code.

use std::io::{BufWriter, stdout};
use std::process::ExitCode;

use chiso_ingest::args::{Cli, Command};
use chiso_ingest::failure::Failure;
use chiso_ingest::{check, coverage, decisions, lag, publish, replay, run, traces};
use chiso_schemas::logging;
use chiso_schemas::settings::{Key, Settings, key};
use clap::{CommandFactory, Parser};

/// For librdkafka too, which allocates several times a message in one thread and frees in another: with the allocator of
/// glibc the worker took a quarter more time.
#[global_allocator]
static ALLOCATOR: tikv_jemallocator::Jemalloc = tikv_jemallocator::Jemalloc;

fn main() -> ExitCode {
    match execute(&Cli::parse()) {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("chiso-ingest: {failure}");
            ExitCode::from(failure.code())
        }
    }
}

fn execute(cli: &Cli) -> Result<(), Failure> {
    let settings = Settings::load(cli.config.as_deref(), needs(cli))?;
    if cli.print_config {
        print!("{settings}");
        return Ok(());
    }
    let Some(command) = &cli.command else {
        return Err(Failure::Usage(format!("say what to do\n\n{}", Cli::command().render_help())));
    };
    // Only the worker has something to trace.
    let traced = matches!(command, Command::Run(_)).then(|| traces::start(&settings.traces)).transpose()?;
    let (_sending, layer) = traced.unwrap_or_default();
    logging::init_with(&settings.log, layer).map_err(|error| Failure::Finding(format!("cannot start logging: {error}")))?;
    let runtime = tokio::runtime::Runtime::new().map_err(|error| Failure::Finding(format!("cannot start threads: {error}")))?;
    match command {
        Command::Run(args) => run::run(&settings, args, runtime.handle(), None),
        Command::Check(args) => check::check(&settings, args, &mut BufWriter::new(stdout())),
        Command::Coverage(args) => coverage::coverage(&settings, args, runtime.handle(), &mut stdout()),
        Command::Lag(args) => lag::lag(&settings, args, runtime.handle(), &mut stdout()),
        Command::Adopt(args) => decisions::adopt(&settings, args, runtime.handle()),
        Command::AcceptLoss(args) => decisions::accept_loss(&settings, args, runtime.handle()),
        Command::Publish(args) => publish::publish(&settings, args, runtime.handle()),
        Command::ReplayRejected(args) => replay::replay(&settings, args, runtime.handle()),
    }
}

/// The settings without which the command cannot work.
fn needs(cli: &Cli) -> &'static [Key] {
    match &cli.command {
        Some(
            Command::Run(_)
            | Command::Coverage(_)
            | Command::Lag(_)
            | Command::Adopt(_)
            | Command::AcceptLoss(_)
            | Command::ReplayRejected(_),
        ) => &[key::KAFKA_BROKERS, key::CLICKHOUSE_URL],
        Some(Command::Publish(_)) => &[key::KAFKA_BROKERS],
        _ => &[],
    }
}
