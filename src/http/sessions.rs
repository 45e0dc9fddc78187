//! Who is signed in to the console, and which one-time links lead into it. In memory alone: a restart signs everybody out.

use std::collections::VecDeque;
use std::fmt;
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::{Duration, Instant};

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use sha2::{Digest, Sha256};

use super::{Role, Token};

/// How long a session lasts, whatever is done in it: a working day.
pub(super) const SESSION_TIME: Duration = Duration::from_secs(12 * 3600);

/// How long a link waits for its one use.
const LINK_TIME: Duration = Duration::from_secs(12 * 3600);

/// Sessions at once; the oldest is signed out for one more.
const SESSIONS: usize = 256;

/// Links at once; the oldest is forgotten for one more.
const LINKS: usize = 32;

/// Refused sign-ins within [`REFUSAL_WINDOW`] after which nobody signs in until the window has passed: guessing is slow however
/// many addresses it comes from.
const REFUSALS: usize = 20;
const REFUSAL_WINDOW: Duration = Duration::from_secs(60);

/// Who asks, for the routes and the audit.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Caller {
    /// The user's or the token's name.
    pub(super) name: Arc<str>,
    pub(super) role: Role,
    /// How it was shown: `session`, `token` or `signature`.
    pub(super) by: &'static str,
}

impl Caller {
    /// The bearer of a token, who showed it in this way.
    pub(super) fn with(token: &Token, by: &'static str) -> Caller {
        Caller { name: token.id.as_str().into(), role: token.role, by }
    }
}

/// What is known of sessions. Secrets are kept as digests, which also makes comparing them tell nothing.
#[derive(Default)]
pub struct Sessions(Mutex<Shelf>);

#[derive(Default)]
struct Shelf {
    sessions: VecDeque<Entry>,
    links: VecDeque<Entry>,
    refusals: VecDeque<Instant>,
}

struct Entry {
    secret: [u8; 32],
    caller: Caller,
    until: Instant,
}

impl fmt::Debug for Sessions {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Sessions").field("open", &self.shelf().sessions.len()).finish()
    }
}

impl Sessions {
    /// A key that signs its bearer in once, as `name` with `role`: `/?key=KEY`.
    pub fn link(&self, name: &str, role: Role) -> String {
        let caller = Caller { name: name.into(), role, by: "session" };
        let mut shelf = self.shelf();
        push(&mut shelf.links, LINKS, caller, Instant::now() + LINK_TIME)
    }

    /// Whom a link signs in. It leads nowhere from then on.
    pub(super) fn redeem(&self, key: &str, now: Instant) -> Option<Caller> {
        let mut shelf = self.shelf();
        let index = find(&shelf.links, key)?;
        let entry = shelf.links.remove(index)?;
        (entry.until > now).then_some(entry.caller)
    }

    /// Signs somebody in; returns the secret for the cookie.
    pub(super) fn open(&self, caller: Caller, now: Instant) -> String {
        push(&mut self.shelf().sessions, SESSIONS, caller, now + SESSION_TIME)
    }

    /// Who has the session with this secret.
    pub(super) fn caller(&self, secret: &str, now: Instant) -> Option<Caller> {
        let mut shelf = self.shelf();
        shelf.sessions.retain(|entry| entry.until > now);
        find(&shelf.sessions, secret).map(|index| shelf.sessions[index].caller.clone())
    }

    /// Signs out.
    pub(super) fn close(&self, secret: &str) {
        let mut shelf = self.shelf();
        if let Some(index) = find(&shelf.sessions, secret) {
            shelf.sessions.remove(index);
        }
    }

    /// Whether a sign-in is looked at, or too many were refused lately.
    pub(super) fn hears(&self, now: Instant) -> bool {
        let mut shelf = self.shelf();
        while shelf.refusals.front().is_some_and(|at| now.duration_since(*at) > REFUSAL_WINDOW) {
            shelf.refusals.pop_front();
        }
        shelf.refusals.len() < REFUSALS
    }

    /// A sign-in was refused.
    pub(super) fn refused(&self, now: Instant) {
        let mut shelf = self.shelf();
        if shelf.refusals.len() < REFUSALS {
            shelf.refusals.push_back(now);
        }
    }

    /// A shelf is never left half changed in a way that matters, so a poisoned lock is as good as any.
    fn shelf(&self) -> MutexGuard<'_, Shelf> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

fn push(list: &mut VecDeque<Entry>, limit: usize, caller: Caller, until: Instant) -> String {
    if list.len() == limit {
        list.pop_front();
    }
    let secret = URL_SAFE_NO_PAD.encode(rand::random::<[u8; 32]>());
    list.push_back(Entry { secret: digest(&secret), caller, until });
    secret
}

fn find(list: &VecDeque<Entry>, secret: &str) -> Option<usize> {
    let secret = digest(secret);
    list.iter().position(|entry| entry.secret == secret)
}

fn digest(secret: &str) -> [u8; 32] {
    Sha256::digest(secret).into()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn caller(name: &str) -> Caller {
        Caller { name: name.into(), role: Role::Viewer, by: "session" }
    }

    #[test]
    fn a_link_leads_in_once() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let key = sessions.link("local", Role::Admin);
        assert_eq!(sessions.redeem(&key, now).map(|caller| caller.role), Some(Role::Admin));
        assert_eq!(sessions.redeem(&key, now), None);
        let late = sessions.link("local", Role::Admin);
        assert_eq!(sessions.redeem(&late, now + LINK_TIME * 2), None);
    }

    #[test]
    fn a_session_ends_by_signing_out_by_time_and_by_newer_ones() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        let secret = sessions.open(caller("a"), now);
        assert_eq!(sessions.caller(&secret, now), Some(caller("a")));
        sessions.close(&secret);
        assert_eq!(sessions.caller(&secret, now), None);
        let secret = sessions.open(caller("b"), now);
        assert_eq!(sessions.caller(&secret, now + SESSION_TIME), None);
        let first = sessions.open(caller("c"), now);
        for _ in 0..SESSIONS {
            sessions.open(caller("d"), now);
        }
        assert_eq!(sessions.caller(&first, now), None);
    }

    #[test]
    fn guessing_is_stopped_for_a_while() {
        let (sessions, now) = (Sessions::default(), Instant::now());
        (0..REFUSALS).for_each(|_| sessions.refused(now));
        assert!(!sessions.hears(now));
        assert!(sessions.hears(now + REFUSAL_WINDOW * 2));
    }
}
