//! The API.

use std::net::SocketAddr;

use super::{Builder, Rules};
use crate::config::error::Flaw;
use crate::config::file::{ConsoleUser, Http, Role, Token};
use crate::config::place::Place;
use crate::control::request;
use crate::http::{self, Scope};

/// API secrets are made by machines, so they can be long.
const SHORTEST_SECRET: usize = 20;

impl Builder {
    pub(super) fn http(&mut self, file: &Http) -> Option<http::Settings> {
        let place = Place::at("http.listen");
        let listen: Option<SocketAddr> = file.listen.parse().ok();
        match listen {
            Some(listen) => self.check_wildcard(place, listen.ip(), file.allow_wildcard),
            None => self
                .wrong(place, format!("`{}` is not an address like 127.0.0.1:8080", file.listen)),
        }
        let tokens =
            file.tokens.iter().enumerate().map(|(index, token)| self.token(index, token)).collect();
        self.check_unique("http.tokens", "id", file.tokens.iter().map(|token| token.id.as_str()));
        let users = file.users.iter().enumerate();
        let users = users.filter_map(|(index, user)| self.console_user(index, user)).collect();
        self.check_unique("http.users", "name", file.users.iter().map(|user| user.name.as_str()));
        if file.tokens.is_empty() && self.rules == Rules::Production {
            let flaw =
                Flaw::at(Place::at("http"), "there is no API token, so nobody could use the API");
            self.note(flaw.with_help("add [[http.tokens]] with an id and a secret"));
        }
        Some(http::Settings {
            listen: listen?,
            tokens,
            users,
            public_metrics: file.public_metrics,
            max_body_bytes: self.count(
                "http.max_body_bytes",
                file.max_body_bytes,
                1_024..=16 << 20,
            ),
            max_event_listeners: self.count(
                "http.max_event_listeners",
                file.max_event_listeners,
                1..=10_000,
            ),
        })
    }

    fn token(&mut self, index: usize, token: &Token) -> http::Token {
        let place = Place::at("http.tokens").index(index);
        if !request::is_name(&token.id) {
            self.wrong(place.key("id"), "an id is 1 to 64 letters, digits, '.', '_' or '-'");
        }
        self.check_secret(place.key("secret"), &token.secret, &token.id, SHORTEST_SECRET);
        let scopes = self.scopes(&place.key("scopes"), &token.scopes);
        http::Token {
            id: token.id.clone(),
            secret: http::Secret::new(token.secret.clone()),
            role: role(token.role),
            scopes,
        }
    }

    fn console_user(&mut self, index: usize, user: &ConsoleUser) -> Option<http::User> {
        let place = Place::at("http.users").index(index);
        if !request::is_name(&user.name) {
            self.wrong(place.key("name"), "a name is 1 to 64 letters, digits, '.', '_' or '-'");
        }
        match user.password_hash.parse() {
            Ok(password) => {
                Some(http::User { name: user.name.clone(), password, role: role(user.role) })
            }
            Err(error) => {
                let flaw = Flaw::at(place.key("password_hash"), http::BadHash::to_string(&error));
                self.note(flaw.with_help("`sidestream hash-password` makes one of a password"));
                None
            }
        }
    }

    fn scopes(&mut self, place: &Place, names: &[String]) -> Vec<Scope> {
        if names == ["*"] {
            return Scope::ALL.into();
        }
        let mut scopes = Vec::new();
        for (index, name) in names.iter().enumerate() {
            match Scope::from_name(name) {
                Some(scope) => scopes.push(scope),
                None => {
                    let known = Scope::ALL.map(Scope::as_str).join(", ");
                    let flaw = Flaw::at(place.index(index), format!("there is no scope `{name}`"));
                    self.note(flaw.with_help(format!("{known}; or [\"*\"] alone")));
                }
            }
        }
        scopes
    }
}

const fn role(role: Role) -> http::Role {
    match role {
        Role::Viewer => http::Role::Viewer,
        Role::Operator => http::Role::Operator,
        Role::Admin => http::Role::Admin,
    }
}
