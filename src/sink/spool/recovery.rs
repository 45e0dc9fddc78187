//! A spool that an earlier process left: what is in it, and how its stream ended.

use std::collections::VecDeque;
use std::sync::Arc;

use super::depot::Left;
use super::head::{Head, Identity};
use super::ledger::Ledger;
use super::record::{Progress, Record};
use super::segment::{Reader, SegmentError};
use super::{Complete, Depot, Entry, Place, SegmentOnDisk, Spool};
use crate::dialect::native::ManifestView;
use crate::event::{Cause, Manifest, Span, SpanKind};
use crate::media::Item;

/// Why a spool is left alone.
#[derive(Debug, thiserror::Error)]
pub(in crate::sink) enum RecoveryError {
    /// Nothing in it can be read.
    #[error("it cannot be read: {0}")]
    Unreadable(String),
}

/// What is in a spool that was left.
pub(in crate::sink) struct Recovered {
    pub(in crate::sink) identity: Identity,
    left: Left,
    firsts: Vec<(u64, u64)>,
    ledger: Ledger,
    progress: Progress,
    end: u64,
    farewell: Option<(Cause, Manifest)>,
}

/// Reads what is needed to go on: the heads, and the last segment whole. Blocks.
pub(in crate::sink) fn recover(depot: &Depot, left: Left) -> Result<Recovered, RecoveryError> {
    let mut firsts = Vec::new();
    let mut last = None;
    let mut trouble = String::from("it has no segments");
    for (number, (path, _)) in &left.segments {
        match Reader::open(path, &depot.keys) {
            Ok(reader) => {
                firsts.push((*number, reader.head.first));
                last = Some(reader);
            }
            // A process that dies may leave a segment without a head.
            Err(error) => trouble = error.to_string(),
        }
    }
    let Some(reader) = last else {
        return Err(RecoveryError::Unreadable(trouble));
    };
    let unreadable = |error: SegmentError| RecoveryError::Unreadable(error.to_string());
    read_last(reader, left, firsts).map_err(unreadable)
}

fn read_last(
    mut reader: Reader,
    left: Left,
    firsts: Vec<(u64, u64)>,
) -> Result<Recovered, SegmentError> {
    let Head { first, progress, .. } = reader.head;
    let identity = reader.head.identity().ok_or(SegmentError::Head)?;
    let ledger = reader.head.ledger().ok_or(SegmentError::Head)?;
    let mut recovered =
        Recovered { identity, left, firsts, ledger, progress, end: first, farewell: None };
    let start = recovered.identity.info.start;
    while let Some(records) = reader.batch(start)? {
        for record in records {
            match record {
                Record::Entry(entry) => {
                    recovered.ledger.add(&entry);
                    recovered.end += 1;
                }
                Record::Progress(progress) => recovered.progress = progress,
                Record::End(json) => recovered.farewell = farewell(&json),
            }
        }
    }
    Ok(recovered)
}

fn farewell(json: &[u8]) -> Option<(Cause, Manifest)> {
    let (cause, view): (String, ManifestView) = serde_json::from_slice(json).ok()?;
    Some((Cause::from_name(&cause)?, view.manifest()?))
}

impl Recovered {
    /// The spool, ready to be delivered. Without the stream's own end, it ends where the spool does, as `server_lost`.
    pub(in crate::sink) fn into_spool(self, limits: Complete, depot: Arc<Depot>) -> Spool {
        let Recovered { identity, left, firsts, ledger, progress, end, farewell } = self;
        let segments: VecDeque<_> = left
            .segments
            .iter()
            .map(|(number, (_, bytes))| {
                let first =
                    firsts.iter().find(|(of, _)| of == number).map_or(end, |(_, first)| *first);
                SegmentOnDisk { number: *number, first, bytes: *bytes }
            })
            .collect();
        let next = segments.back().map_or(1, |last| last.number + 1);
        let mut spool = Spool::new(identity, limits, depot);
        spool.counted = segments.iter().map(|segment| segment.bytes).sum();
        if let Some(disk) = &mut spool.disk {
            disk.written = Arc::new(super::Written::new(end));
            disk.place = Place::begin(segments.front().map_or(next, |first| first.number));
            // A segment that broke off is never written to again: what follows begins a new one.
            disk.next = next + 1;
            disk.segments = segments;
        }
        spool.ledger = ledger;
        (spool.end, spool.repeat_below) = (end, end);
        spool.cursor = progress.settled.min(end);
        spool.joined = false;
        spool.have = progress.have;
        spool.given_end = progress.have.map(|have| have.unwrap_or(0));
        spool.due = [None; 2];
        spool.connections = progress.connections;
        spool.progress.0 = progress;
        match farewell {
            Some((cause, manifest)) => spool.farewell = Some((cause, Arc::new(manifest))),
            None => spool.end_as_lost(),
        }
        spool
    }
}

impl Spool {
    /// The process that fed it died.
    fn end_as_lost(&mut self) {
        let tracks = self.identity.info.tracks;
        let clock = tracks.iter().map(|track| self.ledger.end(track)).max().unwrap_or(0);
        for track in tracks.iter() {
            let start = self.ledger.end(track);
            if start < clock {
                let span = Span { kind: SpanKind::Discarded, start, samples: clock - start };
                self.push(Entry::Item(Item::Gap(track, span)));
            }
        }
        let manifest = Arc::new(self.identity.manifest(&self.ledger));
        self.close(Cause::ServerLost, manifest);
    }
}
