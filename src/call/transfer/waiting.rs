//! What the party hears while nobody talks with it.

use crate::call::Call;
use crate::call::builtin;
use crate::call::context::{Context, Effect};
use crate::call::settings::WaitingTone;
use crate::id::LegId;
use crate::media::Prompt;
use crate::time::Duration;

/// ITU-T E.180, table of most of Europe: 425 Hz, one second in five.
const RINGING_HZ: u32 = 425;
const RINGING: Duration = Duration::from_secs(1);
const REST: Duration = Duration::from_secs(4);

impl Call {
    /// The transferor has gone, the target has not answered: the party hears that it is being connected.
    pub(in crate::call) fn entertain(&self, cx: &mut Context<'_>, party: LegId) {
        let prompt = match cx.settings.transfer.tone {
            WaitingTone::Silence => return,
            WaitingTone::Music => Prompt::Music,
            WaitingTone::Ringing => Prompt::Sequence(vec![
                Prompt::Tone { hz: RINGING_HZ, duration: RINGING },
                // A sine of 0 Hz is silence.
                Prompt::Tone { hz: 0, duration: REST },
            ]),
        };
        let Some(leg) = self.leg(party) else { return };
        let payloads = self.agreed_payloads(party).unwrap_or_default();
        let play = leg.port.and_then(|port| builtin::play(port.id, &payloads, prompt, true));
        cx.effects.extend(play.map(Effect::Media));
    }
}
