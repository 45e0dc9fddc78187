//! One attempt at one address, and what its end means for all streams of the sink.

use tracing::{info, warn};

use super::breaker::{Admission, Mercy};
use super::{ConnectError, Place, held};
use crate::net::Clock;

/// One attempt at one address. Dropped without a verdict, it was given up by its own stream.
pub(super) struct Attempt<'p> {
    place: &'p Place,
    clock: Clock,
    how: Option<Admission>,
}

impl<'p> Attempt<'p> {
    pub(super) fn at(place: &'p Place, clock: Clock) -> Option<Attempt<'p>> {
        let how = held(&place.breaker).admit(clock.now())?;
        Some(Attempt { place, clock, how: Some(how) })
    }

    pub(super) fn handle_success(mut self) {
        self.how = None;
        held(&self.place.breaker).handle_success();
        if held(&self.place.last_failure).take().is_some() {
            info!(address = %self.place.at, "a sink's address answers again");
        }
    }

    pub(super) fn handle_failure(mut self, error: &ConnectError, mercy: Mercy) {
        let Some(how) = self.how.take() else { return };
        *held(&self.place.last_failure) = Some(error.to_string());
        if held(&self.place.breaker).handle_failure(how, mercy, self.clock.now()) {
            let address = &self.place.at;
            warn!(%address, %error, "a sink's address fails and is left alone for a while");
        }
    }
}

impl Drop for Attempt<'_> {
    fn drop(&mut self) {
        if let Some(how) = self.how {
            held(&self.place.breaker).handle_abandoned(how, self.clock.now());
        }
    }
}
