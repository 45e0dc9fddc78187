//! A client transaction of either kind.

use bytes::Bytes;

use super::ClientKey;
use super::invite_client::{self, InviteClient};
use super::large::Fallback;
use super::machine::{ClientEffects as Effects, ClientTimer as Timer, Pace};
use super::non_invite_client::{self, NonInviteClient};
use crate::sip::Method;

/// One client transaction.
#[derive(Debug)]
pub(super) struct Client {
    machine: Machine,
    /// Who hears of its responses and its end.
    pub(super) audience: Audience,
    /// The request for UDP, while it is tried over TCP for its size alone.
    fallback: Option<Fallback>,
    /// What its CANCEL will say of the reason.
    pub(super) cancel_reasons: Box<[String]>,
}

/// Who started a client transaction.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Audience {
    /// The user: everything is passed up.
    User,
    /// The layer: the transaction of a CANCEL, whose outcome shows in the INVITE's (RFC 3261 §9.1).
    Layer,
    /// The user, under another key: the request went on to another place, and what it left behind may be answered late.
    Successor(ClientKey),
}

#[derive(Debug)]
enum Machine {
    Invite(InviteClient),
    NonInvite(NonInviteClient),
}

impl Client {
    /// Sends `request` for the first time.
    pub(super) fn start(
        method: &Method,
        request: Bytes,
        audience: Audience,
        pace: &Pace,
        effects: &mut Effects,
    ) -> Client {
        let machine = match method {
            Method::Invite => Machine::Invite(InviteClient::start(request, pace, effects)),
            _ => Machine::NonInvite(NonInviteClient::start(request, pace, effects)),
        };
        Client { machine, audience, fallback: None, cancel_reasons: Box::default() }
    }

    /// The request goes over TCP for its size alone; this is sent if that finds nobody.
    pub(super) fn set_fallback(&mut self, fallback: Fallback) {
        self.fallback = Some(fallback);
    }

    /// What to send over UDP now that TCP failed: not once the peer was heard, nor when the user wants its request back.
    pub(super) fn take_fallback(&mut self) -> Option<Fallback> {
        let is_unheard = self.is_unheard();
        self.fallback.take().filter(|_| is_unheard)
    }

    /// Whether nothing was heard yet, and the user has not taken its request back.
    pub(super) fn is_unheard(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => matches!(machine, InviteClient::Calling { .. }),
            Machine::NonInvite(machine) => matches!(machine, NonInviteClient::Trying { .. }),
        }
    }

    /// Whether nothing is owed to anybody when the transaction is forgotten: of an INVITE, as long as no response has come.
    pub(super) fn is_forgettable(&self) -> bool {
        match &self.machine {
            Machine::Invite(InviteClient::Calling { .. } | InviteClient::Cancelling { .. }) => true,
            Machine::Invite(_) => false,
            Machine::NonInvite(_) => true,
        }
    }

    /// What was sent, while a final response may still come.
    pub(super) fn request(&self) -> Option<&Bytes> {
        match &self.machine {
            Machine::Invite(machine) => machine.invite(),
            Machine::NonInvite(machine) => machine.request(),
        }
    }

    /// A response came.
    pub(super) fn handle_response(&mut self, status: u16, pace: &Pace, effects: &mut Effects) {
        match &mut self.machine {
            Machine::Invite(machine) => {
                let input = match status {
                    0..=199 => invite_client::Input::Provisional,
                    200..=299 => invite_client::Input::Success,
                    300.. => invite_client::Input::Failure,
                };
                step_invite(machine, input, pace, effects);
            }
            Machine::NonInvite(machine) => {
                let input = match status {
                    0..=199 => non_invite_client::Input::Provisional,
                    200.. => non_invite_client::Input::Final,
                };
                step_non_invite(machine, input, pace, effects);
            }
        }
    }

    /// The user wants its INVITE back. Returns whether a CANCEL goes or waits to go.
    pub(super) fn cancel(&mut self, pace: &Pace, effects: &mut Effects) -> bool {
        let Machine::Invite(machine) = &mut self.machine else {
            return false;
        };
        step_invite(machine, invite_client::Input::Cancel, pace, effects);
        match machine {
            InviteClient::Cancelling { .. } | InviteClient::Cancelled { .. } => true,
            InviteClient::Calling { .. } | InviteClient::Proceeding { .. } => false,
            InviteClient::Completed { .. } | InviteClient::Accepted | InviteClient::Terminated => {
                false
            }
        }
    }

    pub(super) fn handle_expired(&mut self, timer: Timer, pace: &Pace, effects: &mut Effects) {
        match &mut self.machine {
            Machine::Invite(machine) => {
                if let Some(input) = invite_client::Input::expired(timer) {
                    step_invite(machine, input, pace, effects);
                }
            }
            Machine::NonInvite(machine) => {
                if let Some(input) = non_invite_client::Input::expired(timer) {
                    step_non_invite(machine, input, pace, effects);
                }
            }
        }
    }

    pub(super) fn handle_transport_error(&mut self, pace: &Pace, effects: &mut Effects) {
        match &mut self.machine {
            Machine::Invite(machine) => {
                step_invite(machine, invite_client::Input::TransportError, pace, effects);
            }
            Machine::NonInvite(machine) => {
                step_non_invite(machine, non_invite_client::Input::TransportError, pace, effects);
            }
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => *machine == InviteClient::Terminated,
            Machine::NonInvite(machine) => *machine == NonInviteClient::Terminated,
        }
    }
}

fn step_invite(
    machine: &mut InviteClient,
    input: invite_client::Input,
    pace: &Pace,
    effects: &mut Effects,
) {
    let state = std::mem::replace(machine, InviteClient::Terminated);
    *machine = state.step(input, pace, effects);
}

fn step_non_invite(
    machine: &mut NonInviteClient,
    input: non_invite_client::Input,
    pace: &Pace,
    effects: &mut Effects,
) {
    let state = std::mem::replace(machine, NonInviteClient::Terminated);
    *machine = state.step(input, pace, effects);
}
