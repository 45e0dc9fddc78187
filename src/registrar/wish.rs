//! What a REGISTER asks for, read whole before anything is changed.

use super::answer::Refusal;
use super::contact::same_contact;
use super::{Binding, Outbound, PathPolicy, Settings};
use crate::sip::{Address, Request, Uri};

/// The longest contact, instance or path that is kept, in bytes: with the contacts per user it bounds what a user can fill.
const MAX_KEPT: usize = 2_048;

/// Everything that one REGISTER asks for.
#[derive(Debug)]
pub(super) enum Wished<'a> {
    /// No Contact: only to be told the bindings.
    Nothing,
    /// `Contact: *` with `Expires: 0`.
    ForgetAll,
    /// Each contact for itself.
    Each {
        wishes: Vec<Wish<'a>>,
        /// The proxies that the REGISTER came through and that want to be used, nearest to us first.
        path: Vec<String>,
        /// Whether the phone is told of the path.
        tells_path: bool,
    },
}

/// What the answer tells beside the bindings.
#[derive(Debug, Default)]
pub(super) struct Told {
    pub(super) path: Vec<String>,
    pub(super) outbound: bool,
}

/// One contact and how long it is to last.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) contact: &'a str,
    pub(super) q: f32,
    /// 0 to forget it.
    pub(super) expires_s: u32,
    pub(super) outbound: Option<Outbound>,
}

impl Wish<'_> {
    /// RFC 5626 §6: phone and flow name a binding where both are given; else the contact does.
    pub(super) fn is_for(&self, binding: &Binding) -> bool {
        let same_flow = self.outbound.is_some() && self.outbound == binding.outbound;
        let other_flow = self.outbound.is_some() && binding.outbound.is_some() && !same_flow;
        same_flow || !other_flow && same_contact(self.contact, &binding.contact)
    }
}

impl<'a> Wished<'a> {
    pub(super) fn read(request: &'a Request, settings: &Settings) -> Result<Self, Refusal> {
        let contacts = request.contacts();
        if contacts.iter().any(Address::is_wildcard) {
            // §10.2.2: the wildcard stands alone and only removes.
            return match (&contacts[..], request.expires()) {
                ([_], Some(0)) => Ok(Wished::ForgetAll),
                (_, _) => Err(Refusal::MisusedWildcard),
            };
        }
        if contacts.is_empty() {
            return Ok(Wished::Nothing);
        }
        let path = request.header_values("Path");
        let knows_path = request.has_token("Supported", "path");
        if !path.is_empty() && !knows_path && settings.path == PathPolicy::Strict {
            return Err(Refusal::UnknownPath);
        }
        if !path.iter().all(|route| is_route(route)) {
            return Err(Refusal::MalformedPath);
        }
        if path.iter().map(|route| route.len()).sum::<usize>() > MAX_KEPT {
            return Err(Refusal::TooLong);
        }
        let wishes = contacts.iter().map(|contact| Wish::read(contact, request, settings));
        let wishes = wishes.collect::<Result<Vec<_>, _>>()?;
        let on_flows = wishes.iter().filter(|wish| wish.outbound.is_some() && wish.expires_s > 0);
        if on_flows.count() > 1 {
            return Err(Refusal::SeveralFlows);
        }
        let path = path.into_iter().map(str::to_owned).collect();
        Ok(Wished::Each { wishes, path, tells_path: knows_path })
    }

    /// Whether all of it may be done to the bindings that the user has.
    pub(super) fn check(
        &self,
        held: &[Binding],
        request: &Request,
        settings: &Settings,
    ) -> Result<(), Refusal> {
        let stale = |binding: &Binding| {
            // §10.3, steps 6 and 7: a client counts up within one Call-ID.
            binding.call_id == request.call_id() && request.cseq() <= binding.cseq
        };
        match self {
            Wished::Nothing => Ok(()),
            Wished::ForgetAll if held.iter().any(stale) => Err(Refusal::OutOfOrder),
            Wished::ForgetAll => Ok(()),
            Wished::Each { wishes, .. } => {
                let touched = |binding: &Binding| wishes.iter().any(|wish| wish.is_for(binding));
                if held.iter().any(|binding| touched(binding) && stale(binding)) {
                    return Err(Refusal::OutOfOrder);
                }
                let kept = held.iter().filter(|binding| !touched(binding)).count();
                let lasting = wishes.iter().filter(|wish| wish.expires_s > 0).count();
                if lasting > 0 && kept + lasting > settings.contacts_per_user {
                    return Err(Refusal::TooManyContacts);
                }
                Ok(())
            }
        }
    }

    pub(super) fn told(&self) -> Told {
        match self {
            Wished::Nothing | Wished::ForgetAll => Told::default(),
            Wished::Each { wishes, path, tells_path } => Told {
                path: if *tells_path { path.clone() } else { Vec::new() },
                outbound: wishes.iter().any(|wish| wish.outbound.is_some()),
            },
        }
    }
}

impl<'a> Wish<'a> {
    fn read(
        contact: &Address<'a>,
        request: &Request,
        settings: &Settings,
    ) -> Result<Self, Refusal> {
        if !Uri::parse(contact.uri).is_ok_and(|uri| uri.is_sip()) {
            return Err(Refusal::NoSipContact);
        }
        if contact.uri.len() > MAX_KEPT {
            return Err(Refusal::TooLong);
        }
        // §10.2.1.1: the contact's own parameter comes before the header; what is malformed counts as not given (§20.10).
        let named = contact.param("expires").and_then(delta_seconds).or(request.expires());
        let expires_s = named.unwrap_or(settings.default_expires_s).min(settings.max_expires_s);
        if expires_s > 0 && expires_s < settings.min_expires_s {
            return Err(Refusal::TooBrief { min_expires_s: settings.min_expires_s });
        }
        let q = contact.param("q").and_then(|q| q.parse().ok()).filter(|q| (0.0..=1.0).contains(q));
        let outbound = outbound(contact, request)?;
        Ok(Wish { contact: contact.uri, q: q.unwrap_or(1.0), expires_s, outbound })
    }
}

/// Which phone over which flow, when the phone asks for it and everything between knows how: RFC 5626 §6.
fn outbound(contact: &Address<'_>, request: &Request) -> Result<Option<Outbound>, Refusal> {
    let reg_id = contact.param("reg-id").and_then(|number| number.parse().ok());
    let instance = contact.param("+sip.instance").filter(|text| is_quotable(text));
    let (Some(reg_id), Some(instance)) = (reg_id.filter(|number| *number > 0), instance) else {
        return Ok(None);
    };
    if !request.has_token("Supported", "outbound") {
        return Ok(None);
    }
    let came_direct = request.vias().count() <= 1;
    // The proxy next to the phone has put its URI into Path first, which is last in order.
    let first_hop_knows = request.header_values("Path").last().is_some_and(|route| {
        let address = Address::parse(route).ok();
        address
            .and_then(|address| address.parsed_uri())
            .is_some_and(|uri| uri.param("ob").is_some())
    });
    if !came_direct && !first_hop_knows {
        return Err(Refusal::FirstHopLacksOutbound);
    }
    Ok(Some(Outbound { instance: instance.to_owned(), reg_id }))
}

/// Whether a request can go by it: it will be a Route of every request to the phone.
fn is_route(text: &str) -> bool {
    let uri = Address::parse(text).ok().and_then(|address| address.parsed_uri());
    uri.is_some_and(|uri| uri.is_sip())
}

/// Whether a text can stand between quotes again as it is.
fn is_quotable(text: &str) -> bool {
    !text.is_empty()
        && text.len() <= MAX_KEPT
        && text.bytes().all(|byte| (b' '..=b'~').contains(&byte) && byte != b'"' && byte != b'\\')
}

fn delta_seconds(text: &str) -> Option<u32> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().unwrap_or(u32::MAX))
}
