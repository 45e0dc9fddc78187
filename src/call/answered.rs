//! INVITEs of ours that were answered by a 2xx: while their transactions live (RFC 6026 Timer M), the same 2xx may come again
//! and wants its ACK again, and a fork may send another.

use std::collections::VecDeque;

use bytes::Bytes;

use super::context::Context;
use super::{Call, Timer};
use crate::id::LegId;
use crate::sip::Heading;
use crate::sip::transaction::ClientKey;
use crate::time::Instant;

/// How many INVITEs of one leg are remembered: more than any dialog has in 64*T1, for one has to end before the next begins.
const REMEMBERED: usize = 16;

/// The INVITEs of a leg that got their 2xx, oldest first.
#[derive(Debug, Default)]
pub(super) struct AnsweredInvites {
    invites: VecDeque<Answered>,
}

#[derive(Debug)]
struct Answered {
    key: ClientKey,
    cseq: u32,
    /// When the transaction ends, and no 2xx of it reaches us any more.
    until: Instant,
    /// The ACK as it was sent, unless it still waits for its answer.
    ack: Option<(Heading, Bytes)>,
}

impl AnsweredInvites {
    /// Remembers one more. Returns the one that is forgotten for it.
    fn add(&mut self, key: ClientKey, cseq: u32, until: Instant) -> Option<ClientKey> {
        let forgotten =
            if self.invites.len() == REMEMBERED { self.invites.pop_front() } else { None };
        // Most legs have one.
        self.invites.reserve_exact(1);
        self.invites.push_back(Answered { key, cseq, until, ack: None });
        forgotten.map(|answered| answered.key)
    }

    /// Remembers the ACK of the INVITE with this CSeq.
    pub(super) fn acknowledged(&mut self, cseq: u32, heading: Heading, bytes: Bytes) {
        if let Some(answered) = self.invites.iter_mut().rev().find(|invite| invite.cseq == cseq) {
            answered.ack = Some((heading, bytes));
        }
    }

    /// The ACK that the INVITE with this CSeq got.
    pub(super) fn ack(&self, cseq: u32) -> Option<(Heading, Bytes)> {
        self.invites.iter().rev().find(|invite| invite.cseq == cseq)?.ack.clone()
    }

    /// Forgets all of them, and tells until when another 2xx may come.
    pub(super) fn drain(&mut self) -> impl Iterator<Item = (ClientKey, u32, Instant)> {
        self.invites.drain(..).map(|answered| (answered.key, answered.cseq, answered.until))
    }

    fn poll_expired(&mut self, now: Instant) -> Option<ClientKey> {
        self.invites.pop_front_if(|answered| answered.until <= now).map(|answered| answered.key)
    }

    /// The INVITEs whose 2xx may come again.
    pub(super) fn keys(&self) -> impl Iterator<Item = ClientKey> {
        self.invites.iter().map(|answered| answered.key)
    }

    pub(super) fn poll_timeout(&self) -> Option<Instant> {
        self.invites.front().map(|answered| answered.until)
    }
}

impl Call {
    /// An INVITE of ours has its 2xx: more of them may come until the transaction ends.
    pub(super) fn remember_answered(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ClientKey,
        cseq: u32,
    ) {
        let until = cx.now + cx.settings.timers.t1 * 64;
        let Some(leg) = self.leg_mut(id) else { return };
        if let Some(forgotten) = leg.answered.add(key, cseq, until) {
            cx.owners.remove_client(forgotten);
        }
        let next = leg.answered.poll_timeout();
        self.timers.set(Timer::Answered(id), next.unwrap_or(until));
    }

    pub(super) fn handle_answered_timeout(&mut self, cx: &mut Context<'_>, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        while let Some(key) = leg.answered.poll_expired(cx.now) {
            cx.owners.remove_client(key);
        }
        if let Some(next) = leg.answered.poll_timeout() {
            self.timers.set(Timer::Answered(id), next);
        }
    }
}
