//! What the server asks, and what it must not ask.

use sidestream::time::Instant;

use super::voice::{describe, mirrored};
use super::{CROSSING, Manner, Phone, SessionHabit, Stage, T1};
use crate::text::Text;

impl Phone {
    pub(super) fn handle_request(&mut self, request: Text, now: Instant) {
        let method = request.method().to_owned();
        if let Some(bytes) = self.answered.get(request.branch(), &method) {
            self.outbox.push_back(bytes.clone());
            return;
        }
        let place = self.dialogs.iter().position(|d| d.call_id == request.header("Call-ID"));
        if let Some(place) = place
            && request.tag_of("To").is_some()
        {
            self.notice(place, &request, now);
        }
        match (method.as_str(), place) {
            ("ACK", Some(place)) => self.handle_ack(place, &request),
            ("ACK", None) => {}
            ("INVITE", None) => self.handle_first_invite(request, now),
            ("INVITE", Some(place)) => self.handle_reinvite(place, request, now),
            ("CANCEL", place) => self.handle_cancel(place, request, now),
            ("BYE", Some(place)) => {
                let dialog = &mut self.dialogs[place];
                dialog.stage = Stage::Down;
                dialog.dead_since = Some(now);
                dialog.next_rtp = None;
                dialog.unacknowledged = None;
                self.respond(&request, 200);
            }
            ("PRACK", Some(place)) => self.handle_prack(place, &request),
            ("UPDATE", Some(place)) if !request.body.is_empty() => {
                self.handle_update(place, &request);
            }
            ("UPDATE", Some(_)) if self.session != SessionHabit::Ignorant => {
                self.respond(&request, 200);
            }
            (_, Some(_)) => {
                self.requests.push(request.clone());
                self.respond(&request, 200);
            }
            (_, None) => self.respond(&request, 481),
        }
    }

    /// Nothing new may come in a dialog that is over, and numbers only grow.
    pub(super) fn notice(&mut self, place: usize, request: &Text, now: Instant) {
        let name = self.name.clone();
        let dialog = &mut self.dialogs[place];
        if matches!(request.method(), "ACK" | "CANCEL") {
            return;
        }
        let first_sent = self.first_sent.get(request.branch(), request.method());
        if let Some(dead) = dialog.dead_since
            // A network that loses much may let through no more than a late repetition of what was sent in time.
            && first_sent.copied().unwrap_or(now).since(dead) > CROSSING
            // What was asked for in a dialog is told in it, though it be over (RFC 5057).
            && !matches!(request.method(), "BYE" | "NOTIFY")
        {
            self.violations.push(format!("{name}: {} in a dialog that is over", request.start));
        }
        dialog.last_remote_cseq = dialog.last_remote_cseq.max(request.cseq());
    }

    pub(super) fn handle_first_invite(&mut self, request: Text, now: Instant) {
        let mut dialog = self.dialog(&request, false);
        let tag = format!("t{}", self.unique(""));
        dialog.local = format!("{};tag={tag}", request.header("To"));
        dialog.remote = request.header("From").to_owned();
        dialog.target = request.contact().unwrap_or_default().to_owned();
        dialog.stage = Stage::Ringing;
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
        let manner = self.manner;
        match manner {
            Manner::Deaf => {}
            Manner::SendOn(number) => {
                dialog.stage = Stage::Failed(302);
                self.dialogs.push(dialog);
                let response = Text::response(&request, 302, &tag)
                    .with("Contact", format!("<sip:{number}@{}>", self.server));
                self.reply(&request, &response);
            }
            Manner::Reject(status) => {
                dialog.stage = Stage::Failed(status);
                self.dialogs.push(dialog);
                self.respond_tagged(&request, status, &tag, None);
            }
            Manner::RingForEver => {
                self.dialogs.push(dialog);
                self.progress(self.dialogs.len() - 1, 180, None, now);
            }
            Manner::AnswerAfter(wait) => {
                dialog.answer_at = Some(now + wait);
                self.dialogs.push(dialog);
                self.progress(self.dialogs.len() - 1, 180, None, now);
            }
            Manner::EarlyMedia(wait) => {
                dialog.answer_at = Some(now + wait);
                dialog.next_rtp = self.sends_rtp.then_some(now);
                self.dialogs.push(dialog);
                let body = describe(self.rtp, self.pcma, 1, "sendrecv");
                self.progress(self.dialogs.len() - 1, 183, Some(body), now);
            }
        }
    }

    /// A provisional response, reliable when both sides know how.
    pub(super) fn progress(
        &mut self,
        place: usize,
        status: u16,
        body: Option<String>,
        now: Instant,
    ) {
        let invite = self.dialogs[place].invite.clone();
        let tag = self.dialogs[place].local.rsplit("tag=").next().expect("a tag").to_owned();
        let knows = |name| invite.find(name).is_some_and(|value| value.contains("100rel"));
        if !(knows("Require") || self.reliable && knows("Supported")) {
            // An offer needs a reliable response.
            let body = body.filter(|_| !invite.body.is_empty());
            self.respond_tagged(&invite, status, &tag, body);
            return;
        }
        let mut response = Text::response(&invite, status, &tag)
            .with("Contact", format!("<sip:{}>", self.sip))
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK")
            .with("Require", "100rel")
            .with("RSeq", "5");
        if let Some(body) = body {
            response = response.with_body("application/sdp", body);
            self.dialogs[place].settled = true;
        }
        let bytes = response.print();
        self.answered.insert(invite.branch(), "INVITE", bytes.clone());
        self.dialogs[place].unpracked = Some((bytes.clone(), now + T1, T1, now));
        self.outbox.push_back(bytes);
    }

    pub(super) fn handle_prack(&mut self, place: usize, request: &Text) {
        let dialog = &mut self.dialogs[place];
        let fits = request.header("RAck") == format!("5 {} INVITE", dialog.invite.cseq());
        if !fits || dialog.unpracked.take().is_none() {
            return self.respond(request, 481);
        }
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
        self.respond(request, 200);
    }

    pub(super) fn handle_update(&mut self, place: usize, request: &Text) {
        let may = match self.dialogs[place].stage {
            Stage::Up => true,
            Stage::Ringing => self.dialogs[place].settled,
            Stage::Calling | Stage::Failed(_) | Stage::Down => false,
        };
        if !may {
            return self.respond(request, 481);
        }
        if self.is_offering(place) {
            return self.respond(request, 491);
        }
        let dialog = &mut self.dialogs[place];
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
        dialog.version += 1;
        let body = describe(self.rtp, self.pcma, dialog.version, mirrored(&dialog.media_direction));
        self.respond_tagged(request, 200, "x", Some(body));
    }

    pub(super) fn handle_reinvite(&mut self, place: usize, request: Text, now: Instant) {
        if request.tag_of("To").is_none() {
            return;
        }
        if self.is_inviting(place) {
            return self.respond(&request, 491);
        }
        let dialog = &mut self.dialogs[place];
        if dialog.stage != Stage::Up {
            return self.respond(&request, 481);
        }
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
        dialog.version += 1;
        let body = describe(self.rtp, self.pcma, dialog.version, mirrored(&dialog.media_direction));
        self.answer_invite(place, &request, Some(body), now);
    }

    pub(super) fn handle_cancel(&mut self, place: Option<usize>, request: Text, now: Instant) {
        self.respond(&request, if place.is_some() { 200 } else { 481 });
        let Some(place) = place else { return };
        let dialog = &mut self.dialogs[place];
        if dialog.stage == Stage::Ringing && !dialog.outgoing {
            dialog.stage = Stage::Failed(487);
            dialog.dead_since = Some(now);
            dialog.answer_at = None;
            dialog.unpracked = None;
            dialog.next_rtp = None;
            let invite = dialog.invite.clone();
            let tag = dialog.local.rsplit("tag=").next().expect("a tag").to_owned();
            self.respond_tagged(&invite, 487, &tag, None);
        }
    }

    pub(super) fn handle_ack(&mut self, place: usize, request: &Text) {
        let dialog = &mut self.dialogs[place];
        dialog.unacknowledged = None;
        if let Some((media, direction)) = request.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
        }
    }
}
