//! What is given, and from where again after a loss.

use std::time::Duration;

use super::segment::Place;
use super::{Sent, Spool, range};

use crate::dialect::Delivery;
use crate::event::{Span, SpanKind};
use crate::id::Track;
use crate::media::Item;
use crate::sink::outbox::Entry;

impl Spool {
    /// Takes the next entry to be sent, as far as the pace allows and the disk has it.
    pub(in crate::sink) fn next(&mut self) -> Option<(Entry, Delivery)> {
        loop {
            let held = self.held.get(self.at)?;
            let written = match self.working_disk() {
                Some(disk) => disk.written.upto(),
                None => self.end,
            };
            if held.number >= written || !self.pace.allows() {
                return None;
            }
            let (number, entry) = (held.number, held.entry.clone());
            let repeated = number < self.repeat_below;
            if repeated && self.is_acknowledged(&entry) {
                self.pass(number, None);
                continue;
            }
            if let Some(gap) = self.hole_before(&entry) {
                return Some((gap, Delivery::First));
            }
            let delivery = if repeated { Delivery::Repeated } else { Delivery::First };
            self.delay.note(&entry);
            let sent = self.give(number, &entry, delivery);
            self.pass(number, Some(sent));
            return Some((entry, delivery));
        }
    }

    pub(super) fn pass(&mut self, number: u64, sent: Option<Sent>) {
        self.cursor = number + 1;
        self.at += 1;
        if self.acknowledges() {
            self.sent.extend(sent);
        }
        self.trim();
    }

    /// Whether the dialect has acknowledgements.
    pub(super) fn acknowledges(&self) -> bool {
        self.identity.spoken.acknowledges()
    }

    pub(super) fn is_acknowledged(&self, entry: &Entry) -> bool {
        match range(entry) {
            (Some(track), _, end) => self.have[track.index()].is_some_and(|have| end <= have),
            (None, position, _) => self.acknowledged().is_some_and(|all| position < all),
        }
    }

    /// Where a damaged part of the spool is missing, a gap says so.
    pub(super) fn hole_before(&mut self, entry: &Entry) -> Option<Entry> {
        let (Some(track), start, end) = range(entry) else {
            return None;
        };
        let due = self.due[track.index()].replace(end)?;
        if due >= start {
            return None;
        }
        self.due[track.index()] = Some(start);
        let samples = start - due;
        self.figures.discarded_samples += samples;
        let span = Span { kind: SpanKind::Discarded, start: due, samples };
        Some(Entry::Item(Item::Gap(track, span)))
    }

    pub(super) fn give(&mut self, number: u64, entry: &Entry, delivery: Delivery) -> Sent {
        let (track, start, end) = range(entry);
        if let Some(track) = track {
            let given = &mut self.given_end[track.index()];
            *given = end.max(*given);
        }
        if let Entry::Item(Item::Frame(frame)) = entry {
            let rate = u64::from(self.identity.info.format.sample_rate).max(1);
            let tracks = self.identity.info.tracks.iter().count() as u64;
            self.pace.spend(Duration::from_micros(
                u64::from(frame.samples) * 1_000_000 / rate / tracks.max(1),
            ));
            self.gave_audio |= frame.kind == SpanKind::Audio;
            if delivery == Delivery::First {
                self.figures.frames += 1;
                self.figures.samples += u64::from(frame.samples);
            }
        }
        Sent { number, track, start, end }
    }

    /// The sink has every sample of `track` before `position`. False when it was never given that much.
    pub(in crate::sink) fn acknowledge(&mut self, track: Track, position: u64) -> bool {
        let index = track.index();
        if !self.identity.info.tracks.contains(track) || position > self.given_end[index] {
            return false;
        }
        if self.have[index].is_some_and(|before| before >= position) {
            return true;
        }
        self.have[index] = Some(position);
        let all = self.acknowledged();
        while self
            .sent
            .pop_front_if(|sent| match sent.track {
                Some(track) => self.have[track.index()].is_some_and(|have| sent.end <= have),
                None => all.is_some_and(|all| sent.start < all),
            })
            .is_some()
        {}
        self.trim();
        true
    }

    #[cfg(feature = "nats")]
    /// The sink itself tells that it has every sample of `track` before `position`, perhaps of an earlier process whose last notes say less.
    /// False when that much was never taken in.
    pub(in crate::sink) fn recall(&mut self, track: Track, position: u64) -> bool {
        let given = &mut self.given_end[track.index()];
        if position <= self.ledger.end(track) {
            *given = position.max(*given);
        }
        self.acknowledge(track, position)
    }

    /// The position up to which every track is acknowledged.
    pub(super) fn acknowledged(&self) -> Option<u64> {
        self.identity.info.tracks.iter().map(|track| self.have[track.index()]).min().flatten()
    }

    /// The connection is lost: what a dialect with acknowledgements did not acknowledge is to be sent again.
    pub(in crate::sink) fn handle_loss(&mut self) {
        if !self.acknowledges() {
            return;
        }
        self.repeat_below = self.repeat_below.max(self.cursor);
        let settled = self.settled_number();
        self.sent.clear();
        self.due = [None; 2];
        self.rewind(settled);
    }

    pub(super) fn rewind(&mut self, to: u64) {
        self.cursor = to;
        let first = self.held.front().map_or(self.end, |held| held.number);
        if to >= first && (self.joined || !self.held.is_empty()) {
            self.at = self.held.partition_point(|held| held.number < to);
            return;
        }
        self.forget_memory();
        let Some(disk) = &mut self.disk else {
            return;
        };
        let segment = disk.segments.iter().rev().find(|segment| segment.first <= to);
        let oldest = disk.segments.front().map_or(disk.next, |segment| segment.number);
        disk.place = Place::begin(segment.map_or(oldest, |segment| segment.number));
    }

    /// A connection begins: where each track goes on.
    pub(in crate::sink) fn resume(&mut self) -> [u64; 2] {
        self.connections += 1;
        let mut resume = self.given_end;
        for track in self.identity.info.tracks.iter() {
            let next = self.held.iter().skip(self.at).find_map(|held| match range(&held.entry) {
                (Some(of), start, end) if of == track => {
                    let is_there = self.have[track.index()].is_some_and(|have| end <= have);
                    (!is_there).then_some(start)
                }
                _ => None,
            });
            let have = self.have[track.index()].unwrap_or(0);
            let given = if self.acknowledges() { have } else { self.given_end[track.index()] };
            resume[track.index()] = next.unwrap_or(given);
        }
        resume
    }
}
