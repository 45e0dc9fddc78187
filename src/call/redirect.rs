//! A 3xx of a target: where else it says the other party is, RFC 3261 §8.1.3.4.
//!
//! The call reads the Contacts; the switch decides which of them may be tried and how they are reached, for it knows the dial plan
//! and who is registered.

use super::Call;
use super::context::{Context, Effect};
use super::failure::Failure;
use super::hunt::{At, MOST_TARGETS, Quest, Wave};
use super::target::{Redirects, Stage, Target};
use crate::id::{LegId, UserName};
use crate::locate::LookupId;
use crate::sip::{Address, Response, Uri};

/// How many redirections lead to one target at most.
const MOST_REDIRECTIONS: usize = 5;
/// How many Contacts of one 3xx are looked at.
const MOST_CONTACTS: usize = 5;

/// A target that sent the call elsewhere.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct Redirection {
    /// Who was expected there.
    pub(super) name: String,
    /// Its 3xx.
    pub(super) status: u16,
}

/// Where a 3xx leads.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Contact {
    /// A `sip:`, `sips:` or `tel:` URI without headers.
    pub uri: String,
    /// How much it is preferred, in thousandths: 1000 is the most (RFC 3261 §20.10).
    pub q: u16,
}

/// Who sends a call on: it may send it where it could have called itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Redirector {
    /// A user of ours.
    User(UserName),
    /// A trunk, by its name.
    Trunk(String),
    /// Another server.
    Server,
}

impl Redirector {
    fn of(target: &Target) -> Redirector {
        match (&target.party.user, &target.line) {
            (Some(user), _) => Redirector::User(user.clone()),
            (None, Some(line)) => Redirector::Trunk(line.name.clone()),
            (None, None) => Redirector::Server,
        }
    }
}

/// The Contacts of a 3xx that can be called, the preferred first.
fn contacts_of(response: &Response, secure: bool) -> Vec<Contact> {
    let values = response.header_values("Contact");
    let mut contacts: Vec<Contact> = values
        .into_iter()
        .filter_map(|value| {
            let address = Address::parse(value).ok()?;
            let q = address.param("q").and_then(|q| q.trim().parse::<f32>().ok()).unwrap_or(1.0);
            Some(Contact {
                uri: callable(address.uri, secure)?,
                q: (q.clamp(0.0, 1.0) * 1e3) as u16,
            })
        })
        .collect();
    contacts.sort_by_key(|contact| std::cmp::Reverse(contact.q));
    contacts.truncate(MOST_CONTACTS);
    contacts
}

/// The URI as it may be called: what would put headers into our INVITE, or make another request of it, is left out
/// (RFC 3261 §19.1.5). A `sips:` call does not go on as anything less (§8.1.3.4).
fn callable(uri: &str, secure: bool) -> Option<String> {
    let parsed = Uri::parse(uri).ok()?;
    let is_tel = parsed.scheme.eq_ignore_ascii_case("tel");
    if !(parsed.is_sip() || is_tel)
        || parsed.param("method").is_some()
        || (secure && !parsed.is_sips())
    {
        return None;
    }
    let bare = if is_tel { Some(uri) } else { uri.split('?').next() };
    bare.map(str::to_owned)
}

impl Call {
    /// Takes the Contacts of a 3xx instead of the leg that sent it. `false` when there are none that may be followed.
    pub(super) fn follow_redirection(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        response: &Response,
    ) -> bool {
        // 305 names a proxy and 380 another service: neither is another address of the called party.
        if !matches!(response.status(), 300..=302) {
            return false;
        }
        let Some(hunting) = self.hunting.as_ref() else { return false };
        let Some(quest) = hunting.quest_of(id) else { return false };
        let policy = hunting.redirects;
        if policy == Redirects::Refuse || quest.history.len() >= MOST_REDIRECTIONS {
            return false;
        }
        let secure = Uri::parse(&quest.target.uri).is_ok_and(|uri| uri.is_sips());
        let mut contacts = contacts_of(response, secure);
        contacts.retain(|contact| !hunting.tried.contains(&contact.uri));
        if contacts.is_empty() {
            return false;
        }
        self.drop_leg(cx, id);
        self.forget_heard(id);
        let call = self.id;
        let Some(hunting) = &mut self.hunting else { return false };
        let Some(mut quest) = hunting.take_quest(At::Calling(id)) else { return false };
        let (name, by) = (quest.target.party.name.clone(), Redirector::of(&quest.target));
        quest.history.push(Redirection { name, status: response.status() });
        let lookup = cx.owners.new_lookup(call);
        hunting.keep(At::Redirected(lookup), quest);
        cx.effects.push_back(Effect::Redirect { lookup, contacts, by, policy });
        true
    }

    /// The targets of a 3xx that may be tried: the first stage now, the others after the present stage.
    pub fn handle_redirected(
        &mut self,
        cx: &mut Context<'_>,
        lookup: LookupId,
        stages: Vec<Stage>,
    ) {
        let Some(hunting) = &mut self.hunting else { return };
        let Some(Quest { history, .. }) = hunting.take_quest(At::Redirected(lookup)) else {
            return;
        };
        let fresh = |mut stage: Stage| {
            stage.targets.retain(|target| !hunting.tried.contains(&target.uri));
            (!stage.targets.is_empty()).then_some(stage)
        };
        let mut stages = stages.into_iter().filter_map(fresh).take(MOST_TARGETS);
        let first = stages.next();
        let later: Vec<_> = stages.map(|stage| Wave { stage, history: history.clone() }).collect();
        hunting.insert(later.into_iter());
        match first {
            None => hunting.note(Failure::NOWHERE),
            Some(Stage { targets, ring }) => {
                self.ring_anew(cx, ring);
                for target in targets {
                    self.begin_branch(cx, target, history.clone());
                }
            }
        }
        self.pursue(cx);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::sip::{Message, parse_datagram};

    #[test]
    fn contacts_come_by_their_preference_and_only_those_that_can_be_called() {
        let text = "SIP/2.0 302 Moved\r\nVia: SIP/2.0/UDP 192.0.2.1;branch=z9hG4bK1\r\nFrom: <sip:a@b>;tag=1\r\n\
            To: <sip:c@d>;tag=2\r\nCall-ID: 1\r\nCSeq: 1 INVITE\r\n\
            Contact: <sip:late@d>;q=0.1, <sip:soon@d?Subject=x&Route=y>, <mailto:c@d>, <tel:+1555>;q=0.5, *\r\n\
            Contact: <sip:odd@d;method=REGISTER>, \"C\" <sips:safe@d>;q=0.7;expires=30\r\nContent-Length: 0\r\n\r\n";
        let Ok(Message::Response(response)) = parse_datagram(text.into()) else {
            panic!("a response")
        };
        let shown = |secure| {
            let contacts = contacts_of(&response, secure).into_iter();
            contacts.map(|contact| format!("{} {}", contact.q, contact.uri)).collect::<Vec<_>>()
        };
        assert_eq!(
            shown(false),
            ["1000 sip:soon@d", "700 sips:safe@d", "500 tel:+1555", "100 sip:late@d"]
        );
        assert_eq!(shown(true), ["700 sips:safe@d"]);
    }
}
