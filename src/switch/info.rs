//! SIP INFO: one of the doors to a call's streams.

use super::Switch;
use crate::call::{Call, Context, Effect, InfoRequest};
use crate::command::{Accepted, Command, Denied, Origin, Verb};
use crate::control::info::{self, InfoAnswer, InfoContent, Parsed, RecordProfile};
use crate::id::{CallId, LegId, RequestId};
use crate::time::Instant;

impl Switch {
    pub(super) fn handle_info(
        &mut self,
        call: CallId,
        leg: LegId,
        info: InfoRequest,
        now: Instant,
    ) {
        let request = &info.request;
        let content = InfoContent {
            info_package: request.header("Info-Package"),
            content_type: request.content_type(),
            record: request.header("Record"),
            body: request.body(),
        };
        match info::parse(content, &self.record_profile()) {
            Ok(Parsed::Command { request, verb }) => {
                let answer = self.carry_out(call, leg, request, verb, now);
                self.answer_info(call, leg, info, &info::answer(&answer), now);
            }
            Ok(Parsed::Dtmf { digit, duration_ms }) => {
                self.with_call(call, now, |call, cx| {
                    call.handle_dtmf_info(cx, leg, digit, duration_ms);
                    match call.can_relay_info(leg) {
                        true => call.relay_info(cx, leg, info),
                        false => call.respond(cx, leg, info.key, &info.request, 200),
                    }
                });
            }
            Ok(Parsed::Empty) => {
                self.with_call(call, now, |call, cx| {
                    call.respond(cx, leg, info.key, &info.request, 200)
                });
            }
            Ok(Parsed::Other) => {
                self.with_call(call, now, |call, cx| call.relay_info(cx, leg, info));
            }
            Err(error) => self.answer_info(call, leg, info, &error.answer(), now),
        }
    }

    /// Control by INFO needs a grant of its own.
    fn carry_out(
        &mut self,
        call: CallId,
        leg: LegId,
        request: Option<RequestId>,
        verb: Verb,
        now: Instant,
    ) -> Result<Accepted, Denied> {
        let granted = self
            .calls
            .get(&call)
            .and_then(|call| call.party(leg))
            .is_some_and(|party| party.may_control_streams);
        if !granted {
            return Err(Denied::NotPermitted);
        }
        let request = request.unwrap_or_else(|| RequestId::new(self.tokens.call_id()));
        let command = Command { request, origin: Origin::Info(leg), verb };
        self.with_call(call, now, |call, cx| call.handle_command(cx, command))
            .unwrap_or(Err(Denied::NoSuchCall))
    }

    fn answer_info(
        &mut self,
        call: CallId,
        leg: LegId,
        info: InfoRequest,
        answer: &InfoAnswer,
        now: Instant,
    ) {
        let is_type =
            |(name, _): &&(&'static str, String)| name.eq_ignore_ascii_case("Content-Type");
        let content_type = answer.headers.iter().find(is_type).map(|(_, value)| value.as_str());
        let headers: Vec<_> =
            answer.headers.iter().filter(|header| !is_type(header)).cloned().collect();
        let body = content_type.map(|content_type| (content_type, answer.body.as_slice()));
        self.with_call(call, now, |call, cx| {
            call.respond_with(cx, leg, info.key, &info.request, answer.status, &headers, body);
        });
    }

    fn record_profile(&self) -> RecordProfile {
        let configured = self.settings.call.streaming.record.clone();
        RecordProfile { start: configured.unwrap_or_default() }
    }
}

/// Tells what has just happened to the call's streams to its legs that take our package.
pub(super) fn send_notices(call: &mut Call, cx: &mut Context<'_>) {
    if !call.takes_notices() {
        return;
    }
    let told = cx.effects.iter().filter_map(|effect| match effect {
        Effect::Event(event) => info::notice(event),
        _ => None,
    });
    for body in told.collect::<Vec<_>>() {
        call.send_notice(cx, info::CONTENT_TYPE, &body);
    }
}
