//! The session timer of a recording session, RFC 4028: without a sign of life of its server it is over.

use crate::sip::dialog::{Agreement, Duty, SessionTimerSettings};
use crate::sip::{Request, RequestBuilder, Response, ResponseBuilder};
use crate::time::{Duration, Instant};

/// A refresh that came to nothing, or could not be sent, is tried again after this.
const RETRY: Duration = Duration::from_secs(5);
/// How many 422 are answered by the request again: every proxy on the way may send one.
const MOST_DEMANDS: u8 = 4;

/// What both sides have agreed on.
#[derive(Clone, Copy, Debug)]
pub(super) struct SessionTimer {
    settings: SessionTimerSettings,
    /// What a 422 demanded.
    min_se_s: Option<u32>,
    demands: u8,
    agreed: Option<Agreed>,
}

#[derive(Clone, Copy, Debug)]
struct Agreed {
    agreement: Agreement,
    /// When the session was opened or last refreshed.
    since: Instant,
    /// When something is due.
    next: Instant,
}

/// What is due.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Due {
    /// A refresh of ours.
    Refresh,
    /// The end: the server owed us a refresh, or took none of ours.
    End,
}

impl SessionTimer {
    pub(super) const fn new(settings: SessionTimerSettings) -> SessionTimer {
        SessionTimer { settings, min_se_s: None, demands: 0, agreed: None }
    }

    /// The headers of an INVITE of ours. In a session that has an interval and a refresher, both stay (RFC 4028 §7.4).
    pub(super) fn write_offer(&self, request: RequestBuilder) -> RequestBuilder {
        let agreement = self.agreed.map(|agreed| agreed.agreement);
        let settings = agreement.map_or(self.settings, |agreement| SessionTimerSettings {
            session_expires_s: agreement.interval_s,
            ..self.settings
        });
        let refresher = agreement.map(|agreement| agreement.refresher_of_our_request());
        let headers = settings.offer(self.min_se_s, refresher);
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    /// The headers of a 2xx of ours.
    pub(super) fn write_answer<'r>(&self, response: ResponseBuilder<'r>) -> ResponseBuilder<'r> {
        let headers = self.agreed.map(|agreed| agreed.agreement.headers()).unwrap_or_default();
        headers.iter().fold(response, |response, (name, value)| response.header(name, value))
    }

    /// Takes the demand of a 422. `false` when the same request again would be no use.
    pub(super) fn lengthen(&mut self, response: &Response) -> bool {
        let demanded = SessionTimerSettings::min_se_of(response);
        let more = demanded > self.min_se_s.unwrap_or(self.settings.min_se_s);
        self.min_se_s = Some(demanded);
        self.demands = self.demands.saturating_add(1);
        more && self.demands <= MOST_DEMANDS
    }

    /// Takes what a 2xx of the server agreed to.
    pub(super) fn settle(&mut self, response: &Response, now: Instant) {
        self.begin(self.settings.agree(response), now);
    }

    /// Takes what a re-INVITE or UPDATE of the server wants, or gives the value of Min-SE in the 422.
    pub(super) fn accept(&mut self, request: &Request, now: Instant) -> Result<(), u32> {
        let agreement = self.settings.answer(request).map_err(|error| error.min_se_s)?;
        self.begin(agreement, now);
        Ok(())
    }

    fn begin(&mut self, agreement: Agreement, now: Instant) {
        self.agreed = Some(Agreed { agreement, since: now, next: agreement.deadline(now) });
    }

    /// When something is due.
    pub(super) fn deadline(&self) -> Option<Instant> {
        self.agreed.map(|agreed| agreed.next)
    }

    /// What is due by now. A refresh is due again until the session is refreshed or over.
    pub(super) fn poll_due(&mut self, now: Instant) -> Option<Due> {
        let agreed = self.agreed.as_mut().filter(|agreed| agreed.next <= now)?;
        let end = agreed.agreement.end(agreed.since);
        if agreed.agreement.duty == Duty::Watch || now >= end {
            return Some(Due::End);
        }
        agreed.next = end.min(now + RETRY);
        Some(Due::Refresh)
    }
}
