//! The session descriptions that we write on one leg: one `o=` line for its whole life, whose version grows with every change
//! (RFC 3264 §8).

use std::net::{IpAddr, Ipv4Addr};

use bytes::Bytes;

use super::leg::Leg;
use crate::codec::Codec;
use crate::media::LocalPort;
use crate::sdp::{Description, Direction, LocalMedia, Origin, Payload, SdpError};

/// What we last said of a leg's media, and where that media is.
#[derive(Debug)]
pub(super) struct LocalText {
    media: LocalMedia,
    origin: Origin,
    last: Option<Bytes>,
}

impl Default for LocalText {
    fn default() -> Self {
        LocalText {
            media: LocalMedia { address: IpAddr::V4(Ipv4Addr::UNSPECIFIED), port: 0 },
            origin: Origin { session_id: 0, version: 1 },
            last: None,
        }
    }
}

impl LocalText {
    /// The leg has a port: descriptions name it from here on.
    pub(super) fn begin(&mut self, session_id: u64, address: IpAddr, port: LocalPort) {
        self.media = LocalMedia { address, port: port.rtp() };
        // One that has moved keeps its name, and what it says next is another version.
        if self.last.is_none() {
            self.origin = Origin { session_id, version: 1 };
        }
    }

    /// The last description that we sent.
    pub(super) fn last(&self) -> Option<&Bytes> {
        self.last.as_ref()
    }

    /// The peer refused the last one: an earlier one is in force again.
    pub(super) fn restore(&mut self, earlier: Option<Bytes>) {
        self.last = earlier;
    }

    /// The peer's answer as it should be: with a line for every media line that we offered, for some phones leave out those that
    /// they refuse; in a direction that the offered one allows, for some answer a hold as if it were none (RFC 3264 §6.1).
    pub(super) fn align(&self, answer: &Description) -> Description {
        self.offer_sent().map_or_else(|| answer.clone(), |offer| answer.aligned_with(&offer))
    }

    /// The direction of the audio in the last description that we sent.
    pub(super) fn direction(&self) -> Option<Direction> {
        Some(self.offer_sent()?.audio()?.direction)
    }

    /// Whether the last description that we sent is what `other` says.
    fn says(&self, other: &Description) -> bool {
        let text = other.relayed(self.media, self.origin).to_bytes();
        self.last.as_ref().is_some_and(|last| *last == text)
    }

    fn offer_sent(&self) -> Option<Description> {
        self.last.as_ref().and_then(|text| Description::parse(text).ok())
    }

    /// The other party's description as this leg's peer sees it.
    pub(super) fn relay(&mut self, other: &Description) -> Bytes {
        self.settle(|media, origin| other.relayed(media, origin))
    }

    /// The same, both ways whatever was held.
    pub(super) fn relay_both_ways(&mut self, other: &Description) -> Bytes {
        self.settle(|media, origin| {
            other.relayed(media, origin).with_direction(Direction::SendRecv, origin)
        })
    }

    /// Our own answer to the peer's offer, for a built-in party.
    pub(super) fn answer(
        &mut self,
        offer: &Description,
        codecs: &[Codec],
    ) -> Result<(Bytes, Vec<Payload>), SdpError> {
        let (_, payloads) = offer.answer(self.media, self.origin, codecs)?;
        let text = self.settle(|media, origin| match offer.answer(media, origin, codecs) {
            Ok((description, _)) => description,
            Err(_) => Description::offer(media, origin, codecs, Direction::Inactive),
        });
        Ok((text, payloads))
    }

    /// The answer that takes nothing of the peer's offer.
    pub(super) fn decline(&mut self, offer: &Description) -> Bytes {
        self.settle(|media, origin| offer.declined(media, origin))
    }

    /// Our own offer, for a built-in party.
    pub(super) fn offer(&mut self, codecs: &[Codec]) -> Bytes {
        self.settle(|media, origin| Description::offer(media, origin, codecs, Direction::SendRecv))
    }

    /// Writes the description, under the next version when it differs from the last one.
    fn settle(&mut self, write: impl Fn(LocalMedia, Origin) -> Description) -> Bytes {
        let same = Bytes::from(write(self.media, self.origin).to_bytes());
        let text = match &self.last {
            Some(last) if *last != same => {
                self.origin.version += 1;
                Bytes::from(write(self.media, self.origin).to_bytes())
            }
            _ => same,
        };
        self.last = Some(text.clone());
        text
    }
}

impl Leg {
    /// The other party's description as an offer to this leg's peer: with the codecs that its trunk wants to be offered.
    pub(super) fn offer(&mut self, other: &Description) -> Bytes {
        let offer = self.in_its_codecs(other);
        self.local.relay(&offer)
    }

    /// The same, both ways whatever was held: what two parties that are new to each other begin with.
    pub(super) fn offer_both_ways(&mut self, other: &Description) -> Bytes {
        let offer = self.in_its_codecs(other);
        self.local.relay_both_ways(&offer)
    }

    /// Whether the last description that we sent is what `other` says, offered or answered.
    pub(super) fn has_said(&self, other: &Description) -> bool {
        self.local.says(other) || self.local.says(&self.in_its_codecs(other))
    }

    fn in_its_codecs(&self, other: &Description) -> Description {
        let codecs = self.line.as_ref().map_or(&[][..], |line| &line.codecs);
        other.with_codecs(codecs)
    }
}
