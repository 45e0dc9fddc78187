//! What a REGISTER asks for, read whole before anything is changed.

use super::answer::Refusal;
use super::contact::same_contact;
use super::{Binding, Settings};
use crate::sip::{Address, Request, Uri};

/// Everything that one REGISTER asks for.
#[derive(Debug)]
pub(super) enum Wished<'a> {
    /// No Contact: only to be told the bindings.
    Nothing,
    /// `Contact: *` with `Expires: 0`.
    ForgetAll,
    /// Each contact for itself.
    Each(Vec<Wish<'a>>),
}

/// One contact and how long it is to last.
#[derive(Debug)]
pub(super) struct Wish<'a> {
    pub(super) contact: &'a str,
    pub(super) q: f32,
    /// 0 to forget it.
    pub(super) expires_s: u32,
}

impl Wish<'_> {
    pub(super) fn is_for(&self, binding: &Binding) -> bool {
        same_contact(self.contact, &binding.contact)
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
        let wishes = contacts.iter().map(|contact| Wish::read(contact, request, settings));
        Ok(Wished::Each(wishes.collect::<Result<_, _>>()?))
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
            Wished::Each(wishes) => {
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
        // §10.2.1.1: the contact's own parameter comes before the header; what is malformed counts as not given (§20.10).
        let named = contact.param("expires").and_then(delta_seconds).or(request.expires());
        let expires_s = named.unwrap_or(settings.default_expires_s).min(settings.max_expires_s);
        if expires_s > 0 && expires_s < settings.min_expires_s {
            return Err(Refusal::TooBrief { min_expires_s: settings.min_expires_s });
        }
        let q = contact.param("q").and_then(|q| q.parse().ok()).filter(|q| (0.0..=1.0).contains(q));
        Ok(Wish { contact: contact.uri, q: q.unwrap_or(1.0), expires_s })
    }
}

fn delta_seconds(text: &str) -> Option<u32> {
    let all_digits = !text.is_empty() && text.bytes().all(|byte| byte.is_ascii_digit());
    all_digits.then(|| text.parse().unwrap_or(u32::MAX))
}
