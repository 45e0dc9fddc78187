//! Commands from the doors other than SIP.

use super::io::Output;
use super::{Switch, Ticket};
use crate::command::{Accepted, Command, Denied, Transfer, Verb};
use crate::id::CallId;
use crate::sip::Uri;
use crate::time::Instant;

impl Switch {
    pub(super) fn handle_command(
        &mut self,
        id: CallId,
        command: Command,
        ticket: Ticket,
        now: Instant,
    ) {
        let is_live = self.calls.get(&id).is_some_and(|call| !call.is_over());
        let answer = if is_live && matches!(command.verb, Verb::Transfer(_)) {
            self.transfer_by_command(id, command, now)
        } else if is_live {
            self.with_call(id, now, |call, cx| call.handle_command(cx, command))
                .unwrap_or(Err(Denied::NoSuchCall))
        } else {
            self.ended.answer(id, &command.verb)
        };
        self.outputs.push_back(Output::Reply { ticket, answer });
    }

    /// A transfer that was asked for by command: the destination is found first, then the call decides.
    fn transfer_by_command(
        &mut self,
        id: CallId,
        command: Command,
        now: Instant,
    ) -> Result<Accepted, Denied> {
        let Verb::Transfer(Transfer { to, leg }) = &command.verb else {
            return Err(Denied::NotTransferable);
        };
        let call = self.calls.get(&id).ok_or(Denied::NoSuchCall)?;
        let plan = call.parts_for_transfer(*leg).and_then(|(transferor, _)| {
            let uri = if to.contains(':') { to.clone() } else { self.uri_of(to) };
            self.plan_transfer(id, transferor, &uri, Vec::new(), now)
                .map_err(|_| Denied::NoSuchNumber)
        });
        self.with_call(id, now, |call, cx| call.handle_transfer_command(cx, command, plan))
            .unwrap_or(Err(Denied::NoSuchCall))
    }

    /// A number as a URI of ours.
    fn uri_of(&self, number: &str) -> String {
        format!("sip:{}@{}", Uri::escape_user(number), self.settings.realm)
    }
}
