//! The command line.

use std::path::PathBuf;

use clap::{Args, Parser, Subcommand, ValueEnum};

/// Takes indicator events from Kafka into ClickHouse. Every setting can be given in a file (--config) and in the
/// environment (CHISO__SECTION__KEY), which wins. Exit codes: 0 done, 1 a finding or a refused input, 2 wrong usage or
/// configuration, 3 a dependency is not there.
#[derive(Parser, Debug)]
#[command(name = "chiso-ingest", version, arg_required_else_help = true)]
pub struct Cli {
    /// TOML file with settings; deploy/chiso.toml lists them all.
    #[arg(long, global = true, value_name = "FILE")]
    pub config: Option<PathBuf>,
    /// Print the settings in force, without secrets, and stop.
    #[arg(long, global = true)]
    pub print_config: bool,
    /// What to do.
    #[command(subcommand)]
    pub command: Option<Command>,
}

/// The commands.
#[derive(Subcommand, Debug)]
pub enum Command {
    /// Consume until stopped; SIGTERM or Ctrl-C stores and commits what is read first.
    Run(RunArgs),
    /// Validate a file of structured CloudEvents, one a line, without Kafka and ClickHouse; print each refusal.
    Check(CheckArgs),
    /// Show which offsets of each partition are stored; exit code 1 if there is a gap.
    Coverage(WatchArgs),
    /// Show how far each partition is stored and committed, and how much waits.
    Lag(WatchArgs),
    /// Go on with a topic that was made anew (deleted, and created again under its name): its events are read from its
    /// beginning. Stop the workers first. A topic that is gone is no longer waited for.
    Adopt(AdoptArgs),
    /// Go on without messages of a partition that expired in Kafka before they were stored.
    AcceptLoss(AcceptLossArgs),
    /// Publish a file of structured CloudEvents, one a line, with the ward code as key.
    Publish(PublishArgs),
    /// Publish refused messages again, byte for byte, after the cause is fixed; each only once.
    ReplayRejected(ReplayArgs),
}

/// Arguments of `run`.
#[derive(Args, Debug)]
pub struct RunArgs {
    /// Stop once every partition's end offset at start is stored and committed. Workers of one group share the
    /// partitions, and each of them stops when all partitions are done.
    #[arg(long)]
    pub until_caught_up: bool,
    /// Show progress on stderr: a bar on a terminal, else a line every few seconds.
    #[arg(long)]
    pub progress: bool,
}

/// Arguments of `check`.
#[derive(Args, Debug)]
pub struct CheckArgs {
    /// File of JSON lines; - reads from stdin.
    pub file: PathBuf,
    /// Directory of reference data, laid out like schemas/reference; default: reference.dir, or what is built in.
    #[arg(long, value_name = "DIR")]
    pub reference: Option<PathBuf>,
    /// Topic by which the events are to arrive; default: kafka.topic, unless that is a pattern.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
}

/// Arguments of `coverage` and `lag`.
#[derive(Args, Debug)]
pub struct WatchArgs {
    /// Topic; default: kafka.topic, also if that is a pattern.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Form of what is printed.
    #[arg(long, value_enum, default_value_t = Format::Table)]
    pub format: Format,
}

/// Form of what is printed.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Format {
    /// For people.
    Table,
    /// One JSON document.
    Json,
}

/// Arguments of `adopt`.
#[derive(Args, Debug)]
pub struct AdoptArgs {
    /// Topic.
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,
    /// Why, for those who look later.
    #[arg(long, value_name = "TEXT")]
    pub because: String,
}

/// Arguments of `accept-loss`.
#[derive(Args, Debug)]
pub struct AcceptLossArgs {
    /// Topic.
    #[arg(long, value_name = "TOPIC")]
    pub topic: String,
    /// Partition.
    #[arg(long, value_name = "PARTITION", value_parser = clap::value_parser!(i32).range(0..))]
    pub partition: i32,
    /// Why nobody can send the messages again, for those who look later.
    #[arg(long, value_name = "TEXT")]
    pub because: String,
}

/// Arguments of `publish`.
#[derive(Args, Debug)]
pub struct PublishArgs {
    /// File of JSON lines; - reads from stdin. Empty lines are skipped, all others are published, also those that
    /// will be refused.
    pub file: PathBuf,
    /// Topic; default: kafka.topic, unless that is a pattern.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Option<String>,
    /// Create the topic with that many partitions if it does not exist.
    #[arg(long, value_name = "PARTITIONS", value_parser = clap::value_parser!(i32).range(1..=10_000))]
    pub create_topic: Option<i32>,
    /// Content mode of the CloudEvents Kafka binding. In binary mode, lines that cannot be split into headers and data
    /// without changing their meaning are published structured, as they are; the summary counts them.
    #[arg(long, value_enum, default_value_t = Mode::Structured)]
    pub mode: Mode,
}

/// Arguments of `replay-rejected`. Filters are all to hold; a filter given several times selects any of its values.
#[derive(Args, Debug)]
pub struct ReplayArgs {
    /// Only those refused for this reason, such as unknown_source.
    #[arg(long, value_name = "REASON")]
    pub reason: Vec<String>,
    /// Only those of this CloudEvents source.
    #[arg(long, value_name = "SOURCE")]
    pub source: Vec<String>,
    /// Only those that arrived by this topic; they go to the topic by which they came.
    #[arg(long, value_name = "TOPIC")]
    pub topic: Vec<String>,
    /// Only those that arrived at this moment or later: 2025-10-09T08:00:00+07:00, or the begin of a local day, 2025-10-09.
    #[arg(long, value_name = "TIME")]
    pub since: Option<String>,
    /// Only those that arrived before this moment.
    #[arg(long, value_name = "TIME")]
    pub until: Option<String>,
    /// At most that many.
    #[arg(long, value_name = "COUNT")]
    pub limit: Option<u64>,
    /// Only say how many there are.
    #[arg(long)]
    pub dry_run: bool,
    /// Do not ask at a terminal.
    #[arg(long)]
    pub yes: bool,
}

/// Content mode of the CloudEvents Kafka binding.
#[derive(ValueEnum, Clone, Copy, PartialEq, Eq, Debug)]
pub enum Mode {
    /// The value is the whole event.
    Structured,
    /// Attributes are headers, the value is the data object.
    Binary,
}
