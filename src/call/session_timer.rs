//! Session timers, RFC 4028: each leg has its own, so that neither peer's habits are forced on the other.

use super::context::Context;
use super::leg::Purpose;
use super::{Call, Timer};
use crate::event::Cause;
use crate::id::LegId;
use crate::sip::dialog::{Agreement, Carrier, Duty, SessionTimerSettings, Way, glare_wait};
use crate::sip::{Method, Request, RequestBuilder, Response, ResponseBuilder};
use crate::time::{Duration, Instant};

/// A refresh that was refused is tried again after this, then after twice the time, until the session ends. One that finds another
/// exchange under way waits as long for it.
const REFRESH_RETRY: Duration = Duration::from_secs(5);
/// The longest Retry-After of a refusal that we heed.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(60);

/// How many 422 of one peer are answered by the request again: every proxy on the way may send one.
const MOST_DEMANDS: u8 = 4;

/// What a leg's peers have agreed on.
#[derive(Clone, Debug, Default)]
pub(super) struct SessionTimer {
    settings: SessionTimerSettings,
    /// What a 422 demanded.
    min_se_s: Option<u32>,
    /// How many 422 came.
    demands: u8,
    agreement: Option<Agreement>,
    /// When the session was opened or last refreshed.
    since: Instant,
    /// How many refreshes were refused since.
    refusals: u32,
}

impl SessionTimer {
    pub(super) fn new(settings: SessionTimerSettings) -> Self {
        SessionTimer { settings, ..SessionTimer::default() }
    }

    /// As UAS: whether we can agree to what an INVITE or UPDATE wants. `Err` is the status to refuse with.
    pub(super) fn check(&self, request: &Request) -> Result<(), u16> {
        self.settings.answer(request).map(|_| ()).map_err(|_| 422)
    }

    /// As UAS: takes what an INVITE or UPDATE that passed the check wants. One that is refused changes nothing (RFC 3261 §14.2).
    pub(super) fn accept(&mut self, request: &Request) {
        if let Ok(agreement) = self.settings.answer(request) {
            self.agreement = Some(agreement);
        }
    }

    /// As UAC: takes what the 2xx agreed to.
    pub(super) fn settle(&mut self, response: &Response) {
        self.agreement = Some(self.settings.agree(response));
    }

    /// As UAC: takes the demand of a 422. `false` when the same request again would be no use: the peer demands no more than
    /// we offered, or never has enough.
    pub(super) fn lengthen(&mut self, response: &Response) -> bool {
        let demanded = SessionTimerSettings::min_se_of(response);
        let more = demanded > self.min_se_s.unwrap_or(self.settings.min_se_s);
        self.min_se_s = Some(demanded);
        self.demands = self.demands.saturating_add(1);
        more && self.demands <= MOST_DEMANDS
    }

    /// In a session that has an interval and a refresher, both stay (RFC 4028 §7.4).
    pub(super) fn write_offer(&self, request: RequestBuilder) -> RequestBuilder {
        let agreed = self.agreement.map(|agreement| SessionTimerSettings {
            session_expires_s: agreement.interval_s,
            ..self.settings
        });
        let refresher = self.agreement.map(|agreement| agreement.refresher_of_our_request());
        let headers = agreed.unwrap_or(self.settings).offer(self.min_se_s, refresher);
        headers.iter().fold(request, |request, (name, value)| request.header(name, value))
    }

    pub(super) fn write_answer<'a>(&self, response: ResponseBuilder<'a>) -> ResponseBuilder<'a> {
        let headers = self.agreement.map(|agreement| agreement.headers()).unwrap_or_default();
        headers.iter().fold(response, |response, (name, value)| response.header(name, value))
    }

    /// The smallest interval that we accept, for the Min-SE of a 422.
    pub(super) fn min_se_s(&self) -> u32 {
        self.settings.min_se_s.max(90)
    }
}

impl Call {
    /// The session was opened or refreshed at this moment.
    pub(super) fn arm_session_timer(&mut self, cx: &mut Context<'_>, id: LegId) {
        if self.is_ending() {
            return;
        }
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(agreement) = leg.session.agreement else { return };
        leg.session.since = cx.now;
        leg.session.refusals = 0;
        self.timers.set(Timer::Session(id), agreement.deadline(cx.now));
    }

    pub(super) fn handle_session_timer(&mut self, cx: &mut Context<'_>, id: LegId) {
        let call = self.id;
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(agreement) = leg.session.agreement else {
            return;
        };
        let end = agreement.end(leg.session.since);
        if agreement.duty == Duty::Watch || cx.now >= end {
            // RFC 4028 §10: the peer owed us a refresh, or has refused all of ours.
            return self.lose_leg(cx, id, Cause::Timeout);
        }
        if leg.is_negotiating() || self.exchange.is_some() {
            return self.timers.set(Timer::Session(id), end.min(cx.now + REFRESH_RETRY));
        }
        // A refresh that gets no final response does not keep the session either.
        self.timers.set(Timer::Session(id), end);
        let Some(leg) = self.leg_mut(id) else { return };
        let method = if leg.allows_update { Method::Update } else { Method::Invite };
        let session = leg.session.clone();
        // A re-INVITE repeats the description that is in force, so that nothing changes (RFC 4028 §7.4).
        let text = leg.local.last().cloned().filter(|_| method == Method::Invite);
        let carrier = if method == Method::Invite { Carrier::Invite } else { Carrier::Update };
        // Nothing is open, or the refresh would have waited.
        let _ = leg.offers.take(Way::Sent, carrier, text.is_some());
        let reliability = cx.settings.reliability;
        leg.send_request(cx, call, method.clone(), Purpose::Refresh { method }, |request| {
            let request = request
                .header("Allow", reliability.allow())
                .header("Supported", reliability.supported());
            let request = session.write_offer(request);
            match &text {
                Some(text) => request.body("application/sdp", text),
                None => request,
            }
        });
    }

    pub(super) fn handle_refresh_response(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
    ) {
        let Some(leg) = self.leg_mut(id) else { return };
        match response.status() {
            200..=299 => {
                leg.session.settle(response);
                leg.refresh_target(response.contact());
                if response.cseq_method() == Method::Invite {
                    leg.acknowledge(cx, response.cseq(), None);
                    if let Ok(remote) = self.read_answer(cx, id, response.body()) {
                        self.apply_remote(cx, id, remote);
                    }
                }
                self.arm_session_timer(cx, id);
            }
            // RFC 4028 §10 and RFC 3261 §12.2.1.2: these say that the dialog is gone.
            408 | 481 => self.lose_leg(cx, id, Cause::Rejected),
            status => {
                let wait = self.wait_after_refused_refresh(cx, id, status, response);
                let Some(leg) = self.leg(id) else { return };
                let Some(agreement) = leg.session.agreement else { return };
                let end = agreement.end(leg.session.since);
                self.timers.set(Timer::Session(id), end.min(cx.now + wait));
            }
        }
    }

    /// How long to wait until a refused refresh goes again, in a form that may please the peer better.
    fn wait_after_refused_refresh(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        status: u16,
        response: &Response,
    ) -> Duration {
        let Some(leg) = self.leg_mut(id) else { return REFRESH_RETRY };
        let is_first = leg.session.refusals == 0;
        let wait = REFRESH_RETRY * 2u32.saturating_pow(leg.session.refusals.min(16));
        leg.session.refusals += 1;
        match status {
            422 if leg.session.lengthen(response) => Duration::ZERO,
            // It listed UPDATE and does not take it: a re-INVITE does as well.
            405 | 501 if leg.allows_update => {
                leg.allows_update = false;
                Duration::ZERO
            }
            491 => glare_wait(leg.owns_call_id(), |limit| cx.tokens.below(limit)),
            500 | 503 if is_first => {
                let seconds = response.header("Retry-After").and_then(|value| {
                    value.split([';', ' ', '(']).next()?.trim().parse::<u32>().ok()
                });
                let asked = seconds.map(|seconds| Duration::from_secs(u64::from(seconds)));
                asked.map_or(wait, |asked| asked.min(LONGEST_RETRY_AFTER))
            }
            _ => wait,
        }
    }
}
