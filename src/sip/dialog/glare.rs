//! How long to wait after a 491, RFC 3261 §14.1.

use crate::time::Duration;

/// The wait before an offer that collided goes again: 2.1 to 4 s for the side that chose the Call-ID, 0 to 2 s for the other,
/// in steps of 10 ms. `below` gives a number below its argument, by chance.
pub fn glare_wait(owns_call_id: bool, below: impl FnOnce(u32) -> u32) -> Duration {
    let steps = if owns_call_id { 210 + below(191) } else { below(201) };
    Duration::from_millis(u64::from(steps) * 10)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_owner_of_the_call_id_waits_longer_than_the_other_ever_does() {
        let wait = |owns, chance: fn(u32) -> u32| glare_wait(owns, chance).as_millis();
        assert_eq!((wait(true, |_| 0), wait(true, |limit| limit - 1)), (2_100, 4_000));
        assert_eq!((wait(false, |_| 0), wait(false, |limit| limit - 1)), (0, 2_000));
    }
}
