//! Time: what goes again, what is given up, and when the next packet is due.

use sidestream::time::Instant;

use super::voice::{describe, rtp_packet};
use super::{Phone, Stage, T1, T2};

impl Phone {
    pub fn poll_timeout(&self) -> Option<Instant> {
        let dialogs = self.dialogs.iter().flat_map(|d| {
            [
                d.next_rtp.filter(|_| d.media.is_some()),
                d.answer_at,
                d.refresh.map(|(at, _)| at),
                d.unacknowledged.as_ref().map(|(_, next, _)| *next),
                d.unpracked.as_ref().map(|(_, next, _, _)| *next),
            ]
        });
        let pending =
            self.pending.iter().map(|p| Some(p.next.unwrap_or(p.gives_up).min(p.gives_up)));
        dialogs.chain(pending).flatten().min()
    }

    /// Forgets dialogs that are long over, which only keep a swarm waiting, and what only scenarios read.
    pub fn forget(&mut self, now: Instant) {
        self.responses.clear();
        self.requests.clear();
        self.finals.forget(now);
        self.answered.forget(now);
        self.first_sent.forget(now);
        self.dialogs
            .retain(|dialog| dialog.dead_since.is_none_or(|dead| now.since(dead) < T1 * 80));
    }

    pub fn handle_timeout(&mut self, now: Instant) {
        let mut again = Vec::new();
        self.pending.retain_mut(|pending| {
            if pending.gives_up <= now {
                return false;
            }
            if pending.next.is_some_and(|next| next <= now) {
                pending.wait = if pending.method == "INVITE" {
                    pending.wait * 2
                } else {
                    (pending.wait * 2).min(T2)
                };
                pending.next = Some(now + pending.wait);
                again.push(pending.bytes.clone());
            }
            true
        });
        self.outbox.extend(again);
        for place in 0..self.dialogs.len() {
            self.dialog_timeout(place, now);
        }
    }

    pub(super) fn dialog_timeout(&mut self, place: usize, now: Instant) {
        if self.dialogs[place].answer_at.is_some_and(|at| at <= now) {
            // RFC 3262 §3: a 2xx waits for the PRACK.
            if self.dialogs[place].unpracked.is_some() {
                self.dialogs[place].answer_at = Some(now + T1);
                return self.repeat_unpracked(place, now);
            }
            self.dialogs[place].answer_at = None;
            let invite = self.dialogs[place].invite.clone();
            self.dialogs[place].stage = Stage::Up;
            let body = (!self.dialogs[place].settled)
                .then(|| describe(self.rtp, self.pcma, 1, "sendrecv"));
            self.answer_invite(place, &invite, body, now);
            self.dialogs[place].next_rtp =
                self.dialogs[place].next_rtp.or(self.sends_rtp.then_some(now));
        }
        if let Some((bytes, next, wait)) = &mut self.dialogs[place].unacknowledged
            && *next <= now
        {
            *wait = (*wait * 2).min(T2);
            *next = now + *wait;
            self.outbox.push_back(bytes.clone());
        }
        self.repeat_unpracked(place, now);
        self.refresh_session(place, now);
        let (voice, pace) = ((self.number, self.pcma, self.ssrc_epoch), self.pace);
        let dialog = &mut self.dialogs[place];
        if let (Some(next), Some(media)) = (dialog.next_rtp, dialog.media)
            && next <= now
        {
            dialog.next_rtp = Some(next + pace);
            let may_send = matches!(dialog.media_direction.as_str(), "sendrecv" | "recvonly");
            let wants_to = matches!(dialog.direction, "sendrecv" | "sendonly");
            if may_send && wants_to {
                self.rtp_outbox.push_back((media, rtp_packet(voice, dialog.rtp_sent)));
            }
            dialog.rtp_sent += 1;
        }
    }

    /// A reliable response goes again until its PRACK comes, but not for ever.
    pub(super) fn repeat_unpracked(&mut self, place: usize, now: Instant) {
        let dialog = &mut self.dialogs[place];
        let Some((bytes, next, wait, since)) = &mut dialog.unpracked else { return };
        if *next > now {
            return;
        }
        if now.since(*since) < T1 * 64 {
            *wait *= 2;
            *next = now + *wait;
            return self.outbox.push_back(bytes.clone());
        }
        dialog.unpracked = None;
        dialog.answer_at = None;
        dialog.next_rtp = None;
        dialog.stage = Stage::Failed(504);
        dialog.dead_since = Some(now);
        let invite = dialog.invite.clone();
        let tag = dialog.local.rsplit("tag=").next().expect("a tag").to_owned();
        self.respond_tagged(&invite, 504, &tag, None);
    }
}
