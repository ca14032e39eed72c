//! Tries something at ClickHouse again as long as that can help: what the fault calls for decides for how long, and how
//! often. Nothing here looks at the clock of the machine; pauses and bounds are spans.

use std::future::Future;
use std::time::{Duration, Instant};

use chiso_schemas::store::{Fault, Store, StoreError};
use clickhouse::error::Result as ClientResult;
use tracing::{Instrument, error, error_span, info, warn};

use crate::metrics::Metrics;

/// The first pause, twice as long after each failure up to [`LONGEST_PAUSE`].
const FIRST_PAUSE: Duration = Duration::from_millis(100);
/// So late at most does a worker notice that ClickHouse is back.
const LONGEST_PAUSE: Duration = Duration::from_secs(10);
/// The same for a disk that is full, which every attempt makes a little fuller until it is noticed.
const FIRST_WAIT: Duration = Duration::from_secs(1);
const LONGEST_WAIT: Duration = Duration::from_secs(60);
/// How long an error of which nothing is known may stay before a person must look at it.
const UNLISTED_MAX: Duration = Duration::from_secs(300);

/// Tries to insert into a table until it succeeds, and tells the metrics, if there are any, of each attempt.
///
/// # Errors
/// What trying again cannot help: a fault that calls for a person, one of the data, or an unlisted one that stayed for
/// five minutes.
pub async fn retry<T, F>(
    store: &Store,
    metrics: Option<&Metrics>,
    table: &'static str,
    attempt: impl Fn() -> F,
) -> Result<T, StoreError>
where
    F: Future<Output = ClientResult<T>> + Send,
{
    let mut tries = Tries::default();
    loop {
        let (begun, span) = (Instant::now(), error_span!("insert", table, attempt = tries.failures + 1));
        let result = attempt().instrument(span.clone()).await;
        if let Some(metrics) = metrics {
            metrics.inserted(table, begun.elapsed(), result.is_ok());
        }
        let cause = match result {
            Ok(done) => {
                if tries.failures > 0 {
                    span.in_scope(|| info!(failures = tries.failures, "insert succeeded after retries"));
                }
                return Ok(done);
            }
            Err(cause) => cause,
        };
        let error = store.during(format!("insert into {table}"))(cause);
        let Some(pause) = tries.after(error.fault(), Instant::now()) else { return Err(error) };
        if let Some(metrics) = metrics {
            metrics.retried(table, &error);
        }
        span.in_scope(|| tell(&error, tries.failures, pause));
        // It ends with the attempt, so that a trace shows the pause as one.
        drop(span);
        tokio::time::sleep(pause).await;
    }
}

fn tell(error: &StoreError, failures: u32, pause: Duration) {
    let (code, pause_ms) = (error.code(), pause.as_millis());
    match error.fault() {
        Fault::Wait => error!(?code, failures, pause_ms, %error, "clickhouse has no room, waiting with the same token"),
        _ => warn!(?code, failures, pause_ms, %error, "insert failed, retrying with the same token"),
    }
}

/// The failures of one thing that is tried.
#[derive(Default)]
struct Tries {
    failures: u32,
    unlisted_since: Option<Instant>,
}

impl Tries {
    /// Notes a failure. Yields the pause before the next attempt, or `None` if there must not be one.
    fn after(&mut self, fault: Fault, now: Instant) -> Option<Duration> {
        match fault {
            Fault::Stop | Fault::Bisect => return None,
            Fault::Unlisted if now - *self.unlisted_since.get_or_insert(now) >= UNLISTED_MAX => return None,
            Fault::Unlisted => {}
            Fault::Retry | Fault::Wait => self.unlisted_since = None,
        }
        self.failures = self.failures.saturating_add(1);
        Some(pause(fault, self.failures))
    }
}

/// The pause after so many failures: twice as long each time up to the longest, and by chance up to half of it shorter, so that workers spread.
pub fn pause(fault: Fault, failures: u32) -> Duration {
    let (first, longest) = if fault == Fault::Wait { (FIRST_WAIT, LONGEST_WAIT) } else { (FIRST_PAUSE, LONGEST_PAUSE) };
    let full = first.saturating_mul(1 << (failures.max(1) - 1).min(16)).min(longest);
    rand::random_range(full / 2..=full)
}

#[cfg(test)]
mod tests {
    use std::collections::BTreeSet;

    use super::*;

    /// Fails again and again in the same way; yields how often it was tried and for how long, `hours` at most.
    fn tried(fault: Fault, hours: u64) -> (u32, Duration) {
        let (mut tries, begun, limit) = (Tries::default(), Instant::now(), Duration::from_secs(hours * 3_600));
        let mut now = begun;
        while now - begun < limit
            && let Some(pause) = tries.after(fault, now)
        {
            now += pause;
        }
        (tries.failures, now - begun)
    }

    #[test]
    fn what_passes_is_tried_for_as_long_as_it_takes() {
        for (fault, longest) in [(Fault::Retry, LONGEST_PAUSE), (Fault::Wait, LONGEST_WAIT)] {
            let (failures, took) = tried(fault, 24);
            assert!(took >= Duration::from_secs(24 * 3_600), "{fault:?}: {took:?}");
            assert!(took < longest * failures && took > longest * failures / 2, "{fault:?}: {failures} in {took:?}");
        }
    }

    #[test]
    fn what_a_person_must_change_and_what_is_a_fault_of_data_is_not_tried_again() {
        assert_eq!(tried(Fault::Stop, 1), (0, Duration::ZERO));
        assert_eq!(tried(Fault::Bisect, 1), (0, Duration::ZERO));
    }

    #[test]
    fn what_nobody_knows_is_tried_for_five_minutes() {
        let (failures, took) = tried(Fault::Unlisted, 1);
        assert!(took >= UNLISTED_MAX && took < UNLISTED_MAX + LONGEST_PAUSE && failures > 30, "{took:?}, {failures}");
        let (mut tries, begun) = (Tries::default(), Instant::now());
        for fault in [Fault::Unlisted, Fault::Retry, Fault::Unlisted] {
            assert!(tries.after(fault, begun).is_some());
        }
        // Only what stays without a break counts.
        assert!(tries.after(Fault::Retry, begun + UNLISTED_MAX).is_some());
        assert!(tries.after(Fault::Unlisted, begun + 2 * UNLISTED_MAX).is_some());
        assert!(tries.after(Fault::Unlisted, begun + 3 * UNLISTED_MAX).is_none());
    }

    #[test]
    fn pauses_grow_to_a_bound_and_are_not_all_the_same() {
        for (fault, first, longest) in [
            (Fault::Retry, FIRST_PAUSE, LONGEST_PAUSE),
            (Fault::Unlisted, FIRST_PAUSE, LONGEST_PAUSE),
            (Fault::Wait, FIRST_WAIT, LONGEST_WAIT),
        ] {
            for failures in 1..200 {
                let full = first.saturating_mul(1 << (failures - 1).min(20)).min(longest);
                assert!((full / 2..=full).contains(&pause(fault, failures)), "{fault:?} {failures}");
            }
            let long = (0..50).map(|_| pause(fault, 30)).collect::<BTreeSet<_>>();
            assert!(long.len() > 1);
        }
    }
}
