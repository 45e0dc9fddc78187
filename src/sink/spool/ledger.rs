//! What was taken into a spool, so that a manifest can be made of it even when the process that took it is gone.
//!
//! The assembler's account is the better one: it knows afterwards that a silence was a loss. This one knows only what frames and gaps
//! told as they went in. It is noted down at the beginning of each segment, and counts only when the stream's own end is missing.

use serde::{Deserialize, Serialize};
use sha2::digest::common::hazmat::SerializableState as _;
use sha2::{Digest as _, Sha256};

use super::super::outbox::Entry;
use crate::event::{Span, SpanKind, TrackManifest};
use crate::id::{Track, Tracks};
use crate::media::Item;

/// See the module.
#[derive(Clone, Debug, Default)]
pub(super) struct Ledger {
    lines: [Line; 2],
}

#[derive(Clone, Debug, Default)]
struct Line {
    spans: Vec<Span>,
    hash: Sha256,
    /// Frames that a packet stands behind.
    packets: u64,
}

/// A ledger as a segment's head holds it.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Noted(Vec<NotedLine>);

#[derive(Debug, Serialize, Deserialize)]
struct NotedLine {
    /// Kinds by their number, and lengths.
    spans: Vec<(u8, u64)>,
    hash: Vec<u8>,
    packets: u64,
}

impl Ledger {
    /// Takes an entry in.
    pub(super) fn add(&mut self, entry: &Entry) {
        match entry {
            Entry::Item(Item::Frame(frame)) => {
                let line = &mut self.lines[frame.track.index()];
                line.hash.update(&frame.data);
                line.packets += u64::from(frame.arrival.is_some());
                line.extend(frame.kind, u64::from(frame.samples));
            }
            Entry::Item(Item::Gap(track, span)) => {
                self.lines[track.index()].extend(span.kind, span.samples);
            }
            Entry::Item(Item::Dtmf { .. } | Item::Mark { .. }) | Entry::Note(..) => {}
        }
    }

    /// The position that a track reaches.
    pub(super) fn end(&self, track: Track) -> u64 {
        self.lines[track.index()].end()
    }

    /// The account of each track.
    pub(super) fn accounts(&self, tracks: Tracks) -> Vec<TrackManifest> {
        tracks
            .iter()
            .map(|track| {
                let line = &self.lines[track.index()];
                TrackManifest {
                    track,
                    spans: line.spans.clone(),
                    packets: line.packets,
                    duplicates: 0,
                    reordered: 0,
                    late: 0,
                    drift_ppm: None,
                    sender_reports: None,
                    keys: Vec::new(),
                    keys_left_out: 0,
                    sha256: line.hash.clone().finalize().into(),
                }
            })
            .collect()
    }

    /// As a segment's head holds it.
    pub(super) fn noted(&self) -> Noted {
        let noted = |line: &Line| NotedLine {
            spans: line.spans.iter().map(|span| (span.kind as u8, span.samples)).collect(),
            hash: line.hash.serialize().to_vec(),
            packets: line.packets,
        };
        Noted(self.lines.iter().map(noted).collect())
    }

    /// From a segment's head; `None` when it makes no sense.
    pub(super) fn restore(noted: &Noted) -> Option<Ledger> {
        let [from, to] = noted.0.as_slice() else {
            return None;
        };
        Some(Ledger { lines: [Line::restore(from)?, Line::restore(to)?] })
    }
}

impl Line {
    fn end(&self) -> u64 {
        self.spans.last().map_or(0, |span| span.start + span.samples)
    }

    fn extend(&mut self, kind: SpanKind, samples: u64) {
        if samples == 0 {
            return;
        }
        let start = self.end();
        match self.spans.last_mut() {
            Some(last) if last.kind == kind => last.samples += samples,
            _ => self.spans.push(Span { kind, start, samples }),
        }
    }

    fn restore(noted: &NotedLine) -> Option<Line> {
        let state = noted.hash.as_slice().try_into().ok()?;
        let hash = Sha256::deserialize(&state).ok()?;
        let mut line = Line { spans: Vec::new(), hash, packets: noted.packets };
        for (number, samples) in &noted.spans {
            let kind = SpanKind::ALL.into_iter().find(|kind| *kind as u8 == *number)?;
            line.extend(kind, *samples);
        }
        Some(line)
    }
}

#[cfg(test)]
mod tests {
    use bytes::Bytes;

    use super::*;
    use crate::media::Frame;

    fn frame(number: u64, kind: SpanKind) -> Entry {
        Entry::Item(Item::Frame(Frame {
            track: Track::FromCustomer,
            sequence: number,
            position: number * 3,
            data: Bytes::from(vec![number as u8; 3]),
            samples: 3,
            kind,
            arrival: None,
        }))
    }

    #[test]
    fn a_ledger_that_was_noted_down_halfway_ends_with_the_same_account() {
        let mut whole = Ledger::default();
        let mut half = Ledger::default();
        for number in 0..60 {
            let kind = if number % 7 == 0 { SpanKind::Silence } else { SpanKind::Audio };
            whole.add(&frame(number, kind));
            half.add(&frame(number, kind));
            let json = serde_json::to_string(&half.noted()).expect("plain values");
            let noted: Noted = serde_json::from_str(&json).expect("as it was written");
            half = Ledger::restore(&noted).expect("it makes sense");
        }
        let span = Span { kind: SpanKind::Lost, start: 180, samples: 20 };
        for ledger in [&mut whole, &mut half] {
            ledger.add(&Entry::Item(Item::Gap(Track::FromCustomer, span)));
        }
        assert_eq!(whole.accounts(Tracks::From), half.accounts(Tracks::From));
        assert_eq!((whole.end(Track::FromCustomer), whole.end(Track::ToCustomer)), (200, 0));
        let hashed: Vec<u8> = (0..60).flat_map(|number| [number as u8; 3]).collect();
        let expected: [u8; 32] = Sha256::digest(hashed).into();
        assert_eq!(whole.accounts(Tracks::From)[0].sha256, expected);
    }
}
