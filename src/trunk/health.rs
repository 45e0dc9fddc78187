//! Whether a trunk is there, found out by OPTIONS. It takes several failures in a row to be down, and several answers to be up
//! again. Over UDP a closed port is nothing but silence, so each place has a time to answer that is shorter than Timer F.

use super::asking::{Asking, Next};
use super::chance::Chance;
use super::errand::{Outline, Step};
use super::settings::HealthSettings;
use crate::sip::{Flow, Method, Response};
use crate::time::Duration;

/// A trunk whose answers change is asked again after this, so that it is soon known.
const SOON: Duration = Duration::from_secs(5);

/// The health of one trunk.
#[derive(Debug)]
pub(super) struct Health {
    settings: HealthSettings,
    call_id: String,
    tag: String,
    cseq: u32,
    /// Up until it is known otherwise.
    pub(super) is_up: bool,
    /// Answers, or failures, in a row against what it is.
    streak: u32,
    asking: Option<Asking>,
    address: String,
}

impl Health {
    pub(super) fn new(settings: HealthSettings, chance: &mut Chance) -> Health {
        Health {
            settings,
            call_id: format!("{}{}", chance.token(), chance.token()),
            tag: chance.token(),
            cseq: 0,
            is_up: true,
            streak: 0,
            asking: None,
            address: String::new(),
        }
    }

    /// How long a place that was asked may be silent.
    pub(super) const fn timeout(&self) -> Duration {
        self.settings.timeout
    }

    /// It is time to ask, or the place that was asked has been silent for too long.
    pub(super) fn handle_due(&mut self, addresses: &[String], chance: &mut Chance) -> Step {
        if self.asking.is_some() {
            return self.failed(true, chance);
        }
        let (asking, next) = Asking::begin(addresses);
        self.asking = Some(asking);
        self.follow(next, "it has no address", chance)
    }

    pub(super) fn located(&mut self, hops: &[Flow], chance: &mut Chance) -> Step {
        let Some(asking) = &mut self.asking else { return Step::Nothing };
        let next = asking.located(hops);
        self.follow(next, "its address cannot be found", chance)
    }

    /// No answer came, or the hop cannot be reached.
    pub(super) fn failed(&mut self, timed_out: bool, chance: &mut Chance) -> Step {
        let Some(asking) = &mut self.asking else { return Step::Nothing };
        let next = asking.next();
        self.follow(
            next,
            if timed_out { "it does not answer" } else { "it cannot be reached" },
            chance,
        )
    }

    /// Any answer shows that somebody is there: 404 and 405 too, and a challenge, which is not worth a password.
    pub(super) fn answered(&mut self, response: &Response, chance: &mut Chance) -> Step {
        let status = response.status();
        if !matches!(status, 408 | 503) {
            self.asking = None;
            return self.note(Ok(()), chance);
        }
        let Some(asking) = &mut self.asking else { return Step::Nothing };
        let next = asking.next();
        self.follow(next, &format!("it answered {status}"), chance)
    }

    fn follow(&mut self, next: Next, why: &str, chance: &mut Chance) -> Step {
        match next {
            Next::Locate(uri) => {
                self.address.clone_from(&uri);
                Step::Locate(uri)
            }
            Next::Send(hop) => Step::Send(hop, self.options(hop)),
            Next::Exhausted => {
                self.asking = None;
                self.note(Err(why.to_owned()), chance)
            }
        }
    }

    fn note(&mut self, outcome: Result<(), String>, chance: &mut Chance) -> Step {
        let agrees = outcome.is_ok() == self.is_up;
        self.streak = if agrees { 0 } else { self.streak.saturating_add(1) };
        let needed = if self.is_up { self.settings.failures } else { self.settings.successes };
        if self.streak >= needed {
            self.is_up = !self.is_up;
            self.streak = 0;
        }
        let wait =
            if self.streak > 0 { SOON.min(self.settings.every) } else { self.settings.every };
        Step::Wait(chance.part_of(wait, 90, 110), outcome)
    }

    fn options(&mut self, hop: Flow) -> Outline {
        self.cseq += 1;
        let headers = vec![
            ("From", format!("<sip:{}>;tag={}", hop.local, self.tag)),
            ("To", format!("<{}>", self.address)),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", format!("{} OPTIONS", self.cseq)),
            ("Accept", "application/sdp".to_owned()),
        ];
        Outline { method: Method::Options, uri: self.address.clone(), headers }
    }
}
