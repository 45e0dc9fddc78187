//! A server transaction of either kind.

use std::sync::Arc;

use bytes::Bytes;

use super::invite_server::{self, InviteServer};
use super::machine::{Pace, ServerEffects as Effects, ServerTimer as Timer};
use super::matching::Naming;
use super::non_invite_server::{self, NonInviteServer};
use crate::sip::{Message, Method, Request, parse_datagram};

/// One server transaction.
#[derive(Debug)]
pub(super) struct Server {
    machine: Machine,
    naming: Naming,
    /// What it has in common with other arrivals of the same request; `None` within a dialog.
    pub(super) merged_by: Option<Arc<[u8]>>,
    /// The port of the request's topmost Via, where its sender takes connections.
    pub(super) sent_by_port: Option<u16>,
    /// What it counts for in the table's limit of bytes.
    pub(super) kept_bytes: usize,
}

#[derive(Debug)]
enum Machine {
    Invite(InviteServer),
    NonInvite(NonInviteServer),
}

impl Server {
    /// Receives `request` for the first time.
    pub(super) fn start(
        request: &Request,
        kept_bytes: usize,
        merged_by: Option<Arc<[u8]>>,
        pace: &Pace,
        effects: &mut Effects,
    ) -> Server {
        let machine = match request.method() {
            Method::Invite => {
                Machine::Invite(InviteServer::start(request.bytes().clone(), effects))
            }
            _ => Machine::NonInvite(NonInviteServer::start(pace, effects)),
        };
        let sent_by_port = request.top_via().port;
        Server { machine, naming: Naming::of(request), merged_by, sent_by_port, kept_bytes }
    }

    /// The request came again.
    pub(super) fn handle_retransmission(&mut self, pace: &Pace, effects: &mut Effects) {
        match &mut self.machine {
            Machine::Invite(machine) => {
                step_invite(machine, invite_server::Input::Invite, pace, effects);
            }
            Machine::NonInvite(machine) => {
                step_non_invite(machine, non_invite_server::Input::Request, pace, effects);
            }
        }
    }

    /// An ACK came that matches this INVITE.
    pub(super) fn handle_ack(&mut self, pace: &Pace, effects: &mut Effects) {
        if let Machine::Invite(machine) = &mut self.machine {
            step_invite(machine, invite_server::Input::Ack, pace, effects);
        }
    }

    /// Whether `ack` may be for this INVITE by its To tag. With a unique branch it is (RFC 3261 §17.2.3); without one, its To
    /// tag must be the one that the response gave.
    pub(super) fn admits_ack(&self, ack: &Request) -> bool {
        let Machine::Invite(InviteServer::Completed { response, .. }) = &self.machine else {
            return true;
        };
        match self.naming {
            Naming::Branch => true,
            Naming::Fields => match parse_datagram(response.clone()) {
                Ok(Message::Response(response)) => response.to_tag() == ack.to_tag(),
                Ok(Message::Request(_)) | Err(_) => false,
            },
        }
    }

    /// The user answers.
    pub(super) fn respond(
        &mut self,
        status: u16,
        bytes: Bytes,
        pace: &Pace,
        effects: &mut Effects,
    ) {
        match &mut self.machine {
            Machine::Invite(machine) => {
                let input = match status {
                    0..=199 => invite_server::Input::Provisional(bytes),
                    200..=299 => invite_server::Input::Success(bytes),
                    300.. => invite_server::Input::Failure(bytes),
                };
                step_invite(machine, input, pace, effects);
            }
            Machine::NonInvite(machine) => {
                let input = match status {
                    0..=199 => non_invite_server::Input::Provisional(bytes),
                    200.. => non_invite_server::Input::Final(bytes),
                };
                step_non_invite(machine, input, pace, effects);
            }
        }
    }

    pub(super) fn handle_expired(&mut self, timer: Timer, pace: &Pace, effects: &mut Effects) {
        match &mut self.machine {
            Machine::Invite(machine) => {
                if let Some(input) = invite_server::Input::expired(timer) {
                    step_invite(machine, input, pace, effects);
                }
            }
            Machine::NonInvite(machine) => {
                if let Some(input) = non_invite_server::Input::expired(timer) {
                    step_non_invite(machine, input, pace, effects);
                }
            }
        }
    }

    pub(super) fn handle_transport_error(&mut self, pace: &Pace, effects: &mut Effects) {
        match &mut self.machine {
            Machine::Invite(machine) => {
                step_invite(machine, invite_server::Input::TransportError, pace, effects);
            }
            Machine::NonInvite(machine) => {
                step_non_invite(machine, non_invite_server::Input::TransportError, pace, effects);
            }
        }
    }

    pub(super) fn is_terminated(&self) -> bool {
        match &self.machine {
            Machine::Invite(machine) => *machine == InviteServer::Terminated,
            Machine::NonInvite(machine) => *machine == NonInviteServer::Terminated,
        }
    }
}

fn step_invite(
    machine: &mut InviteServer,
    input: invite_server::Input,
    pace: &Pace,
    effects: &mut Effects,
) {
    let state = std::mem::replace(machine, InviteServer::Terminated);
    *machine = state.step(input, pace, effects);
}

fn step_non_invite(
    machine: &mut NonInviteServer,
    input: non_invite_server::Input,
    pace: &Pace,
    effects: &mut Effects,
) {
    let state = std::mem::replace(machine, NonInviteServer::Terminated);
    *machine = state.step(input, pace, effects);
}
