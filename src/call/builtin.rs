//! The parties that live in the switch itself: the test numbers, and contact flows.

use crate::codec::Codec;
use crate::id::{PlayId, PortId};
use crate::media::{MediaCommand, Prompt};
use crate::sdp::Payload;
use crate::time::Duration;

/// A party of ours.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Builtin {
    /// A test number.
    Test(TestNumber),
    /// A contact flow; the leg's party has its id.
    Flow,
}

impl Builtin {
    /// The codecs that it can speak, best first.
    pub(super) const fn codecs(self) -> &'static [Codec] {
        match self {
            Builtin::Test(number) => number.codecs(),
            Builtin::Flow => PROMPT_CODECS,
        }
    }
}

/// What prompts are offered and answered in.
const PROMPT_CODECS: &[Codec] = &[Codec::Pcmu, Codec::Pcma, Codec::G722];

/// A number that the switch answers by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
pub enum TestNumber {
    /// 9196: what comes in goes back.
    Echo,
    /// 9197: a tone, then every key.
    ToneAndDigits,
    /// 9664: music without end.
    Music,
    /// 9000: an agent who talks.
    TalkingAgent,
}

impl TestNumber {
    /// All of them.
    pub const ALL: [TestNumber; 4] =
        [TestNumber::Echo, TestNumber::ToneAndDigits, TestNumber::Music, TestNumber::TalkingAgent];

    /// The number to dial.
    pub const fn number(self) -> &'static str {
        match self {
            TestNumber::Echo => "9196",
            TestNumber::ToneAndDigits => "9197",
            TestNumber::Music => "9664",
            TestNumber::TalkingAgent => "9000",
        }
    }

    /// The test number that `dialled` is.
    pub fn from_dialled(dialled: &str) -> Option<TestNumber> {
        TestNumber::ALL.into_iter().find(|number| number.number() == dialled)
    }

    /// The codecs that it can speak, best first. An echo speaks whatever it hears.
    const fn codecs(self) -> &'static [Codec] {
        match self {
            TestNumber::Echo => &[Codec::Opus, Codec::G722, Codec::Pcmu, Codec::Pcma],
            TestNumber::ToneAndDigits | TestNumber::Music | TestNumber::TalkingAgent => {
                PROMPT_CODECS
            }
        }
    }

    /// What makes its media begin on `port`, in the format that the answer chose.
    pub(super) fn begin(self, port: PortId, payloads: &[Payload]) -> Option<MediaCommand> {
        if self == TestNumber::Echo {
            return Some(MediaCommand::Echo { port });
        }
        let (prompt, repeat) = match self {
            TestNumber::Echo | TestNumber::TalkingAgent => (Prompt::Speech, true),
            TestNumber::ToneAndDigits => (tone_and_digits(), false),
            TestNumber::Music => (Prompt::Music, true),
        };
        play(port, payloads, prompt, repeat)
    }
}

/// What plays `prompt` on `port`, in the first of the agreed formats that we can make. `None` when there is none.
pub(super) fn play(
    port: PortId,
    payloads: &[Payload],
    prompt: Prompt,
    repeat: bool,
) -> Option<MediaCommand> {
    play_as(port, PlayId::default(), payloads, prompt, repeat)
}

/// The same under a name that its end is told by.
pub(super) fn play_as(
    port: PortId,
    play: PlayId,
    payloads: &[Payload],
    prompt: Prompt,
    repeat: bool,
) -> Option<MediaCommand> {
    let (codec, payload_type) = format_of(payloads)?;
    let telephone_event =
        number_of(payloads, |codec| matches!(codec, Codec::TelephoneEvent { .. }))
            .map(|(_, number)| number);
    Some(MediaCommand::Play { port, play, prompt, codec, payload_type, telephone_event, repeat })
}

/// The first of the agreed formats that carries audio which we can make, and its payload type.
pub(super) fn format_of(payloads: &[Payload]) -> Option<(Codec, u8)> {
    number_of(payloads, |codec| {
        !matches!(codec, Codec::TelephoneEvent { .. } | Codec::ComfortNoise)
    })
}

fn number_of(payloads: &[Payload], wanted: fn(Codec) -> bool) -> Option<(Codec, u8)> {
    payloads.iter().find_map(|payload| {
        payload.codec.filter(|codec| wanted(*codec)).map(|codec| (codec, payload.number))
    })
}

/// One second of the ITU reference tone, then every key that a telephone has.
fn tone_and_digits() -> Prompt {
    let tone = Prompt::Tone { hz: 1_004, duration: Duration::from_secs(1) };
    Prompt::Sequence(vec![tone, Prompt::Digits("1234567890*#".into())])
}
