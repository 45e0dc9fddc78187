//! The core's nouns as words on the wire.

use serde::{Deserialize, Deserializer, Serializer, de};

use crate::event::SpanKind;
use crate::id::Track;

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
