//! The tracks of a recording side by side: a row holds one sample of each at the same position of the stream's clock.
//!
//! Time that no frame covers is zero samples; it is never left out.

use crate::id::{Track, Tracks};

/// When one track is known this much further than the other, the other is taken as silent up to there.
const LEAD_SECONDS: u64 = 5;

/// See the module.
pub(super) struct Rows {
    channels: Vec<Channel>,
    lead: usize,
    /// Position of the first row that was not taken yet.
    taken: u64,
}

/// The samples of one track that were not taken yet.
struct Channel {
    track: Track,
    samples: Vec<i16>,
}

impl Rows {
    pub(super) fn new(tracks: Tracks, sample_rate: u32) -> Rows {
        let channels = tracks.iter().map(|track| Channel { track, samples: Vec::new() }).collect();
        Rows { channels, lead: LEAD_SECONDS as usize * sample_rate as usize, taken: 0 }
    }

    /// How many samples a row has.
    pub(super) const fn width(&self) -> usize {
        self.channels.len()
    }

    /// Puts samples in their place. What was taken stays as it is.
    pub(super) fn put(&mut self, track: Track, position: u64, samples: impl Iterator<Item = i16>) {
        let taken = self.taken;
        let Some(channel) = self.channels.iter_mut().find(|channel| channel.track == track) else {
            return;
        };
        let skipped = usize::try_from(taken.saturating_sub(position)).unwrap_or(usize::MAX);
        let place = usize::try_from(position.saturating_sub(taken)).unwrap_or(usize::MAX);
        for (place, sample) in (place..).zip(samples.skip(skipped)) {
            if place >= channel.samples.len() {
                channel.samples.resize(place + 1, 0);
            }
            channel.samples[place] = sample;
        }
    }

    /// The track is known up to `position`: what no frame covered is silent.
    pub(super) fn extend(&mut self, track: Track, position: u64) {
        let known = usize::try_from(position.saturating_sub(self.taken)).unwrap_or(usize::MAX);
        if let Some(channel) = self.channels.iter_mut().find(|channel| channel.track == track)
            && known > channel.samples.len()
        {
            channel.samples.resize(known, 0);
        }
    }

    /// Takes the rows that all tracks are known of.
    pub(super) fn take_known(&mut self) -> Vec<i16> {
        let known = self.channels.iter().map(|channel| channel.samples.len());
        let shortest = known.clone().min().unwrap_or(0);
        let longest = known.max().unwrap_or(0);
        self.take(shortest.max(longest.saturating_sub(self.lead)))
    }

    /// Takes everything; every track is padded to `clock`.
    pub(super) fn take_all(&mut self, clock: u64) -> Vec<i16> {
        for track in Track::ALL {
            self.extend(track, clock);
        }
        let longest = self.channels.iter().map(|channel| channel.samples.len()).max().unwrap_or(0);
        self.take(longest)
    }

    fn take(&mut self, count: usize) -> Vec<i16> {
        let mut rows = Vec::with_capacity(count * self.channels.len());
        for place in 0..count {
            for channel in &self.channels {
                rows.push(channel.samples.get(place).copied().unwrap_or(0));
            }
        }
        for channel in &mut self.channels {
            channel.samples.drain(..count.min(channel.samples.len()));
        }
        self.taken += count as u64;
        rows
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn two_tracks_are_two_columns_and_untold_time_is_zero() {
        let mut rows = Rows::new(Tracks::Both, 8000);
        rows.put(Track::FromCustomer, 0, [1, 2].into_iter());
        rows.put(Track::FromCustomer, 4, [5].into_iter());
        rows.put(Track::ToCustomer, 1, [12, 13].into_iter());
        assert_eq!(rows.take_known(), [1, 0, 2, 12, 0, 13]);
        assert_eq!(rows.take_all(6), [0, 0, 5, 0, 0, 0]);
    }

    #[test]
    fn what_comes_again_or_too_late_changes_nothing() {
        let mut rows = Rows::new(Tracks::To, 8000);
        rows.put(Track::ToCustomer, 0, [1, 2, 3].into_iter());
        assert_eq!(rows.take_known(), [1, 2, 3]);
        rows.put(Track::ToCustomer, 1, [9, 9, 4].into_iter());
        rows.put(Track::FromCustomer, 3, [7].into_iter());
        assert_eq!(rows.take_all(4), [4]);
    }

    #[test]
    fn a_track_that_stays_away_does_not_hold_the_other_back_for_ever() {
        let mut rows = Rows::new(Tracks::Both, 8000);
        rows.put(Track::FromCustomer, 0, std::iter::repeat_n(1, 8000 * 6));
        assert_eq!(rows.take_known().len(), 2 * 8000);
        assert_eq!(rows.channels[0].samples.len(), 8000 * 5);
    }
}
