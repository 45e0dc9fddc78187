//! All trunks: who is registered where, who is up, and what is to be done about it.

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::chance::Chance;
use super::errand::{Errand, ErrandId, Purpose, Step};
use super::health::Health;
use super::registration::Registration;
use super::settings::Settings;
use crate::sip::{Flow, Response};
use crate::time::{Duration, Instant, Timers};

/// How many addresses of one trunk are remembered.
const MOST_PLACES: usize = 64;

/// The machines of every trunk. After each input, carry out [`Trunks::poll_errand`] until there is none.
#[derive(Debug)]
pub struct Trunks {
    trunks: Vec<Trunk>,
    timers: Timers<(usize, Purpose)>,
    errands: VecDeque<Errand>,
    chance: Chance,
    /// Trunks whose [`Status`] may have changed.
    changed: VecDeque<usize>,
    serial: u64,
}

#[derive(Debug)]
struct Trunk {
    settings: Settings,
    registration: Option<Registration>,
    health: Option<Health>,
    /// The errand whose outcome counts, for each purpose.
    register: Option<u64>,
    options: Option<u64>,
    /// Where its names led, the latest last.
    places: VecDeque<IpAddr>,
    registration_error: Option<String>,
    health_error: Option<String>,
}

/// How a trunk is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Status {
    /// Its name.
    pub name: String,
    /// Whether calls are sent to it.
    pub is_up: bool,
    /// Its registration, if it has one.
    pub registration: Option<RegistrationStatus>,
    /// Whether it answers OPTIONS, if it is asked.
    pub answers: Option<bool>,
    /// What went wrong last, and the mend; `None` when nothing is wrong.
    pub last_error: Option<String>,
}

/// How a registration is doing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RegistrationStatus {
    /// How long the trunk still knows us; `None` when it does not.
    pub left: Option<Duration>,
    /// Where it knows us.
    pub at: Option<SocketAddr>,
    /// How many attempts in a row came to nothing.
    pub failures: u32,
}

impl Trunks {
    /// Trunks of which nothing is known so far. Their first registrations and OPTIONS are due at `now`.
    pub fn new(settings: &[Settings], seed: [u8; 32], now: Instant) -> Trunks {
        let mut chance = Chance::new(seed);
        let mut timers = Timers::new();
        let mut trunks = Vec::new();
        for (index, settings) in settings.iter().enumerate() {
            let registration =
                settings.registration.clone().map(|r| Registration::new(r, &mut chance));
            let health = settings.health.map(|health| Health::new(health, &mut chance));
            if registration.is_some() {
                timers.set((index, Purpose::Register), now);
            }
            if health.is_some() {
                timers.set((index, Purpose::Health), now);
            }
            trunks.push(Trunk::new(settings.clone(), registration, health));
        }
        let changed = (0..trunks.len()).collect();
        Trunks { trunks, timers, errands: VecDeque::new(), chance, changed, serial: 0 }
    }

    /// Lets every deadline that has come take its effect.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((index, purpose)) = self.timers.poll_expired(now) {
            let Some(trunk) = self.trunks.get_mut(index) else { continue };
            let addresses = &trunk.settings.addresses;
            let step = match purpose {
                Purpose::Register => trunk.registration.as_mut().map(|it| it.begin(addresses)),
                Purpose::Health => {
                    let late =
                        trunk.options.map(|serial| ErrandId { trunk: index, purpose, serial });
                    self.errands.extend(late.map(|id| Errand::Abandon { id }));
                    trunk.health.as_mut().map(|it| it.handle_due(addresses, &mut self.chance))
                }
            };
            self.follow(index, purpose, step, now);
        }
    }

    /// The next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll_timeout()
    }

    /// What is to be done next.
    pub fn poll_errand(&mut self) -> Option<Errand> {
        self.errands.pop_front()
    }

    /// A trunk whose status may have changed since it was polled last.
    pub fn poll_status(&mut self, now: Instant) -> Option<Status> {
        let index = self.changed.pop_front()?;
        self.changed.retain(|other| *other != index);
        self.trunks.get(index).map(|trunk| trunk.status(now))
    }

    /// The calls of a trunk have changed: its status is polled again.
    pub fn touch(&mut self, name: &str) {
        if let Some(index) = self.trunks.iter().position(|trunk| trunk.settings.name() == name) {
            self.changed.push_back(index);
        }
    }

    /// Where the URI of an errand leads, the preferred place first; nowhere, if the list is empty.
    pub fn handle_located(&mut self, id: ErrandId, flows: &[Flow], now: Instant) {
        let chance = &mut self.chance;
        let Some(trunk) = self.trunks.get_mut(id.trunk).filter(|trunk| trunk.awaits(id)) else {
            return;
        };
        trunk.remember(flows);
        let step = match id.purpose {
            Purpose::Register => trunk.registration.as_mut().map(|it| it.located(flows, chance)),
            Purpose::Health => trunk.health.as_mut().map(|it| it.located(flows, chance)),
        };
        self.follow(id.trunk, id.purpose, step, now);
    }

    /// The final response to an errand's request.
    pub fn handle_response(&mut self, id: ErrandId, response: &Response, now: Instant) {
        let chance = &mut self.chance;
        let Some(trunk) = self.trunks.get_mut(id.trunk).filter(|trunk| trunk.awaits(id)) else {
            return;
        };
        let line = &trunk.settings.line;
        let step = match id.purpose {
            Purpose::Register => {
                trunk.registration.as_mut().map(|it| it.answered(response, line, chance, now))
            }
            Purpose::Health => trunk.health.as_mut().map(|it| it.answered(response, chance)),
        };
        self.follow(id.trunk, id.purpose, step, now);
    }

    /// An errand's request had no answer, or could not be sent.
    pub fn handle_failure(&mut self, id: ErrandId, timed_out: bool, now: Instant) {
        let chance = &mut self.chance;
        let Some(trunk) = self.trunks.get_mut(id.trunk).filter(|trunk| trunk.awaits(id)) else {
            return;
        };
        let step = match id.purpose {
            Purpose::Register => trunk.registration.as_mut().map(|it| it.failed(timed_out, chance)),
            Purpose::Health => trunk.health.as_mut().map(|it| it.failed(timed_out, chance)),
        };
        self.follow(id.trunk, id.purpose, step, now);
    }

    /// We go: every trunk that knows us is told to forget us, and none is asked any more.
    pub fn leave(&mut self, now: Instant) {
        for index in 0..self.trunks.len() {
            self.timers.cancel(&(index, Purpose::Register));
            self.timers.cancel(&(index, Purpose::Health));
            let Some(trunk) = self.trunks.get_mut(index) else { continue };
            trunk.options = None;
            let step = trunk.registration.as_mut().map(|it| it.leave(now));
            self.follow(index, Purpose::Register, step, now);
        }
    }

    /// Whether calls are sent to this trunk.
    pub fn is_up(&self, name: &str, now: Instant) -> bool {
        let trunk = self.trunks.iter().find(|trunk| trunk.settings.name() == name);
        trunk.is_none_or(|trunk| trunk.is_up(now))
    }

    /// The trunk without networks and login of its own that was last found at this address.
    pub fn found_at(&self, address: IpAddr) -> Option<&Settings> {
        let address = address.to_canonical();
        let is_there = |trunk: &&Trunk| {
            trunk.settings.networks.is_empty()
                && trunk.settings.login.is_none()
                && trunk.is_at(address)
        };
        self.trunks.iter().find(is_there).map(|trunk| &trunk.settings)
    }

    /// How every trunk is doing.
    pub fn statuses(&self, now: Instant) -> Vec<Status> {
        self.trunks.iter().map(|trunk| trunk.status(now)).collect()
    }

    fn follow(&mut self, index: usize, purpose: Purpose, step: Option<Step>, now: Instant) {
        let Some(trunk) = self.trunks.get_mut(index) else { return };
        let awaited = match purpose {
            Purpose::Register => &mut trunk.register,
            Purpose::Health => &mut trunk.options,
        };
        self.serial += 1;
        let id = ErrandId { trunk: index, purpose, serial: self.serial };
        *awaited = None;
        match step.unwrap_or(Step::Nothing) {
            Step::Locate(uri) => {
                *awaited = Some(id.serial);
                self.timers.cancel(&(index, purpose));
                self.errands.push_back(Errand::Locate { id, uri });
            }
            Step::Send(flow, request) => {
                *awaited = Some(id.serial);
                if let (Purpose::Health, Some(health)) = (purpose, &trunk.health) {
                    self.timers.set((index, purpose), now + health.timeout());
                }
                trunk.remember(&[flow]);
                self.errands.push_back(Errand::Send { id, flow, request });
            }
            Step::Wait(wait, outcome) => {
                self.timers.set((index, purpose), now + wait);
                let error = match purpose {
                    Purpose::Register => &mut trunk.registration_error,
                    Purpose::Health => &mut trunk.health_error,
                };
                *error = outcome.err();
                self.changed.push_back(index);
            }
            Step::Nothing => {}
        }
    }
}

impl Trunk {
    fn new(
        settings: Settings,
        registration: Option<Registration>,
        health: Option<Health>,
    ) -> Trunk {
        Trunk {
            settings,
            registration,
            health,
            register: None,
            options: None,
            places: VecDeque::new(),
            registration_error: None,
            health_error: None,
        }
    }

    fn awaits(&self, id: ErrandId) -> bool {
        let awaited = match id.purpose {
            Purpose::Register => self.register,
            Purpose::Health => self.options,
        };
        awaited == Some(id.serial)
    }

    fn remember(&mut self, flows: &[Flow]) {
        for flow in flows {
            let address = flow.remote.ip().to_canonical();
            self.places.retain(|known| *known != address);
            if self.places.len() == MOST_PLACES {
                self.places.pop_front();
            }
            self.places.push_back(address);
        }
    }

    /// Whether it was found at this address, or is written so.
    fn is_at(&self, address: IpAddr) -> bool {
        let is_written = |text: &String| {
            let uri = crate::sip::Uri::parse(text).ok();
            let host = uri.and_then(|uri| uri.host().parse::<IpAddr>().ok());
            host.is_some_and(|host| host.to_canonical() == address)
        };
        self.places.contains(&address) || self.settings.addresses.iter().any(is_written)
    }

    fn is_up(&self, now: Instant) -> bool {
        let answers = self.health.as_ref().is_none_or(|health| health.is_up);
        let is_known = self.registration.as_ref().is_none_or(|it| !it.is_failing(now));
        answers && is_known
    }

    fn status(&self, now: Instant) -> Status {
        let registration = self.registration.as_ref().map(|it| RegistrationStatus {
            left: it.until.filter(|until| *until > now).map(|until| until.since(now)),
            at: it.hop.filter(|_| it.is_registered(now)).map(|hop| hop.remote),
            failures: it.failures,
        });
        let errors = self.registration_error.as_ref().or(self.health_error.as_ref());
        Status {
            name: self.settings.name().to_owned(),
            is_up: self.is_up(now),
            registration,
            answers: self.health.as_ref().map(|health| health.is_up),
            last_error: errors.cloned(),
        }
    }
}
