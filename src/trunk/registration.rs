//! Registering outward, RFC 3261 §10.2.
//!
//! ```text
//!            due                      200
//!   Waiting -----> Asking (hop, 401, 423) -----> registered; Waiting for the refresh
//!      ^              |
//!      +--------------+  refused, or nobody answers: the wait doubles
//!   drain: Asking with Expires 0, then Off
//! ```

use super::asking::{Asking, Next, Verdict};
use super::chance::Chance;
use super::errand::{Outline, Step};
use super::line::Line;
use super::settings::RegistrationSettings;
use crate::sip::{Address, Flow, Method, Response, Uri};
use crate::time::{Duration, Instant};

/// The longest life that a 423 may demand.
const LONGEST_LIFE: Duration = Duration::from_secs(86_400);
/// How many 423 in a row are followed.
const MOST_RAISES: u8 = 2;
/// The longest wait that a Retry-After may demand.
const LONGEST_RETRY_AFTER: Duration = Duration::from_secs(3_600);

/// Our registration at one trunk.
#[derive(Debug)]
pub(super) struct Registration {
    settings: RegistrationSettings,
    call_id: String,
    tag: String,
    cseq: u32,
    /// The life that is asked for; a 423 raises it.
    life: Duration,
    raises: u8,
    /// How many attempts in a row came to nothing.
    pub(super) failures: u32,
    /// Until when the trunk knows us.
    pub(super) until: Option<Instant>,
    /// Where it knows us.
    pub(super) hop: Option<Flow>,
    phase: Phase,
}

#[derive(Debug)]
enum Phase {
    Waiting,
    Asking(Asking),
    /// We are leaving.
    Leaving(Asking),
    Off,
}

impl Registration {
    pub(super) fn new(settings: RegistrationSettings, chance: &mut Chance) -> Registration {
        Registration {
            life: settings.expires,
            call_id: format!("{}{}", chance.token(), chance.token()),
            tag: chance.token(),
            cseq: 0,
            raises: 0,
            failures: 0,
            until: None,
            hop: None,
            phase: Phase::Waiting,
            settings,
        }
    }

    /// Whether the trunk knows us.
    pub(super) fn is_registered(&self, now: Instant) -> bool {
        self.until.is_some_and(|until| until > now)
    }

    /// Whether the last attempt came to nothing and the trunk does not know us any more.
    pub(super) fn is_failing(&self, now: Instant) -> bool {
        self.failures > 0 && !self.is_registered(now)
    }

    /// It is time to register or to refresh.
    pub(super) fn begin(&mut self, addresses: &[String]) -> Step {
        if !matches!(self.phase, Phase::Waiting) {
            return Step::Nothing;
        }
        self.raises = 0;
        let (asking, next) = Asking::begin(addresses);
        self.phase = Phase::Asking(asking);
        self.follow(next)
    }

    /// We go: the trunk shall not send calls here any more (§10.2.2).
    pub(super) fn leave(&mut self, now: Instant) -> Step {
        let known_at = self.hop.filter(|_| self.is_registered(now));
        self.phase = Phase::Off;
        self.until = None;
        let Some(hop) = known_at else { return Step::Nothing };
        let mut asking = Asking::default();
        let next = asking.located(&[hop]);
        self.phase = Phase::Leaving(asking);
        self.follow(next)
    }

    pub(super) fn located(&mut self, hops: &[Flow], chance: &mut Chance) -> Step {
        let Some(asking) = self.asking() else { return Step::Nothing };
        match asking.located(hops) {
            Next::Exhausted => self.fail("its address cannot be found", None, chance),
            next => self.follow(next),
        }
    }

    /// No answer came, or the hop cannot be reached.
    pub(super) fn failed(&mut self, timed_out: bool, chance: &mut Chance) -> Step {
        let why = if timed_out { "it does not answer" } else { "it cannot be reached" };
        self.go_on(why, None, chance)
    }

    pub(super) fn answered(
        &mut self,
        response: &Response,
        line: &Line,
        chance: &mut Chance,
        now: Instant,
    ) -> Step {
        let uri = self.registrar();
        let cnonce = chance.token();
        let Some(asking) = self.asking() else { return Step::Nothing };
        let verdict = asking.judge(response, line.account.as_ref(), "REGISTER", &uri, &cnonce);
        let hop = asking.hop;
        match verdict {
            Verdict::Prove(credentials) => match hop {
                Some(hop) => Step::Send(hop, self.register(hop, Some(credentials))),
                None => Step::Nothing,
            },
            Verdict::Unanswerable(why) => self.fail(&why.to_string(), None, chance),
            Verdict::Elsewhere => {
                let why = format!("it answered {}", response.status());
                self.go_on(&why, Some(response), chance)
            }
            Verdict::Final => self.finish(response, hop, chance, now),
        }
    }

    fn finish(
        &mut self,
        response: &Response,
        hop: Option<Flow>,
        chance: &mut Chance,
        now: Instant,
    ) -> Step {
        match response.status() {
            200..=299 if matches!(self.phase, Phase::Leaving(_)) => {
                self.phase = Phase::Off;
                Step::Nothing
            }
            200..=299 => {
                let life = self.granted(response);
                self.phase = Phase::Waiting;
                self.failures = 0;
                self.until = Some(now + life);
                self.hop = hop;
                // Well before the end, so that one lost refresh and its repetition still come in time.
                Step::Wait(chance.part_of(life, 70, 85).max(Duration::from_secs(1)), Ok(()))
            }
            423 => self.raise(response, hop, chance),
            status => {
                let mend = match status {
                    403 => ": check `account`, and whether the trunk expects us at this address",
                    404 => ": check `register.aor`",
                    _ => "",
                };
                self.fail(
                    &format!("it answered {status} {}{mend}", response.reason()),
                    Some(response),
                    chance,
                )
            }
        }
    }

    /// §10.2.8: the life that we asked for is too short.
    fn raise(&mut self, response: &Response, hop: Option<Flow>, chance: &mut Chance) -> Step {
        let demanded = response.header("Min-Expires").and_then(|value| value.trim().parse().ok());
        let demanded = demanded.map(Duration::from_secs).filter(|life| *life <= LONGEST_LIFE);
        match (demanded.filter(|life| *life > self.life), hop) {
            (Some(life), Some(hop)) if self.raises < MOST_RAISES => {
                self.raises += 1;
                self.life = life;
                Step::Send(hop, self.register(hop, None))
            }
            _ => self.fail("it wants a longer life than it may have (423)", None, chance),
        }
    }

    fn go_on(&mut self, why: &str, response: Option<&Response>, chance: &mut Chance) -> Step {
        let Some(asking) = self.asking() else { return Step::Nothing };
        match asking.next() {
            Next::Exhausted => self.fail(why, response, chance),
            next => self.follow(next),
        }
    }

    fn follow(&mut self, next: Next) -> Step {
        match next {
            Next::Locate(uri) => Step::Locate(uri),
            Next::Send(hop) => Step::Send(hop, self.register(hop, None)),
            Next::Exhausted => {
                self.phase = Phase::Waiting;
                Step::Wait(self.settings.first_wait, Err("it has no address".to_owned()))
            }
        }
    }

    /// Nobody registered us: the next attempt comes after a wait that doubles.
    fn fail(&mut self, why: &str, response: Option<&Response>, chance: &mut Chance) -> Step {
        if matches!(self.phase, Phase::Leaving(_)) {
            self.phase = Phase::Off;
            return Step::Nothing;
        }
        self.phase = Phase::Waiting;
        let doubled = self.settings.first_wait * (1 << self.failures.min(16));
        self.failures = self.failures.saturating_add(1);
        let wait = chance.part_of(doubled.min(self.settings.longest_wait), 75, 100);
        let demanded = response.and_then(retry_after).unwrap_or_default().min(LONGEST_RETRY_AFTER);
        Step::Wait(wait.max(demanded), Err(why.to_owned()))
    }

    fn asking(&mut self) -> Option<&mut Asking> {
        match &mut self.phase {
            Phase::Asking(asking) | Phase::Leaving(asking) => Some(asking),
            Phase::Waiting | Phase::Off => None,
        }
    }

    /// The Request-URI: the domain of the address of record.
    fn registrar(&self) -> String {
        let aor = self.settings.aor.as_str();
        let host = aor.split_once('@').map_or(aor, |(_, host)| host);
        let scheme = aor.split_once(':').map_or("sip", |(scheme, _)| scheme);
        format!("{scheme}:{host}")
    }

    /// The user part of our Contact: the account's, so that calls come to a number that the dial plan can know.
    fn contact(&self, hop: Flow) -> String {
        let user =
            Uri::parse(&self.settings.aor).ok().and_then(|uri| uri.user().map(|u| u.into_owned()));
        let user = user.unwrap_or_default();
        let user = Uri::escape_user(&user);
        format!("sip:{user}@{};transport={}", hop.local, hop.transport.as_param())
    }

    fn register(&mut self, hop: Flow, credentials: Option<(&'static str, String)>) -> Outline {
        self.cseq += 1;
        let life = match self.phase {
            Phase::Leaving(_) | Phase::Off => 0,
            Phase::Waiting | Phase::Asking(_) => self.life.as_secs(),
        };
        let aor = &self.settings.aor;
        let mut headers = vec![
            ("From", format!("<{aor}>;tag={}", self.tag)),
            ("To", format!("<{aor}>")),
            ("Call-ID", self.call_id.clone()),
            ("CSeq", format!("{} REGISTER", self.cseq)),
            ("Contact", format!("<{}>", self.contact(hop))),
            ("Expires", life.to_string()),
        ];
        headers.extend(credentials);
        Outline { method: Method::Register, uri: self.registrar(), headers }
    }

    /// How long the trunk knows us: what it says of our Contact, else of all, else what we asked for.
    fn granted(&self, response: &Response) -> Duration {
        let is_ours = |contact: &&Address<'_>| {
            self.asking_hop().is_some_and(|hop| same_place(contact.uri, &self.contact(hop)))
        };
        let contacts = response.contacts();
        let of_contact =
            contacts.iter().find(is_ours).or(contacts.first().filter(|_| contacts.len() == 1));
        let of_contact = of_contact.and_then(|contact| contact.param("expires")?.parse().ok());
        let seconds = of_contact.or(response.expires().map(u64::from));
        let life = seconds.map_or(self.life, Duration::from_secs);
        life.clamp(Duration::from_secs(1), LONGEST_LIFE)
    }

    fn asking_hop(&self) -> Option<Flow> {
        match &self.phase {
            Phase::Asking(asking) | Phase::Leaving(asking) => asking.hop,
            Phase::Waiting | Phase::Off => None,
        }
    }
}

/// Whether two Contacts have the same user, host and port: what registrars leave out and add are parameters.
fn same_place(one: &str, other: &str) -> bool {
    let (Ok(one), Ok(other)) = (Uri::parse(one), Uri::parse(other)) else { return false };
    one.user() == other.user()
        && one.host().eq_ignore_ascii_case(other.host())
        && one.port().unwrap_or(5060) == other.port().unwrap_or(5060)
}

/// The seconds of a Retry-After; its comment and parameters are for people.
pub(super) fn retry_after(response: &Response) -> Option<Duration> {
    let value = response.header("Retry-After")?.trim_start();
    let end = value.find(|c: char| !c.is_ascii_digit()).unwrap_or(value.len());
    value.get(..end)?.parse().ok().map(Duration::from_secs)
}
