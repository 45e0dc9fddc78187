//! Why a call ends, as its parties are told: RFC 3326. What the one who hangs up says is passed on where the other side's policy lets
//! it; else we say what we know ourselves.

use super::settings::Settings;
use super::{Call, Phase};
use crate::event::Cause;
use crate::id::LegId;
use crate::sip::Request;

/// The protocols whose causes say something to every telephone network; others belong to somebody's own.
const PROTOCOLS: [&str; 2] = ["Q.850", "SIP"];
/// Longest Reason that passes, in bytes.
const LONGEST: usize = 128;

impl Call {
    /// A peer ends the call with this request: what it says of the reason is kept while the others are taken down.
    pub(super) fn note_reasons(&mut self, request: &Request) {
        self.reasons = reasons_in(request);
    }

    /// The call goes on without whoever left it.
    pub(super) fn forget_reasons_if_going_on(&mut self) {
        if !self.is_ending() {
            self.reasons.clear();
        }
    }

    /// What this leg's peer is told when we end its dialog.
    pub(super) fn reasons_for(&self, settings: &Settings, id: LegId) -> Vec<String> {
        let passes = self.leg(id).is_some_and(|leg| leg.manners(settings).identity.reason);
        if passes && !self.reasons.is_empty() {
            return self.reasons.clone();
        }
        match self.phase {
            Phase::Ending { cause, .. } => {
                reason_of(cause).map(str::to_owned).into_iter().collect()
            }
            Phase::Setup { .. } | Phase::Talking | Phase::Over => Vec::new(),
        }
    }
}

/// The reasons that a request gives: the first of each protocol that passes, for RFC 3326 §2 allows no second.
fn reasons_in(request: &Request) -> Vec<String> {
    let values = request.header_values("Reason");
    let of = |protocol: &str| {
        let mut values = values.iter().map(|value| value.trim());
        let value = values.find(|value| {
            let (name, parameters) = value.split_once(';').unwrap_or((value, ""));
            let has_cause = parameters.split(';').any(|parameter| {
                let cause = parameter.trim().strip_prefix("cause=");
                cause.is_some_and(|cause| cause.trim().parse::<u16>().is_ok())
            });
            name.trim().eq_ignore_ascii_case(protocol) && has_cause
        })?;
        let fits = value.len() <= LONGEST && !value.chars().any(char::is_control);
        fits.then(|| value.to_owned())
    };
    PROTOCOLS.iter().filter_map(|protocol| of(protocol)).collect()
}

/// Why we hang up, RFC 3326, where it is more than that somebody did.
fn reason_of(cause: Cause) -> Option<&'static str> {
    match cause {
        // ITU-T Q.850: 102 "recovery on timer expiry", 41 "temporary failure", 31 "normal, unspecified".
        Cause::MediaTimeout => Some("Q.850;cause=102;text=\"No RTP\""),
        Cause::Timeout => Some("Q.850;cause=102;text=\"A SIP timer ran out\""),
        Cause::Shutdown => Some("Q.850;cause=41;text=\"The server is stopping\""),
        Cause::Bug => Some("Q.850;cause=41;text=\"Internal error\""),
        Cause::Rejected | Cause::ConnectFailed => {
            Some("Q.850;cause=31;text=\"The other side failed\"")
        }
        Cause::Request | Cause::HangUp | Cause::Policy | Cause::NotUsed => None,
        Cause::SinkProtocol | Cause::SinkLost | Cause::MediaRecovered => None,
        // Nobody is left to hang up.
        Cause::ServerLost => None,
        Cause::MaxDuration => None,
    }
}
