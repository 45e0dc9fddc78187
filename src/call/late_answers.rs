//! INVITEs of ours whose leg is gone: while their transactions live (RFC 6026 Timer M), another fork may still answer. It gets
//! its ACK and a BYE (RFC 3261 §13.2.2.4), or its user would talk to nobody.

use std::collections::VecDeque;

use super::tokens::Tokens;
use crate::sip::dialog::Dialog;
use crate::sip::transaction::{ClientKey, Transactions};
use crate::sip::{Flow, Follow, Method, Request, Response};
use crate::time::Instant;

/// How many are remembered: 64*T1 of more than a hundred calls a second.
const REMEMBERED: usize = 4_096;

/// The INVITEs of legs that are gone, oldest first.
#[derive(Debug, Default)]
pub struct LateAnswers {
    invites: VecDeque<Late>,
}

#[derive(Debug)]
struct Late {
    key: ClientKey,
    invite: Request,
    /// The tag of the dialog that was over in good order.
    answered: String,
    /// How far a name in a Contact is followed.
    follow: Follow,
    until: Instant,
}

impl LateAnswers {
    pub(super) fn remember(
        &mut self,
        key: ClientKey,
        invite: Request,
        answered: String,
        follow: Follow,
        until: Instant,
    ) {
        if self.invites.len() == REMEMBERED {
            self.invites.pop_front();
        }
        self.invites.push_back(Late { key, invite, answered, follow, until });
    }

    /// Forgets INVITEs whose transactions have ended.
    pub fn handle_timeout(&mut self, now: Instant) {
        while self.invites.pop_front_if(|late| late.until <= now).is_some() {}
    }

    /// A response whose leg is gone: the answer of another fork is acknowledged and its dialog ended.
    pub fn handle_response(
        &mut self,
        key: ClientKey,
        response: &Response,
        flow: Flow,
        transactions: &mut Transactions,
        tokens: &mut Tokens,
        now: Instant,
    ) {
        let is_answer =
            response.cseq_method() == Method::Invite && (200..300).contains(&response.status());
        let late = self.invites.iter().find(|late| late.key == key && is_answer);
        if let Some(late) = late.filter(|l| response.to_tag() != Some(l.answered.as_str())) {
            dismiss(&late.invite, response, (flow, late.follow), transactions, tokens, now);
        }
    }
}

/// Ends the dialog of a fork that answered too late: its ACK, and a BYE.
pub(super) fn dismiss(
    invite: &Request,
    response: &Response,
    (flow, follow): (Flow, Follow),
    transactions: &mut Transactions,
    tokens: &mut Tokens,
    now: Instant,
) {
    let mut other = Dialog::uac(invite, response, flow);
    let ack = other.ack(response.cseq(), &tokens.branch()).build();
    transactions.acknowledge(ack, other.heading(follow), now);
    let branch = tokens.branch();
    let bye = other.request(Method::Bye, &branch).build();
    transactions.request(Method::Bye, &branch, bye, other.heading(follow), now);
}
