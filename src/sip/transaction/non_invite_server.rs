//! Non-INVITE server transaction, RFC 3261 §17.2.2.
//!
//! ```text
//!             | request: pass, F
//!             v
//!            +--------+  request: absorbed
//!            | Trying |---+
//!            +--------+<--+
//!             | 1xx from user: send
//!             v
//!   request, +------------+                        F
//!   1xx: +---| Proceeding |--------------------------------+
//!   send +-->+------------+  (from both)                   |
//!             | 200-699 from user: send, J (Trying too)    |
//!             v                                            v
//!   request: +-----------+  J                        +------------+
//!   send +---| Completed |-------------------------->| Terminated |
//!        +-->+-----------+                           +------------+
//! ```
//!
//! Timer F is the peer's: 64*T1 after the request its client transaction has given up (§17.1.2.2), so an answer of ours would
//! reach nobody (RFC 4320 §3), and a request that the user never answers must not stay for ever. A broken connection ends
//! every state; over UDP an error is a lost datagram and the transaction stays to answer the retransmission.

use bytes::Bytes;

use super::machine::{
    Pace, ServerEffect as Effect, ServerEffects as Effects, ServerTimer as Timer,
};

/// Where a request other than INVITE and ACK that we received stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NonInviteServer {
    /// No response yet.
    Trying,
    /// A provisional response went out.
    Proceeding { response: Bytes },
    /// The final response went out, and goes again for each retransmission of the request.
    Completed { response: Bytes },
    /// The transaction is over.
    Terminated,
}

/// What may happen to it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Request,
    Provisional(Bytes),
    Final(Bytes),
    TimerF,
    TimerJ,
    TransportError,
}

impl Input {
    /// The input that the expiry of `timer` is, if this machine ever sets it.
    pub(super) fn expired(timer: Timer) -> Option<Input> {
        match timer {
            Timer::F => Some(Input::TimerF),
            Timer::J => Some(Input::TimerJ),
            Timer::G | Timer::H | Timer::I | Timer::L | Timer::Trying => None,
        }
    }
}

impl NonInviteServer {
    /// Receives a request for the first time.
    pub(super) fn start(pace: &Pace, effects: &mut Effects) -> Self {
        effects.push(Effect::Start(Timer::F, pace.give_up()));
        NonInviteServer::Trying
    }

    /// The state after `input`.
    pub(super) fn step(self, input: Input, pace: &Pace, effects: &mut Effects) -> Self {
        match self {
            NonInviteServer::Trying => match input {
                Input::Provisional(response) => {
                    effects.push(Effect::Send(response.clone()));
                    NonInviteServer::Proceeding { response }
                }
                Input::Final(response) => complete(response, pace, effects),
                Input::TimerF => NonInviteServer::Terminated,
                Input::TransportError if pace.reliable => {
                    effects.push(Effect::Stop(Timer::F));
                    NonInviteServer::Terminated
                }
                Input::TransportError | Input::Request | Input::TimerJ => NonInviteServer::Trying,
            },
            NonInviteServer::Proceeding { response } => match input {
                Input::Request => {
                    effects.push(Effect::Send(response.clone()));
                    NonInviteServer::Proceeding { response }
                }
                Input::Provisional(response) => {
                    effects.push(Effect::Send(response.clone()));
                    NonInviteServer::Proceeding { response }
                }
                Input::Final(response) => complete(response, pace, effects),
                Input::TimerF => NonInviteServer::Terminated,
                Input::TransportError if pace.reliable => {
                    effects.push(Effect::Stop(Timer::F));
                    NonInviteServer::Terminated
                }
                Input::TransportError | Input::TimerJ => NonInviteServer::Proceeding { response },
            },
            NonInviteServer::Completed { response } => match input {
                Input::Request => {
                    effects.push(Effect::Send(response.clone()));
                    NonInviteServer::Completed { response }
                }
                Input::TimerJ => NonInviteServer::Terminated,
                Input::TransportError if pace.reliable => {
                    effects.push(Effect::Stop(Timer::J));
                    NonInviteServer::Terminated
                }
                // §17.2.2: "Any other final responses passed by the TU [...] MUST be discarded".
                Input::TransportError | Input::Provisional(_) | Input::Final(_) | Input::TimerF => {
                    NonInviteServer::Completed { response }
                }
            },
            NonInviteServer::Terminated => NonInviteServer::Terminated,
        }
    }
}

fn complete(response: Bytes, pace: &Pace, effects: &mut Effects) -> NonInviteServer {
    effects.extend([Effect::Stop(Timer::F), Effect::Send(response.clone())]);
    effects.push(Effect::Start(Timer::J, pace.linger(pace.give_up())));
    NonInviteServer::Completed { response }
}
