//! What a new target is told of those who sent the call on to it: Diversion (RFC 5806) and History-Info (RFC 7044), where its
//! policy has them.

use super::Call;
use super::leg::Leg;
use super::redirect::Redirection;
use super::settings::Settings;
use super::target::Target;
use crate::sip::{Address, Uri};
use crate::trunk::Dress;

impl Call {
    /// Adds to the INVITE of a target what the redirections that led to it say. Those who redirected are named as they are dialled:
    /// where they are is nobody's business.
    pub(super) fn tell_of_redirections(
        &self,
        settings: &Settings,
        leg: &Leg,
        target: &Target,
        history: &[Redirection],
        dress: &mut Dress,
    ) {
        let manners = leg.manners(settings);
        let privacy = self.presenter().privacy;
        let is_withheld = privacy.history && !manners.identity.trusted;
        if history.is_empty() || is_withheld {
            return;
        }
        let local = leg.flow.local.to_string();
        let domain = manners.from.domain.as_deref().unwrap_or(&local);
        let place = |name: &str| format!("sip:{}@{domain}", Uri::escape_user(name));
        if manners.identity.diversion {
            // RFC 5806 §4: the latest stands on top, above those that came with the call.
            let diversions = history.iter().rev().map(|redirection| {
                let value = format!("<{}>;reason=deflection;counter=1", place(&redirection.name));
                ("Diversion".to_owned(), value)
            });
            dress.headers.splice(0..0, diversions);
        }
        if manners.identity.history && !((privacy.id || privacy.user) && !manners.identity.trusted)
        {
            let mut index = next_index(&dress.headers);
            // RFC 7044 §10.3: each entry is one level below whoever sent it there; its Reason is why it was left.
            for redirection in history {
                let place = place(&redirection.name);
                let value =
                    format!("<{place}?Reason=SIP%3Bcause%3D{}>;index={index}", redirection.status);
                dress.headers.push(("History-Info".to_owned(), value));
                index.push_str(".1");
            }
            let value = format!("<{}>;index={index}", place(&target.party.name));
            dress.headers.push(("History-Info".to_owned(), value));
        }
    }
}

/// The index below the last entry that there is, else the first of all.
fn next_index(headers: &[(String, String)]) -> String {
    let mut entries = headers.iter().rev().filter(|(name, _)| name == "History-Info");
    let last = entries.next().and_then(|(_, value)| {
        let index = Address::parse(value).ok()?.param("index")?.trim().to_owned();
        let is_one = index.split('.').all(|part| part.parse::<u8>().is_ok());
        is_one.then_some(index)
    });
    last.map_or_else(|| "1".to_owned(), |last| format!("{last}.1"))
}
