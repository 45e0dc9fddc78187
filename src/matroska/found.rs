//! Finding fragments again in what was written.

use super::ebml::{elements, read_start};
use super::{Tag, ids};

/// A fragment at the beginning of some bytes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Found {
    /// How many octets it takes, all of which may not be there.
    pub length: u64,
    /// The tags before its cluster; `None` when the bytes end before the cluster begins.
    pub tags: Option<Vec<Tag>>,
}

pub(super) struct Segment {
    pub(super) size_at: usize,
    pub(super) body_at: usize,
    pub(super) size: u64,
}

/// Where the segment of a fragment is.
pub(super) fn segment(bytes: &[u8]) -> Option<Segment> {
    let header = read_start(bytes).filter(|start| start.id == ids::EBML)?;
    let at = header.length.checked_add(usize::try_from(header.size?).ok()?)?;
    let start = read_start(bytes.get(at..)?).filter(|start| start.id == ids::SEGMENT)?;
    // The id takes four octets.
    Some(Segment { size_at: at + 4, body_at: at + start.length, size: start.size? })
}

/// The fragment at the beginning of `bytes`; `None` when there is none, or its first octets are cut off.
pub fn find_fragment(bytes: &[u8]) -> Option<Found> {
    let segment = segment(bytes)?;
    let length = (segment.body_at as u64).checked_add(segment.size)?;
    let body = bytes.get(segment.body_at..)?;
    let (mut tags, mut at) = (Vec::new(), 0);
    loop {
        let Some(start) = body.get(at..).and_then(read_start) else {
            return Some(Found { length, tags: None });
        };
        if start.id == ids::CLUSTER {
            return Some(Found { length, tags: Some(tags) });
        }
        let end = at.checked_add(start.length)?.checked_add(usize::try_from(start.size?).ok()?)?;
        let Some(element) = body.get(at + start.length..end) else {
            return Some(Found { length, tags: None });
        };
        if start.id == ids::TAGS {
            tags.extend(read_tags(element));
        }
        at = end;
    }
}

/// Every tag of a fragment.
pub fn tags_of(fragment: &[u8]) -> Vec<Tag> {
    let body = segment(fragment).and_then(|segment| fragment.get(segment.body_at..));
    let all = elements(body.unwrap_or_default()).filter(|(id, _)| *id == ids::TAGS);
    all.flat_map(|(_, body)| read_tags(body)).collect()
}

fn read_tags(body: &[u8]) -> Vec<Tag> {
    let simple = elements(body).filter(|(id, _)| *id == ids::TAG).flat_map(|(_, tag)| {
        elements(tag).filter(|(id, _)| *id == ids::SIMPLE_TAG).map(|(_, simple)| simple)
    });
    let text = |simple: &[u8], wanted: u32| {
        let found = elements(simple).find(|(id, _)| *id == wanted);
        String::from_utf8_lossy(found.map_or(&[][..], |(_, body)| body)).into_owned()
    };
    simple.map(|simple| (text(simple, ids::TAG_NAME), text(simple, ids::TAG_STRING))).collect()
}
