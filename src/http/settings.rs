//! What is configured of the HTTP interface.

use std::fmt;
use std::net::SocketAddr;

use serde::Serialize;
use utoipa::ToSchema;

use super::password::PasswordHash;

/// A text that is not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(String);

impl Secret {
    /// The secret with this text.
    pub fn new(text: impl Into<String>) -> Self {
        Secret(text.into())
    }

    /// The text.
    pub fn reveal(&self) -> &str {
        &self.0
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// What somebody may do. Each role may do what the ones before it may.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Serialize, ToSchema)]
#[serde(rename_all = "lowercase")]
pub enum Role {
    /// Look.
    Viewer,
    /// Change calls and their streams.
    Operator,
    /// Change the server: bans, links into the console; read who did what.
    Admin,
}

impl Role {
    /// Its name.
    pub const fn as_str(self) -> &'static str {
        match self {
            Role::Viewer => "viewer",
            Role::Operator => "operator",
            Role::Admin => "admin",
        }
    }
}

/// Somebody who signs in to the console with a password.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct User {
    /// The name that is typed, and told by the audit.
    pub name: String,
    /// What the password is checked against.
    pub password: PasswordHash,
    /// What the user may do.
    pub role: Role,
}

/// A program that may ask.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Token {
    /// Its name: the access key id of a signed request. Not a secret.
    pub id: String,
    /// What a bearer presents, and the secret access key of a signed request.
    pub secret: Secret,
    /// What its bearer may do at all.
    pub role: Role,
    /// What it may do through the contact API.
    pub scopes: Vec<Scope>,
}

impl Token {
    /// A token for everything.
    pub fn new(id: impl Into<String>, secret: Secret) -> Self {
        Token { id: id.into(), secret, role: Role::Admin, scopes: Scope::ALL.into() }
    }
}

/// A part of the contact API.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// Start and stop streaming.
    Streams,
    /// The four operations of a recording.
    Recordings,
    /// Contacts: what is known of them, their attributes, transfer, stop.
    Contacts,
    /// Queues, agents, and their figures.
    Queues,
    /// Read what the stream store keeps.
    Media,
}

impl Scope {
    /// All of them.
    pub const ALL: [Scope; 5] =
        [Scope::Streams, Scope::Recordings, Scope::Contacts, Scope::Queues, Scope::Media];

    /// Its name in the configuration.
    pub const fn as_str(self) -> &'static str {
        match self {
            Scope::Streams => "streams",
            Scope::Recordings => "recordings",
            Scope::Contacts => "contacts",
            Scope::Queues => "queues",
            Scope::Media => "media",
        }
    }

    /// The scope of that name.
    pub fn from_name(name: &str) -> Option<Scope> {
        Scope::ALL.into_iter().find(|scope| scope.as_str() == name)
    }
}

/// The HTTP interface.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Settings {
    /// Where it listens.
    pub listen: SocketAddr,
    /// Who may ask. Without a token nobody may.
    pub tokens: Vec<Token>,
    /// Who may sign in to the console with a password.
    pub users: Vec<User>,
    /// Whether `/metrics` needs no token.
    pub public_metrics: bool,
    /// Longest body of a request.
    pub max_body_bytes: usize,
    /// How many listeners `/v1/events` serves at once.
    pub max_event_listeners: usize,
}

impl Settings {
    /// The interface at this address, for these tokens, with the usual limits.
    pub fn new(listen: SocketAddr, tokens: Vec<Token>) -> Self {
        Settings {
            listen,
            tokens,
            users: Vec::new(),
            public_metrics: false,
            max_body_bytes: 64 * 1024,
            max_event_listeners: 256,
        }
    }
}
