//! What a sink received of one track, to be held against the manifest: every position once, every sample of audio, the hash.

use sha2::{Digest, Sha256};
use sidestream::event::{Span, SpanKind, TrackManifest};
use sidestream::id::Track;
use sidestream::media::Item;

/// What was received, in order.
#[derive(Clone, Debug, Default)]
pub struct Ledger {
    received: Vec<Span>,
    hash: Sha256,
}

impl Ledger {
    /// Enters an item if it is of `track`.
    pub fn enter(&mut self, track: Track, item: &Item) {
        match item {
            Item::Frame(frame) if frame.track == track => {
                let samples = u64::from(frame.samples);
                self.received.push(Span { kind: frame.kind, start: frame.position, samples });
                self.hash.update(&frame.data);
            }
            Item::Gap(of, span) if *of == track => self.received.push(*span),
            Item::Frame(_) | Item::Gap(..) | Item::Dtmf { .. } | Item::Mark { .. } => {}
        }
    }

    /// Where what was received differs from what the manifest says.
    pub fn differs(&self, account: &TrackManifest, clock: u64) -> Option<String> {
        let mut end = 0;
        for piece in &self.received {
            if piece.start != end {
                return Some(format!("received {piece:?} where {end} was due"));
            }
            end += piece.samples;
            let audio = audio_within(account, piece.start..end);
            // A frame in which audio begins or ends holds zeros, too; what is no audio holds none.
            if (piece.kind == SpanKind::Audio) != (audio > 0) {
                return Some(format!(
                    "received {piece:?}, the manifest has {audio} of audio there"
                ));
            }
        }
        if end != clock {
            return Some(format!("received {end} samples, the clock is {clock}"));
        }
        let hash: [u8; 32] = self.hash.clone().finalize().into();
        (hash != account.sha256).then(|| "another hash".to_owned())
    }
}

fn audio_within(account: &TrackManifest, range: std::ops::Range<u64>) -> u64 {
    let overlap = |span: &Span| {
        let end = (span.start + span.samples).min(range.end);
        end.saturating_sub(span.start.max(range.start))
    };
    account.spans.iter().filter(|span| span.kind == SpanKind::Audio).map(overlap).sum()
}
