//! Which formats each dialect can say.

use super::{DialectKind, Format};
use crate::media::{Channels, Encoding};

/// The sample rates of sinks, in Hz.
pub const SAMPLE_RATES_HZ: [u32; 4] = [8_000, 16_000, 24_000, 48_000];

const TELEPHONE_RATE_HZ: [u32; 1] = [8_000];

impl DialectKind {
    /// How samples may be written; the first one is the usual one.
    pub const fn encodings(self) -> &'static [Encoding] {
        match self {
            DialectKind::Native => &[Encoding::L16, Encoding::Pcmu, Encoding::Pcma],
            DialectKind::Twilio => &[Encoding::Pcmu],
            DialectKind::Telnyx => &[Encoding::Pcmu, Encoding::Pcma, Encoding::L16],
            DialectKind::Jambonz => &[Encoding::L16],
            DialectKind::AudioHook => &[Encoding::Pcmu, Encoding::L16],
        }
    }

    /// The rates of samples that are written as `encoding` says, in Hz.
    pub const fn sample_rates(self, encoding: Encoding) -> &'static [u32] {
        match (self, encoding) {
            (DialectKind::Native | DialectKind::Jambonz, _)
            | (DialectKind::Telnyx, Encoding::L16) => &SAMPLE_RATES_HZ,
            (DialectKind::Twilio | DialectKind::AudioHook, _)
            | (DialectKind::Telnyx, Encoding::Pcmu | Encoding::Pcma) => &TELEPHONE_RATE_HZ,
        }
    }

    /// How the tracks may lie; the first one is the usual one.
    pub const fn channels(self) -> &'static [Channels] {
        match self {
            DialectKind::Native | DialectKind::Twilio | DialectKind::Telnyx => {
                &[Channels::Separate, Channels::Mono]
            }
            DialectKind::Jambonz => &[Channels::Stereo, Channels::Mixed, Channels::Mono],
            DialectKind::AudioHook => &[Channels::Stereo, Channels::Mono],
        }
    }

    /// The format that this dialect speaks when `wished` is configured: what it does not know is replaced by the usual one.
    pub fn format(self, wished: Format) -> Format {
        let encoding = known(wished.encoding, self.encodings());
        Format {
            sample_rate: known(wished.sample_rate, self.sample_rates(encoding)),
            encoding,
            channels: known(wished.channels, self.channels()),
        }
    }
}

/// `wished` if it is among what is known, else the first of it.
pub fn known<T: Copy + PartialEq>(wished: T, known: &[T]) -> T {
    match known.first() {
        Some(first) if !known.contains(&wished) => *first,
        Some(_) | None => wished,
    }
}
