//! Why a target did not answer, and which of several failures the caller is told: RFC 3261 §16.7 item 6.

use crate::command::Origin;
use crate::event::{Cause, Outcome};

/// The final word of one target.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Failure {
    /// The response, or the one that stands for silence (408) or a broken way (503), RFC 3261 §8.1.3.1.
    pub(super) status: u16,
    pub(super) cause: Cause,
    pub(super) origin: Origin,
}

impl Failure {
    /// No answer within the ringing time.
    pub(super) const UNANSWERED: Failure =
        Failure { status: 480, cause: Cause::Timeout, origin: Origin::Switch };
    /// Nobody could be asked: no target, or none that can be reached.
    pub(super) const NOWHERE: Failure =
        Failure { status: 480, cause: Cause::Policy, origin: Origin::Switch };
    /// No address was found for any of the names.
    pub(super) const NOT_FOUND: Failure =
        Failure { status: 503, cause: Cause::ConnectFailed, origin: Origin::Switch };
    /// We have no room for another leg.
    pub(super) const NO_ROOM: Failure =
        Failure { status: 503, cause: Cause::Policy, origin: Origin::Switch };

    /// Whether it speaks for every other place too.
    pub(super) fn is_global(&self) -> bool {
        self.status >= 600
    }

    /// The more telling of two. Of equals, the one that came first.
    pub(super) fn or(self, other: Failure) -> Failure {
        if other.rank() < self.rank() { other } else { self }
    }

    /// The lower tells the caller more.
    fn rank(&self) -> u8 {
        match self.status {
            600.. => 0,
            // "the proxy SHOULD give preference to responses that provide information affecting resubmission of this request"
            415 | 420 | 484 => 1,
            486 => 2,
            480 | 408 => 3,
            // What is between us and the next server says nothing about the called party.
            _ if self.status_for_caller() != self.status => 5,
            400..=499 => 4,
            _ => 6,
        }
    }

    /// Which of the peer's failures the caller is told as they are: those about the called party. What is between us and the next
    /// server is our affair: an unfollowed redirection, a challenge, a dialog.
    pub(super) fn status_for_caller(&self) -> u16 {
        match self.status {
            300..=399 | 401 | 407 | 421 | 422 | 423 | 481 | 482 | 483 => 480,
            400..=699 => self.status,
            _ => 500,
        }
    }

    /// The same in the field's words.
    pub(super) fn outcome(&self) -> Outcome {
        match self.status {
            486 | 600 => Outcome::Busy,
            480 if matches!(self.cause, Cause::Policy | Cause::HangUp) => Outcome::Failed,
            408 | 480 => Outcome::NoAnswer,
            487 => Outcome::Cancelled,
            _ => Outcome::Failed,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::id::LegId;

    /// The status that the caller gets of these, in the order in which they came.
    fn best(statuses: &[u16]) -> u16 {
        let failure = |status: &u16| Failure {
            status: *status,
            cause: Cause::Rejected,
            origin: Origin::Leg(LegId(1)),
        };
        let failures = statuses.iter().map(failure);
        failures.reduce(Failure::or).expect("not empty").status_for_caller()
    }

    #[test]
    fn the_caller_is_told_the_most_telling_failure() {
        for (statuses, expected) in [
            (&[486, 486, 486][..], 486),
            (&[480, 486], 486),
            (&[486, 480], 486),
            (&[408, 404], 408),
            (&[404, 403], 404),
            (&[503, 404], 404),
            (&[503, 500], 503),
            (&[486, 603], 603),
            (&[486, 415], 415),
            (&[302, 404], 404),
            (&[401, 486], 486),
            (&[401], 480),
            (&[407, 503], 480),
            (&[302], 480),
            (&[483, 482], 480),
            (&[488, 480], 480),
        ] {
            assert_eq!(best(statuses), expected, "{statuses:?}");
        }
    }
}
