//! Sinks that are durable logs.

use std::time::Duration;

use super::Builder;
use crate::config::error::Flaw;
use crate::config::file::{Basic, Sink};
use crate::config::place::Place;
use crate::sink::{Carrier, Destinations, Login, Nats, NatsUrl, NewLog};

/// What the subjects of a sink begin with that says nothing else.
const PREFIX: &str = "sidestream";

impl Builder {
    pub(super) fn nats(
        &mut self,
        place: &Place,
        sink: &Sink,
        destinations: &Destinations,
    ) -> Option<Nats> {
        if !cfg!(feature = "nats") {
            let flaw = Flaw::at(place.key("kind"), "this build of the program has no NATS");
            self.note(flaw.with_help("build it with the cargo feature `nats`"));
        }
        let example = "url = \"nats://log.example:4222\"";
        let written = self.one_or_many(place, ["url", "urls"], &sink.url, &sink.urls, example)?;
        let mut urls: Vec<NatsUrl> = Vec::new();
        for (place, text) in written {
            match text.parse::<NatsUrl>() {
                Ok(url) => {
                    let (host, port) = (url.at().host(), url.at().port());
                    self.check_destination(place, destinations, host, port, Carrier::Tcp);
                    urls.push(url);
                }
                Err(error) => self.wrong(place, error.to_string()),
            }
        }
        let is_plain = !urls.iter().any(NatsUrl::is_secure);
        let plain = is_plain.then_some("tls://").filter(|_| !urls.is_empty());
        let (extra_ca, client_certificate) = self.certificates(place, sink, plain);
        let login = self.login(place, sink);
        let create = self.new_log(place, sink);
        let stream = self.log_name(place, sink);
        let prefix = sink.subject.as_deref().unwrap_or(PREFIX).parse();
        let prefix = prefix.map_err(|error| self.wrong(place.key("subject"), format!("{error}")));
        let (stream, prefix) = (stream?, prefix.ok()?);
        (!urls.is_empty()).then_some(Nats {
            urls,
            stream,
            prefix,
            create,
            login,
            extra_ca,
            client_certificate,
        })
    }

    fn log_name(&mut self, place: &Place, sink: &Sink) -> Option<crate::sink::LogName> {
        let Some(name) = &sink.stream else {
            let flaw = Flaw::at(place.key("stream"), "this sink needs a JetStream stream");
            self.note(flaw.with_help("stream = \"CALLS\""));
            return None;
        };
        name.parse().map_err(|error| self.wrong(place.key("stream"), format!("{error}"))).ok()
    }

    fn new_log(&mut self, place: &Place, sink: &Sink) -> Option<NewLog> {
        let new = sink.create.as_ref()?;
        let place = place.key("create");
        let mut number = |key, value, range| self.number(place.key(key), value, range);
        let hours = number("hours", new.hours, 1..=87_600);
        let bytes = number("max_mib", new.max_mib, 1..=1_000_000_000) << 20;
        let replicas = number("replicas", new.replicas, 1..=5);
        let replicas = usize::try_from(replicas).unwrap_or(1);
        Some(NewLog { keep: Duration::from_secs(hours * 3_600), bytes, replicas })
    }

    /// One way to say who we are, or none.
    fn login(&mut self, place: &Place, sink: &Sink) -> Option<Login> {
        let user = sink.basic.as_ref();
        let user = user.map(|Basic { user, password }| (user.clone(), password.clone()));
        let given = [
            ("token", sink.token.clone().map(Login::Token)),
            ("basic", user.map(|(user, password)| Login::User(user, password))),
            ("nkey", sink.nkey.clone().map(Login::Nkey)),
            ("creds", sink.creds.clone().map(Login::Creds)),
        ];
        let mut given = given.into_iter().filter_map(|(key, login)| Some((key, login?)));
        let (first, login) = given.next()?;
        if let Some((second, _)) = given.next() {
            let message = format!("`{first}` and `{second}` exclude each other");
            self.wrong(place.key(second), message);
        }
        Some(login)
    }
}
