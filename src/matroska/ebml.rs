//! EBML, RFC 8794: elements of an id, a size and a body; just what live Matroska needs of it.

/// An element's size that is not known before its end (RFC 8794 §6.2), in eight octets.
pub(super) const UNKNOWN_SIZE: [u8; 8] = [0x01, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff];

/// Writes an id: its length marker is part of it.
pub(super) fn put_id(out: &mut Vec<u8>, id: u32) {
    let bytes = id.to_be_bytes();
    let leading = bytes.iter().take_while(|byte| **byte == 0).count();
    out.extend(bytes.iter().skip(leading));
}

/// Writes a size in as few octets as hold it. All ones would mean "unknown", so a size that fills its octets takes one more.
pub(super) fn put_size(out: &mut Vec<u8>, size: u64) {
    let octets = (1..8).find(|octets| size < (1 << (7 * octets)) - 1).unwrap_or(8);
    let marked = size | 1 << (7 * octets);
    out.extend(marked.to_be_bytes().iter().skip(8 - octets as usize));
}

/// A size in eight octets, so that it can be written over later.
pub(super) fn wide_size(size: u64) -> [u8; 8] {
    (size | 1 << 56).to_be_bytes()
}

pub(super) fn put_bytes(out: &mut Vec<u8>, id: u32, body: &[u8]) {
    put_id(out, id);
    put_size(out, body.len() as u64);
    out.extend(body);
}

pub(super) fn put_text(out: &mut Vec<u8>, id: u32, text: &str) {
    put_bytes(out, id, text.as_bytes());
}

pub(super) fn put_uint(out: &mut Vec<u8>, id: u32, value: u64) {
    let bytes = value.to_be_bytes();
    let leading = bytes.iter().take(7).take_while(|byte| **byte == 0).count();
    put_bytes(out, id, bytes.get(leading..).unwrap_or_default());
}

pub(super) fn put_float(out: &mut Vec<u8>, id: u32, value: f64) {
    put_bytes(out, id, &value.to_be_bytes());
}

/// An element of elements.
pub(super) fn put_master(out: &mut Vec<u8>, id: u32, fill: impl FnOnce(&mut Vec<u8>)) {
    let mut body = Vec::new();
    fill(&mut body);
    put_bytes(out, id, &body);
}

/// The beginning of an element.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Start {
    pub(super) id: u32,
    /// `None` when it is unknown.
    pub(super) size: Option<u64>,
    /// Octets of id and size.
    pub(super) length: usize,
}

/// Reads id and size; `None` when they are cut off or make no sense.
pub(super) fn read_start(bytes: &[u8]) -> Option<Start> {
    let id_octets = 1 + bytes.first()?.leading_zeros() as usize;
    if id_octets > 4 {
        return None;
    }
    let id = bytes.get(..id_octets)?.iter().fold(0, |id, byte| id << 8 | u32::from(*byte));
    let rest = bytes.get(id_octets..)?;
    let size_octets = 1 + rest.first()?.leading_zeros() as usize;
    if size_octets > 8 {
        return None;
    }
    let marked =
        rest.get(..size_octets)?.iter().fold(0u64, |size, byte| size << 8 | u64::from(*byte));
    let mask = (1u64 << (7 * size_octets)) - 1;
    let size = marked & mask;
    Some(Start { id, size: (size != mask).then_some(size), length: id_octets + size_octets })
}

/// The elements in `bytes`, one after the other, up to one that is cut off.
pub(super) fn elements(mut bytes: &[u8]) -> impl Iterator<Item = (u32, &[u8])> {
    std::iter::from_fn(move || {
        let start = read_start(bytes)?;
        let end = start.length.checked_add(usize::try_from(start.size?).ok()?)?;
        let body = bytes.get(start.length..end)?;
        bytes = bytes.get(end..)?;
        Some((start.id, body))
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_takes_as_few_octets_as_hold_it_and_is_never_all_ones() {
        for (size, expected) in [
            (0u64, vec![0x80]),
            (126, vec![0xfe]),
            (127, vec![0x40, 0x7f]),
            (16_382, vec![0x7f, 0xfe]),
            (16_383, vec![0x20, 0x3f, 0xff]),
        ] {
            let mut out = Vec::new();
            put_size(&mut out, size);
            assert_eq!(out, expected, "{size}");
        }
    }

    #[test]
    fn what_is_written_is_read_again() {
        for size in [0, 1, 126, 127, 128, 16_383, 2_097_151, 1 << 40] {
            for id in [0xa3, 0x4286, 0x2a_d7b1, 0x1853_8067] {
                let mut out = Vec::new();
                put_id(&mut out, id);
                put_size(&mut out, size);
                let expected = Start { id, size: Some(size), length: out.len() };
                assert_eq!(read_start(&out), Some(expected));
                assert_eq!(read_start(out.get(..out.len() - 1).unwrap_or_default()), None);
            }
        }
        let mut live = vec![0x18, 0x53, 0x80, 0x67];
        live.extend(UNKNOWN_SIZE);
        assert_eq!(read_start(&live).map(|start| start.size), Some(None));
        assert_eq!(read_start(&wide_size(5)).map(|start| start.id), None);
    }
}
