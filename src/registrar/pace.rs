//! How often one user may register.

use std::collections::{BTreeMap, BTreeSet};

use crate::id::UserName;
use crate::time::{Duration, Instant};

/// Users whose last minute is remembered. Only those who have proved to be users enter, so it holds them all in any sane house;
/// of more, those whose minute began first start anew.
const REMEMBERED: usize = 65_536;
const MINUTE: Duration = Duration::from_secs(60);

/// The minutes of users.
#[derive(Debug, Default)]
pub(super) struct Paces {
    minutes: BTreeMap<UserName, Minute>,
    begun: BTreeSet<(Instant, UserName)>,
}

#[derive(Debug)]
struct Minute {
    since: Instant,
    count: u32,
}

impl Paces {
    /// Counts a REGISTER of `user`. When there were `limit` in its minute: the seconds until the next minute begins.
    pub(super) fn admit(&mut self, user: &UserName, limit: u32, now: Instant) -> Result<(), u64> {
        if let Some(minute) = self.minutes.get_mut(user)
            && now.since(minute.since) < MINUTE
        {
            if minute.count >= limit {
                return Err((MINUTE - now.since(minute.since)).as_secs() + 1);
            }
            minute.count += 1;
            return Ok(());
        }
        self.begin(user, now);
        Ok(())
    }

    fn begin(&mut self, user: &UserName, now: Instant) {
        if let Some(old) = self.minutes.insert(user.clone(), Minute { since: now, count: 1 }) {
            self.begun.remove(&(old.since, user.clone()));
        }
        self.begun.insert((now, user.clone()));
        while let Some((since, _)) = self.begun.first()
            && (now.since(*since) >= MINUTE || self.begun.len() > REMEMBERED)
        {
            if let Some((_, user)) = self.begun.pop_first() {
                self.minutes.remove(&user);
            }
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_user_has_so_many_a_minute_and_the_next_minute_as_many_again() {
        let (mut paces, alice) = (Paces::default(), UserName::new("alice"));
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        assert_eq!(paces.admit(&alice, 2, at(100)), Ok(()));
        assert_eq!(paces.admit(&alice, 2, at(110)), Ok(()));
        assert_eq!(paces.admit(&alice, 2, at(120)), Err(41));
        assert_eq!(paces.admit(&UserName::new("bob"), 2, at(120)), Ok(()));
        assert_eq!(paces.admit(&alice, 2, at(160)), Ok(()));
    }

    #[test]
    fn a_minute_that_is_over_leaves_the_table() {
        let mut paces = Paces::default();
        let at = |seconds| Instant::ZERO + Duration::from_secs(seconds);
        for number in 0..10 {
            paces.admit(&UserName::new(format!("user{number}")), 1, at(number)).unwrap();
        }
        paces.admit(&UserName::new("late"), 1, at(200)).unwrap();
        assert_eq!((paces.minutes.len(), paces.begun.len()), (1, 1));
    }
}
