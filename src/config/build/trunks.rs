//! Trunks, and how requests to phones look.

use std::sync::Arc;

use super::signalling::refer_policy;
use super::transports::Listeners;
use super::{Builder, DAY_S};
use crate::config::error::Flaw;
use crate::config::file::{Account, Assertion, CalledIn, Header, Limits, Phones, Register, Trunk};
use crate::config::place::Place;
use crate::id::UserName;
use crate::sip::Uri;
use crate::sip::digest::Secret;
use crate::time::Duration;
use crate::trunk::{
    self, Assert, Called, FromRule, HeaderRule, HeaderRuleError, Headers, HealthSettings, Identity,
    Line, NameRule, RegistrationSettings, TransferRights,
};

/// Carriers choose the passwords of our accounts; ours for their logins are held to more.
const SHORTEST_LOGIN: usize = 12;
/// Most calls of a limit.
const MOST_CALLS: u64 = 1_000_000;

impl Builder {
    pub(super) fn trunks(
        &mut self,
        trunks: &[Trunk],
        realm: &str,
        listeners: &Listeners,
    ) -> Vec<trunk::Settings> {
        self.check_unique("trunks", "name", trunks.iter().map(|trunk| trunk.name.as_str()));
        let built = trunks.iter().enumerate();
        built.map(|(index, trunk)| self.trunk(index, trunk, realm, listeners)).collect()
    }

    fn trunk(
        &mut self,
        index: usize,
        trunk: &Trunk,
        realm: &str,
        listeners: &Listeners,
    ) -> trunk::Settings {
        let place = Place::at("trunks").index(index);
        let is_name = |byte: u8| byte.is_ascii_alphanumeric() || b"-_.".contains(&byte);
        if trunk.name.is_empty() || trunk.name.len() > 64 || !trunk.name.bytes().all(is_name) {
            self.wrong(place.key("name"), "a trunk is 1 to 64 letters, digits, `-`, `_` and `.`");
        }
        self.check_addresses(&place, trunk, listeners);
        let login = trunk.login.as_ref().map(|login| {
            let place = place.key("login").key("password");
            self.check_secret(place, &login.password, &login.user, SHORTEST_LOGIN);
            let secret = Secret::from_password(&login.user, realm, &login.password);
            (UserName::new(login.user.as_str()), secret)
        });
        let registration =
            trunk.register.as_ref().map(|register| self.register(&place, register, trunk));
        let health = trunk.health.as_ref().map(|health| {
            let place = place.key("health");
            HealthSettings {
                every: self.wait(place.key("every_s"), health.every_s, 5..=3_600),
                timeout: self.wait(place.key("timeout_s"), health.timeout_s, 1..=32),
                failures: self.few(place.key("failures"), health.failures),
                successes: self.few(place.key("successes"), health.successes),
            }
        });
        trunk::Settings {
            line: Arc::new(self.line(&place, trunk)),
            addresses: trunk.addresses.clone(),
            networks: self.networks(&place, &trunk.networks),
            login,
            may_control_streams: trunk.may_control_streams,
            transfer: TransferRights {
                may_transfer: trunk.may_transfer,
                may_pick_up: trunk.may_pick_up,
                refer: refer_policy(trunk.refer),
            },
            called: match trunk.called {
                CalledIn::Uri => Called::RequestUri,
                CalledIn::To => Called::To,
            },
            called_in: self.rewriting(&place.key("called_in"), &trunk.called_in),
            callers_in: self.rewriting(&place.key("caller_in"), &trunk.caller_in),
            called_out: self.rewriting(&place.key("called_out"), &trunk.called_out),
            registration,
            health,
            limits: self.limits(&place.key("limits"), &trunk.limits),
        }
    }

    fn check_addresses(&mut self, place: &Place, trunk: &Trunk, listeners: &Listeners) {
        let place = place.key("addresses");
        if trunk.addresses.is_empty() {
            let flaw = Flaw::at(place.clone(), "a trunk is somewhere");
            self.note(flaw.with_help("addresses = [\"sip:sip.carrier.example\"]"));
        }
        for (at, text) in trunk.addresses.iter().enumerate() {
            let uri = Uri::parse(text).ok().filter(|uri| uri.is_sip() && uri.user().is_none());
            let Some(uri) = uri else {
                let message = format!(
                    "`{text}` is not an address like sip:gw.example or sip:192.0.2.7:5060;transport=tcp"
                );
                self.wrong(place.index(at), message);
                continue;
            };
            // What names lead to is found out later; an address has its transport now.
            let heard =
                |transport| listeners.heard.iter().any(|listener| listener.transport == transport);
            if let Some(transport) = uri.transport().filter(|transport| !heard(*transport)) {
                let message =
                    format!("{transport} is not among `sip.listen`, so nothing can be sent by it");
                self.wrong(place.index(at), message);
            }
        }
    }

    fn line(&mut self, place: &Place, trunk: &Trunk) -> Line {
        let account = trunk.account.as_ref().map(|account| self.account(place, account, trunk));
        for (at, codec) in trunk.codecs.iter().enumerate() {
            if codec.is_empty()
                || !codec.bytes().all(|b| b.is_ascii_alphanumeric() || b"-._".contains(&b))
            {
                self.wrong(
                    place.key("codecs").index(at),
                    "a codec is a name like PCMA, G722 or opus",
                );
            }
        }
        let domain = trunk.from_domain.as_deref();
        if domain.is_some_and(|domain| Uri::parse(&format!("sip:{domain}")).is_err()) {
            self.wrong(place.key("from_domain"), "a domain is a name or an address");
        }
        Line {
            name: trunk.name.clone(),
            account,
            from: FromRule { user: trunk.from_user.clone(), domain: trunk.from_domain.clone() },
            identity: Identity {
                trusted: trunk.trusted,
                assert: assert_of(trunk.identity),
                diversion: trunk.diversion,
                history: trunk.history_info,
                reason: trunk.reason,
            },
            headers: Headers {
                pass: self.pass(place, &trunk.pass_headers),
                rules: self.header_rules(place, &trunk.headers),
            },
            codecs: trunk.codecs.clone(),
            callers: self.rewriting(&place.key("caller_out"), &trunk.caller_out),
        }
    }

    /// Phones are no part of the trust domain unless the file says so.
    pub(super) fn phones(&mut self, phones: &Phones) -> Arc<Line> {
        let pass = self.pass(&Place::at("sip.phones"), &phones.pass_headers);
        Arc::new(Line {
            identity: Identity {
                trusted: phones.trusted,
                assert: assert_of(phones.identity),
                diversion: phones.diversion,
                history: phones.history_info,
                reason: phones.reason,
            },
            headers: Headers { pass, rules: Vec::new() },
            ..Line::default()
        })
    }

    /// What we call ourselves.
    pub(super) fn agent(&mut self, name: &str) -> String {
        if name.len() > 128 || !name.chars().all(|c| matches!(c, ' '..='~')) {
            let place = Place::at("sip.user_agent");
            self.wrong(place, "a name of at most 128 printable ASCII characters, or none");
        }
        name.to_owned()
    }

    fn pass(&mut self, place: &Place, names: &[String]) -> Vec<NameRule> {
        self.each(place.key("pass_headers"), names, |text| text.parse::<NameRule>())
    }

    fn header_rules(&mut self, place: &Place, headers: &[Header]) -> Vec<HeaderRule> {
        let rules = headers.iter().enumerate().filter_map(|(at, header)| {
            let place = place.key("headers").index(at);
            let rule = match (&header.add, &header.set, header.remove) {
                (Some(value), None, false) => HeaderRule::add(&header.name, value),
                (None, Some(value), false) => HeaderRule::set(&header.name, value),
                (None, None, true) => HeaderRule::remove(&header.name),
                _ => {
                    self.wrong(place, "a rule has one of `add`, `set` and `remove = true`");
                    return None;
                }
            };
            rule.map_err(|error: HeaderRuleError| self.wrong(place, error.to_string())).ok()
        });
        rules.collect()
    }

    fn account(&mut self, place: &Place, account: &Account, trunk: &Trunk) -> trunk::Account {
        let place = place.key("account");
        if account.user.is_empty() {
            self.wrong(place.key("user"), "an account has a user");
        }
        if account.password.is_empty() {
            let help = "write it as ${env:NAME} or ${file:PATH}";
            self.note(Flaw::at(place.key("password"), "a secret is missing").with_help(help));
        }
        let realm = account.realm.clone().or_else(|| self.domain(trunk)).unwrap_or_default();
        trunk::Account { user: account.user.clone(), password: account.password.clone(), realm }
    }

    /// What people call the trunk's domain: that of From, else the host of its first address.
    fn domain(&self, trunk: &Trunk) -> Option<String> {
        let host = || Some(Uri::parse(trunk.addresses.first()?).ok()?.host().to_owned());
        trunk.from_domain.clone().or_else(host)
    }

    fn register(
        &mut self,
        place: &Place,
        register: &Register,
        trunk: &Trunk,
    ) -> RegistrationSettings {
        let place = place.key("register");
        let user = trunk.account.as_ref().map(|account| Uri::escape_user(&account.user));
        let usual = || Some(format!("sip:{}@{}", user?, bracketed(&self.domain(trunk)?)));
        let aor = register.aor.clone().or_else(usual).unwrap_or_default();
        if !Uri::parse(&aor).is_ok_and(|uri| uri.is_sip() && uri.user().is_some()) {
            let flaw = Flaw::at(place.key("aor"), "it must be known who is registered");
            self.note(
                flaw.with_help("aor = \"sip:100@carrier.example\", or an `account` for the trunk"),
            );
        }
        let registration = RegistrationSettings {
            aor,
            expires: self.wait(place.key("expires_s"), register.expires_s, 30..=DAY_S),
            first_wait: self.wait(place.key("first_wait_s"), register.first_wait_s, 1..=3_600),
            longest_wait: self.wait(
                place.key("longest_wait_s"),
                register.longest_wait_s,
                1..=DAY_S,
            ),
        };
        if registration.first_wait > registration.longest_wait {
            self.wrong(place.key("longest_wait_s"), "the longest wait is shorter than the first");
        }
        registration
    }

    fn limits(&mut self, place: &Place, limits: &Limits) -> trunk::Limits {
        let mut limit = |key: &str, value: Option<u64>| {
            let value = self.number(place.key(key), value?, 1..=MOST_CALLS);
            u32::try_from(value).ok()
        };
        trunk::Limits {
            calls: limit("calls", limits.calls),
            calls_in: limit("calls_in", limits.calls_in),
            calls_out: limit("calls_out", limits.calls_out),
            per_second: limit("calls_per_second", limits.calls_per_second),
        }
    }

    fn wait(&mut self, place: Place, value: u64, range: std::ops::RangeInclusive<u64>) -> Duration {
        Duration::from_secs(self.number(place, value, range))
    }

    fn few(&mut self, place: Place, value: u64) -> u32 {
        u32::try_from(self.number(place, value, 1..=100)).unwrap_or(1)
    }
}

fn assert_of(assertion: Assertion) -> Assert {
    match assertion {
        Assertion::None => Assert::No,
        Assertion::Asserted => Assert::Asserted,
        Assertion::Preferred => Assert::Preferred,
    }
}

/// A host as a URI writes it.
fn bracketed(host: &str) -> String {
    if host.contains(':') { format!("[{host}]") } else { host.to_owned() }
}
