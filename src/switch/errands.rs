//! What trunks want done: their requests are sent here, and what becomes of them comes back.

use std::collections::{BTreeMap, HashMap};

use super::{Figures, Output, Switch};
use crate::call::Farewell;
use crate::locate::LookupId;
use crate::sip::transaction::ClientKey;
use crate::sip::{Flow, Method, RequestBuilder, Response};
use crate::time::Instant;
use crate::trunk::{Errand, ErrandId, Fresh, Outline, again};

/// Requests of ours that belong to trunks and to no call.
#[derive(Debug, Default)]
pub(super) struct Errands {
    requests: BTreeMap<ClientKey, ErrandId>,
    /// One for each trunk at most: the next waits for the answer.
    lookups: HashMap<LookupId, ErrandId>,
}

impl Switch {
    /// Carries out what the trunks want, and shows how they are doing.
    pub(super) fn run_errands(&mut self, now: Instant) {
        while let Some(errand) = self.trunks.poll_errand() {
            match errand {
                Errand::Locate { id, uri } => {
                    let lookup = self.owners.next_lookup();
                    self.errands.lookups.insert(lookup, id);
                    self.locate(lookup, &uri, now);
                }
                Errand::Send { id, flow, request } => self.send_errand(id, flow, request, now),
                Errand::Abandon { id } => self.abandon_errand(id),
            }
            self.drain_transactions(now);
        }
        while let Some(name) = self.channels.poll_changed() {
            self.trunks.touch(&name);
        }
        while let Some(status) = self.trunks.poll_status(now) {
            let usage = self.channels.usage(&status.name);
            self.outputs.push_back(Output::Figures(Figures::Trunk { status, usage }));
        }
    }

    /// Where a trunk is that wanted to know.
    pub(super) fn handle_errand_located(&mut self, lookup: LookupId, flows: &[Flow], now: Instant) {
        if let Some(id) = self.errands.lookups.remove(&lookup) {
            self.trunks.handle_located(id, flows, now);
        }
    }

    fn abandon_errand(&mut self, id: ErrandId) {
        let known = self.errands.requests.iter().find(|(_, known)| **known == id);
        if let Some(key) = known.map(|(key, _)| *key) {
            self.errands.requests.remove(&key);
            self.transactions.abandon(key);
        }
    }

    fn send_errand(&mut self, id: ErrandId, flow: Flow, outline: Outline, now: Instant) {
        let branch = self.tokens.branch();
        let Outline { method, uri, headers } = outline;
        let request = RequestBuilder::new(method.clone(), &uri).via_over(&flow, &branch);
        let request =
            headers.iter().fold(request, |request, (name, value)| request.header(name, value));
        let agent = &self.settings.call.agent;
        let request = match agent.is_empty() {
            true => request,
            false => request.header("User-Agent", agent),
        };
        let key = self.transactions.request(method, &branch, request.build(), flow, now);
        self.errands.requests.insert(key, id);
    }

    /// A response to a request that belongs to no call: a trunk's, or a farewell's. Returns whether it was one.
    pub(super) fn handle_errand_response(
        &mut self,
        key: ClientKey,
        response: &Response,
        now: Instant,
    ) -> bool {
        if response.status() < 200 {
            return self.errands.requests.contains_key(&key);
        }
        if let Some(id) = self.errands.requests.remove(&key) {
            self.trunks.handle_response(id, response, now);
            return true;
        }
        let Some(farewell) = self.owners.take_farewell(key) else { return false };
        self.say_farewell_again(key, &farewell, response, now);
        true
    }

    /// A trunk's request has come to nothing. Returns whether it was one.
    pub(super) fn handle_errand_failure(
        &mut self,
        key: ClientKey,
        timed_out: bool,
        now: Instant,
    ) -> bool {
        if self.owners.take_farewell(key).is_some() {
            return true;
        }
        let Some(id) = self.errands.requests.remove(&key) else { return false };
        self.trunks.handle_failure(id, timed_out, now);
        true
    }

    /// The BYE of a call that is over was challenged: it goes once more, with credentials.
    fn say_farewell_again(
        &mut self,
        key: ClientKey,
        farewell: &Farewell,
        response: &Response,
        now: Instant,
    ) {
        let Farewell { line, heading } = farewell;
        let Some(account) = &line.account else { return };
        let Some(request) = self.transactions.take_challenged(key) else { return };
        let (branch, cnonce) = (self.tokens.branch(), self.tokens.tag());
        let cseq = request.cseq().saturating_add(1);
        let fresh = Fresh { branch: &branch, cseq, cnonce: &cnonce, flow: heading.flow() };
        let proved = again(account, &request, response, 0, fresh).ok();
        if let Some(proved) = proved {
            let heading = heading.clone();
            self.transactions.request(Method::Bye, &branch, proved.bytes, heading, now);
        }
    }
}
