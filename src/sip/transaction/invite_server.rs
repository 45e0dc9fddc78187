//! INVITE server transaction, RFC 3261 §17.2.1 as changed by RFC 6026 §7.1.
//!
//! ```text
//!             | INVITE: pass, 200 ms
//!             v
//!            +----------+  200 ms: the layer answers 100
//!            | Received |---+
//!            +----------+<--+
//!             | 1xx from user: send
//!             v
//!   INVITE,  +------------+  2xx from user: send, L  +----------+  INVITE: absorbed
//!   1xx: +---| Proceeding |------------------------->| Accepted |---+ ACK: pass
//!   send +-->+------------+     (Received too)       +----------+<--+ 2xx from user: send
//!             | 300-699 from user: send, G, H             |
//!             v (Received too)                            | L
//!   INVITE,  +-----------+  H: Unacknowledged             v
//!   G:   +---| Completed |-------------------------->+------------+
//!   send +-->+-----------+                           | Terminated |
//!             | ACK: I                               +------------+
//!             v                                           ^
//!            +-----------+  I                             |
//!            | Confirmed |--------------------------------+
//!            +-----------+
//! ```
//!
//! A broken connection ends Received, Proceeding and Completed, for nothing can be sent any more. Over UDP an error is a lost
//! datagram: the transaction stays, to absorb the retransmissions that would start a second call.

use bytes::Bytes;

use super::machine::{
    Pace, ServerEffect as Effect, ServerEffects as Effects, ServerTimer as Timer,
};
use crate::time::Duration;

/// Where an INVITE that we received stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InviteServer {
    /// Proceeding in the RFC's words, while there is no response yet.
    Received { invite: Bytes },
    /// A provisional response went out.
    Proceeding { response: Bytes },
    /// A 300-699 went out and waits for its ACK.
    Completed { response: Bytes, resend: Duration },
    /// The ACK of a 300-699 came.
    Confirmed,
    /// A 2xx went out; the user sends it again until the ACK comes.
    Accepted,
    /// The transaction is over.
    Terminated,
}

/// What may happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Invite,
    Ack,
    Provisional(Bytes),
    Success(Bytes),
    Failure(Bytes),
    TimerTrying,
    TimerG,
    TimerH,
    TimerI,
    TimerL,
    TransportError,
}

impl Input {
    /// The input that the expiry of `timer` is, if this machine ever sets it.
    pub(super) fn expired(timer: Timer) -> Option<Input> {
        match timer {
            Timer::Trying => Some(Input::TimerTrying),
            Timer::G => Some(Input::TimerG),
            Timer::H => Some(Input::TimerH),
            Timer::I => Some(Input::TimerI),
            Timer::L => Some(Input::TimerL),
            Timer::F | Timer::J => None,
        }
    }
}

/// §17.2.1: "MUST generate a 100 (Trying) response unless it knows that the TU will generate a [...] response within 200 ms".
const TRYING: Duration = Duration::from_millis(200);

impl InviteServer {
    /// Receives `invite` for the first time.
    pub(super) fn start(invite: Bytes, effects: &mut Effects) -> Self {
        effects.push(Effect::Start(Timer::Trying, TRYING));
        InviteServer::Received { invite }
    }

    /// The state after `input`.
    pub(super) fn step(self, input: Input, pace: &Pace, effects: &mut Effects) -> Self {
        match self {
            InviteServer::Received { invite } => received(invite, input, pace, effects),
            InviteServer::Proceeding { response } => proceeding(response, input, pace, effects),
            InviteServer::Completed { response, resend } => {
                completed(response, resend, input, pace, effects)
            }
            InviteServer::Confirmed => match input {
                Input::TimerI => InviteServer::Terminated,
                Input::Invite | Input::Ack | Input::TransportError => InviteServer::Confirmed,
                Input::Provisional(_) | Input::Success(_) | Input::Failure(_) => {
                    InviteServer::Confirmed
                }
                Input::TimerTrying | Input::TimerG | Input::TimerH | Input::TimerL => {
                    InviteServer::Confirmed
                }
            },
            InviteServer::Accepted => accepted(input, effects),
            InviteServer::Terminated => InviteServer::Terminated,
        }
    }
}

fn received(invite: Bytes, input: Input, pace: &Pace, effects: &mut Effects) -> InviteServer {
    match input {
        Input::TimerTrying => {
            effects.push(Effect::Try { invite: invite.clone() });
            InviteServer::Received { invite }
        }
        Input::Provisional(response) => {
            effects.extend([Effect::Stop(Timer::Trying), Effect::Send(response.clone())]);
            InviteServer::Proceeding { response }
        }
        Input::Success(response) => {
            effects.push(Effect::Stop(Timer::Trying));
            accept(response, pace, effects)
        }
        Input::Failure(response) => {
            effects.push(Effect::Stop(Timer::Trying));
            refuse(response, pace, effects)
        }
        Input::TransportError if pace.reliable => {
            effects.push(Effect::Stop(Timer::Trying));
            InviteServer::Terminated
        }
        Input::TransportError | Input::Invite | Input::Ack => InviteServer::Received { invite },
        Input::TimerG | Input::TimerH | Input::TimerI | Input::TimerL => {
            InviteServer::Received { invite }
        }
    }
}

fn proceeding(response: Bytes, input: Input, pace: &Pace, effects: &mut Effects) -> InviteServer {
    match input {
        Input::Invite => {
            effects.push(Effect::Send(response.clone()));
            InviteServer::Proceeding { response }
        }
        Input::Provisional(response) => {
            effects.push(Effect::Send(response.clone()));
            InviteServer::Proceeding { response }
        }
        Input::Success(response) => accept(response, pace, effects),
        Input::Failure(response) => refuse(response, pace, effects),
        Input::TransportError if pace.reliable => InviteServer::Terminated,
        Input::TransportError | Input::Ack | Input::TimerTrying => {
            InviteServer::Proceeding { response }
        }
        Input::TimerG | Input::TimerH | Input::TimerI | Input::TimerL => {
            InviteServer::Proceeding { response }
        }
    }
}

fn completed(
    response: Bytes,
    resend: Duration,
    input: Input,
    pace: &Pace,
    effects: &mut Effects,
) -> InviteServer {
    match input {
        Input::Invite => {
            effects.push(Effect::Send(response.clone()));
            InviteServer::Completed { response, resend }
        }
        Input::TimerG => {
            let resend = pace.next_resend(resend);
            effects.extend([Effect::Send(response.clone()), Effect::Start(Timer::G, resend)]);
            InviteServer::Completed { response, resend }
        }
        Input::Ack => {
            effects.extend([Effect::Stop(Timer::G), Effect::Stop(Timer::H)]);
            effects.push(Effect::Start(Timer::I, pace.linger(pace.timers.t4)));
            InviteServer::Confirmed
        }
        Input::TimerH => {
            effects.extend([Effect::Stop(Timer::G), Effect::Unacknowledged]);
            InviteServer::Terminated
        }
        Input::TransportError if pace.reliable => {
            effects.extend([Effect::Stop(Timer::G), Effect::Stop(Timer::H)]);
            InviteServer::Terminated
        }
        // §17.2.1: "Any other final responses passed by the TU [...] MUST be discarded".
        Input::TransportError | Input::Provisional(_) | Input::Success(_) | Input::Failure(_) => {
            InviteServer::Completed { response, resend }
        }
        Input::TimerTrying | Input::TimerI | Input::TimerL => {
            InviteServer::Completed { response, resend }
        }
    }
}

fn accepted(input: Input, effects: &mut Effects) -> InviteServer {
    match input {
        Input::Ack => {
            effects.push(Effect::Pass);
            InviteServer::Accepted
        }
        Input::Success(response) => {
            effects.push(Effect::Send(response));
            InviteServer::Accepted
        }
        Input::TimerL => InviteServer::Terminated,
        Input::Invite | Input::Provisional(_) | Input::Failure(_) | Input::TransportError => {
            InviteServer::Accepted
        }
        Input::TimerTrying | Input::TimerG | Input::TimerH | Input::TimerI => {
            InviteServer::Accepted
        }
    }
}

fn accept(response: Bytes, pace: &Pace, effects: &mut Effects) -> InviteServer {
    effects.extend([Effect::Send(response), Effect::Start(Timer::L, pace.give_up())]);
    InviteServer::Accepted
}

fn refuse(response: Bytes, pace: &Pace, effects: &mut Effects) -> InviteServer {
    effects.push(Effect::Send(response.clone()));
    if let Some(wait) = pace.first_resend() {
        effects.push(Effect::Start(Timer::G, wait));
    }
    effects.push(Effect::Start(Timer::H, pace.give_up()));
    InviteServer::Completed { response, resend: pace.timers.t1 }
}
