//! Which faults happen, in which order: decided by a seed alone.

use std::fmt;
use std::time::Duration;

use chiso_ingest::probe::Cut;
use rand::rngs::SmallRng;
use rand::seq::SliceRandom as _;
use rand::{RngExt as _, SeedableRng as _};

/// Who is killed or paused.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Victim {
    /// The worker whose batch is at the cut.
    Worker,
    /// ClickHouse.
    ClickHouse,
    /// Kafka.
    Kafka,
}

impl Victim {
    /// All of them.
    pub const ALL: [Self; 3] = [Self::Worker, Self::ClickHouse, Self::Kafka];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Worker => "worker",
            Self::ClickHouse => "clickhouse",
            Self::Kafka => "kafka",
        }
    }
}

/// What the line between a worker and ClickHouse does to requests.
#[derive(Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Debug)]
pub enum Manner {
    /// Every piece takes its time.
    Slow,
    /// Nobody listens.
    Refused,
    /// The request arrives whole, its answer is lost, and the connection is reset.
    AnswerLost,
    /// The line itself answers 503.
    Unavailable,
    /// Half of the answer arrives.
    HalfAnswer,
}

impl Manner {
    /// All of them.
    pub const ALL: [Self; 5] = [Self::Slow, Self::Refused, Self::AnswerLost, Self::Unavailable, Self::HalfAnswer];

    /// Its name in tables.
    pub fn name(self) -> &'static str {
        match self {
            Self::Slow => "slow",
            Self::Refused => "refused",
            Self::AnswerLost => "answer lost, reset",
            Self::Unavailable => "503",
            Self::HalfAnswer => "half an answer",
        }
    }
}

/// One fault.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Fault {
    /// kill -9 while the n-th batch from now is at the cut.
    Kill(Victim, Cut, u32),
    /// kill -9 after that time, wherever the batches are.
    KillAtRandom(Victim, Duration),
    /// SIGSTOP while a batch is at the cut, SIGCONT after that time. A worker is out of its group by then, wakes up and
    /// goes on.
    Pause(Victim, Cut, Duration),
    /// SIGSTOP of a static member at the cut, while another worker takes its name; then it wakes up.
    Replace(Cut),
    /// One more worker joins the group.
    Join,
    /// A worker is asked to stop (SIGTERM).
    Leave,
    /// One worker stops while another joins.
    Swap,
    /// ClickHouse can only be reached over a bad line, for that time.
    Line(Manner, Duration),
}

/// Whole sentences, for the log of a run.
impl fmt::Display for Fault {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Kill(victim, cut, nth) => write!(f, "kill -9 of {} at cut {} of batch {nth}", victim.name(), cut.name()),
            Self::KillAtRandom(victim, after) => {
                write!(f, "kill -9 of {} at random, after {} ms", victim.name(), after.as_millis())
            }
            Self::Pause(victim, cut, time) => {
                write!(f, "SIGSTOP of {} at cut {} for {} ms", victim.name(), cut.name(), time.as_millis())
            }
            Self::Replace(cut) => write!(f, "SIGSTOP of a worker at cut {} while another takes its name", cut.name()),
            Self::Join => f.write_str("a worker joins"),
            Self::Leave => f.write_str("a worker is asked to stop"),
            Self::Swap => f.write_str("a worker is asked to stop while another joins"),
            Self::Line(manner, time) => write!(f, "line to clickhouse: {} for {} ms", manner.name(), time.as_millis()),
        }
    }
}

/// How much of the plan a run makes.
#[derive(Clone, Copy, PartialEq, Eq, Debug)]
pub enum Size {
    /// Every cut once with one victim, and one fault of each other kind: for every `make test`.
    Short,
    /// Decks of everything, shuffled, for as long as there is time.
    Long,
    /// Kills of workers only: for engines that are not ours to kill.
    WorkersOnly,
}

/// How long a worker is stopped: longer than the session of six seconds.
const ZOMBIE: Duration = Duration::from_millis(8_500);
/// Batches that may pass before one is held.
const NTH_MAX: u32 = 4;

/// The faults of one episode; the same for the same seed and number.
pub fn faults(size: Size, seed: u64, episode: usize, count: usize) -> Vec<Fault> {
    match size {
        Size::Short => short(&mut SmallRng::seed_from_u64(seed)),
        Size::WorkersOnly => {
            let mut dice = SmallRng::seed_from_u64(seed);
            [Cut::MidInsert, Cut::Sealed, Cut::MidInsert].map(|cut| kill(&mut dice, Victim::Worker, cut)).to_vec()
        }
        Size::Long => {
            // Episodes deal from one endless row of decks.
            let mut dice = SmallRng::seed_from_u64(seed);
            let mut dealt = Vec::new();
            while dealt.len() < (episode + 1) * count {
                dealt.extend(deck(&mut dice));
            }
            dealt[episode * count..][..count].to_vec()
        }
    }
}

fn kill(dice: &mut SmallRng, victim: Victim, cut: Cut) -> Fault {
    Fault::Kill(victim, cut, dice.random_range(1..=NTH_MAX))
}

fn millis(dice: &mut SmallRng, from: u64, to: u64) -> Duration {
    Duration::from_millis(dice.random_range(from..=to))
}

fn short(dice: &mut SmallRng) -> Vec<Fault> {
    let first = dice.random_range(0..Victim::ALL.len());
    let victims = Victim::ALL.into_iter().cycle().skip(first);
    let mut faults = Cut::ALL.into_iter().zip(victims).map(|(cut, victim)| kill(dice, victim, cut)).collect::<Vec<_>>();
    faults.push(Fault::KillAtRandom(Victim::Worker, millis(dice, 0, 1_000)));
    faults.push(Fault::Pause(Victim::Worker, Cut::Sealed, ZOMBIE));
    faults.push(Fault::Swap);
    faults.push(Fault::Line(Manner::AnswerLost, Duration::from_millis(1_500)));
    faults.shuffle(dice);
    faults
}

/// Every cut with every victim, and some of everything else.
fn deck(dice: &mut SmallRng) -> Vec<Fault> {
    let mut deck = Vec::new();
    for victim in Victim::ALL {
        deck.extend(Cut::ALL.map(|cut| kill(dice, victim, cut)));
        for _ in 0..2 {
            deck.push(Fault::KillAtRandom(victim, millis(dice, 0, 2_000)));
        }
    }
    let mut pick = |cuts: &[Cut]| cuts[dice.random_range(0..cuts.len())];
    deck.push(Fault::Pause(Victim::Worker, pick(&Cut::ALL), ZOMBIE));
    deck.push(Fault::Replace(pick(&[Cut::Sealed, Cut::Inserted, Cut::BeforeCommit])));
    let (victim, cut) =
        ([Victim::ClickHouse, Victim::Kafka][dice.random_range(0..2)], Cut::ALL[dice.random_range(0..Cut::ALL.len())]);
    deck.push(Fault::Pause(victim, cut, millis(dice, 1_000, 7_000)));
    deck.extend([Fault::Join, Fault::Leave, Fault::Swap]);
    let mut manners = Manner::ALL;
    manners.shuffle(dice);
    deck.extend(manners.into_iter().take(3).map(|manner| Fault::Line(manner, millis(dice, 500, 3_000))));
    deck.shuffle(dice);
    deck
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_plans_the_same() {
        for size in [Size::Short, Size::Long, Size::WorkersOnly] {
            assert_eq!(faults(size, 7, 1, 9), faults(size, 7, 1, 9));
        }
        assert_ne!(faults(Size::Long, 7, 0, 9), faults(Size::Long, 8, 0, 9));
        assert_ne!(faults(Size::Long, 7, 0, 9), faults(Size::Long, 7, 1, 9));
    }

    #[test]
    fn a_short_plan_kills_at_every_cut_and_every_victim_twice() {
        for seed in 0..20 {
            let plan = faults(Size::Short, seed, 0, 0);
            for wanted in Cut::ALL {
                assert!(plan.iter().any(|fault| matches!(fault, Fault::Kill(_, cut, _) if *cut == wanted)), "{wanted:?}");
            }
            for wanted in Victim::ALL {
                let kills = plan.iter().filter(|fault| matches!(fault, Fault::Kill(victim, ..) if *victim == wanted)).count();
                assert_eq!(kills, 2, "{wanted:?}");
            }
        }
    }

    #[test]
    fn a_deck_kills_every_victim_at_every_cut() {
        let deck = deck(&mut SmallRng::seed_from_u64(1));
        for (victim, cut) in Victim::ALL.into_iter().flat_map(|victim| Cut::ALL.map(|cut| (victim, cut))) {
            assert!(deck.iter().any(|fault| matches!(fault, Fault::Kill(v, c, _) if (*v, *c) == (victim, cut))));
        }
    }
}
