//! Whose calls a route is for.

use std::str::FromStr;

/// Who calls.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Caller<'a> {
    /// A user of ours, by its name.
    User(&'a str),
    /// A trunk, by its name.
    Trunk(&'a str),
    /// A peer that is known by its address, by its name.
    Peer(&'a str),
    /// A contact flow that calls a third party, by its id.
    Flow(&'a str),
}

/// One of the callers that a route is for: `user:1000`, `trunk:acme`, `peer:lab`, `flow:inbound`, or `user:*`, every one of a kind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct CallerRule {
    kind: Kind,
    name: Option<String>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Kind {
    User,
    Trunk,
    Peer,
    Flow,
}

/// Why a text names no caller.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{0}` is not user:NAME, trunk:NAME, peer:NAME or flow:NAME, with * for every name")]
pub struct CallerError(String);

impl CallerRule {
    /// Whether `caller` is meant.
    pub fn holds(&self, caller: &Caller<'_>) -> bool {
        let (kind, name) = match *caller {
            Caller::User(name) => (Kind::User, name),
            Caller::Trunk(name) => (Kind::Trunk, name),
            Caller::Peer(name) => (Kind::Peer, name),
            Caller::Flow(name) => (Kind::Flow, name),
        };
        self.kind == kind && self.name.as_deref().is_none_or(|wanted| wanted == name)
    }

    /// The trunk that it names.
    pub fn trunk(&self) -> Option<&str> {
        self.name.as_deref().filter(|_| self.kind == Kind::Trunk)
    }
}

impl FromStr for CallerRule {
    type Err = CallerError;

    fn from_str(text: &str) -> Result<CallerRule, CallerError> {
        let error = || CallerError(text.to_owned());
        let (kind, name) = text.split_once(':').ok_or_else(error)?;
        let kind = match kind {
            "user" => Kind::User,
            "trunk" => Kind::Trunk,
            "peer" => Kind::Peer,
            "flow" => Kind::Flow,
            _ => return Err(error()),
        };
        match name {
            "" => Err(error()),
            "*" => Ok(CallerRule { kind, name: None }),
            name => Ok(CallerRule { kind, name: Some(name.to_owned()) }),
        }
    }
}
