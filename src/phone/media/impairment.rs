//! A bad network, made on purpose and repeatable by its seed.

use std::time::Duration;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

/// What happens to a phone's packets before they leave it.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Impairment {
    /// Packets dropped, in percent.
    pub loss_percent: f64,
    /// Packets held back for one and a half intervals, so that the next overtakes them, in percent.
    pub reorder_percent: f64,
    /// Packets sent twice, in percent.
    pub duplicate_percent: f64,
    /// Every packet waits a random time up to this.
    pub jitter: Duration,
    /// The same seed gives the same fate to the same packet.
    pub seed: u64,
}

/// What becomes of one packet: when its copies leave. None, one or two.
pub(super) type Fate = [Option<Duration>; 2];

/// Decides on packet after packet.
pub(super) struct Fates {
    impairment: Impairment,
    random: StdRng,
}

impl Fates {
    pub(super) fn new(impairment: Impairment) -> Fates {
        Fates { impairment, random: StdRng::seed_from_u64(impairment.seed) }
    }

    pub(super) fn next(&mut self) -> Fate {
        // All are drawn for every packet, so that one figure does not change the fate that another decides.
        let [lost, reordered, doubled] = [
            self.impairment.loss_percent,
            self.impairment.reorder_percent,
            self.impairment.duplicate_percent,
        ]
        .map(|percent| self.random.random_range(0.0..100.0) < percent);
        let share: f64 = self.random.random_range(0.0..1.0);
        if lost {
            return [None, None];
        }
        let held = if reordered { Duration::from_millis(30) } else { Duration::ZERO };
        let delay = self.impairment.jitter.mul_f64(share) + held;
        [Some(delay), doubled.then_some(delay)]
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_same_seed_gives_the_same_fates_and_the_shares_asked_for() {
        let impairment = Impairment {
            loss_percent: 10.0,
            duplicate_percent: 5.0,
            seed: 7,
            ..Impairment::default()
        };
        let draw = || {
            let mut fates = Fates::new(impairment);
            (0..10_000).map(|_| fates.next()).collect::<Vec<_>>()
        };
        let fates = draw();
        assert_eq!(fates, draw());
        let lost = fates.iter().filter(|fate| fate[0].is_none()).count();
        let doubled = fates.iter().filter(|fate| fate[1].is_some()).count();
        assert!((900..1100).contains(&lost), "{lost}");
        assert!((380..520).contains(&doubled), "{doubled}");
    }

    #[test]
    fn without_impairment_every_packet_leaves_at_once() {
        let mut fates = Fates::new(Impairment::default());
        assert!((0..100).all(|_| fates.next() == [Some(Duration::ZERO), None]));
    }
}
