//! Where every sample of a track went, and the hash over what was given of it.

use std::collections::VecDeque;
use std::ops::Range;

use bytes::Bytes;
use sha2::{Digest, Sha256};

use crate::event::{Span, SpanKind, TrackManifest};
use crate::id::Track;

/// So many given frames may still be given up with their bytes leaving the hash: 5 s of 20 ms. An older one counts as sent.
const UNSETTLED_FRAMES: usize = 250;

/// How many RTP packets of a track came, and how.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub(super) struct PacketCounts {
    pub(super) packets: u64,
    pub(super) duplicates: u64,
    pub(super) reordered: u64,
    pub(super) late: u64,
}

/// The account of one track while it grows.
#[derive(Debug, Default)]
pub(super) struct Account {
    /// Without hole or overlap from 0; neighbours differ in kind.
    spans: Vec<Span>,
    /// Samples of each kind, by its number in [`SpanKind::ALL`]: what `spans` sums up to, without a walk.
    sums: [u64; SpanKind::ALL.len()],
    hash: Sha256,
    /// Given, not yet hashed, in order of position.
    unsettled: VecDeque<(u64, Bytes)>,
}

impl Account {
    /// The position that the spans reach.
    pub(super) fn end(&self) -> u64 {
        self.spans.last().map_or(0, end_of)
    }

    /// Adds `samples` of `kind` at the end.
    pub(super) fn append(&mut self, kind: SpanKind, samples: u64) {
        let start = self.end();
        self.add(kind, samples);
        push_merged(&mut self.spans, Span { kind, start, samples });
    }

    /// Turns what is `from` in the range into `to`. Returns how many samples that were.
    pub(super) fn retype(&mut self, range: Range<u64>, from: SpanKind, to: SpanKind) -> u64 {
        let first = self.spans.partition_point(|span| end_of(span) <= range.start);
        let last = self.spans.partition_point(|span| span.start < range.end);
        if first >= last {
            return 0;
        }
        // The neighbours come along, for a piece may become one with them.
        let affected = first.saturating_sub(1)..(last + 1).min(self.spans.len());
        let mut moved = 0;
        let mut pieces = Vec::with_capacity(affected.len() + 2);
        for span in self.spans.get(affected.clone()).unwrap_or_default() {
            if span.kind != from {
                push_merged(&mut pieces, *span);
                continue;
            }
            let inside = range.start.clamp(span.start, end_of(span))
                ..range.end.clamp(span.start, end_of(span));
            moved += inside.end - inside.start;
            push_merged(&mut pieces, piece(span.kind, span.start..inside.start));
            push_merged(&mut pieces, piece(to, inside.clone()));
            push_merged(&mut pieces, piece(span.kind, inside.end..end_of(span)));
        }
        self.spans.splice(affected, pieces);
        self.take(from, moved);
        self.add(to, moved);
        moved
    }

    /// Forgets what lies at `end` and behind it.
    pub(super) fn truncate(&mut self, end: u64) {
        while let Some(last) = self.spans.pop_if(|span| end_of(span) > end) {
            let left = Span { samples: end.saturating_sub(last.start), ..last };
            self.take(last.kind, last.samples - left.samples);
            push_merged(&mut self.spans, left);
            if left.samples > 0 {
                return;
            }
        }
    }

    /// Samples of each kind so far, in the order of [`SpanKind::ALL`].
    pub(super) fn sums(&self) -> [u64; SpanKind::ALL.len()] {
        self.sums
    }

    fn add(&mut self, kind: SpanKind, samples: u64) {
        if let Some(sum) = self.sums.get_mut(kind as usize) {
            *sum += samples;
        }
    }

    fn take(&mut self, kind: SpanKind, samples: u64) {
        if let Some(sum) = self.sums.get_mut(kind as usize) {
            *sum -= samples;
        }
    }

    /// A frame was given.
    pub(super) fn give(&mut self, position: u64, data: Bytes) {
        self.unsettled.push_back((position, data));
        if self.unsettled.len() > UNSETTLED_FRAMES
            && let Some((_, oldest)) = self.unsettled.pop_front()
        {
            self.hash.update(oldest);
        }
    }

    /// A frame that was given reaches nobody: its audio becomes `kind`, and its bytes leave the hash.
    pub(super) fn withdraw(&mut self, range: Range<u64>, kind: SpanKind) -> u64 {
        let found = self.unsettled.binary_search_by_key(&range.start, |(position, _)| *position);
        if let Ok(place) = found {
            self.unsettled.remove(place);
        }
        self.retype(range, SpanKind::Audio, kind)
    }

    /// Every frame before `position` is sent for good.
    pub(super) fn settle(&mut self, position: u64) {
        while let Some((at, _)) = self.unsettled.front()
            && *at < position
            && let Some((_, oldest)) = self.unsettled.pop_front()
        {
            self.hash.update(oldest);
        }
    }

    /// The account as it goes into the manifest, without what the source knows.
    pub(super) fn manifest(&mut self, track: Track, counts: PacketCounts) -> TrackManifest {
        self.settle(u64::MAX);
        TrackManifest {
            track,
            spans: self.spans.clone(),
            packets: counts.packets,
            duplicates: counts.duplicates,
            reordered: counts.reordered,
            late: counts.late,
            drift_ppm: None,
            sender_reports: None,
            keys: Vec::new(),
            keys_left_out: 0,
            sha256: self.hash.clone().finalize().into(),
        }
    }
}

fn end_of(span: &Span) -> u64 {
    span.start + span.samples
}

fn piece(kind: SpanKind, range: Range<u64>) -> Span {
    Span { kind, start: range.start, samples: range.end - range.start }
}

fn push_merged(spans: &mut Vec<Span>, span: Span) {
    if span.samples == 0 {
        return;
    }
    match spans.last_mut() {
        Some(last) if last.kind == span.kind => last.samples += span.samples,
        _ => spans.push(span),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use SpanKind::{Audio, Discarded, Lost, Silence};

    /// Kinds and lengths.
    type Lengths<'a> = &'a [(SpanKind, u64)];

    fn account(spans: Lengths<'_>) -> Account {
        let mut account = Account::default();
        for (kind, samples) in spans {
            account.append(*kind, *samples);
        }
        account
    }

    fn spans(account: &Account) -> Vec<(SpanKind, u64)> {
        let mut expected = 0;
        let mut sums = [0; SpanKind::ALL.len()];
        for span in &account.spans {
            assert_eq!(span.start, expected, "spans follow each other");
            expected = end_of(span);
            sums[span.kind as usize] += span.samples;
        }
        assert_eq!(account.sums, sums);
        account.spans.iter().map(|span| (span.kind, span.samples)).collect()
    }

    #[test]
    fn neighbours_of_one_kind_are_one_span() {
        let account = account(&[(Audio, 160), (Audio, 160), (Lost, 0), (Audio, 1)]);
        assert_eq!(spans(&account), [(Audio, 321)]);
    }

    #[test]
    fn retyping_splits_and_joins_spans_and_leaves_other_kinds() {
        let before = [(Audio, 100), (Silence, 100), (Audio, 100), (Silence, 100)];
        let cases: &[(Range<u64>, u64, Lengths<'_>)] = &[
            (
                120..180,
                60,
                &[
                    (Audio, 100),
                    (Silence, 20),
                    (Lost, 60),
                    (Silence, 20),
                    (Audio, 100),
                    (Silence, 100),
                ],
            ),
            (0..400, 200, &[(Audio, 100), (Lost, 100), (Audio, 100), (Lost, 100)]),
            (
                350..900,
                50,
                &[(Audio, 100), (Silence, 100), (Audio, 100), (Silence, 50), (Lost, 50)],
            ),
            (0..100, 0, &before),
            (400..500, 0, &before),
        ];
        for (range, moved, after) in cases {
            let mut account = account(&before);
            assert_eq!(account.retype(range.clone(), Silence, Lost), *moved, "{range:?}");
            assert_eq!(spans(&account), *after, "{range:?}");
        }
    }

    #[test]
    fn retyping_into_the_kind_of_the_neighbours_joins_them() {
        let mut account = account(&[(Lost, 10), (Silence, 10), (Lost, 10)]);
        account.retype(10..20, Silence, Lost);
        assert_eq!(spans(&account), [(Lost, 30)]);
    }

    #[test]
    fn truncating_cuts_the_span_that_reaches_over_the_end() {
        let mut account = account(&[(Audio, 100), (Silence, 100)]);
        account.truncate(150);
        assert_eq!(spans(&account), [(Audio, 100), (Silence, 50)]);
        account.truncate(100);
        assert_eq!(spans(&account), [(Audio, 100)]);
        account.truncate(0);
        assert_eq!(spans(&account), []);
    }

    #[test]
    fn a_frame_given_up_leaves_the_hash_and_turns_its_audio_into_discarded() {
        let mut account = account(&[(Audio, 300)]);
        for n in 0..3u8 {
            account.give(u64::from(n) * 100, Bytes::from(vec![n; 100]));
        }
        assert_eq!(account.withdraw(100..200, Discarded), 100);
        assert_eq!(spans(&account), [(Audio, 100), (Discarded, 100), (Audio, 100)]);
        let manifest = account.manifest(Track::FromCustomer, PacketCounts::default());
        let expected: [u8; 32] = Sha256::digest([[0u8; 100], [2u8; 100]].concat()).into();
        assert_eq!(manifest.sha256, expected);
    }

    #[test]
    fn a_settled_frame_stays_in_the_hash() {
        let mut account = account(&[(Audio, 100)]);
        account.give(0, Bytes::from_static(b"sent"));
        account.settle(1);
        account.withdraw(0..100, Discarded);
        let manifest = account.manifest(Track::FromCustomer, PacketCounts::default());
        let expected: [u8; 32] = Sha256::digest(b"sent").into();
        assert_eq!(manifest.sha256, expected);
    }
}
