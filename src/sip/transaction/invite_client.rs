//! INVITE client transaction, RFC 3261 §17.1.1 as changed by RFC 6026 §7.2 and §8.4, with CANCEL by RFC 3261 §9.1.
//!
//! ```text
//!             | INVITE from user: send, A, B
//!             v
//!   A: send  +---------+  user cancels   +------------+  A: send
//!   +--------| Calling |---------------->| Cancelling |--------+      B, or transport error in any of the four
//!   +------->+---------+                 +------------+<-------+      states before a final response:
//!             | 1xx: pass                 | 1xx: pass, send CANCEL    TimedOut or Unreachable, Terminated
//!             v                           v
//!   1xx      +------------+ user cancels +-----------+  1xx
//!   pass +---| Proceeding |------------->| Cancelled |---+ pass       the 64*T1 after the CANCEL:
//!        +-->+------------+ send CANCEL  +-----------+<--+            TimedOut, Terminated
//!             |     |                     |     |
//!             |     | from all four: 300-699: ACK, pass, D
//!             |     +---------------+-----------+
//!             | from all four:      v
//!             | 2xx: pass, M     +-----------+  300-699: ACK
//!             |                  | Completed |--+
//!             v                  +-----------+<-+
//!            +----------+           | D, transport error
//!   2xx: +---| Accepted |           v
//!   pass +-->+----------+   M   +------------+
//!                 +------------>| Terminated |
//!                               +------------+
//! ```

use bytes::Bytes;

use super::machine::{
    ClientEffect as Effect, ClientEffects as Effects, ClientTimer as Timer, Pace,
};
use crate::time::Duration;

/// Where an INVITE that we sent stands. A state keeps the INVITE as long as something has still to be derived from it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum InviteClient {
    /// Nothing was heard yet.
    Calling { invite: Bytes, resend: Duration },
    /// Nothing was heard yet, and a CANCEL waits for the first provisional response.
    Cancelling { invite: Bytes, resend: Duration },
    /// A provisional response came.
    Proceeding { invite: Bytes },
    /// A provisional response came, and the CANCEL went out.
    Cancelled { invite: Bytes },
    /// A 300-699 came and is acknowledged whenever it comes again.
    Completed { invite: Bytes },
    /// A 2xx came; the user acknowledges each.
    Accepted,
    /// The transaction is over.
    Terminated,
}

/// What may happen to it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Input {
    Provisional,
    Success,
    Failure,
    Cancel,
    TimerA,
    TimerB,
    TimerD,
    TimerM,
    TimerCancelled,
    TransportError,
}

impl Input {
    /// The input that the expiry of `timer` is, if this machine ever sets it.
    pub(super) fn expired(timer: Timer) -> Option<Input> {
        match timer {
            Timer::A => Some(Input::TimerA),
            Timer::B => Some(Input::TimerB),
            Timer::D => Some(Input::TimerD),
            Timer::M => Some(Input::TimerM),
            Timer::Cancelled => Some(Input::TimerCancelled),
            Timer::E | Timer::F | Timer::K => None,
        }
    }
}

/// §17.1.1.2: Timer D is "at least 32 seconds" over an unreliable transport.
const TIMER_D: Duration = Duration::from_secs(32);

impl InviteClient {
    /// What was sent, while a final response may still come.
    pub(super) fn invite(&self) -> Option<&Bytes> {
        match self {
            InviteClient::Calling { invite, .. }
            | InviteClient::Cancelling { invite, .. }
            | InviteClient::Proceeding { invite }
            | InviteClient::Cancelled { invite } => Some(invite),
            InviteClient::Completed { .. } | InviteClient::Accepted | InviteClient::Terminated => {
                None
            }
        }
    }

    /// Sends `invite` for the first time.
    pub(super) fn start(invite: Bytes, pace: &Pace, effects: &mut Effects) -> Self {
        effects.push(Effect::Send(invite.clone()));
        if let Some(wait) = pace.first_resend() {
            effects.push(Effect::Start(Timer::A, wait));
        }
        effects.push(Effect::Start(Timer::B, pace.give_up()));
        InviteClient::Calling { invite, resend: pace.timers.t1 }
    }

    /// The state after `input`.
    pub(super) fn step(self, input: Input, pace: &Pace, effects: &mut Effects) -> Self {
        match self {
            InviteClient::Calling { invite, resend } => {
                calling(invite, resend, input, pace, effects)
            }
            InviteClient::Cancelling { invite, resend } => {
                cancelling(invite, resend, input, pace, effects)
            }
            InviteClient::Proceeding { invite } => proceeding(invite, input, pace, effects),
            InviteClient::Cancelled { invite } => cancelled(invite, input, pace, effects),
            InviteClient::Completed { invite } => completed(invite, input, effects),
            InviteClient::Accepted => accepted(input, effects),
            InviteClient::Terminated => InviteClient::Terminated,
        }
    }
}

fn calling(
    invite: Bytes,
    resend: Duration,
    input: Input,
    pace: &Pace,
    effects: &mut Effects,
) -> InviteClient {
    match input {
        Input::Provisional => {
            effects.extend([Effect::Stop(Timer::A), Effect::Stop(Timer::B), Effect::Pass]);
            InviteClient::Proceeding { invite }
        }
        Input::Success | Input::Failure => {
            effects.extend([Effect::Stop(Timer::A), Effect::Stop(Timer::B)]);
            answered(invite, input, pace, effects)
        }
        // §9.1: no CANCEL before a provisional response; the wish is kept.
        Input::Cancel => InviteClient::Cancelling { invite, resend },
        Input::TimerA => {
            let resend = send_again(&invite, resend, effects);
            InviteClient::Calling { invite, resend }
        }
        Input::TimerB => give_up(Effect::TimedOut, effects),
        Input::TransportError => give_up(Effect::Unreachable, effects),
        Input::TimerD | Input::TimerM | Input::TimerCancelled => {
            InviteClient::Calling { invite, resend }
        }
    }
}

fn cancelling(
    invite: Bytes,
    resend: Duration,
    input: Input,
    pace: &Pace,
    effects: &mut Effects,
) -> InviteClient {
    match input {
        Input::Provisional => {
            effects.extend([Effect::Stop(Timer::A), Effect::Stop(Timer::B), Effect::Pass]);
            send_cancel(invite, pace, effects)
        }
        Input::Success | Input::Failure => {
            effects.extend([Effect::Stop(Timer::A), Effect::Stop(Timer::B)]);
            answered(invite, input, pace, effects)
        }
        Input::TimerA => {
            let resend = send_again(&invite, resend, effects);
            InviteClient::Cancelling { invite, resend }
        }
        Input::TimerB => give_up(Effect::TimedOut, effects),
        Input::TransportError => give_up(Effect::Unreachable, effects),
        Input::Cancel | Input::TimerD | Input::TimerM | Input::TimerCancelled => {
            InviteClient::Cancelling { invite, resend }
        }
    }
}

fn proceeding(invite: Bytes, input: Input, pace: &Pace, effects: &mut Effects) -> InviteClient {
    match input {
        Input::Provisional => {
            effects.push(Effect::Pass);
            InviteClient::Proceeding { invite }
        }
        Input::Success | Input::Failure => answered(invite, input, pace, effects),
        Input::Cancel => send_cancel(invite, pace, effects),
        Input::TransportError => {
            effects.push(Effect::Unreachable);
            InviteClient::Terminated
        }
        Input::TimerA | Input::TimerB | Input::TimerD | Input::TimerM | Input::TimerCancelled => {
            InviteClient::Proceeding { invite }
        }
    }
}

fn cancelled(invite: Bytes, input: Input, pace: &Pace, effects: &mut Effects) -> InviteClient {
    match input {
        Input::Provisional => {
            effects.push(Effect::Pass);
            InviteClient::Cancelled { invite }
        }
        Input::Success | Input::Failure => {
            effects.push(Effect::Stop(Timer::Cancelled));
            answered(invite, input, pace, effects)
        }
        // §9.1: without a final response 64*T1 after the CANCEL the INVITE counts as cancelled.
        Input::TimerCancelled => {
            effects.push(Effect::TimedOut);
            InviteClient::Terminated
        }
        Input::TransportError => {
            effects.extend([Effect::Stop(Timer::Cancelled), Effect::Unreachable]);
            InviteClient::Terminated
        }
        Input::Cancel | Input::TimerA | Input::TimerB | Input::TimerD | Input::TimerM => {
            InviteClient::Cancelled { invite }
        }
    }
}

fn completed(invite: Bytes, input: Input, effects: &mut Effects) -> InviteClient {
    match input {
        Input::Failure => {
            effects.push(Effect::Acknowledge { invite: invite.clone() });
            InviteClient::Completed { invite }
        }
        Input::TimerD => InviteClient::Terminated,
        // The user has its final response; that the flow broke is told to it elsewhere.
        Input::TransportError => {
            effects.push(Effect::Stop(Timer::D));
            InviteClient::Terminated
        }
        Input::Provisional | Input::Success | Input::Cancel => InviteClient::Completed { invite },
        Input::TimerA | Input::TimerB | Input::TimerM | Input::TimerCancelled => {
            InviteClient::Completed { invite }
        }
    }
}

fn accepted(input: Input, effects: &mut Effects) -> InviteClient {
    match input {
        Input::Success => {
            effects.push(Effect::Pass);
            InviteClient::Accepted
        }
        Input::TimerM => InviteClient::Terminated,
        // A 2xx of another branch may still come over another connection.
        Input::TransportError => InviteClient::Accepted,
        Input::Provisional | Input::Failure | Input::Cancel => InviteClient::Accepted,
        Input::TimerA | Input::TimerB | Input::TimerD | Input::TimerCancelled => {
            InviteClient::Accepted
        }
    }
}

/// The first final response, from any state before it.
fn answered(invite: Bytes, input: Input, pace: &Pace, effects: &mut Effects) -> InviteClient {
    if input == Input::Success {
        effects.extend([Effect::Start(Timer::M, pace.give_up()), Effect::Pass]);
        return InviteClient::Accepted;
    }
    effects.push(Effect::Acknowledge { invite: invite.clone() });
    effects.extend([Effect::Start(Timer::D, pace.linger(TIMER_D)), Effect::Pass]);
    InviteClient::Completed { invite }
}

fn send_again(invite: &Bytes, resend: Duration, effects: &mut Effects) -> Duration {
    // §17.1.1.2: Timer A doubles without bound; Timer B ends it.
    let resend = resend * 2;
    effects.extend([Effect::Send(invite.clone()), Effect::Start(Timer::A, resend)]);
    resend
}

fn send_cancel(invite: Bytes, pace: &Pace, effects: &mut Effects) -> InviteClient {
    effects.push(Effect::Cancel { invite: invite.clone() });
    effects.push(Effect::Start(Timer::Cancelled, pace.give_up()));
    InviteClient::Cancelled { invite }
}

fn give_up(report: Effect, effects: &mut Effects) -> InviteClient {
    effects.extend([Effect::Stop(Timer::A), Effect::Stop(Timer::B), report]);
    InviteClient::Terminated
}
