//! OPTIONS to phones behind a NAT: the registrar says when, here they are sent and their answers come back.

use super::Switch;
use crate::registrar::Ping;
use crate::sip::transaction::ClientKey;
use crate::sip::{Method, RequestBuilder};
use crate::time::Instant;

impl Switch {
    /// Sends what is due.
    pub(super) fn send_pings(&mut self, now: Instant) {
        while let Some(Ping { id, uri, flow }) = self.registrar.poll_ping(now) {
            let branch = self.tokens.branch();
            let from = format!("<sip:{}>;tag={}", flow.local, self.tokens.tag());
            let request = RequestBuilder::new(Method::Options, &uri)
                .via_over(&flow, &branch)
                .header("From", from)
                .header("To", format!("<{uri}>"))
                .header("Call-ID", self.tokens.call_id())
                .header("CSeq", "1 OPTIONS")
                .build();
            let key = self.transactions.request(Method::Options, &branch, request, flow, now);
            self.pings.insert(key, id);
        }
    }

    /// A final response means that the phone is there, whatever it says. Returns whether the request was a ping.
    pub(super) fn handle_pong(&mut self, key: ClientKey, status: u16) -> bool {
        if status < 200 {
            return self.pings.contains_key(&key);
        }
        let Some(id) = self.pings.remove(&key) else { return false };
        self.registrar.handle_pong(id);
        true
    }

    /// No answer came, or the flow broke. Returns whether the request was a ping.
    pub(super) fn handle_missed_ping(&mut self, key: ClientKey) -> bool {
        let Some(id) = self.pings.remove(&key) else { return false };
        self.registrar.handle_missed_ping(id);
        true
    }
}
