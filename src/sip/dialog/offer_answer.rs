//! Who may offer in a dialog, and where the answer belongs: RFC 3264 §4, RFC 3262 §5, RFC 3311 §5, and the six patterns of
//! RFC 6337 §2.2.
//!
//! ```text
//!   offer in             answer in                      INVITE without offer: Owed, then
//!   INVITE               reliable 1xx, or 2xx             offer in a reliable 1xx, answer in its PRACK
//!   PRACK                2xx to the PRACK                 offer in the 2xx, answer in the ACK
//!   UPDATE               2xx to the UPDATE
//! ```
//! One offer at a time is open in a dialog, whoever made it. A description in an unreliable 1xx is a preview of the answer, and
//! what comes again after the answer is a repetition that changes nothing (RFC 3261 §13.2.1).

use thiserror::Error;

/// Which way a message went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// From us to the peer.
    Sent,
    /// From the peer to us.
    Received,
}

impl Way {
    const fn reversed(self) -> Way {
        match self {
            Way::Sent => Way::Received,
            Way::Received => Way::Sent,
        }
    }
}

/// The messages that may carry a session description, and those that end an offer without an answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Carrier {
    /// INVITE or re-INVITE.
    Invite,
    /// 101–199 to an INVITE without 100rel.
    Progress,
    /// 101–199 to an INVITE with 100rel, RFC 3262.
    ReliableProgress,
    /// 2xx to an INVITE.
    Success,
    /// 300–699 to an INVITE.
    Failure,
    /// The ACK of a 2xx.
    Ack,
    /// PRACK.
    Prack,
    /// 2xx to a PRACK.
    PrackSuccess,
    /// 300–699 to a PRACK.
    PrackFailure,
    /// UPDATE.
    Update,
    /// 2xx to an UPDATE.
    UpdateSuccess,
    /// 300–699 to an UPDATE.
    UpdateFailure,
}

/// Where the answer to an open offer belongs.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Place {
    /// In a reliable response to the INVITE that offered.
    InviteResponse,
    /// In the ACK of the 2xx that offered.
    Ack,
    /// In the PRACK of the 1xx that offered.
    Prack,
    /// In the 2xx to the PRACK that offered.
    PrackSuccess,
    /// In the 2xx to the UPDATE that offered.
    UpdateSuccess,
}

/// What a message means for offer and answer.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Role {
    /// Its description is an offer.
    Offer,
    /// Its description is the answer.
    Answer,
    /// Its description shows what the answer will be.
    Preview,
    /// Its description was settled before, or has no place there: it is to be ignored.
    Repeat,
    /// The answer, or the offer that was owed, was due here and is not here.
    Missing,
    /// The open offer ends without an answer: what was agreed before is in force.
    Withdrawn,
    /// The message does not touch offer and answer.
    Nothing,
}

/// Why an offer cannot be taken.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum Refusal {
    /// An offer of the other side is open: 491 (RFC 3261 §14.2, RFC 3311 §5.2).
    #[error("an offer of the other side is open")]
    Glare,
    /// An earlier offer of the same side is open: 500 with Retry-After.
    #[error("an earlier offer of the same side is open")]
    Busy,
}

impl Refusal {
    /// The status to refuse with.
    pub const fn status(self) -> u16 {
        match self {
            Refusal::Glare => 491,
            Refusal::Busy => 500,
        }
    }
}

/// Offer and answer in one dialog.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub enum OfferAnswer {
    /// No offer is open: either side may make one.
    #[default]
    Stable,
    /// An INVITE without an offer went this way, and has no response that offers.
    Owed(Way),
    /// An offer went this way and has no answer.
    Open(Way, Place),
}

impl OfferAnswer {
    /// Whether either side may offer.
    pub const fn is_stable(self) -> bool {
        matches!(self, OfferAnswer::Stable)
    }

    /// Takes one message, and tells what its description is.
    ///
    /// # Errors
    /// When it offers and an offer is open. Nothing has changed then: the offerer is refused.
    pub fn take(
        &mut self,
        way: Way,
        carrier: Carrier,
        has_description: bool,
    ) -> Result<Role, Refusal> {
        let (role, next) = match carrier {
            Carrier::Invite if !has_description => {
                (Role::Nothing, self.open(way, OfferAnswer::Owed(way))?)
            }
            Carrier::Invite => (Role::Offer, self.offered(way, Place::InviteResponse)?),
            Carrier::Update if !has_description => (Role::Nothing, *self),
            Carrier::Update => (Role::Offer, self.offered(way, Place::UpdateSuccess)?),
            Carrier::Prack => self.take_prack(way, has_description)?,
            Carrier::Progress => self.take_progress(way, has_description),
            Carrier::ReliableProgress => self.take_reliable_progress(way, has_description),
            Carrier::Success => self.take_success(way, has_description),
            Carrier::Ack => self.take_answer(way, Place::Ack, has_description),
            Carrier::PrackSuccess => self.take_answer(way, Place::PrackSuccess, has_description),
            Carrier::UpdateSuccess => self.take_answer(way, Place::UpdateSuccess, has_description),
            Carrier::Failure => self.take_failure(way),
            Carrier::PrackFailure => self.withdraw(way, Place::PrackSuccess),
            Carrier::UpdateFailure => self.withdraw(way, Place::UpdateSuccess),
        };
        *self = next;
        Ok(role)
    }

    fn offered(self, way: Way, place: Place) -> Result<OfferAnswer, Refusal> {
        self.open(way, OfferAnswer::Open(way, place))
    }

    /// `next`, unless something is open.
    fn open(self, way: Way, next: OfferAnswer) -> Result<OfferAnswer, Refusal> {
        match self {
            OfferAnswer::Stable => Ok(next),
            OfferAnswer::Owed(by) | OfferAnswer::Open(by, _) if by == way => Err(Refusal::Busy),
            OfferAnswer::Owed(_) | OfferAnswer::Open(..) => Err(Refusal::Glare),
        }
    }

    fn take_prack(self, way: Way, described: bool) -> Result<(Role, OfferAnswer), Refusal> {
        match self {
            OfferAnswer::Open(by, Place::Prack) if by != way => {
                Ok(self.take_answer(way, Place::Prack, described))
            }
            _ if described => Ok((Role::Offer, self.offered(way, Place::PrackSuccess)?)),
            OfferAnswer::Stable | OfferAnswer::Owed(_) | OfferAnswer::Open(..) => {
                Ok((Role::Nothing, self))
            }
        }
    }

    fn take_progress(self, way: Way, described: bool) -> (Role, OfferAnswer) {
        let role = match self {
            _ if !described => Role::Nothing,
            OfferAnswer::Open(by, Place::InviteResponse) if by != way => Role::Preview,
            // RFC 3261 §13.2.1: an offer needs a reliable message.
            OfferAnswer::Owed(_) | OfferAnswer::Stable | OfferAnswer::Open(..) => Role::Repeat,
        };
        (role, self)
    }

    fn take_reliable_progress(self, way: Way, described: bool) -> (Role, OfferAnswer) {
        match self {
            // RFC 3262 §5 lets a response without any description go first; the next one, or the 2xx, brings it.
            _ if !described => (Role::Nothing, self),
            OfferAnswer::Open(by, Place::InviteResponse) if by != way => {
                (Role::Answer, OfferAnswer::Stable)
            }
            OfferAnswer::Owed(by) if by != way => {
                (Role::Offer, OfferAnswer::Open(way, Place::Prack))
            }
            OfferAnswer::Stable | OfferAnswer::Owed(_) | OfferAnswer::Open(..) => {
                (Role::Repeat, self)
            }
        }
    }

    fn take_success(self, way: Way, described: bool) -> (Role, OfferAnswer) {
        match self {
            OfferAnswer::Open(by, Place::InviteResponse) if by != way => {
                let role = if described { Role::Answer } else { Role::Missing };
                (role, OfferAnswer::Stable)
            }
            OfferAnswer::Owed(by) if by != way => match described {
                true => (Role::Offer, OfferAnswer::Open(way, Place::Ack)),
                false => (Role::Missing, OfferAnswer::Stable),
            },
            OfferAnswer::Stable | OfferAnswer::Owed(_) | OfferAnswer::Open(..) => {
                (if described { Role::Repeat } else { Role::Nothing }, self)
            }
        }
    }

    /// A message that may answer, in this place, an offer that went the other way.
    fn take_answer(self, way: Way, place: Place, described: bool) -> (Role, OfferAnswer) {
        match (self, described) {
            (open, true) if open == OfferAnswer::Open(way.reversed(), place) => {
                (Role::Answer, OfferAnswer::Stable)
            }
            (open, false) if open == OfferAnswer::Open(way.reversed(), place) => {
                (Role::Missing, OfferAnswer::Stable)
            }
            (other, true) => (Role::Repeat, other),
            (other, false) => (Role::Nothing, other),
        }
    }

    fn take_failure(self, way: Way) -> (Role, OfferAnswer) {
        match self {
            OfferAnswer::Owed(by) | OfferAnswer::Open(by, Place::InviteResponse) if by != way => {
                (Role::Withdrawn, OfferAnswer::Stable)
            }
            OfferAnswer::Stable | OfferAnswer::Owed(_) | OfferAnswer::Open(..) => {
                (Role::Nothing, self)
            }
        }
    }

    fn withdraw(self, way: Way, place: Place) -> (Role, OfferAnswer) {
        if self == OfferAnswer::Open(way.reversed(), place) {
            (Role::Withdrawn, OfferAnswer::Stable)
        } else {
            (Role::Nothing, self)
        }
    }
}

#[cfg(test)]
#[path = "offer_answer_table.rs"]
mod table;
