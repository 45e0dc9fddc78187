//! Non-INVITE client transaction, RFC 3261 §17.1.2.
//!
//! ```text
//!             | request from user: send, E, F
//!             v
//!   E: send  +--------+
//!   +--------| Trying |----------------------+
//!   +------->+--------+                      |
//!             | 1xx: pass                    | from both: F: TimedOut; transport error: Unreachable
//!             v                              v
//!   E: send  +------------+              +------------+
//!   1xx: +---| Proceeding |------------->| Terminated |
//!   pass +-->+------------+              +------------+
//!             | from both: 200-699: pass, K  ^
//!             v                              |
//!            +-----------+  K, transport error
//!            | Completed |-------------------+
//!            +-----------+
//! ```

use bytes::Bytes;

use super::machine::{
    ClientEffect as Effect, ClientEffects as Effects, ClientTimer as Timer, Pace,
};
use crate::time::Duration;

/// Where a request other than INVITE and ACK that we sent stands.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum NonInviteClient {
    /// Nothing was heard yet.
    Trying { request: Bytes, resend: Duration },
    /// A provisional response came; retransmission goes on, at the pace of T2.
    Proceeding { request: Bytes },
    /// The final response came.
    Completed,
    /// The transaction is over.
    Terminated,
}

/// What may happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Provisional,
    Final,
    TimerE,
    TimerF,
    TimerK,
    TransportError,
}

impl Input {
    /// The input that the expiry of `timer` is, if this machine ever sets it.
    pub(super) fn expired(timer: Timer) -> Option<Input> {
        match timer {
            Timer::E => Some(Input::TimerE),
            Timer::F => Some(Input::TimerF),
            Timer::K => Some(Input::TimerK),
            Timer::A | Timer::B | Timer::D | Timer::M | Timer::Cancelled => None,
        }
    }
}

impl NonInviteClient {
    /// What was sent, while a final response may still come.
    pub(super) fn request(&self) -> Option<&Bytes> {
        match self {
            NonInviteClient::Trying { request, .. } | NonInviteClient::Proceeding { request } => {
                Some(request)
            }
            NonInviteClient::Completed | NonInviteClient::Terminated => None,
        }
    }

    /// Sends `request` for the first time.
    pub(super) fn start(request: Bytes, pace: &Pace, effects: &mut Effects) -> Self {
        effects.push(Effect::Send(request.clone()));
        if let Some(wait) = pace.first_resend() {
            effects.push(Effect::Start(Timer::E, wait));
        }
        effects.push(Effect::Start(Timer::F, pace.give_up()));
        NonInviteClient::Trying { request, resend: pace.timers.t1 }
    }

    /// The state after `input`.
    pub(super) fn step(self, input: Input, pace: &Pace, effects: &mut Effects) -> Self {
        match self {
            NonInviteClient::Trying { request, resend } => match input {
                Input::Provisional => {
                    effects.push(Effect::Pass);
                    NonInviteClient::Proceeding { request }
                }
                Input::TimerE => {
                    let resend = pace.next_resend(resend);
                    effects.push(Effect::Send(request.clone()));
                    effects.push(Effect::Start(Timer::E, resend));
                    NonInviteClient::Trying { request, resend }
                }
                Input::Final | Input::TimerF | Input::TransportError => ended(input, pace, effects),
                Input::TimerK => NonInviteClient::Trying { request, resend },
            },
            NonInviteClient::Proceeding { request } => match input {
                Input::Provisional => {
                    effects.push(Effect::Pass);
                    NonInviteClient::Proceeding { request }
                }
                Input::TimerE => {
                    effects.push(Effect::Send(request.clone()));
                    effects.push(Effect::Start(Timer::E, pace.timers.t2));
                    NonInviteClient::Proceeding { request }
                }
                Input::Final | Input::TimerF | Input::TransportError => ended(input, pace, effects),
                Input::TimerK => NonInviteClient::Proceeding { request },
            },
            NonInviteClient::Completed => match input {
                Input::TimerK => NonInviteClient::Terminated,
                Input::TransportError => {
                    effects.push(Effect::Stop(Timer::K));
                    NonInviteClient::Terminated
                }
                Input::Provisional | Input::Final | Input::TimerE | Input::TimerF => {
                    NonInviteClient::Completed
                }
            },
            NonInviteClient::Terminated => NonInviteClient::Terminated,
        }
    }
}

/// The end of the wait for the final response, for one of three reasons.
fn ended(input: Input, pace: &Pace, effects: &mut Effects) -> NonInviteClient {
    effects.extend([Effect::Stop(Timer::E), Effect::Stop(Timer::F)]);
    match input {
        Input::TimerF => effects.push(Effect::TimedOut),
        Input::TransportError => effects.push(Effect::Unreachable),
        Input::Provisional | Input::Final | Input::TimerE | Input::TimerK => {
            effects.push(Effect::Start(Timer::K, pace.linger(pace.timers.t4)));
            effects.push(Effect::Pass);
            return NonInviteClient::Completed;
        }
    }
    NonInviteClient::Terminated
}
