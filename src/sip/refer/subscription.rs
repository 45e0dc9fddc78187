//! The implicit subscription of a REFER, its notifier's side: RFC 3515 §2.4.4 to §2.4.7, on RFC 6665 §4.2.
//!
//! ```text
//!            REFER              1xx, refresh             final, lapse, unsubscribe
//!   (none) --------> active ------------------> active ---------------------------> over
//! ```
//! Every arrow sends one NOTIFY. What has been told last is told again by a refresh.

use super::sipfrag;
use crate::time::{Duration, Instant};

/// A subscription that somebody's REFER made with us.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subscription {
    /// The CSeq of the REFER, which tells several of one dialog apart; `None` for the dialog's first.
    id: Option<u32>,
    /// The longest that it may be asked to last.
    lasts: Duration,
    state: State,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum State {
    Active { until: Instant, told: u16 },
    Over,
}

/// What one NOTIFY says.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Notice {
    /// The value of Event.
    pub event: String,
    /// The value of Subscription-State.
    pub state: String,
    /// The body, of type [`SIPFRAG`](super::SIPFRAG).
    pub body: String,
}

impl Subscription {
    /// A REFER was accepted: the first NOTIFY says 100 and goes at once (RFC 3515 §2.4.4).
    pub fn begin(id: Option<u32>, lasts: Duration, now: Instant) -> (Subscription, Notice) {
        let state = State::Active { until: now + lasts, told: 100 };
        let mut subscription = Subscription { id, lasts, state };
        let first = subscription.report(100, now).expect("it has just begun");
        (subscription, first)
    }

    /// Whether an Event header means this subscription: `refer`, with its id if it has one. RFC 3515 §2.4.6 lets the first REFER's
    /// be named by its CSeq too, which is `cseq`.
    pub fn is_named_by(&self, event: &str, cseq: u32) -> bool {
        let mut parts = event.split(';').map(str::trim);
        if !parts.next().is_some_and(|package| package.eq_ignore_ascii_case("refer")) {
            return false;
        }
        let id = parts
            .filter_map(|part| part.split_once('='))
            .find(|(name, _)| name.trim().eq_ignore_ascii_case("id"))
            .map(|(_, id)| id.trim().parse::<u32>().ok());
        match id {
            None => self.id.is_none(),
            Some(id) => id == Some(cseq),
        }
    }

    /// Tells how the call that was asked for goes: a final status is the last word. `None` when that has been spoken, or when it
    /// would say the same again.
    pub fn report(&mut self, status: u16, now: Instant) -> Option<Notice> {
        let State::Active { until, told } = self.state else { return None };
        if status == told && status != 100 {
            return None;
        }
        if status >= 200 {
            self.state = State::Over;
            return Some(self.notice("terminated;reason=noresource".to_owned(), status));
        }
        self.state = State::Active { until, told: status };
        Some(self.notice(format!("active;expires={}", until.since(now).as_secs()), status))
    }

    /// A SUBSCRIBE that refreshes it, or ends it with an Expires of 0. Returns the Expires of the answer and the NOTIFY that
    /// follows; `None` when it is over: 481.
    pub fn refresh(&mut self, expires_s: Option<u32>, now: Instant) -> Option<(u64, Notice)> {
        let State::Active { told, .. } = self.state else { return None };
        if expires_s == Some(0) {
            return self.lapse().map(|notice| (0, notice));
        }
        let asked = expires_s.map_or(self.lasts, |seconds| Duration::from_secs(u64::from(seconds)));
        let granted = asked.min(self.lasts);
        self.state = State::Active { until: now + granted, told };
        let seconds = granted.as_secs();
        Some((seconds, self.notice(format!("active;expires={seconds}"), told)))
    }

    /// Its time has passed, or it is not wanted any more.
    pub fn lapse(&mut self) -> Option<Notice> {
        let State::Active { told, .. } = self.state else { return None };
        self.state = State::Over;
        Some(self.notice("terminated;reason=timeout".to_owned(), told))
    }

    /// When it lapses; `None` when it is over.
    pub fn poll_timeout(&self) -> Option<Instant> {
        match self.state {
            State::Active { until, .. } => Some(until),
            State::Over => None,
        }
    }

    /// Whether its last word has been spoken.
    pub fn is_over(&self) -> bool {
        self.state == State::Over
    }

    fn notice(&self, state: String, status: u16) -> Notice {
        let event = match self.id {
            Some(id) => format!("refer;id={id}"),
            None => "refer".to_owned(),
        };
        Notice { event, state, body: sipfrag(status) }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const NOW: Instant = Instant::from_millis(1_000);
    const LASTS: Duration = Duration::from_secs(60);

    fn later(seconds: u64) -> Instant {
        NOW + Duration::from_secs(seconds)
    }

    /// One line per step: what was done, and the NOTIFY's state and status, or `-`.
    fn step(subscription: &mut Subscription, what: &str, at: Instant) -> String {
        let notice = match what.split_once(' ') {
            Some(("report", status)) => subscription.report(status.parse().expect("a status"), at),
            Some(("refresh", seconds)) => {
                subscription.refresh(seconds.parse().ok(), at).map(|(granted, notice)| {
                    assert!(granted <= LASTS.as_secs());
                    notice
                })
            }
            _ => subscription.lapse(),
        };
        let shown = notice.map_or("-".to_owned(), |notice| {
            format!("{} {}", notice.state, notice.body.split(' ').nth(1).expect("a status"))
        });
        format!("{what}: {shown}")
    }

    #[test]
    fn every_input_in_every_state_has_its_notify_or_none() {
        let inputs = [
            "report 100",
            "report 180",
            "report 200",
            "report 486",
            "refresh 30",
            "refresh 0",
            "refresh 9999",
            "refresh -",
            "lapse",
        ];
        let mut table = String::new();
        for state in ["active", "over"] {
            for input in inputs {
                let (mut subscription, _) = Subscription::begin(None, LASTS, NOW);
                if state == "over" {
                    subscription.report(200, NOW);
                }
                let told = step(&mut subscription, input, later(10));
                table += &format!(
                    "{state:<6} {told}{}\n",
                    if subscription.is_over() { " over" } else { "" }
                );
            }
        }
        expect_test::expect![[r#"
            active report 100: active;expires=50 100
            active report 180: active;expires=50 180
            active report 200: terminated;reason=noresource 200 over
            active report 486: terminated;reason=noresource 486 over
            active refresh 30: active;expires=30 100
            active refresh 0: terminated;reason=timeout 100 over
            active refresh 9999: active;expires=60 100
            active refresh -: active;expires=60 100
            active lapse: terminated;reason=timeout 100 over
            over   report 100: - over
            over   report 180: - over
            over   report 200: - over
            over   report 486: - over
            over   refresh 30: - over
            over   refresh 0: - over
            over   refresh 9999: - over
            over   refresh -: - over
            over   lapse: - over
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn the_first_notify_says_100_and_the_same_progress_is_not_told_twice() {
        let (mut subscription, first) = Subscription::begin(Some(7), LASTS, NOW);
        assert_eq!(first.event, "refer;id=7");
        assert_eq!(first.state, "active;expires=60");
        assert_eq!(first.body, "SIP/2.0 100 Trying\r\n");
        assert!(subscription.report(180, NOW).is_some());
        assert_eq!(subscription.report(180, NOW), None);
        assert_eq!(subscription.poll_timeout(), Some(later(60)));
    }

    #[test]
    fn several_of_one_dialog_are_told_apart_by_the_refer_s_cseq() {
        let (first, _) = Subscription::begin(None, LASTS, NOW);
        let (second, _) = Subscription::begin(Some(3), LASTS, NOW);
        for (event, is_first, is_second) in [
            ("refer", true, false),
            ("REFER ; id=2", true, false),
            ("refer;id=3", false, true),
            ("refer;id=4", false, false),
            ("refer;id=x", false, false),
            ("presence", false, false),
            ("", false, false),
        ] {
            assert_eq!(first.is_named_by(event, 2), is_first, "{event}");
            assert_eq!(second.is_named_by(event, 3), is_second, "{event}");
        }
    }
}
