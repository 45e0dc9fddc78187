//! Responses to an INVITE that are sent over and over until they are acknowledged: a 2xx until its ACK comes (RFC 3261
//! §13.3.1.4), a reliable provisional one until its PRACK comes (RFC 3262 §3).

use bytes::Bytes;

use crate::sip::transaction::TransactionTimers;
use crate::time::{Duration, Instant};

/// One response that waits to be acknowledged. It goes again after T1, then after twice the wait each time, over every transport,
/// because the ACK or PRACK comes from the far end and not from the next hop. The owner drops it when that comes.
#[derive(Clone, Debug)]
pub struct Retransmit {
    bytes: Bytes,
    wait: Duration,
    longest_wait: Duration,
    next: Instant,
    gives_up: Instant,
}

/// What to do when its time has come.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Resend {
    /// It is not time yet.
    Wait,
    /// Send these bytes again.
    Send(Bytes),
    /// Nothing came within 64*T1: the session is to be ended with BYE, or the INVITE to be refused.
    GiveUp,
}

impl Retransmit {
    /// The 2xx with these bytes was sent for the first time, `now`. No wait is longer than T2.
    pub fn success(bytes: Bytes, timers: &TransactionTimers, now: Instant) -> Self {
        Retransmit::new(bytes, timers.t2, timers, now)
    }

    /// The reliable 1xx with these bytes was sent for the first time, `now`.
    pub fn provisional(bytes: Bytes, timers: &TransactionTimers, now: Instant) -> Self {
        Retransmit::new(bytes, timers.t1 * 64, timers, now)
    }

    fn new(bytes: Bytes, longest_wait: Duration, timers: &TransactionTimers, now: Instant) -> Self {
        Retransmit {
            bytes,
            wait: timers.t1,
            longest_wait,
            next: now + timers.t1,
            gives_up: now + timers.t1 * 64,
        }
    }

    /// The moment for the next [`handle_timeout`](Retransmit::handle_timeout).
    pub fn poll_timeout(&self) -> Instant {
        self.next.min(self.gives_up)
    }

    /// Tells what is due. A late call sends once, not once for each wait that it missed.
    pub fn handle_timeout(&mut self, now: Instant) -> Resend {
        if now >= self.gives_up {
            return Resend::GiveUp;
        }
        if now < self.next {
            return Resend::Wait;
        }
        self.wait = (self.wait * 2).min(self.longest_wait);
        self.next = now + self.wait;
        Resend::Send(self.bytes.clone())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_2xx_goes_again_at_doubling_waits_up_to_t2_and_is_given_up_after_64_t1() {
        let mut pending = Retransmit::success(
            Bytes::from_static(b"200"),
            &TransactionTimers::DEFAULT,
            Instant::from_millis(1_000),
        );
        assert_eq!(pending.handle_timeout(Instant::from_millis(1_499)), Resend::Wait);
        let mut sent = Vec::new();
        let given_up = loop {
            let due = pending.poll_timeout();
            let at = due.since(Instant::from_millis(1_000)).as_millis();
            match pending.handle_timeout(due) {
                Resend::Send(_) => sent.push(at),
                Resend::GiveUp => break at,
                Resend::Wait => panic!("a poll_timeout that is not due"),
            }
        };
        assert_eq!(sent, [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
        assert_eq!(given_up, 32_000);
    }
}
