//! Session timers, RFC 4028.

use sidestream::time::{Duration, Instant};

use super::{Phone, SessionHabit, Stage};
use crate::text::Text;

impl Phone {
    /// The session that a 2xx of ours agrees to.
    pub(super) fn session_answer(&self, request: &Text, status: u16) -> Option<String> {
        let asked = request.find("Session-Expires")?;
        let may = self.session != SessionHabit::Ignorant
            && (200..300).contains(&status)
            && matches!(request.method(), "INVITE" | "UPDATE");
        let named = if asked.contains("refresher=") { "" } else { ";refresher=uas" };
        may.then(|| format!("{asked}{named}"))
    }

    /// Takes what a 2xx says of the session; `us` is our role in its transaction.
    pub(super) fn agree_on_session(
        &mut self,
        place: usize,
        us: &str,
        response: &Text,
        now: Instant,
    ) {
        let Some((interval, refresher)) =
            response.find("Session-Expires").and_then(|value| value.split_once(";refresher="))
        else {
            return;
        };
        let half = Duration::from_secs(interval.parse::<u64>().expect("seconds")) / 2;
        let ours = refresher == us && self.session == SessionHabit::Refreshes;
        self.dialogs[place].refresh = ours.then_some((now + half, half));
    }

    pub(super) fn refresh_session(&mut self, place: usize, now: Instant) {
        let dialog = &mut self.dialogs[place];
        let Some((_, half)) = dialog.refresh.filter(|(at, _)| *at <= now) else { return };
        dialog.refresh = (dialog.stage == Stage::Up).then_some((now + half, half));
        if dialog.stage == Stage::Up && !self.is_offering(place) {
            let expires = format!("{};refresher=uac", half.as_secs() * 2);
            let update = self.inside(place, "UPDATE").with("Supported", "timer");
            self.send_request(update.with("Session-Expires", expires), now);
        }
    }
}
