//! What each RTP payload type of a leg means.

use crate::codec::Codec;

/// How many known codecs one session description gives payload types to. We know seven; a phone that lists one of them under
/// more numbers than this has the surplus passed through without being decoded.
const MAX_CODECS: usize = 16;

/// The meaning of a negotiated payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Payload {
    /// A codec that we know.
    Known(Codec),
    /// Negotiated between the phones; relayed, never decoded.
    PassedThrough,
}

/// The negotiated payload types of a leg: a value of fixed size that is copied, never shared.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PayloadMap {
    /// One bit per negotiated payload type.
    negotiated: u128,
    codecs: [Option<(u8, Codec)>; MAX_CODECS],
}

impl PayloadMap {
    /// The map that knows no payload type.
    pub const EMPTY: PayloadMap = PayloadMap { negotiated: 0, codecs: [None; MAX_CODECS] };

    /// The same map with `payload_type` meaning `codec`. Numbers above 127 are no payload types and change nothing.
    pub fn with(mut self, payload_type: u8, codec: Codec) -> Self {
        if payload_type > 127 {
            return self;
        }
        self.negotiated |= 1 << payload_type;
        let same =
            |slot: &&mut Option<(u8, Codec)>| slot.is_none_or(|(number, _)| number == payload_type);
        if let Some(slot) = self.codecs.iter_mut().find(same) {
            *slot = Some((payload_type, codec));
        }
        self
    }

    /// The same map with `payload_type` negotiated between the phones and unknown to us.
    pub fn with_passed_through(mut self, payload_type: u8) -> Self {
        if payload_type <= 127 {
            self.negotiated |= 1 << payload_type;
        }
        self
    }

    /// The same map with what only `other` knows. RFC 3264 §6.1: the two legs may number one codec differently, and each sends
    /// by the other one's numbers.
    pub fn merged(self, other: &PayloadMap) -> Self {
        let unknown = other.codecs().filter(|(number, _)| !self.contains(*number));
        let mut merged = unknown.fold(self, |map, (number, codec)| map.with(number, codec));
        merged.negotiated |= other.negotiated;
        merged
    }

    /// What `payload_type` means; `None` when it was not negotiated.
    pub fn payload(&self, payload_type: u8) -> Option<Payload> {
        if payload_type > 127 || self.negotiated & (1 << payload_type) == 0 {
            return None;
        }
        Some(self.codec(payload_type).map_or(Payload::PassedThrough, Payload::Known))
    }

    /// The codec of `payload_type`, if it was negotiated and we know it.
    pub fn codec(&self, payload_type: u8) -> Option<Codec> {
        let mut known = self.codecs.iter().map_while(|slot| *slot);
        known.find(|(number, _)| *number == payload_type).map(|(_, codec)| codec)
    }

    /// Whether `payload_type` was negotiated.
    pub fn contains(&self, payload_type: u8) -> bool {
        self.payload(payload_type).is_some()
    }

    /// Whether any payload type is audio that we can decode.
    pub fn has_audio(&self) -> bool {
        self.codecs().any(|(_, codec)| codec.is_audio())
    }

    /// The payload types of known codecs, in the order in which they were negotiated.
    pub fn codecs(&self) -> impl Iterator<Item = (u8, Codec)> {
        self.codecs.iter().map_while(|slot| *slot)
    }
}

impl From<&[(u8, Codec)]> for PayloadMap {
    fn from(list: &[(u8, Codec)]) -> Self {
        list.iter().fold(PayloadMap::EMPTY, |map, (number, codec)| map.with(*number, *codec))
    }
}

impl<const N: usize> From<&[(u8, Codec); N]> for PayloadMap {
    fn from(list: &[(u8, Codec); N]) -> Self {
        PayloadMap::from(list.as_slice())
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_number_given_twice_means_what_was_said_last() {
        let map = PayloadMap::from(&[(96, Codec::Opus), (0, Codec::Pcmu), (96, Codec::G722)]);
        assert_eq!(map.codec(96), Some(Codec::G722));
        assert_eq!(map.codecs().count(), 2);
    }

    #[test]
    fn what_was_not_negotiated_is_not_contained_and_what_we_do_not_know_is_passed_through() {
        let map =
            PayloadMap::EMPTY.with(0, Codec::Pcmu).with_passed_through(18).with_passed_through(200);
        assert_eq!(map.payload(0), Some(Payload::Known(Codec::Pcmu)));
        assert_eq!(map.payload(18), Some(Payload::PassedThrough));
        assert_eq!(map.payload(8), None);
        assert_eq!(map.payload(200), None);
    }

    #[test]
    fn merging_adds_what_was_unknown_and_changes_nothing_else() {
        let own = PayloadMap::from(&[(0, Codec::Pcmu), (111, Codec::Opus)]);
        let other =
            PayloadMap::from(&[(111, Codec::G722), (96, Codec::Opus)]).with_passed_through(18);
        let merged = own.merged(&other);
        assert_eq!(merged.codec(111), Some(Codec::Opus));
        assert_eq!(merged.codec(96), Some(Codec::Opus));
        assert_eq!(merged.payload(18), Some(Payload::PassedThrough));
        assert_eq!(merged.payload(8), None);
    }

    #[test]
    fn codecs_beyond_the_limit_stay_negotiated() {
        let map = (0..MAX_CODECS as u8 + 1)
            .fold(PayloadMap::EMPTY, |map, n| map.with(96 + n, Codec::Pcmu));
        let last = 96 + MAX_CODECS as u8;
        assert_eq!(map.payload(last), Some(Payload::PassedThrough));
    }
}
