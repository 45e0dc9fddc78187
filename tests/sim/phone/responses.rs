//! What the server answers.

use sidestream::sip::digest;
use sidestream::time::Instant;

use super::voice::describe;
use super::{Phone, Stage, T2};
use crate::text::Text;

impl Phone {
    pub(super) fn handle_response(&mut self, response: Text, status: u16, now: Instant) {
        let method = response.method().to_owned();
        let branch = response.branch().to_owned();
        if status >= 200 {
            let known = *self.finals.get_or_insert(&branch, &method, status);
            if known != status {
                self.violations.push(format!(
                    "{}: two final responses to one {method}: {known} and {status}",
                    self.name
                ));
            }
        }
        let place = self.pending.iter().position(|p| p.branch == branch && p.method == method);
        if let Some(place) = place {
            let pending = &mut self.pending[place];
            if status < 200 {
                pending.provisional = true;
                pending.next = if method == "INVITE" { None } else { Some(now + T2) };
            } else {
                let request = Text::parse(&self.pending.swap_remove(place).bytes);
                if method == "BYE"
                    && let Some(dialog) =
                        self.dialogs.iter_mut().find(|d| d.call_id == request.header("Call-ID"))
                {
                    dialog.dead_since = Some(now);
                }
                if method != "INVITE" && status != 401 {
                    self.responses.push(response.clone());
                }
                if status == 401
                    && request.find("Authorization").is_none()
                    && self.credentials.is_some()
                {
                    self.acknowledge_failure(&request, &response);
                    return self.retry_with_credentials(request, &response, now);
                }
            }
        }
        if method == "INVITE" {
            self.handle_invite_response(&response, status, now);
        }
    }

    pub(super) fn handle_invite_response(&mut self, response: &Text, status: u16, now: Instant) {
        let call_id = response.header("Call-ID").to_owned();
        let Some(place) = self.dialogs.iter().position(|d| d.call_id == call_id) else { return };
        if (200..300).contains(&status) {
            return self.handle_answer(place, response, now);
        }
        if status >= 300 {
            let mut request = self.dialogs[place].invite.clone();
            if let Some(via) = request.headers.iter_mut().find(|(name, _)| name == "Via") {
                via.1 = response.header("Via").to_owned();
            }
            request.headers.retain(|(name, _)| name != "CSeq");
            let request = request.with("CSeq", response.header("CSeq"));
            self.acknowledge_failure(&request, response);
        }
        if status < 200 && response.find("RSeq").is_some() {
            return self.handle_reliable(place, response, now);
        }
        let dialog = &mut self.dialogs[place];
        match status {
            180..=199 if dialog.stage == Stage::Calling => {
                dialog.stage = Stage::Ringing;
                if let Some((media, direction)) = response.media() {
                    dialog.media = Some(media);
                    dialog.media_direction = direction.to_owned();
                }
            }
            300.. if matches!(dialog.stage, Stage::Calling | Stage::Ringing) => {
                dialog.stage = Stage::Failed(status);
                dialog.dead_since = Some(now);
            }
            _ => {}
        }
    }

    /// A reliable provisional response: acknowledged in order, and answered if it offers.
    pub(super) fn handle_reliable(&mut self, place: usize, response: &Text, now: Instant) {
        let invite = &self.dialogs[place].invite;
        let asked = |name| invite.find(name).is_some_and(|value| value.contains("100rel"));
        if !asked("Supported") && !asked("Require") {
            self.violations.push(format!("{}: 100rel was not asked for", self.name));
        }
        let rseq: u32 = response.header("RSeq").parse().expect("a number");
        let dialog = &mut self.dialogs[place];
        if dialog.heard_rseq.is_some_and(|last| rseq != last + 1)
            || !matches!(dialog.stage, Stage::Calling | Stage::Ringing)
        {
            return;
        }
        dialog.heard_rseq = Some(rseq);
        dialog.stage = Stage::Ringing;
        dialog.remote = response.header("To").to_owned();
        dialog.target = response.contact().expect("a Contact").to_owned();
        let offered = dialog.invite.body.is_empty() && !dialog.settled;
        if let Some((media, direction)) = response.media() {
            dialog.media = Some(media);
            dialog.media_direction = direction.to_owned();
            dialog.settled = true;
        }
        let rack = format!("{rseq} {}", response.header("CSeq"));
        let mut prack = self.inside(place, "PRACK").with("RAck", rack);
        if offered && response.media().is_some() {
            prack =
                prack.with_body("application/sdp", describe(self.rtp, self.pcma, 1, "sendrecv"));
        }
        self.send_request(prack, now);
    }

    pub(super) fn handle_answer(&mut self, place: usize, response: &Text, now: Instant) {
        let cseq = response.cseq();
        if let Some((acked, bytes)) = &self.dialogs[place].ack
            && *acked == cseq
        {
            self.outbox.push_back(bytes.clone());
            return;
        }
        {
            let dialog = &mut self.dialogs[place];
            dialog.remote = response.header("To").to_owned();
            if let Some(contact) = response.contact() {
                dialog.target = contact.to_owned();
            }
            if let Some((media, direction)) = response.media() {
                dialog.media = Some(media);
                dialog.media_direction = direction.to_owned();
            }
        }
        let mut ack = self.inside_with_cseq(place, "ACK", cseq);
        if self.dialogs[place].invite.body.is_empty()
            && self.dialogs[place].stage != Stage::Up
            && !self.dialogs[place].settled
        {
            ack = ack.with_body("application/sdp", describe(self.rtp, self.pcma, 1, "sendrecv"));
        }
        let bytes = ack.print();
        self.outbox.push_back(bytes.clone());
        let sends_rtp = self.sends_rtp;
        let dialog = &mut self.dialogs[place];
        dialog.ack = Some((cseq, bytes));
        self.agree_on_session(place, "uac", response, now);
        let dialog = &mut self.dialogs[place];
        if matches!(dialog.stage, Stage::Calling | Stage::Ringing) {
            dialog.stage = Stage::Up;
            dialog.next_rtp = sends_rtp.then_some(now);
        }
    }

    pub(super) fn acknowledge_failure(&mut self, request: &Text, response: &Text) {
        if response.method() != "INVITE" {
            return;
        }
        let uri = request.start.split(' ').nth(1).expect("a uri");
        let ack = Text::request("ACK", uri)
            .with("Via", response.header("Via"))
            .with("From", response.header("From"))
            .with("To", response.header("To"))
            .with("Call-ID", response.header("Call-ID"))
            .with("CSeq", format!("{} ACK", response.cseq()))
            .with("Max-Forwards", "70");
        self.outbox.push_back(ack.print());
    }

    pub(super) fn retry_with_credentials(
        &mut self,
        mut request: Text,
        response: &Text,
        now: Instant,
    ) {
        let (user, password) = self.credentials.clone().expect("checked by the caller");
        let uri = request.start.split(' ').nth(1).expect("a uri").to_owned();
        let method = request.method().to_owned();
        let challenge = response.header("WWW-Authenticate");
        let Some(authorization) =
            digest::authorize(challenge, &method, &uri, &user, &password, "c0ffee", 1)
        else {
            return;
        };
        let cseq = request.cseq() + 1;
        request
            .headers
            .retain(|(name, _)| name != "CSeq" && name != "Via" && name != "Content-Length");
        let via = self.via();
        let request = request
            .with("CSeq", format!("{cseq} {method}"))
            .with("Via", via)
            .with("Authorization", authorization);
        if let Some(dialog) =
            self.dialogs.iter_mut().find(|d| d.call_id == request.header("Call-ID"))
            && method == "INVITE"
            && dialog.stage == Stage::Calling
        {
            dialog.cseq = cseq;
            dialog.invite = request.clone();
        }
        self.send_request(request, now);
    }
}
