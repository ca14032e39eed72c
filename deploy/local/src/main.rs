//! The command line of chiso-local: Apache Kafka and ClickHouse on this machine, for trying out and for tests.

mod accounts;
mod cache;
mod clickhouse;
mod data_dir;
mod download;
mod embedded;
mod env_file;
mod kafka;
mod kafka_server;
mod ports;
mod process;
mod random;
mod requirements;
mod stop;
mod terminal;
mod up;
mod users;
mod verify;
mod xml;

use std::path::PathBuf;
use std::process::ExitCode;

use clap::{Args, Parser, Subcommand};

use crate::accounts::Account;
use crate::cache::Cache;
use crate::requirements::Missing;

/// Apache Kafka and ClickHouse on this machine, for trying out and for tests.
///
/// Exit codes: 0 done, 1 failed, 2 wrong usage, 3 something this machine needs is missing.
#[derive(Parser)]
#[command(version)]
struct Cli {
    #[command(subcommand)]
    command: Command,
}

#[derive(Subcommand)]
enum Command {
    /// Start both engines, wait until they answer, say how to reach them, and stop them on Ctrl-C.
    Up(UpOptions),
    /// Fetch and verify the engines, into $XDG_CACHE_HOME/chiso or ~/.cache/chiso, and start nothing.
    Fetch,
    /// The ClickHouse process itself: chiso-local starts it, nobody else needs it.
    #[command(hide = true)]
    ClickhouseServer {
        /// Path of libchdb.so.
        library: PathBuf,
    },
    /// Kafka alone, for tests that bring its configuration.
    #[command(hide = true)]
    KafkaServer {
        /// Folder with kafka.properties; removed at the end.
        folder: PathBuf,
        /// Users, such as SCRAM-SHA-512=[name=ann,password=secret].
        #[arg(long)]
        user: Vec<String>,
    },
}

/// What `up` is asked to do.
#[derive(Args)]
struct UpOptions {
    /// Keep all data in this folder, for the next `up` [default: a temporary folder, removed at the end].
    #[arg(long, value_name = "D")]
    dir: Option<PathBuf>,
    /// Write the settings of the programs here as shell lines, once both engines answer; removed at the end.
    #[arg(long, value_name = "F")]
    env_file: Option<PathBuf>,
    /// Start an engine again when it ends by itself or is killed, on the same ports and data; the process ids are in the env file.
    #[arg(long)]
    keep: bool,
    /// Port of Kafka [default: a free one].
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..))]
    kafka_port: Option<u16>,
    /// HTTP port of ClickHouse [default: a free one].
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..))]
    http_port: Option<u16>,
    /// Native (TCP) port of ClickHouse [default: a free one].
    #[arg(long, value_name = "P", value_parser = clap::value_parser!(u16).range(1..))]
    tcp_port: Option<u16>,
    /// ClickHouse user that sees only rows of its units, NAME=PASSWORD; may be repeated. docs/accounts.md says how it gets units.
    #[arg(long, value_name = "NAME=PASSWORD")]
    account: Vec<Account>,
    /// Topic to create if it is not there.
    #[arg(long, value_name = "NAME", default_value = up::DEFAULT_TOPIC)]
    topic: String,
    /// Partitions of that topic when it is created.
    #[arg(long, value_name = "N", default_value_t = 8, value_parser = clap::value_parser!(i32).range(1..=1000))]
    partitions: i32,
}

fn main() -> ExitCode {
    let result = match Cli::parse().command {
        Command::ClickhouseServer { library } => embedded::serve(&library),
        Command::KafkaServer { folder, user } => process::end_with_parent().and_then(|()| kafka_server::serve(&folder, &user)),
        Command::Fetch => process::end_with_parent().and_then(|()| fetch()),
        Command::Up(options) => process::end_with_parent().and_then(|()| up::up(&options)),
    };
    match result {
        Ok(()) => ExitCode::SUCCESS,
        Err(error) => {
            terminal::say(&format!("chiso-local: {error:#}"));
            ExitCode::from(if error.is::<Missing>() { 3 } else { 1 })
        }
    }
}

/// Fetches what is not yet there and names the folders.
fn fetch() -> anyhow::Result<()> {
    let engines = Cache::locate()?.ensure(&[])?;
    terminal::print(&format!("Kafka       {}\nClickHouse  {}\n", engines.kafka_lib.display(), engines.libchdb.display()));
    Ok(())
}
