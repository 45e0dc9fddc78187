//! The vocabulary that the four machines of RFC 3261 §17 share: their timers, their effects, and the pace at which they run.
//!
//! A machine is a state and one total function `step(state, input) -> state` that writes down its effects. It knows no
//! parser, no table and no clock; the layer above executes the effects.

use bytes::Bytes;
use smallvec::SmallVec;

use super::TransactionTimers;
use crate::time::Duration;

/// A timer of a client transaction, by its name in RFC 3261 Table 4 and RFC 6026 §8.4.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ClientTimer {
    /// INVITE request retransmission.
    A,
    /// INVITE transaction timeout.
    B,
    /// Wait for retransmissions of a 300-699 to INVITE.
    D,
    /// Non-INVITE request retransmission.
    E,
    /// Non-INVITE transaction timeout.
    F,
    /// Wait for retransmissions of a non-INVITE response.
    K,
    /// Wait for retransmissions of a 2xx to INVITE and for those of other branches.
    M,
    /// The 64*T1 that a cancelled INVITE may take for its final response, §9.1; it has no letter.
    Cancelled,
}

impl ClientTimer {
    /// Every timer.
    pub(super) const ALL: [ClientTimer; 8] = [
        ClientTimer::A,
        ClientTimer::B,
        ClientTimer::D,
        ClientTimer::E,
        ClientTimer::F,
        ClientTimer::K,
        ClientTimer::M,
        ClientTimer::Cancelled,
    ];
}

/// A timer of a server transaction, by its name in RFC 3261 Table 4 and RFC 6026 §8.2.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub(super) enum ServerTimer {
    /// The client's Timer F: from here on an answer is of no use to it.
    F,
    /// Retransmission of a 300-699 to INVITE.
    G,
    /// Wait for the ACK of a 300-699.
    H,
    /// Wait for retransmissions of the ACK.
    I,
    /// Wait for retransmissions of a non-INVITE request.
    J,
    /// Wait for retransmissions of an accepted INVITE.
    L,
    /// The 200 ms after which an INVITE is answered 100, §17.2.1; it has no letter.
    Trying,
}

impl ServerTimer {
    /// Every timer.
    pub(super) const ALL: [ServerTimer; 7] = [
        ServerTimer::F,
        ServerTimer::G,
        ServerTimer::H,
        ServerTimer::I,
        ServerTimer::J,
        ServerTimer::L,
        ServerTimer::Trying,
    ];
}

/// What a step of a client machine asks of the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ClientEffect {
    /// Put these bytes on the transaction's flow.
    Send(Bytes),
    /// Make the ACK of this INVITE for the response just received, and send it.
    Acknowledge { invite: Bytes },
    /// Make the CANCEL of this INVITE and run its transaction.
    Cancel { invite: Bytes },
    /// Give the response just received to the user.
    Pass,
    /// Set a timer.
    Start(ClientTimer, Duration),
    /// Forget a timer.
    Stop(ClientTimer),
    /// Tell the user that no final response came.
    TimedOut,
    /// Tell the user that the flow broke before the final response.
    Unreachable,
}

/// What a step of a server machine asks of the layer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) enum ServerEffect {
    /// Put these bytes on the transaction's flow.
    Send(Bytes),
    /// Answer this INVITE with 100, as if the user had.
    Try { invite: Bytes },
    /// Give the ACK just received to the user.
    Pass,
    /// Set a timer.
    Start(ServerTimer, Duration),
    /// Forget a timer.
    Stop(ServerTimer),
    /// Tell the user that no ACK came.
    Unacknowledged,
}

/// The effects of one step, in order. No step has more than five.
pub(super) type ClientEffects = SmallVec<[ClientEffect; 5]>;

/// The effects of one step, in order. No step has more than four.
pub(super) type ServerEffects = SmallVec<[ServerEffect; 4]>;

/// How fast a machine runs: the configured estimates, and whether its transport retransmits for it.
#[derive(Clone, Copy, Debug)]
pub(super) struct Pace {
    pub(super) timers: TransactionTimers,
    /// A reliable transport: nothing is retransmitted and nothing lingers, §17.1.1.1.
    pub(super) reliable: bool,
}

impl Pace {
    /// 64*T1: Timers B, F, H, L, M.
    pub(super) fn give_up(&self) -> Duration {
        self.timers.t1 * 64
    }

    /// The wait before the first retransmission, if there is any: Timers A, E, G.
    pub(super) fn first_resend(&self) -> Option<Duration> {
        (!self.reliable).then_some(self.timers.t1)
    }

    /// The wait after one of `last`, doubled up to T2: Timers E, G.
    pub(super) fn next_resend(&self, last: Duration) -> Duration {
        (last * 2).min(self.timers.t2)
    }

    /// How long to absorb what an unreliable transport may still bring: Timers D, I, J, K.
    pub(super) fn linger(&self, unreliable: Duration) -> Duration {
        if self.reliable { Duration::ZERO } else { unreliable }
    }
}
