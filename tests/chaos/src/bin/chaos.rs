//! `chaos`: injects faults for some minutes and prints what became of every message. Exit codes: 0 nothing lost, double or
//! wrong; 1 something is; 2 wrong usage; 3 the run itself failed.

use std::path::{Path, PathBuf};
use std::process::ExitCode;
use std::time::{Duration, Instant, SystemTime, UNIX_EPOCH};

use chiso_chaos::engines::Engines;
use chiso_chaos::episode::{Episode, Options};
use chiso_chaos::load::Rate;
use chiso_chaos::plan::{Size, faults};
use chiso_chaos::tally::Tally;
use clap::Parser as _;

/// Kills, pauses and lies to chiso's workers, Kafka and ClickHouse under load, and compares what is stored with the model.
#[derive(clap::Parser)]
#[command(name = "chaos")]
struct Arguments {
    /// How long; the fault that has begun by then is finished, and everything is compared.
    #[arg(long, default_value_t = 10)]
    minutes: u64,
    /// Decides the faults, their order, and the messages; default: the time.
    #[arg(long)]
    seed: Option<u64>,
    /// One episode with every cut once and one fault of each other kind.
    #[arg(long)]
    short: bool,
    /// Negative control: workers commit before they insert, and only they are killed. Something must be lost.
    #[arg(long)]
    commit_before_insert: bool,
    /// Use the engines that the environment names, and kill only workers.
    #[arg(long)]
    given_engines: bool,
    /// Print the counts as one line of JSON, too.
    #[arg(long)]
    json: bool,
    /// Keep all logs in this folder [default: a temporary one, kept when something is wrong].
    #[arg(long, value_name = "D")]
    folder: Option<PathBuf>,
}

/// Faults of one episode of a long run: its topic grows meanwhile, and every check looks at all of it.
const FAULTS: usize = 12;
/// Messages a second.
const RATE: u32 = 160;

fn main() -> ExitCode {
    let arguments = Arguments::parse();
    let mut tally = Tally { seed: arguments.seed.unwrap_or_else(by_time), ..Tally::default() };
    let begun = Instant::now();
    let folder = match &arguments.folder {
        Some(folder) => std::fs::create_dir_all(folder).map(|()| (folder.clone(), None)),
        None => tempfile::Builder::new().prefix("chiso-chaos-").tempdir().map(|folder| (folder.path().to_owned(), Some(folder))),
    };
    let (folder, temporary) = match folder {
        Ok(folder) => folder,
        Err(error) => {
            eprintln!("chaos: no folder for logs: {error}");
            return ExitCode::from(2);
        }
    };
    eprintln!("seed {}, logs in {}", tally.seed, folder.display());
    let outcome = run(&arguments, &folder, &mut tally);
    tally.took(begun.elapsed());
    println!("{tally}");
    if arguments.json {
        println!("{}", serde_json::json!(tally));
    }
    let missed = tally.missed();
    let complete = arguments.commit_before_insert || (missed.is_empty() && tally.findings.stored > 0);
    let code = match &outcome {
        Err(error) => {
            eprintln!("chaos: {error:#}");
            3
        }
        Ok(()) if !tally.findings.are_good() => 1,
        Ok(()) if !complete => {
            eprintln!("chaos: no kill landed at {missed:?}: give it more minutes");
            1
        }
        Ok(()) => 0,
    };
    if code != 0
        && let Some(temporary) = temporary
    {
        let kept = temporary.keep();
        eprintln!("chaos: logs are kept in {}; the same faults again: --seed {}", kept.display(), tally.seed);
    }
    ExitCode::from(code)
}

fn by_time() -> u64 {
    SystemTime::now().duration_since(UNIX_EPOCH).map_or(1, |since| since.as_secs() % 1_000_000)
}

fn run(arguments: &Arguments, folder: &Path, tally: &mut Tally) -> anyhow::Result<()> {
    let mut engines = if arguments.given_engines { Engines::given()? } else { Engines::start(folder)? };
    let until = Instant::now() + Duration::from_secs(60 * arguments.minutes);
    let size = match (arguments.commit_before_insert || arguments.given_engines, arguments.short) {
        (true, _) => Size::WorkersOnly,
        (false, true) => Size::Short,
        (false, false) => Size::Long,
    };
    for number in 0.. {
        let seed = tally.seed.wrapping_mul(100).wrapping_add(number);
        let plan = faults(size, tally.seed, usize::try_from(number)?, FAULTS);
        let options = Options {
            rate: Rate { seed, messages: RATE },
            workers: 2,
            commit_before_insert: arguments.commit_before_insert,
            until: (size == Size::Long).then_some(until),
        };
        let name = format!("chiso_chaos_{}_{}_{number}", tally.seed, std::process::id());
        Episode::begin(&mut engines, tally, (&name, &folder.join(&name)), options)?.run(&plan)?;
        if size != Size::Long || !tally.findings.are_good() || Instant::now() >= until {
            break;
        }
    }
    Ok(())
}
