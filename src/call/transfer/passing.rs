//! A REFER that is not ours to act on: the party itself is asked to call, and its NOTIFYs are told to the transferor.

use super::ReferRequest;
use crate::call::Call;
use crate::call::context::Context;
use crate::call::leg::Purpose;
use crate::id::LegId;
use crate::sip::refer::sipfrag_status;
use crate::sip::transaction::ServerKey;
use crate::sip::{Method, Request, Response};

impl Call {
    /// Passes a REFER to whoever talks with its sender. `referred_by` is who we know the sender to be.
    pub fn pass_refer(
        &mut self,
        cx: &mut Context<'_>,
        from: LegId,
        refer: ReferRequest,
        referred_by: &str,
    ) {
        let ReferRequest { key, request } = refer;
        let call = self.id;
        let party = self.other_leg(from).and_then(|party| self.leg_mut(party));
        let Some(party) = party.filter(|party| party.is_talking()) else {
            return self.respond(cx, from, key, &request, 481);
        };
        let refer_to = request.header("Refer-To").unwrap_or_default().to_owned();
        let purpose = Purpose::PassedRefer { from, key, request };
        party.send_request(cx, call, Method::Refer, purpose, |builder| {
            builder.header("Refer-To", refer_to).header("Referred-By", referred_by)
        });
    }

    /// The party's answer to a REFER that was passed to it.
    pub(in crate::call) fn handle_passed_refer(
        &mut self,
        cx: &mut Context<'_>,
        party: LegId,
        (from, key, request): (LegId, ServerKey, &Request),
        response: &Response,
    ) {
        match response.status() {
            200..=299 => {
                self.accept_refer(cx, from, key, request);
                self.passed_to = Some(party);
            }
            // What is between us and the party is our affair.
            401 | 407 => self.respond(cx, from, key, request, 403),
            status => self.respond(cx, from, key, request, status),
        }
    }

    /// A NOTIFY inside a dialog: news of a REFER that was passed on. Nothing else was subscribed to.
    pub(in crate::call) fn handle_notify(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
    ) {
        let event = request.header("Event").unwrap_or_default();
        let is_refer =
            event.split(';').next().is_some_and(|e| e.trim().eq_ignore_ascii_case("refer"));
        if self.passed_to != Some(id) || !is_refer {
            return self.respond(cx, id, key, request, 481);
        }
        self.respond(cx, id, key, request, 200);
        let is_over = request
            .header("Subscription-State")
            .is_some_and(|state| state.trim_start().to_ascii_lowercase().starts_with("terminated"));
        if is_over {
            self.passed_to = None;
        }
        match sipfrag_status(request.body()) {
            Some(status) => self.report(cx, status),
            // It says no more, and has not said how it ended.
            None if is_over => self.report(cx, 487),
            None => {}
        }
    }

    /// Accepts a REFER: 202, and its sender is told by NOTIFY how it goes, unless it declined that (RFC 4488).
    pub fn accept_refer(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
    ) {
        let contact = self.leg(id).map(|leg| leg.contact()).unwrap_or_default();
        let mut headers = vec![("Contact", contact)];
        let declined = request
            .header("Refer-Sub")
            .is_some_and(|value| value.trim().eq_ignore_ascii_case("false"));
        if declined {
            headers.push(("Refer-Sub", "false".to_owned()));
        }
        self.respond_with(cx, id, key, request, 202, &headers, None);
        if !declined {
            self.subscribe(cx, id, request);
        }
    }
}
