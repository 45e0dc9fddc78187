//! What a person does with the phone.

use std::net::SocketAddr;

use sidestream::time::Instant;

use super::dialog::Pending;
use super::voice::describe;
use super::{Phone, Stage};
use crate::text::Text;

impl Phone {
    pub fn register(&mut self, now: Instant) {
        self.register_for("3600", now);
    }

    /// Registers, or takes its registration back with `0`.
    pub fn register_for(&mut self, expires: &str, now: Instant) {
        let call_id = format!("reg-{}", self.name);
        // Every message takes at least one number, so that a later registration has a higher CSeq.
        self.counter += 1;
        let request = self
            .outside("REGISTER", &format!("sip:{}", self.server), &call_id, self.counter)
            .with("Expires", expires);
        self.send_request(request, now);
    }

    /// Calls a number. Returns the place of the dialog.
    pub fn invite(&mut self, number: &str, now: Instant) -> usize {
        self.invite_with(number, now, |invite| invite)
    }

    pub fn invite_with(
        &mut self,
        number: &str,
        now: Instant,
        change: impl Fn(Text) -> Text,
    ) -> usize {
        let uri = format!("sip:{number}@{}", self.server);
        let call_id = self.unique("call");
        let body = describe(self.rtp, self.pcma, 1, "sendrecv");
        let invite =
            change(self.outside("INVITE", &uri, &call_id, 1).with_body("application/sdp", body));
        let dialog = self.dialog(&invite, true);
        self.dialogs.push(dialog);
        self.send_request(invite, now);
        self.dialogs.len() - 1
    }

    pub fn cancel(&mut self, place: usize, now: Instant) {
        let dialog = &self.dialogs[place];
        if !matches!(dialog.stage, Stage::Calling | Stage::Ringing) {
            return;
        }
        let uri = dialog.invite.start.split(' ').nth(1).expect("a uri").to_owned();
        let mut cancel = Text::request("CANCEL", &uri);
        for name in ["Via", "From", "To", "Call-ID"] {
            cancel = cancel.with(name, dialog.invite.header(name));
        }
        let cancel = cancel
            .with("CSeq", format!("{} CANCEL", dialog.invite.cseq()))
            .with("Max-Forwards", "70");
        self.send_request(cancel, now);
    }

    pub fn cancel_if_calling(&mut self, place: usize, now: Instant) {
        if self.dialogs[place].outgoing {
            self.cancel(place, now);
        }
    }

    pub fn bye(&mut self, place: usize, now: Instant) {
        if self.dialogs[place].stage != Stage::Up {
            return;
        }
        let bye = self.inside(place, "BYE");
        let dialog = &mut self.dialogs[place];
        // The server knows of it when it answers.
        dialog.stage = Stage::Down;
        dialog.next_rtp = None;
        dialog.unacknowledged = None;
        self.send_request(bye, now);
    }

    pub fn info(&mut self, place: usize, now: Instant, change: impl Fn(Text) -> Text) {
        if self.dialogs[place].stage == Stage::Up {
            let info = change(self.inside(place, "INFO"));
            self.send_request(info, now);
        }
    }

    /// Sends a media-stream INFO with this JSON.
    pub fn stream_info(&mut self, place: usize, json: &str, now: Instant) {
        self.info(place, now, |info| {
            info.with("Info-Package", "media-stream")
                .with("Content-Disposition", "Info-Package")
                .with_body("application/media-stream+json", json)
        });
    }

    /// Asks the server to connect whoever talks in this dialog with `to`.
    pub fn refer(&mut self, place: usize, to: &str, now: Instant) {
        if self.dialogs[place].stage == Stage::Up {
            let refer = self.inside(place, "REFER").with("Refer-To", to);
            self.send_request(refer, now);
        }
    }

    /// What Replaces says of a dialog, as the server knows it.
    pub fn replaces(&self, place: usize) -> String {
        let dialog = &self.dialogs[place];
        let tag = |value: &str| value.split("tag=").nth(1).unwrap_or_default().to_owned();
        let (to, from) = (tag(&dialog.remote), tag(&dialog.local));
        format!("{};to-tag={to};from-tag={from}", dialog.call_id)
    }

    /// Asks the server to connect the other sides of two dialogs.
    pub fn refer_to_each_other(&mut self, place: usize, other: usize, now: Instant) {
        let replaces = self.replaces(other).replace(';', "%3B").replace('=', "%3D");
        let to = format!("<sip:x@{}?Replaces={replaces}>", self.server);
        if self.dialogs[other].stage == Stage::Up {
            self.refer(place, &to, now);
        }
    }

    pub fn reinvite(&mut self, place: usize, direction: &'static str, now: Instant) {
        if self.dialogs[place].stage != Stage::Up || self.is_offering(place) {
            return;
        }
        self.dialogs[place].direction = direction;
        self.offer_anew(place, self.rtp, direction, now);
    }

    /// A hold as phones made it before there were directions (RFC 2543 §B.5): media is wanted nowhere.
    pub fn hold_by_address(&mut self, place: usize, now: Instant) {
        if self.dialogs[place].stage == Stage::Up && !self.is_offering(place) {
            let nowhere = SocketAddr::from(([0, 0, 0, 0], self.rtp.port()));
            self.offer_anew(place, nowhere, "sendrecv", now);
        }
    }

    /// Begins to talk, or falls silent and sends nothing.
    pub fn talk(&mut self, place: usize, talks: bool, now: Instant) {
        self.dialogs[place].next_rtp = talks.then_some(now);
    }

    /// How many packets it has sent, or would have but for a hold.
    pub fn rtp_sent(&self, place: usize) -> u64 {
        self.dialogs[place].rtp_sent
    }

    pub(super) fn offer_anew(
        &mut self,
        place: usize,
        media: SocketAddr,
        direction: &str,
        now: Instant,
    ) {
        self.dialogs[place].version += 1;
        let body = describe(media, self.pcma, self.dialogs[place].version, direction);
        let invite = self.inside(place, "INVITE").with_body("application/sdp", body);
        self.send_request(invite, now);
    }

    /// An offer by UPDATE: in a call, or before it once offer and answer have crossed.
    pub fn update(&mut self, place: usize, direction: &'static str, now: Instant) {
        let dialog = &self.dialogs[place];
        let may = match dialog.stage {
            Stage::Up => true,
            Stage::Ringing => dialog.settled && dialog.unpracked.is_none(),
            Stage::Calling | Stage::Failed(_) | Stage::Down => false,
        };
        if !may || self.is_offering(place) {
            return;
        }
        self.dialogs[place].direction = direction;
        self.dialogs[place].version += 1;
        let body = describe(self.rtp, self.pcma, self.dialogs[place].version, direction);
        let update = self.inside(place, "UPDATE").with_body("application/sdp", body);
        self.send_request(update, now);
    }

    /// Any request outside a dialog.
    pub fn request(
        &mut self,
        method: &str,
        uri: &str,
        now: Instant,
        change: impl Fn(Text) -> Text,
    ) {
        let call_id = self.unique("any");
        let request = change(self.outside(method, uri, &call_id, 1));
        self.send_request(request, now);
    }

    pub(super) fn is_offering(&self, place: usize) -> bool {
        let call_id = &self.dialogs[place].call_id;
        let updates = |p: &Pending| {
            p.method == "UPDATE" && Text::parse(&p.bytes).header("Call-ID") == call_id
        };
        self.is_inviting(place) || self.pending.iter().any(updates)
    }

    pub(super) fn is_inviting(&self, place: usize) -> bool {
        let call_id = &self.dialogs[place].call_id;
        self.dialogs[place].unacknowledged.is_some()
            || self
                .pending
                .iter()
                .any(|p| p.method == "INVITE" && Text::parse(&p.bytes).header("Call-ID") == call_id)
    }
}
