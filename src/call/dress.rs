//! How the INVITE of a leg looks to its peer: what From says, and which headers it has beside the protocol's.

use super::Call;
use super::leg::Leg;
use super::settings::Settings;
use crate::sip::Uri;
use crate::trunk::{Dress, Line};

impl Leg {
    /// The manners of this leg: its trunk's, or those of phones.
    pub(super) fn manners<'a>(&'a self, settings: &'a Settings) -> &'a Line {
        self.line.as_deref().unwrap_or(&settings.phones)
    }
}

impl Call {
    /// How the INVITE to `uri` looks on a leg that we are about to call.
    pub(super) fn dress(&self, settings: &Settings, leg: &Leg, uri: &str) -> Dress {
        let number = Uri::parse(uri).ok().and_then(|uri| uri.user().map(|user| user.into_owned()));
        let host = leg.flow.local.to_string();
        let number = number.as_deref().unwrap_or_default();
        let mut dress = leg.manners(settings).dress(self.presenter(), number, &host);
        if !settings.agent.is_empty() {
            dress.headers.push(("User-Agent".to_owned(), settings.agent.clone()));
        }
        dress
    }
}
