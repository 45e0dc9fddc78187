//! The messages that the phone writes.

use sidestream::time::Instant;

use super::dialog::Pending;
use super::{Phone, T1};
use crate::text::Text;

impl Phone {
    pub(super) fn answer_invite(
        &mut self,
        place: usize,
        invite: &Text,
        body: Option<String>,
        now: Instant,
    ) {
        let dialog = &self.dialogs[place];
        let tag = dialog.local.rsplit("tag=").next().expect("a tag").to_owned();
        let bytes = self.respond_tagged(invite, 200, &tag, body);
        self.dialogs[place].unacknowledged = Some((bytes.clone(), now + T1, T1));
        self.agree_on_session(place, "uas", &Text::parse(&bytes), now);
    }

    pub(super) fn respond(&mut self, request: &Text, status: u16) {
        self.respond_tagged(request, status, "x", None);
    }

    pub(super) fn respond_tagged(
        &mut self,
        request: &Text,
        status: u16,
        tag: &str,
        body: Option<String>,
    ) -> Vec<u8> {
        let mut response = Text::response(request, status, tag)
            .with("Contact", format!("<sip:{}>", self.sip))
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
            .with("Recv-Info", "media-stream");
        if let Some(session) = self.session_answer(request, status) {
            response = response.with("Session-Expires", session);
        }
        if let Some(body) = body {
            response = response.with_body("application/sdp", body);
        }
        self.reply(request, &response)
    }

    pub(super) fn reply(&mut self, request: &Text, response: &Text) -> Vec<u8> {
        let bytes = response.print();
        self.answered.insert(request.branch(), request.method(), bytes.clone());
        self.outbox.push_back(bytes.clone());
        bytes
    }

    pub(super) fn outside(&mut self, method: &str, uri: &str, call_id: &str, cseq: u32) -> Text {
        let user = self.credentials.as_ref().map_or(self.name.clone(), |(user, _)| user.clone());
        let tag = self.unique("f");
        let from = format!("<sip:{user}@{}>;tag={tag}", self.server);
        let to = if method == "REGISTER" {
            format!("<sip:{user}@{}>", self.server)
        } else {
            format!("<{uri}>")
        };
        Text::request(method, uri)
            .with("Via", self.via())
            .with("Max-Forwards", "70")
            .with("From", from)
            .with("To", to)
            .with("Call-ID", call_id)
            .with("CSeq", format!("{cseq} {method}"))
            .with("Contact", format!("<sip:{user}@{}>", self.sip))
            .with("Allow", "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE")
    }

    pub(super) fn inside(&mut self, place: usize, method: &str) -> Text {
        self.dialogs[place].cseq += 1;
        let cseq = self.dialogs[place].cseq;
        self.inside_with_cseq(place, method, cseq)
    }

    pub(super) fn inside_with_cseq(&mut self, place: usize, method: &str, cseq: u32) -> Text {
        let via = self.via();
        let dialog = &self.dialogs[place];
        Text::request(method, &dialog.target)
            .with("Via", via)
            .with("Max-Forwards", "70")
            .with("From", dialog.local.clone())
            .with("To", dialog.remote.clone())
            .with("Call-ID", dialog.call_id.clone())
            .with("CSeq", format!("{cseq} {method}"))
            .with("Contact", format!("<sip:{}>", self.sip))
    }

    pub(super) fn send_request(&mut self, request: Text, now: Instant) {
        let bytes = request.print();
        self.pending.push(Pending {
            branch: request.branch().to_owned(),
            method: request.method().to_owned(),
            bytes: bytes.clone(),
            wait: T1,
            next: Some(now + T1),
            gives_up: now + T1 * 64,
            provisional: false,
        });
        self.outbox.push_back(bytes);
    }

    pub(super) fn via(&mut self) -> String {
        let branch = self.unique("b");
        format!("SIP/2.0/UDP {};rport;branch=z9hG4bK{branch}", self.sip)
    }

    pub(super) fn unique(&mut self, prefix: &str) -> String {
        self.counter += 1;
        format!("{prefix}{}-{}", self.name, self.counter)
    }

    /// A request as this phone would write it inside a dialog, without sending it.
    pub fn forge(&mut self, place: usize, method: &str) -> Text {
        let cseq = self.dialogs[place].cseq + 1;
        self.inside_with_cseq(place, method, cseq)
    }
}
