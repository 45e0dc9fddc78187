//! Session timers, RFC 4028: each leg has its own, so that neither peer's habits are forced on the other.

use super::context::Context;
use super::leg::Purpose;
use super::{Call, Timer};
use crate::event::Cause;
use crate::id::LegId;
use crate::sip::dialog::{Agreement, Duty, SessionTimerSettings};
use crate::sip::{Method, Request, RequestBuilder, Response, ResponseBuilder};
use crate::time::Duration;

/// A refresh that collided or was refused is tried again after this; the session has half its interval left then.
const REFRESH_RETRY: Duration = Duration::from_secs(5);

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
}

impl SessionTimer {
    pub(super) fn new(settings: SessionTimerSettings) -> Self {
        SessionTimer { settings, min_se_s: None, demands: 0, agreement: None }
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

    pub(super) fn write_offer(&self, request: RequestBuilder) -> RequestBuilder {
        let headers = self.settings.offer(self.min_se_s, None);
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
        let Some(agreement) = self.leg(id).and_then(|leg| leg.session.agreement) else {
            return;
        };
        self.timers.set(Timer::Session(id), agreement.deadline(cx.now));
    }

    pub(super) fn handle_session_timer(&mut self, cx: &mut Context<'_>, id: LegId) {
        let call = self.id;
        let Some(leg) = self.leg_mut(id) else { return };
        let Some(agreement) = leg.session.agreement else {
            return;
        };
        if agreement.duty == Duty::Watch {
            // RFC 4028 §10: the peer owed us a refresh.
            return self.lose_leg(cx, id, Cause::Timeout);
        }
        if leg.is_negotiating() || self.exchange.is_some() {
            self.timers.set(Timer::Session(id), cx.now + REFRESH_RETRY);
            return;
        }
        let Some(leg) = self.leg_mut(id) else { return };
        let method = if leg.allows_update { Method::Update } else { Method::Invite };
        let session = leg.session.clone();
        // A re-INVITE repeats the description that is in force, so that nothing changes (RFC 4028 §7.4).
        let text = leg.local.last().cloned().filter(|_| method == Method::Invite);
        leg.send_request(cx, call, method.clone(), Purpose::Refresh { method }, |request| {
            let request = session.write_offer(request.header("Supported", super::SUPPORTED));
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
                    if let Ok(remote) = self.read_answer(id, response.body()) {
                        self.apply_remote(cx, id, remote);
                    }
                }
                self.arm_session_timer(cx, id);
            }
            // RFC 4028 §10 and RFC 3261 §12.2.1.2: these say that the dialog is gone.
            408 | 481 => self.lose_leg(cx, id, Cause::Rejected),
            status => {
                if status == 422 {
                    leg.session.lengthen(response);
                }
                self.timers.set(Timer::Session(id), cx.now + REFRESH_RETRY);
            }
        }
    }
}
