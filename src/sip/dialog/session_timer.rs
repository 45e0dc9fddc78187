//! Session timers, RFC 4028: a session that nobody refreshes is over.
//!
//! ```text
//!   UAC offers     Supported: timer, Session-Expires: 1800, Min-SE: 90
//!   UAS agrees     Session-Expires: 1800;refresher=uac        or 422 with its Min-SE: the UAC offers again, longer
//!   refresher      sends re-INVITE or UPDATE at half the interval
//!   the other      sends BYE at the interval less min(32 s, a third of it)
//! ```

use std::fmt;

use thiserror::Error;

use crate::sip::{Request, Response};
use crate::time::{Duration, Instant};

/// RFC 4028 §5: the smallest interval that anybody may demand, in seconds.
const SMALLEST_MIN_SE_S: u32 = 90;

/// RFC 4028 §10: the BYE comes this long before the session expires, if a third of the interval is not less.
const BYE_MARGIN: Duration = Duration::from_secs(32);

/// Which side of a request refreshes the session.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Refresher {
    /// The side that sent the request.
    Uac,
    /// The side that answered it.
    Uas,
}

/// A Session-Expires header, RFC 4028 §4.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionExpires {
    /// The session interval in seconds.
    pub interval_s: u32,
    /// Who refreshes, once that is agreed.
    pub refresher: Option<Refresher>,
}

impl SessionExpires {
    /// Reads the value of a Session-Expires header; an unknown refresher counts as none.
    pub fn parse(value: &str) -> Option<SessionExpires> {
        let mut parts = value.split(';').map(str::trim);
        let interval_s = delta_seconds(parts.next()?)?;
        let named = parts.filter_map(|part| part.split_once('=')).find_map(|(name, value)| {
            name.trim_end().eq_ignore_ascii_case("refresher").then_some(value.trim())
        });
        let refresher = match named {
            Some(role) if role.eq_ignore_ascii_case("uac") => Some(Refresher::Uac),
            Some(role) if role.eq_ignore_ascii_case("uas") => Some(Refresher::Uas),
            Some(_) | None => None,
        };
        Some(SessionExpires { interval_s, refresher })
    }
}

impl fmt::Display for SessionExpires {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}", self.interval_s)?;
        match self.refresher {
            Some(Refresher::Uac) => f.write_str(";refresher=uac"),
            Some(Refresher::Uas) => f.write_str(";refresher=uas"),
            None => Ok(()),
        }
    }
}

/// How long sessions of ours may go without a sign of life.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct SessionTimerSettings {
    /// The interval that we ask for, in seconds.
    pub session_expires_s: u32,
    /// The smallest that we put up with, in seconds; at least 90.
    pub min_se_s: u32,
}

impl Default for SessionTimerSettings {
    fn default() -> Self {
        SessionTimerSettings { session_expires_s: 1800, min_se_s: SMALLEST_MIN_SE_S }
    }
}

/// The peer wants refreshes more often than we put up with: 422 with Min-SE.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("a session interval below {min_se_s} s")]
pub struct IntervalTooSmall {
    /// The value of the Min-SE header in the 422.
    pub min_se_s: u32,
}

/// What we have to do about a session timer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Duty {
    /// Send a re-INVITE or UPDATE at the deadline.
    Refresh,
    /// Send BYE at the deadline, unless a refresh of the peer came before.
    Watch,
}

/// A session timer as both sides know it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Agreement {
    /// The session interval in seconds.
    pub interval_s: u32,
    /// Our part.
    pub duty: Duty,
    /// Who refreshes, in the terms of the request that was answered last.
    refresher: Refresher,
    /// Whether the peer knows session timers.
    peer_knows: bool,
}

impl SessionTimerSettings {
    /// Our answer, as UAS, to an INVITE or UPDATE (RFC 4028 §9). Without a wish of the peer the session is given our own
    /// interval, and we refresh it; a peer that knows timers and names no refresher refreshes itself.
    ///
    /// # Errors
    /// When a peer that knows timers wants an interval that is too small.
    pub fn answer(&self, request: &Request) -> Result<Agreement, IntervalTooSmall> {
        let peer_knows = request.has_token("Supported", "timer");
        let offered = request.header("Session-Expires").and_then(SessionExpires::parse);
        let floor = self.floor();
        let interval_s = match offered {
            None => self.session_expires_s.max(floor).max(min_se(request.header("Min-SE"))),
            Some(offered) if offered.interval_s >= floor => offered.interval_s,
            Some(_) if peer_knows => return Err(IntervalTooSmall { min_se_s: floor }),
            // A proxy asked for it on behalf of a peer that would not understand the 422 (§8.1).
            Some(_) => floor,
        };
        let refresher = match (peer_knows, offered.and_then(|offered| offered.refresher)) {
            (false, _) | (true, Some(Refresher::Uas)) => Refresher::Uas,
            (true, Some(Refresher::Uac) | None) => Refresher::Uac,
        };
        let duty = match refresher {
            Refresher::Uas => Duty::Refresh,
            Refresher::Uac => Duty::Watch,
        };
        Ok(Agreement { interval_s, duty, refresher, peer_knows })
    }

    /// The headers of an offer of ours in an INVITE or UPDATE (RFC 4028 §7.1), beside `Supported: timer`. After a 422,
    /// `min_se_s` is [`min_se_of`](SessionTimerSettings::min_se_of) it. A refresh names the `refresher` that was agreed.
    pub fn offer(
        &self,
        min_se_s: Option<u32>,
        refresher: Option<Refresher>,
    ) -> [(&'static str, String); 2] {
        let floor = self.floor().max(min_se_s.unwrap_or(0));
        let interval_s = self.session_expires_s.max(floor);
        [
            ("Session-Expires", SessionExpires { interval_s, refresher }.to_string()),
            ("Min-SE", floor.to_string()),
        ]
    }

    /// What a 2xx to our offer means to us as UAC (RFC 4028 §7.2). A peer without timers leaves us to refresh alone.
    pub fn agree(&self, response: &Response) -> Agreement {
        let answered = response.header("Session-Expires").and_then(SessionExpires::parse);
        let Some(answered) = answered else {
            return Agreement {
                interval_s: self.session_expires_s.max(self.floor()),
                duty: Duty::Refresh,
                refresher: Refresher::Uac,
                peer_knows: false,
            };
        };
        let refresher = answered.refresher.unwrap_or(Refresher::Uac);
        let duty = match refresher {
            Refresher::Uac => Duty::Refresh,
            Refresher::Uas => Duty::Watch,
        };
        let interval_s = answered.interval_s.max(SMALLEST_MIN_SE_S);
        Agreement { interval_s, duty, refresher, peer_knows: true }
    }

    /// The interval that a 422 demands at least, in seconds.
    pub fn min_se_of(response: &Response) -> u32 {
        min_se(response.header("Min-SE"))
    }

    fn floor(&self) -> u32 {
        self.min_se_s.max(SMALLEST_MIN_SE_S)
    }
}

impl Agreement {
    /// The headers of our 2xx (RFC 4028 §9), beside `Supported: timer`.
    pub fn headers(&self) -> Vec<(&'static str, String)> {
        let expires =
            SessionExpires { interval_s: self.interval_s, refresher: Some(self.refresher) };
        let mut headers = vec![("Session-Expires", expires.to_string())];
        if self.peer_knows && self.refresher == Refresher::Uac {
            headers.push(("Require", "timer".to_owned()));
        }
        headers
    }

    /// When our duty is due, if the session was opened or last refreshed at `since`.
    pub fn deadline(&self, since: Instant) -> Instant {
        match self.duty {
            Duty::Refresh => since + self.interval() / 2,
            Duty::Watch => self.end(since),
        }
    }

    /// When the session is over if no refresh has come through, whoever owed it: the moment for our BYE (RFC 4028 §10).
    pub fn end(&self, since: Instant) -> Instant {
        let interval = self.interval();
        since + (interval - BYE_MARGIN.min(interval / 3))
    }

    /// Who refreshes, in the terms of a request of ours (RFC 4028 §7.4: a refresh keeps to what was agreed).
    pub fn refresher_of_our_request(&self) -> Refresher {
        match self.duty {
            Duty::Refresh => Refresher::Uac,
            Duty::Watch => Refresher::Uas,
        }
    }

    fn interval(&self) -> Duration {
        Duration::from_secs(u64::from(self.interval_s))
    }
}

fn min_se(value: Option<&str>) -> u32 {
    value
        .and_then(|value| delta_seconds(value.split(';').next()?.trim()))
        .unwrap_or(SMALLEST_MIN_SE_S)
}

/// A number of seconds; one that is too large for us is as good as for ever.
fn delta_seconds(text: &str) -> Option<u32> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().unwrap_or(u32::MAX))
}
