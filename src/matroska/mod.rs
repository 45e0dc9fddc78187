//! Live Matroska (RFC 9559): a track of linear samples for each side, in clusters of about a second.
//!
//! ```text
//!   a file:      EBML | Segment of unknown size [ Info Tracks Tags | Cluster (Tags) | Cluster (Tags) | … ]
//!   a fragment:  EBML | Segment [ Info Tracks Tags Cluster ]          one after the other, each readable by itself
//! ```
//! Track names, frame length and tags are those of Amazon Connect's media streams, so that their consumers read ours. The time of a
//! block is the stream's clock in milliseconds; what was not sent is a jump in it, and a tag of the cluster behind it tells its kind.

mod clusters;
mod ebml;
mod found;
#[cfg(test)]
mod tests;

pub use clusters::{Block, Cluster, Clusters, FRAME_BYTES, Note};
pub use found::{Found, find_fragment, tags_of};

use crate::id::{Track, Tracks};
use ebml::{put_bytes, put_float, put_id, put_master, put_size, put_text, put_uint};

mod ids {
    pub(super) const EBML: u32 = 0x1a45_dfa3;
    pub(super) const SEGMENT: u32 = 0x1853_8067;
    pub(super) const INFO: u32 = 0x1549_a966;
    pub(super) const DURATION: u32 = 0x4489;
    pub(super) const TRACKS: u32 = 0x1654_ae6b;
    pub(super) const TAGS: u32 = 0x1254_c367;
    pub(super) const TAG: u32 = 0x7373;
    pub(super) const SIMPLE_TAG: u32 = 0x67c8;
    pub(super) const TAG_NAME: u32 = 0x45a3;
    pub(super) const TAG_STRING: u32 = 0x4487;
    pub(super) const CLUSTER: u32 = 0x1f43_b675;
    pub(super) const CLUSTER_TIME: u32 = 0xe7;
    pub(super) const SIMPLE_BLOCK: u32 = 0xa3;
}

/// DateUTC counts from 2001-01-01T00:00:00Z.
const YEAR_2001_UNIX_MS: i64 = 978_307_200_000;

/// The name of a track.
pub const fn track_name(track: Track) -> &'static str {
    match track {
        Track::FromCustomer => "AUDIO_FROM_CUSTOMER",
        Track::ToCustomer => "AUDIO_TO_CUSTOMER",
    }
}

/// The number of a track in its blocks.
pub const fn track_number(track: Track) -> u8 {
    track.index() as u8 + 1
}

/// A tag: a name and a text.
pub type Tag = (String, String);

/// What is told of a stream before its first sample.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Head {
    /// Which tracks there are.
    pub tracks: Tracks,
    /// Samples per second.
    pub sample_rate: u32,
    /// When the stream's clock stood at 0, in milliseconds since 1970.
    pub started_at_unix_ms: u64,
    /// What is said of the whole stream.
    pub tags: Vec<Tag>,
}

/// The beginning of a file that grows, and where it is completed at its end.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Opening {
    /// What is written first.
    pub bytes: Vec<u8>,
    /// Where the eight octets of the segment's size stand.
    size_at: usize,
    /// Where the place of the duration is.
    duration_at: usize,
}

impl Opening {
    /// What is written over, and where, when the file has ended at `length` octets: it can be sought in then.
    pub fn completion(&self, length: u64, duration_ms: u64) -> [(u64, Vec<u8>); 2] {
        let mut duration = Vec::new();
        put_float(&mut duration, ids::DURATION, duration_ms as f64);
        let body = length.saturating_sub(self.size_at as u64 + 8);
        [
            (self.size_at as u64, ebml::wide_size(body).to_vec()),
            (self.duration_at as u64, duration),
        ]
    }
}

impl Head {
    /// The beginning of a file that grows.
    pub fn opening(&self) -> Opening {
        let mut bytes = ebml_header();
        put_id(&mut bytes, ids::SEGMENT);
        let size_at = bytes.len();
        bytes.extend(ebml::UNKNOWN_SIZE);
        let info = self.info();
        // The place of the duration is the last of the information.
        let duration_at = bytes.len() + info.len() - DURATION_PLACE.len();
        bytes.extend(info);
        bytes.extend(self.tracks());
        bytes.extend(tags(&self.tags));
        Opening { bytes, size_at, duration_at }
    }

    /// A fragment that can be read by itself: `more` are the tags that it has beside the stream's.
    pub fn fragment(&self, more: &[Tag], cluster: &Cluster) -> Vec<u8> {
        let all: Vec<Tag> =
            self.tags.iter().chain(more).cloned().chain(cluster.notes.iter().map(Note::tag)).collect();
        let body = [self.info(), self.tracks(), tags(&all), cluster.to_bytes(self.sample_rate)];
        let mut bytes = ebml_header();
        put_id(&mut bytes, ids::SEGMENT);
        bytes.extend(ebml::wide_size(body.iter().map(Vec::len).sum::<usize>() as u64));
        bytes.extend(body.concat());
        bytes
    }

    fn info(&self) -> Vec<u8> {
        let mut info = Vec::new();
        let since_2001_ms = (self.started_at_unix_ms as i64).saturating_sub(YEAR_2001_UNIX_MS);
        put_master(&mut info, ids::INFO, |info| {
            // Times are in milliseconds.
            put_uint(info, 0x2a_d7b1, 1_000_000);
            put_text(info, 0x4d80, "Sidestream");
            put_text(info, 0x5741, "Sidestream");
            put_bytes(info, 0x4461, &since_2001_ms.saturating_mul(1_000_000).to_be_bytes());
            info.extend(DURATION_PLACE);
        });
        info
    }

    fn tracks(&self) -> Vec<u8> {
        let mut tracks = Vec::new();
        put_master(&mut tracks, ids::TRACKS, |tracks| {
            for track in self.tracks.iter() {
                put_master(tracks, 0xae, |entry| self.put_track(entry, track));
            }
        });
        tracks
    }

    fn put_track(&self, entry: &mut Vec<u8>, track: Track) {
        let number = u64::from(track_number(track));
        put_uint(entry, 0xd7, number);
        put_uint(entry, 0x73c5, number);
        // Audio, without lacing, in a language that nobody knows.
        put_uint(entry, 0x83, 2);
        put_uint(entry, 0x9c, 0);
        put_text(entry, 0x22_b59c, "und");
        put_text(entry, 0x536e, track_name(track));
        put_text(entry, 0x86, "A_PCM/INT/LIT");
        put_master(entry, 0xe1, |audio| {
            put_float(audio, 0xb5, f64::from(self.sample_rate));
            put_uint(audio, 0x9f, 1);
            put_uint(audio, 0x6264, 16);
        });
    }
}

/// A Void element (RFC 8794 §11.3.2) as long as a duration.
const DURATION_PLACE: [u8; 11] = [0xec, 0x89, 0, 0, 0, 0, 0, 0, 0, 0, 0];

fn ebml_header() -> Vec<u8> {
    let mut header = Vec::new();
    put_master(&mut header, ids::EBML, |header| {
        put_uint(header, 0x4286, 1);
        put_uint(header, 0x42f7, 1);
        put_uint(header, 0x42f2, 4);
        put_uint(header, 0x42f3, 8);
        put_text(header, 0x4282, "matroska");
        put_uint(header, 0x4287, 4);
        put_uint(header, 0x4285, 2);
    });
    header
}

/// Tags of the whole segment; nothing when there are none.
pub fn tags(list: &[Tag]) -> Vec<u8> {
    let mut bytes = Vec::new();
    if list.is_empty() {
        return bytes;
    }
    put_master(&mut bytes, ids::TAGS, |tags| {
        put_master(tags, ids::TAG, |tag| {
            put_master(tag, 0x63c0, |_| {});
            for (name, text) in list {
                put_master(tag, ids::SIMPLE_TAG, |simple| {
                    put_text(simple, ids::TAG_NAME, name);
                    put_text(simple, ids::TAG_STRING, text);
                });
            }
        });
    });
    bytes
}

/// Puts more behind the last element of a fragment's segment: the segment's size grows with it. Bytes that are no fragment stay as
/// they are.
pub fn append_to_fragment(fragment: &mut Vec<u8>, more: &[u8]) {
    let Some(found) = found::segment(fragment) else { return };
    let size = ebml::wide_size(found.size + more.len() as u64);
    if let Some(place) = fragment.get_mut(found.size_at..found.size_at + size.len()) {
        place.copy_from_slice(&size);
        fragment.extend(more);
    }
}

impl Cluster {
    /// The cluster as it stands in a file or fragment.
    pub fn to_bytes(&self, sample_rate: u32) -> Vec<u8> {
        let ms = |position: u64| position * 1000 / u64::from(sample_rate.max(1));
        let mut body = Vec::new();
        put_uint(&mut body, ids::CLUSTER_TIME, ms(self.start));
        for block in &self.blocks {
            put_id(&mut body, ids::SIMPLE_BLOCK);
            put_size(&mut body, 4 + block.data.len() as u64);
            let since = ms(block.position).saturating_sub(ms(self.start));
            // One octet holds every track number that there is; each frame can be decoded by itself.
            body.push(0x80 | track_number(block.track));
            body.extend(i16::try_from(since).unwrap_or(i16::MAX).to_be_bytes());
            body.push(0x80);
            body.extend(&block.data);
        }
        let mut bytes = Vec::new();
        put_bytes(&mut bytes, ids::CLUSTER, &body);
        bytes
    }

    /// The tags that stand behind the cluster in a file: the gaps, keys and marks before its end.
    pub fn note_tags(&self) -> Vec<u8> {
        let list: Vec<Tag> = self.notes.iter().map(Note::tag).collect();
        tags(&list)
    }
}
