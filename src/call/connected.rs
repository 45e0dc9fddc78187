//! Who is at the other end, as far as its side vouches for it: told to a side in responses and in offers, where that side's manners
//! say so (RFC 3325 §5, RFC 5876 §4.2). What the INVITE to the called party tells of the caller is [`Call::dress`]'s affair.

use super::Call;
use super::context::Context;
use super::settings::Settings;
use crate::id::LegId;
use crate::sip::Headers;
use crate::trunk::Presented;

impl Call {
    /// A party that is called proved itself when it registered.
    pub(super) fn vouch_for(&mut self, id: LegId) {
        let Some(leg) = self.leg_mut(id) else { return };
        let number = leg.party.user.as_ref().map(|_| leg.party.name.clone());
        leg.presented = number.map(|number| Box::new(Presented::vouched(number)));
    }

    /// What a request inside a leg's dialog, or a response, says of who is there. Counts from the trust domain only.
    pub(super) fn hear_identity(&mut self, cx: &Context<'_>, id: LegId, said: &Headers) {
        let Some(leg) = self.leg_mut(id) else { return };
        if !leg.manners(cx.settings).identity.trusted {
            return;
        }
        let asserted = said.header_values("P-Asserted-Identity");
        if let Some(presented) = Presented::asserted(&asserted, &said.header_values("Privacy")) {
            leg.presented = Some(Box::new(presented));
        }
    }

    /// The headers that tell leg `to` who is at leg `of`.
    pub(super) fn identity_for(
        &self,
        settings: &Settings,
        to: LegId,
        of: LegId,
    ) -> Vec<(String, String)> {
        let presented = self.leg(of).and_then(|leg| leg.presented.as_deref());
        let Some((leg, presented)) = self.leg(to).zip(presented) else { return Vec::new() };
        leg.manners(settings).connected(presented, &leg.flow.local.to_string())
    }
}
