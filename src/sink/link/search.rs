//! How a sink that is not there is sought: when the next attempt comes, and what each outcome is to the call.

use std::pin::Pin;
use std::time::Duration;

use backon::{BackoffBuilder as _, ExponentialBackoff, ExponentialBuilder};
use tokio::time::{Sleep, sleep};

use super::Happening;
use crate::event::Cause;
use crate::sink::outbox::Outbox;
use crate::sink::settings::Reconnect;

/// A connection that lasted this long was a real one: the next loss begins its back-off anew.
const STEADY: Duration = Duration::from_secs(1);

/// Whether the sink ever was there.
#[derive(Clone, Copy, PartialEq, Eq)]
enum Past {
    Never,
    Connected,
}

/// See the module.
pub(super) struct Search {
    reconnect: Reconnect,
    delays: ExponentialBackoff,
    past: Past,
}

/// The time until the next attempt.
pub(super) type Wait = Pin<Box<Sleep>>;

impl Search {
    pub(super) fn new(reconnect: Reconnect) -> Search {
        Search { reconnect, delays: delays(reconnect), past: Past::Never }
    }

    /// The sink is there.
    pub(super) fn handle_success(&mut self, outbox: &mut Outbox) -> Happening {
        match std::mem::replace(&mut self.past, Past::Connected) {
            Past::Never => Happening::Connected,
            Past::Connected => {
                outbox.count_reconnect();
                Happening::Back
            }
        }
    }

    /// The sink was there for as long as it `lasted`, or could not be reached at all. Without a wait there is no other attempt.
    pub(super) fn handle_failure(
        &mut self,
        lasted: Option<Duration>,
        reason: String,
    ) -> (Option<Wait>, Happening) {
        if lasted.is_some_and(|lasted| lasted >= STEADY) {
            self.delays = delays(self.reconnect);
        }
        match (self.delays.next(), lasted) {
            (Some(delay), Some(_)) => (Some(Box::pin(sleep(delay))), Happening::Lost(reason)),
            (Some(delay), None) => (Some(Box::pin(sleep(delay))), Happening::NotYet(reason)),
            (None, _) => {
                let cause = match self.past {
                    Past::Never => Cause::ConnectFailed,
                    Past::Connected => Cause::SinkLost,
                };
                (None, Happening::GaveUp(cause, reason))
            }
        }
    }
}

/// The waits before further attempts, each with chance added: a thousand streams that lost their sink at once do not come back at
/// once.
fn delays(reconnect: Reconnect) -> ExponentialBackoff {
    ExponentialBuilder::new()
        .with_jitter()
        .with_min_delay(Duration::from_millis(u64::from(reconnect.first_delay_ms)))
        .with_max_delay(Duration::from_millis(u64::from(reconnect.max_delay_ms)))
        .with_max_times(reconnect.attempts as usize)
        .build()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_thousand_streams_that_lose_their_sink_at_once_come_back_spread_over_time() {
        let reconnect = Reconnect::default();
        let firsts: Vec<Duration> = (0..1_000).filter_map(|_| delays(reconnect).next()).collect();
        let least = Duration::from_millis(reconnect.first_delay_ms.into());
        assert!(firsts.iter().all(|delay| (least..2 * least).contains(delay)));
        // In no hundredth of the spread come more than 50 of them; 10 are to be expected.
        let mut hundredths = [0; 100];
        for delay in &firsts {
            let place = (*delay - least).as_nanos() * 100 / least.as_nanos();
            hundredths[place as usize] += 1;
        }
        assert!(hundredths.iter().all(|count| *count <= 50), "{hundredths:?}");
        assert_eq!(delays(reconnect).count(), reconnect.attempts as usize);
    }

    #[tokio::test]
    async fn a_sink_that_was_never_there_is_not_reached_and_one_that_was_is_lost() {
        let once = Reconnect { attempts: 1, ..Reconnect::default() };
        let mut search = Search::new(once);
        let fail = |search: &mut Search, lasted| search.handle_failure(lasted, "why".into()).1;
        assert!(matches!(fail(&mut search, None), Happening::NotYet(_)));
        assert!(matches!(fail(&mut search, None), Happening::GaveUp(Cause::ConnectFailed, _)));
        search.past = Past::Connected;
        assert!(matches!(fail(&mut search, Some(STEADY)), Happening::Lost(_)));
        // It was there for too short a time to begin anew.
        let short = Some(Duration::from_millis(1));
        assert!(matches!(fail(&mut search, short), Happening::GaveUp(Cause::SinkLost, _)));
    }
}
