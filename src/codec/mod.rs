//! What an RTP payload type means, and audio samples made of it and into it.
//!
//! Samples are 16-bit, mono, at the codec's own rate; [`Resampler`] changes the rate. Decoding invents nothing: what did
//! not arrive is not concealed here, because the media room tells a gap as a gap.

mod decoder;
mod encoder;
pub mod g711;
mod g722;
mod resampler;
#[cfg(test)]
mod tests;

pub use decoder::Decoder;
pub use encoder::Encoder;
pub use resampler::Resampler;

use std::fmt;
use thiserror::Error;

/// The meaning of an RTP payload type.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum Codec {
    /// G.711 µ-law.
    Pcmu,
    /// G.711 A-law.
    Pcma,
    /// G.722 at 64 kbit/s: 16 kHz audio.
    G722,
    /// Opus, RFC 7587.
    Opus,
    /// Linear 16-bit big-endian, RFC 3551 §4.5.11.
    L16 {
        /// Samples per second and channel.
        rate: u32,
        /// 1 or 2.
        channels: u8,
    },
    /// Comfort noise, RFC 3389: the level of the silence that follows.
    ComfortNoise,
    /// Key presses, RFC 4733.
    TelephoneEvent {
        /// Timestamp units per second: that of the audio codec beside it, 8000 or 48000.
        rate: u32,
    },
}

impl Codec {
    /// Key presses as nearly every phone sends them, at 8000 units per second.
    pub const TELEPHONE_EVENT: Codec = Codec::TelephoneEvent { rate: 8000 };

    /// The rates at which linear audio is accepted; another one is an unknown codec.
    const LINEAR_RATES: [u32; 8] = [8000, 11_025, 16_000, 22_050, 24_000, 32_000, 44_100, 48_000];

    /// The codec that an `a=rtpmap` line names (RFC 8866 §6.6); none for one that we only pass through.
    pub fn from_rtpmap(name: &str, clock_rate: u32, channels: u8) -> Option<Codec> {
        let is = |known: &str| name.eq_ignore_ascii_case(known);
        match (clock_rate, channels) {
            (8000, 1) if is("PCMU") => Some(Codec::Pcmu),
            (8000, 1) if is("PCMA") => Some(Codec::Pcma),
            (8000, 1) if is("G722") => Some(Codec::G722),
            // RFC 7587 §7: always "opus/48000/2"; some phones leave the channels out.
            (48_000, 1 | 2) if is("opus") => Some(Codec::Opus),
            (rate, channels @ 1..=2) if is("L16") => {
                Self::LINEAR_RATES.contains(&rate).then_some(Codec::L16 { rate, channels })
            }
            (_, 1) if is("CN") => Some(Codec::ComfortNoise),
            (rate @ 8000..=48_000, 1) if is("telephone-event") => {
                Some(Codec::TelephoneEvent { rate })
            }
            _ => None,
        }
    }

    /// The codec of a payload type that needs no `a=rtpmap`, RFC 3551 §6.
    pub const fn from_static_payload_type(number: u8) -> Option<Codec> {
        match number {
            0 => Some(Codec::Pcmu),
            8 => Some(Codec::Pcma),
            9 => Some(Codec::G722),
            10 => Some(Codec::L16 { rate: 44_100, channels: 2 }),
            11 => Some(Codec::L16 { rate: 44_100, channels: 1 }),
            13 => Some(Codec::ComfortNoise),
            _ => None,
        }
    }

    /// The payload type that RFC 3551 §6 gave to this codec.
    pub const fn static_payload_type(self) -> Option<u8> {
        match self {
            Codec::Pcmu => Some(0),
            Codec::Pcma => Some(8),
            Codec::G722 => Some(9),
            Codec::L16 { rate: 44_100, channels: 2 } => Some(10),
            Codec::L16 { rate: 44_100, channels: 1 } => Some(11),
            Codec::ComfortNoise => Some(13),
            Codec::L16 { .. } | Codec::Opus | Codec::TelephoneEvent { .. } => None,
        }
    }

    /// The encoding name as registered for `a=rtpmap`.
    pub const fn name(self) -> &'static str {
        match self {
            Codec::Pcmu => "PCMU",
            Codec::Pcma => "PCMA",
            Codec::G722 => "G722",
            Codec::Opus => "opus",
            Codec::L16 { .. } => "L16",
            Codec::ComfortNoise => "CN",
            Codec::TelephoneEvent { .. } => "telephone-event",
        }
    }

    /// RTP timestamp units per second.
    pub const fn clock_rate(self) -> u32 {
        match self {
            // RFC 3551 §4.5.2: G.722's clock rate is 8000 by an old mistake that is kept.
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::ComfortNoise => 8000,
            Codec::Opus => 48_000,
            Codec::L16 { rate, .. } | Codec::TelephoneEvent { rate } => rate,
        }
    }

    /// Samples per second of the decoded audio.
    pub const fn sample_rate(self) -> u32 {
        match self {
            Codec::G722 => 16_000,
            other => other.clock_rate(),
        }
    }

    /// Whether payloads are audio that [`Decoder`] decodes.
    pub const fn is_audio(self) -> bool {
        match self {
            Codec::Pcmu | Codec::Pcma | Codec::G722 | Codec::Opus | Codec::L16 { .. } => true,
            Codec::ComfortNoise | Codec::TelephoneEvent { .. } => false,
        }
    }
}

/// As in `a=rtpmap`: name, clock rate, and channels when they are not one.
impl fmt::Display for Codec {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}/{}", self.name(), self.clock_rate())?;
        match self {
            Codec::Opus => f.write_str("/2"),
            Codec::L16 { channels: 2.., .. } => f.write_str("/2"),
            _ => Ok(()),
        }
    }
}

/// Why audio could not be decoded or encoded.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Error)]
pub enum CodecError {
    /// Comfort noise and key presses carry no audio.
    #[error("{0} is not audio")]
    NotAudio(Codec),
    /// Linear audio that ends inside a sample, or an odd number of samples for G.722.
    #[error("{0} bytes of linear audio do not end between samples")]
    PartialSample(usize),
    /// The Opus packet does not hold what it announces, or the frame length is none of Opus's.
    #[error("opus: {0}")]
    Opus(&'static str),
}
