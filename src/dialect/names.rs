//! The core's nouns as words on the wire.

use std::fmt::Write as _;

use serde::{Deserialize, Deserializer, Serializer, de};
use sha2::{Digest as _, Sha256};

use crate::event::SpanKind;
use crate::id::Track;

/// The words for a track, as a schema shows them.
#[cfg(feature = "server")]
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it is there for its schema")]
pub(super) enum TrackName {
    FromCustomer,
    ToCustomer,
}

/// The words for a kind of span, as a schema shows them.
#[cfg(feature = "server")]
#[derive(utoipa::ToSchema)]
#[schema(rename_all = "snake_case")]
#[expect(dead_code, reason = "it is there for its schema")]
pub(super) enum KindName {
    Audio,
    Lost,
    Silence,
    Held,
    Muted,
    Paused,
    Discarded,
}

/// An id as a UUID, bit by bit.
pub(super) fn uuid(id: u128) -> String {
    dashed(&id.to_be_bytes())
}

/// A UUID that stands for `words`, shaped like one of version 5 (RFC 9562 §5.5), which the strictest of readers takes.
pub(super) fn hashed_uuid(words: &[&str]) -> String {
    let mut hash = Sha256::new();
    for word in words {
        hash.update(word);
        hash.update([0]);
    }
    let mut bytes = [0; 16];
    for (place, (byte, hashed)) in bytes.iter_mut().zip(hash.finalize()).enumerate() {
        *byte = match place {
            6 => hashed & 0x0f | 0x50,
            8 => hashed & 0x3f | 0x80,
            _ => hashed,
        };
    }
    dashed(&bytes)
}

fn dashed(bytes: &[u8; 16]) -> String {
    let mut text = String::with_capacity(36);
    for (place, byte) in bytes.iter().enumerate() {
        let dash = if matches!(place, 4 | 6 | 8 | 10) { "-" } else { "" };
        write!(text, "{dash}{byte:02x}").expect("writing to a String cannot fail");
    }
    text
}

/// A moment in milliseconds since 1970, as RFC 3339 writes it.
pub(super) fn moment(unix_ms: u64) -> String {
    let millis = i64::try_from(unix_ms).unwrap_or(i64::MAX);
    jiff::Timestamp::from_millisecond(millis).unwrap_or(jiff::Timestamp::MAX).to_string()
}

/// `#[serde(with = "names::track")]`
pub(super) mod track {
    use super::*;

    pub(in crate::dialect) fn serialize<S: Serializer>(
        track: &Track,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(track.as_str())
    }

    pub(in crate::dialect) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Track, D::Error> {
        let word = String::deserialize(deserializer)?;
        parse(&word)
            .ok_or_else(|| de::Error::unknown_variant(&word, &["from_customer", "to_customer"]))
    }

    pub(in crate::dialect) fn parse(word: &str) -> Option<Track> {
        Track::ALL.into_iter().find(|track| track.as_str() == word)
    }
}

/// `#[serde(with = "names::tracks")]`
pub(super) mod tracks {
    use super::*;

    pub(in crate::dialect) fn serialize<S: Serializer>(
        tracks: &[Track],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_seq(tracks.iter().map(|track| track.as_str()))
    }

    pub(in crate::dialect) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<Track>, D::Error> {
        let words = Vec::<String>::deserialize(deserializer)?;
        words
            .iter()
            .map(|word| {
                track::parse(word).ok_or_else(|| {
                    de::Error::unknown_variant(word, &["from_customer", "to_customer"])
                })
            })
            .collect()
    }
}

/// `#[serde(with = "names::kind")]`
pub(super) mod kind {
    use super::*;

    pub(in crate::dialect) fn serialize<S: Serializer>(
        kind: &SpanKind,
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.serialize_str(kind.as_str())
    }

    pub(in crate::dialect) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<SpanKind, D::Error> {
        let word = String::deserialize(deserializer)?;
        SpanKind::ALL
            .into_iter()
            .find(|kind| kind.as_str() == word)
            .ok_or_else(|| de::Error::custom(format_args!("no span is called {word}")))
    }
}

/// An object whose members keep their order and may come in any number.
pub(super) mod pairs {
    use std::collections::BTreeMap;

    use super::*;

    pub(in crate::dialect) fn serialize<S: Serializer>(
        pairs: &[(String, String)],
        serializer: S,
    ) -> Result<S::Ok, S::Error> {
        serializer.collect_map(pairs.iter().map(|(name, value)| (name, value)))
    }

    pub(in crate::dialect) fn deserialize<'de, D: Deserializer<'de>>(
        deserializer: D,
    ) -> Result<Vec<(String, String)>, D::Error> {
        Ok(BTreeMap::deserialize(deserializer)?.into_iter().collect())
    }
}
