//! `chiso-rollup`: arguments, settings, logging, the command, its exit code; no logic.

mod args;

use std::io::Write;
use std::os::unix::fs::PermissionsExt;
use std::path::Path;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::Duration;

use chiso_rollup::export::{self, Selection};
use chiso_rollup::failure::Failure;
use chiso_rollup::metrics::Metrics;
use chiso_rollup::scheduler::{self, Schedule};
use chiso_rollup::{audit, compaction, findings, local_day, migrate, pass, rebuild, report, status, sweep};
use chiso_schemas::logging;
use chiso_schemas::outside::serve;
use chiso_schemas::reference::Files;
use chiso_schemas::settings::{Settings, key};
use chiso_schemas::store::Store;
use clap::{CommandFactory, Parser};
use tokio::signal::unix::{SignalKind, signal};
use tokio::sync::watch;

use args::{Args, Command, ExportArgs};

/// How long to wait for ClickHouse at the start.
const REACH_WITHIN: Duration = Duration::from_secs(20);

#[tokio::main]
async fn main() -> ExitCode {
    match command(Args::parse()).await {
        Ok(()) => ExitCode::SUCCESS,
        Err(failure) => {
            eprintln!("chiso-rollup: {failure}");
            ExitCode::from(failure.exit_code())
        }
    }
}

async fn command(args: Args) -> Result<(), Failure> {
    let needs: &[_] = if args.print_config { &[] } else { &[key::CLICKHOUSE_URL] };
    let settings = Settings::load(args.config.as_deref(), needs)?;
    if args.print_config {
        print!("{settings}");
        return Ok(());
    }
    let Some(command) = args.command else {
        return Err(Failure::Usage(Args::command().render_help().to_string()));
    };
    logging::init(&settings.log).map_err(|error| Failure::Usage(format!("cannot start logging: {error}")))?;
    let metrics = Metrics::new();
    if let (Command::Run { once: false, .. }, Some(listen)) = (&command, settings.http.listen) {
        serve(listen, Arc::new(metrics.clone())).await.map_err(Failure::Usage)?;
    }
    let store = Store::new(&settings.clickhouse)?;
    store.reachable(REACH_WITHIN).await?;
    match command {
        Command::Migrate { reference } => {
            let files = match reference.as_deref().or(settings.reference.dir.as_deref()) {
                Some(dir) => Files::read(dir)?,
                None => Files::embedded(),
            };
            print_summary(&migrate::run(&store, &files).await?)
        }
        Command::Run { once: true, today } => {
            let summary = pass::run(&store, today.unwrap_or_else(local_day)).await?;
            if let Err(error) = compaction::when_grown(&store, &settings.ledger).await {
                tracing::warn!(%error, "ledger not compacted, the next pass tries again");
            }
            print_summary(&summary)
        }
        Command::Run { once: false, today } => {
            scheduler::run(&store, Schedule { settings, today, metrics }, stop_signal()?).await
        }
        Command::Sweep => print_summary(&sweep::run(&store, &settings.retention).await?),
        Command::Rebuild { selection, today } => {
            print_summary(&rebuild::run(&store, &selection, today.unwrap_or_else(local_day)).await?)
        }
        Command::Status => status::status(&store, &mut std::io::stdout().lock()).await,
        Command::CompactLedger => print_summary(&compaction::run(&store, settings.ledger.keep_s).await?),
        Command::Export(args) => export_to(&store, args).await,
        Command::Report(args) => report::args::run(&store, args, std::io::stdout()).await,
        Command::Audit(args) => audit::command(&store, args, std::io::stdout().lock()).await,
        Command::Findings(args) => findings::list(&store, (&args, &settings), std::io::stdout().lock()).await,
    }
}

async fn export_to(store: &Store, args: ExportArgs) -> Result<(), Failure> {
    let ExportArgs { calendar, period, level, area, indicator, format, output } = args;
    let selection = Selection { calendar, periods: period, levels: level, areas: area, indicators: indicator };
    let Some(path) = output else {
        return export::run(store, &selection, format, std::io::stdout(), "standard output").await;
    };
    // Beside the target, so that the last step is one rename and nobody finds half a file.
    let failed = |cause| Failure::Output { place: path.display().to_string(), cause };
    let dir = path.parent().filter(|dir| !dir.as_os_str().is_empty()).unwrap_or(Path::new("."));
    // The umask says who may read it, as of any new file.
    let permissions = std::fs::Permissions::from_mode(0o666);
    let mut file = tempfile::Builder::new().permissions(permissions).tempfile_in(dir).map_err(failed)?;
    export::run(store, &selection, format, &mut file, &path.display().to_string()).await?;
    file.persist(&path).map_err(|error| failed(error.error))?;
    Ok(())
}

fn print_summary(summary: &impl serde::Serialize) -> Result<(), Failure> {
    let failed = |cause| Failure::Output { place: "standard output".to_owned(), cause };
    let line = serde_json::to_string(summary).map_err(|error| failed(error.into()))?;
    writeln!(std::io::stdout(), "{line}").map_err(failed)
}

/// Turns true at the first SIGTERM or SIGINT.
fn stop_signal() -> Result<watch::Receiver<bool>, Failure> {
    let failed = |error: std::io::Error| Failure::Refused(format!("cannot wait for signals: {error}"));
    let mut terminate = signal(SignalKind::terminate()).map_err(failed)?;
    let mut interrupt = signal(SignalKind::interrupt()).map_err(failed)?;
    let (sender, receiver) = watch::channel(false);
    tokio::spawn(async move {
        tokio::select! {
            _ = terminate.recv() => {}
            _ = interrupt.recv() => {}
        }
        tracing::info!("asked to stop, finishing what is begun");
        // Nobody listens any more if the work has ended by itself.
        let _ = sender.send(true);
        // Kept, so that those who wait are not told that nobody will answer.
        std::future::pending::<()>().await;
    });
    Ok(receiver)
}
