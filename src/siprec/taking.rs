//! What the server asks of us in a session's dialog: RFC 7866 §8.2, §9.2.

use super::body::{self, METADATA_REQUEST, SDP};
use super::description::Remote;
use super::metadata::DataMode;
use super::recordings::Hands;
use super::session::{ACCEPT, ALLOW, SUPPORTED, Session, State, Unconfirmed, Up};
use crate::sip::dialog::Retransmit;
use crate::sip::transaction::{ServerKey, Transactions};
use crate::sip::{Flow, Method, Request};

impl Session {
    /// A request in the dialog.
    pub(super) fn handle_request(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: &Flow,
        hands: &mut Hands<'_, '_>,
    ) {
        let State::Up(up) = &mut self.state else {
            hands.answer(key, request, flow, 481, |response| response);
            return;
        };
        if !up.is_spoken_over(flow, hands.desk.transactions) {
            hands.answer(key, request, flow, 481, |response| response);
            return;
        }
        if up.dialog.accept_request(request).is_err() {
            hands.answer(key, request, flow, 500, |response| response);
            return;
        }
        match request.method() {
            Method::Bye => {
                hands.answer(key, request, flow, 200, |response| response);
                let said = request.header("Reason").map(|reason| format!(": {reason}"));
                self.lose(format!("it ended the recording{}", said.unwrap_or_default()), hands);
            }
            Method::Invite | Method::Update => self.handle_offer(key, request, flow, hands),
            Method::Options => {
                hands.answer(key, request, flow, 200, |response| {
                    response.header("Allow", ALLOW).header("Accept", ACCEPT)
                });
            }
            Method::Ack | Method::Cancel => {}
            Method::Info
            | Method::Refer
            | Method::Notify
            | Method::Subscribe
            | Method::Message
            | Method::Publish
            | Method::Prack
            | Method::Register => {
                hands.answer(key, request, flow, 405, |response| response.header("Allow", ALLOW));
            }
            Method::Other(_) => {
                hands.answer(key, request, flow, 501, |response| response.header("Allow", ALLOW));
            }
        }
    }

    /// A re-INVITE or UPDATE: with an offer, with a question for all the metadata, with both, or with neither.
    fn handle_offer(
        &mut self,
        key: ServerKey,
        request: &Request,
        flow: &Flow,
        hands: &mut Hands<'_, '_>,
    ) {
        let State::Up(up) = &mut self.state else { return };
        let is_invite = *request.method() == Method::Invite;
        let sdp = body::part(request.content_type(), request.body(), SDP);
        if up.change.is_some() && (is_invite || sdp.is_some()) {
            hands.answer(key, request, flow, 491, |response| response);
            return;
        }
        if up.unconfirmed.is_some() {
            hands.answer(key, request, flow, 500, |response| response.header("Retry-After", "2"));
            return;
        }
        let offer = sdp.map(Remote::parse);
        if offer == Some(None) {
            hands.answer(key, request, flow, 488, |response| response);
            return;
        }
        let offer = offer.flatten();
        if let Err(min_se_s) = self.timer.accept(request, hands.desk.now) {
            hands.answer(key, request, flow, 422, |response| {
                response.header("Min-SE", min_se_s.to_string())
            });
            return;
        }
        if let Some(contact) = request.contact() {
            up.dialog.refresh_target(contact.uri);
        }
        // RFC 7866 §8.3.2: a snapshot, in a request of ours.
        if body::part(request.content_type(), request.body(), METADATA_REQUEST).is_some() {
            self.untold = Some(DataMode::Complete);
        }
        let text = match &offer {
            Some(offer) => Some(self.description(|own, sending| own.answer(offer, sending))),
            None if is_invite => Some(self.description(|own, sending| own.offer(sending))),
            None => None,
        };
        let (contact, timer) = (self.contact(flow), self.timer);
        let bytes = hands.answer(key, request, flow, 200, |response| {
            let response = timer
                .write_answer(response)
                .header("Contact", &contact)
                .header("Supported", SUPPORTED)
                .header("Allow", ALLOW)
                .header("Accept", ACCEPT);
            match &text {
                Some(text) => response.body(SDP, text.as_bytes()),
                None => response,
            }
        });
        let offers = offer.is_none();
        if is_invite && let State::Up(up) = &mut self.state {
            let timers = &hands.desk.settings.timers;
            let resend = Retransmit::success(bytes, timers, hands.desk.now);
            up.unconfirmed = Some(Unconfirmed { cseq: request.cseq(), resend, offers });
        }
        if let Some(offer) = &offer {
            self.agree(offer, hands);
        }
    }

    /// A description of ours, which says what the terminal wants sent.
    fn description(
        &mut self,
        write: impl FnOnce(super::description::Own<'_>, [bool; 2]) -> String,
    ) -> String {
        self.count_description();
        self.offered = self.sending;
        write(self.own(), self.sending)
    }

    /// An ACK in the dialog.
    pub(super) fn handle_ack(&mut self, ack: &Request, flow: &Flow, hands: &mut Hands<'_, '_>) {
        let State::Up(up) = &mut self.state else { return };
        if !up.is_spoken_over(flow, hands.desk.transactions) {
            return;
        }
        let Some(Unconfirmed { offers, .. }) = up.unconfirmed.take_if(|it| it.cseq == ack.cseq())
        else {
            return;
        };
        let answer = body::part(ack.content_type(), ack.body(), SDP).and_then(Remote::parse);
        if let Some(answer) = answer.filter(|_| offers) {
            self.agree(&answer, hands);
        }
    }
}

impl Up {
    /// Whether what came over `flow` is the server's: over the dialog's own, or, of a server that keeps no connection, over another
    /// one from its host. A dialog follows its peer there.
    fn is_spoken_over(&mut self, flow: &Flow, transactions: &Transactions) -> bool {
        if self.dialog.owns(flow) {
            return true;
        }
        let before = self.dialog.flow();
        let returns = flow.connection.is_some()
            && flow.transport == before.transport
            && flow.remote.ip() == before.remote.ip();
        if returns && !transactions.is_open(before) {
            self.dialog.move_to(*flow);
        }
        returns
    }
}
