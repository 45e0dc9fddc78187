//! The formats that a server may choose from, and the samples as it chose them.

use bytes::Bytes;

use super::{Channel, Media, MediaFormat};
use crate::dialect::Format;
use crate::id::Tracks;
use crate::media::{Channels, Encoding, encoded, linear};

/// What a server may choose from: what is configured first.
pub(super) fn offers(format: Format, tracks: Tracks) -> Vec<Media> {
    let (external, internal) = (Channel::External, Channel::Internal);
    let layouts = match (format.channels, tracks) {
        (Channels::Stereo, Tracks::Both) => {
            vec![vec![external, internal], vec![external], vec![internal]]
        }
        (Channels::Stereo, _) => vec![vec![external, internal]],
        (Channels::Separate | Channels::Mono | Channels::Mixed, Tracks::To) => {
            vec![vec![internal]]
        }
        (Channels::Separate | Channels::Mono | Channels::Mixed, Tracks::From | Tracks::Both) => {
            vec![vec![external]]
        }
    };
    let formats = match format.encoding {
        Encoding::Pcmu | Encoding::Pcma => [MediaFormat::Pcmu, MediaFormat::L16],
        Encoding::L16 => [MediaFormat::L16, MediaFormat::Pcmu],
    };
    let media = |coding, channels: &Vec<Channel>| Media {
        kind: "audio".into(),
        format: coding,
        channels: channels.clone(),
        rate: format.sample_rate,
    };
    formats
        .into_iter()
        .flat_map(|coding| layouts.iter().map(move |channels| media(coding, channels)))
        .collect()
}

/// The samples of a joined frame as the server chose them.
pub(super) fn rewritten(data: &Bytes, format: Format, media: &Media) -> Bytes {
    let encoding = media.format.encoding();
    let offered = format.channels.count() as usize;
    let place = match media.channels.as_slice() {
        [Channel::Internal] => offered - 1,
        [Channel::External | Channel::Internal, ..] | [] => 0,
    };
    let step = if media.channels.len() == offered { 1 } else { offered };
    if encoding == format.encoding && step == 1 {
        return data.clone();
    }
    let samples =
        linear(format.encoding, data).skip(if step == 1 { 0 } else { place }).step_by(step);
    encoded(encoding, samples)
}
