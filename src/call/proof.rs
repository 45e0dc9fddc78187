//! A trunk asks who we are, with a 401 or 407 to any request of a call: the same request goes again with the trunk's account,
//! and with nothing else. RFC 3261 §22.2, §22.3.

use super::Call;
use super::context::Context;
use super::early::EarlyDialogs;
use super::leg::{Purpose, State};
use crate::id::LegId;
use crate::sip::transaction::ClientKey;
use crate::sip::{Message, Method, Response, parse_datagram};
use crate::trunk::{Credentials, Fresh, again};

/// What a leg has proved so far.
#[derive(Debug, Default)]
pub(super) struct Proofs {
    /// Requests under way that carry credentials, and how often they were sent with them.
    tries: Vec<(ClientKey, u8)>,
    /// What the last INVITE was accepted with: its ACK carries the same (§22.1).
    invite: Option<Credentials>,
}

impl Proofs {
    /// The header that the ACK of an INVITE needs.
    pub(super) fn of_ack(&self) -> Option<&Credentials> {
        self.invite.as_ref()
    }

    fn take(&mut self, key: ClientKey) -> u8 {
        let place = self.tries.iter().position(|(pending, _)| *pending == key);
        place.map_or(0, |place| self.tries.swap_remove(place).1)
    }
}

impl Call {
    /// Answers a challenge. `false` when the response is none, or when it must not or cannot be answered.
    pub(super) fn prove(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ClientKey,
        response: &Response,
    ) -> bool {
        if response.status() < 200 {
            return false;
        }
        let call = self.id;
        let Some(leg) = self.leg_mut(id) else { return false };
        let tries = leg.proofs.take(key);
        if !matches!(response.status(), 401 | 407) {
            return false;
        }
        let Some(line) = leg.line.clone() else { return false };
        let Some(account) = &line.account else { return false };
        let Some(request) = cx.transactions.take_challenged(key) else { return false };
        // An INVITE that was taken back is not sent again.
        let is_first = matches!(leg.purpose(key), Some(Purpose::Invite));
        if is_first && !matches!(leg.state, State::Outgoing { .. }) {
            return false;
        }
        let method = request.method().clone();
        let (branch, cnonce) = (cx.tokens.branch(), cx.tokens.tag());
        let follow = leg.party.follow();
        let (heading, cseq) = match leg.dialog_mut().filter(|_| !is_first) {
            Some(dialog) => (dialog.heading(follow), dialog.next_cseq()),
            None => (leg.flow.into(), request.cseq().saturating_add(1)),
        };
        let fresh = Fresh { branch: &branch, cseq, cnonce: &cnonce, flow: heading.flow() };
        let proved = match again(account, &request, response, tries, fresh) {
            Ok(proved) => proved,
            Err(why) => {
                tracing::debug!(%call, leg = id.0, %why, "a challenge is not answered");
                return false;
            }
        };
        let Some(purpose) = leg.take_purpose(key) else { return false };
        if method == Method::Invite {
            leg.proofs.invite = Some(proved.credentials);
        }
        let bytes = proved.bytes;
        let fresh = cx.transactions.request(method, &branch, bytes.clone(), heading, cx.now);
        cx.owners.remove_client(key);
        cx.owners.add_client(fresh, (call, id));
        leg.requests.push((fresh, purpose));
        leg.proofs.tries.push((fresh, tries + 1));
        if is_first && let Ok(Message::Request(sent)) = parse_datagram(bytes) {
            leg.invite = Some(sent.clone());
            leg.state =
                State::Outgoing { key: fresh, invite: sent, early: EarlyDialogs::default() };
        }
        true
    }
}
