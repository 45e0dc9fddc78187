//! Provisional responses that are acknowledged: RFC 3262.
//!
//! ```text
//!   responder                                    inviter, of each early dialog
//!   Idle --send--> Waiting --PRACK--> Idle       RSeq of the first: any; then one more each time
//!                    |  T1, 2*T1, … again        a lower or equal one came before: dropped
//!                    |  64*T1: given up          a gap: not acknowledged, it will come again in order
//!                    +--final--> Waiting, no more repetitions
//! ```
//! A responder sends one at a time. A 2xx waits while one that brought a description is not acknowledged (§3).

use std::fmt;

use bytes::Bytes;
use thiserror::Error;

use super::retransmit::{Resend, Retransmit};
use crate::sip::Method;
use crate::sip::transaction::TransactionTimers;
use crate::time::Instant;

/// RFC 3262 §3: the first RSeq is "uniformly between 1 and 2**31 - 1".
pub const FIRST_RSEQ_BELOW: u32 = 1 << 31;

/// The value of a RAck header, RFC 3262 §7.2: which response to which request is acknowledged.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RAck {
    /// The RSeq of the response.
    pub rseq: u32,
    /// The number in the CSeq of the response.
    pub cseq: u32,
    /// The method in the CSeq of the response.
    pub method: Method,
}

impl RAck {
    /// Reads the value of a RAck header.
    pub fn parse(value: &str) -> Option<RAck> {
        let mut words = value.split_ascii_whitespace();
        let mut number = || words.next().and_then(digits);
        let (rseq, cseq) = (number()?, number()?);
        let method = Method::from(words.next()?);
        words.next().is_none().then_some(RAck { rseq, cseq, method })
    }
}

impl fmt::Display for RAck {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} {} {}", self.rseq, self.cseq, self.method)
    }
}

/// Reads the value of a RSeq header.
pub fn parse_rseq(value: &str) -> Option<u32> {
    digits(value.trim())
}

fn digits(text: &str) -> Option<u32> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().ok()).flatten()
}

/// The PRACK acknowledges nothing that waits for it: 481.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
#[error("no response waits for this PRACK")]
pub struct Unmatched;

/// The responder's side of one INVITE.
#[derive(Clone, Debug)]
pub struct ReliableResponses {
    next: u32,
    cseq: u32,
    waiting: Option<Waiting>,
}

#[derive(Clone, Debug)]
struct Waiting {
    rseq: u32,
    described: bool,
    /// None once a final response went out: what is repeated then is that one.
    repeat: Option<Retransmit>,
}

impl ReliableResponses {
    /// The responses to the INVITE with this CSeq. `first` is the first RSeq: chance, from 1 to below [`FIRST_RSEQ_BELOW`].
    pub fn new(first: u32, cseq: u32) -> Self {
        ReliableResponses { next: first.clamp(1, FIRST_RSEQ_BELOW - 1), cseq, waiting: None }
    }

    /// The RSeq of the next response; `None` while another one waits for its PRACK.
    pub fn next_rseq(&self) -> Option<u32> {
        self.waiting.is_none().then_some(self.next)
    }

    /// The response with [`next_rseq`](ReliableResponses::next_rseq) went out.
    pub fn sent(
        &mut self,
        bytes: Bytes,
        described: bool,
        timers: &TransactionTimers,
        now: Instant,
    ) {
        let repeat = Some(Retransmit::provisional(bytes, timers, now));
        self.waiting = Some(Waiting { rseq: self.next, described, repeat });
        self.next = self.next.wrapping_add(1).max(1);
    }

    /// A PRACK came. Tells whether what it acknowledges brought a description.
    ///
    /// # Errors
    /// When nothing waits for it, or another response does.
    pub fn acknowledge(&mut self, rack: &RAck) -> Result<bool, Unmatched> {
        let fits = |waiting: &mut Waiting| {
            waiting.rseq == rack.rseq && rack.cseq == self.cseq && rack.method == Method::Invite
        };
        self.waiting.take_if(fits).map(|waiting| waiting.described).ok_or(Unmatched)
    }

    /// Whether a 2xx has to wait: "the UAS MUST NOT send a final response" of that kind while a description is unacknowledged.
    pub fn holds_success(&self) -> bool {
        self.waiting.as_ref().is_some_and(|waiting| waiting.described)
    }

    /// A final response went out: nothing is repeated any more, but the PRACK may still come (§3).
    pub fn finish(&mut self) {
        if let Some(waiting) = &mut self.waiting {
            waiting.repeat = None;
        }
    }

    /// The moment for the next [`handle_timeout`](ReliableResponses::handle_timeout).
    pub fn poll_timeout(&self) -> Option<Instant> {
        Some(self.waiting.as_ref()?.repeat.as_ref()?.poll_timeout())
    }

    /// What is due. After [`Resend::GiveUp`] the INVITE "SHOULD" be rejected with a 5xx (§3), and nothing is due any more.
    pub fn handle_timeout(&mut self, now: Instant) -> Resend {
        let Some(waiting) = &mut self.waiting else { return Resend::Wait };
        let Some(repeat) = &mut waiting.repeat else { return Resend::Wait };
        let resend = repeat.handle_timeout(now);
        if resend == Resend::GiveUp {
            waiting.repeat = None;
        }
        resend
    }
}

/// What a reliable provisional response is to the inviter.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Heard {
    /// The next one: it is acknowledged and takes effect.
    Next,
    /// It came before; its PRACK is on its way.
    Again,
    /// One before it is missing: "MUST NOT be acknowledged with a PRACK, and MUST NOT be processed further" (§4).
    OutOfOrder,
}

/// The inviter's side of one early dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct ReliableHearing {
    last: Option<u32>,
}

impl ReliableHearing {
    /// Takes the RSeq of a response.
    pub fn take(&mut self, rseq: u32) -> Heard {
        match self.last {
            Some(last) if rseq <= last => Heard::Again,
            Some(last) if rseq - last > 1 => Heard::OutOfOrder,
            Some(_) | None => {
                self.last = Some(rseq);
                Heard::Next
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const T0: Instant = Instant::from_millis(1_000);

    fn rack(rseq: u32, cseq: u32, method: Method) -> RAck {
        RAck { rseq, cseq, method }
    }

    /// One that waits with RSeq 7 for the INVITE with CSeq 3.
    fn waiting(described: bool) -> ReliableResponses {
        let mut responses = ReliableResponses::new(7, 3);
        responses.sent(Bytes::from_static(b"183"), described, &TransactionTimers::DEFAULT, T0);
        responses
    }

    #[test]
    fn every_prack_in_every_state_is_matched_or_not() {
        let idle = || ReliableResponses::new(7, 3);
        let finished = || {
            let mut responses = waiting(true);
            responses.finish();
            responses
        };
        let acknowledged = || {
            let mut responses = waiting(true);
            responses.acknowledge(&rack(7, 3, Method::Invite)).expect("it waits for that");
            responses
        };
        let states: [(&str, &dyn Fn() -> ReliableResponses); 5] = [
            ("idle", &idle),
            ("waiting", &|| waiting(false)),
            ("waiting, described", &|| waiting(true)),
            ("finished", &finished),
            ("acknowledged", &acknowledged),
        ];
        let pracks = [
            ("the right one", rack(7, 3, Method::Invite)),
            ("another response", rack(8, 3, Method::Invite)),
            ("another INVITE", rack(7, 2, Method::Invite)),
            ("another method", rack(7, 3, Method::Update)),
        ];
        let mut table = String::new();
        for (state, make) in states {
            for (name, prack) in &pracks {
                let mut responses = make();
                let result = responses.acknowledge(prack);
                let next = responses.next_rseq();
                let holds = responses.holds_success();
                table += &format!("{state}: {name}: {result:?}, next {next:?}, holds {holds}\n");
            }
        }
        expect_test::expect![[r#"
            idle: the right one: Err(Unmatched), next Some(7), holds false
            idle: another response: Err(Unmatched), next Some(7), holds false
            idle: another INVITE: Err(Unmatched), next Some(7), holds false
            idle: another method: Err(Unmatched), next Some(7), holds false
            waiting: the right one: Ok(false), next Some(8), holds false
            waiting: another response: Err(Unmatched), next None, holds false
            waiting: another INVITE: Err(Unmatched), next None, holds false
            waiting: another method: Err(Unmatched), next None, holds false
            waiting, described: the right one: Ok(true), next Some(8), holds false
            waiting, described: another response: Err(Unmatched), next None, holds true
            waiting, described: another INVITE: Err(Unmatched), next None, holds true
            waiting, described: another method: Err(Unmatched), next None, holds true
            finished: the right one: Ok(true), next Some(8), holds false
            finished: another response: Err(Unmatched), next None, holds true
            finished: another INVITE: Err(Unmatched), next None, holds true
            finished: another method: Err(Unmatched), next None, holds true
            acknowledged: the right one: Err(Unmatched), next Some(8), holds false
            acknowledged: another response: Err(Unmatched), next Some(8), holds false
            acknowledged: another INVITE: Err(Unmatched), next Some(8), holds false
            acknowledged: another method: Err(Unmatched), next Some(8), holds false
        "#]]
        .assert_eq(&table);
    }

    #[test]
    fn a_response_goes_again_at_doubling_waits_without_a_cap_and_is_given_up_after_64_t1() {
        let mut responses = waiting(true);
        let mut sent = Vec::new();
        let given_up = loop {
            let due = responses.poll_timeout().expect("something is due");
            let at = due.since(T0).as_millis();
            match responses.handle_timeout(due) {
                Resend::Send(_) => sent.push(at),
                Resend::GiveUp => break at,
                Resend::Wait => panic!("a poll_timeout that is not due"),
            }
        };
        assert_eq!(sent, [500, 1_500, 3_500, 7_500, 15_500, 31_500]);
        assert_eq!(given_up, 32_000);
        assert_eq!(responses.poll_timeout(), None);
        assert_eq!(responses.handle_timeout(Instant::from_millis(99_000)), Resend::Wait);
    }

    #[test]
    fn a_final_response_ends_the_repetitions() {
        let mut responses = waiting(true);
        responses.finish();
        assert_eq!(responses.poll_timeout(), None);
        assert_eq!(responses.handle_timeout(Instant::from_millis(99_000)), Resend::Wait);
    }

    #[test]
    fn the_inviter_takes_one_after_the_other() {
        let mut hearing = ReliableHearing::default();
        let heard = [40, 40, 42, 41, 42, 40, u32::MAX].map(|rseq| hearing.take(rseq));
        use Heard::{Again, Next, OutOfOrder};
        assert_eq!(heard, [Next, Again, OutOfOrder, Next, Next, Again, OutOfOrder]);
    }

    #[test]
    fn rack_is_three_words() {
        let read = |text: &str| RAck::parse(text).map(|rack| rack.to_string());
        assert_eq!(read(" 776656  1 INVITE ").as_deref(), Some("776656 1 INVITE"));
        for wrong in
            ["", "1", "1 2", "1 2 INVITE 3", "-1 2 INVITE", "1 x INVITE", "4294967296 1 INVITE"]
        {
            assert_eq!(read(wrong), None, "{wrong}");
        }
        assert_eq!(parse_rseq(" 12 "), Some(12));
        assert_eq!(parse_rseq("+12"), None);
    }
}
