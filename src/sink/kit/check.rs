//! The checks: what happens in them, and what a sink must do meanwhile.

use std::time::Duration;

use futures_util::future::join_all;

use super::session::{PATIENCE, Session};
use super::speech::Talk;
use super::{Fault, Passed, Subject};
use crate::dialect::DialectKind;
use crate::id::Track;
use crate::media::Control;

/// Half a second.
const A_WHILE: u32 = 25;

/// Ten seconds.
const BACKLOG: u32 = 500;

/// Streams beside each other.
const SEVERAL: usize = 5;

/// One check.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Check {
    /// It can be reached, and takes the handshake.
    Connects,
    /// It waits with what is told first, before any audio.
    MetadataFirst,
    /// It takes speech in real time.
    Speech,
    /// It acknowledges what it has, and no more.
    Acknowledges,
    /// It takes a party that says nothing.
    Silence,
    /// It takes holes where packets were lost.
    Gaps,
    /// It takes keys and marks.
    KeysAndMarks,
    /// It takes a pause.
    Pause,
    /// It takes a track that is withheld.
    Mute,
    /// It takes a party on hold.
    Hold,
    /// It passes over what it does not know.
    UnknownMessages,
    /// It answers pings.
    Pings,
    /// It reads faster than one speaks.
    SlowReading,
    /// It takes the same stream again after a loss.
    Reconnect,
    /// It takes several streams at once.
    SeveralStreams,
    /// It answers the end.
    Stop,
}

impl Check {
    /// Every check, in the order in which they are asked for.
    pub const ALL: [Check; 16] = [
        Check::Connects,
        Check::MetadataFirst,
        Check::Speech,
        Check::Acknowledges,
        Check::Silence,
        Check::Gaps,
        Check::KeysAndMarks,
        Check::Pause,
        Check::Mute,
        Check::Hold,
        Check::UnknownMessages,
        Check::Pings,
        Check::SlowReading,
        Check::Reconnect,
        Check::SeveralStreams,
        Check::Stop,
    ];

    /// Its name in reports.
    pub const fn as_str(self) -> &'static str {
        match self {
            Check::Connects => "connects",
            Check::MetadataFirst => "metadata_first",
            Check::Speech => "speech",
            Check::Acknowledges => "acknowledges",
            Check::Silence => "silence",
            Check::Gaps => "gaps",
            Check::KeysAndMarks => "keys_and_marks",
            Check::Pause => "pause",
            Check::Mute => "mute",
            Check::Hold => "hold",
            Check::UnknownMessages => "unknown_messages",
            Check::Pings => "pings",
            Check::SlowReading => "slow_reading",
            Check::Reconnect => "reconnect",
            Check::SeveralStreams => "several_streams",
            Check::Stop => "stop",
        }
    }

    pub(super) async fn run(self, subject: &Subject) -> Result<Passed, Fault> {
        let lead =
            if self == Check::SlowReading { Duration::from_secs(10) } else { Duration::ZERO };
        let mut session = Session::open(subject, lead).await?;
        let session = &mut session;
        let passed = match self {
            Check::Connects => connects(session).await,
            Check::MetadataFirst => metadata_first(session).await,
            Check::Speech => speech(session).await,
            Check::Acknowledges => acknowledges(subject, session).await,
            Check::Silence => silence(session).await,
            Check::Gaps => gaps(session).await,
            Check::KeysAndMarks => keys_and_marks(session).await,
            Check::Pause => withheld(session, Control::Pause, Control::Resume).await,
            Check::Mute => {
                let track = Track::FromCustomer;
                withheld(session, Control::Mute(track), Control::Unmute(track)).await
            }
            Check::Hold => {
                let track = Track::FromCustomer;
                withheld(session, Control::Held(track), Control::Unheld(track)).await
            }
            Check::UnknownMessages => unknown_messages(subject, session).await,
            Check::Pings => pings(session).await,
            Check::SlowReading => slow_reading(session).await,
            Check::Reconnect => reconnect(subject, session).await,
            Check::SeveralStreams => several_streams(subject, session).await,
            Check::Stop => return stop(subject).await,
        }?;
        Ok(passed)
    }
}

async fn connects(session: &mut Session) -> Result<Passed, Fault> {
    session.listen(Duration::from_millis(100)).await?;
    well("took the handshake and the first message")
}

async fn metadata_first(session: &mut Session) -> Result<Passed, Fault> {
    session.listen(Duration::from_millis(500)).await?;
    session.speak(A_WHILE / 2, Talk::Speech).await?;
    well("waited half a second between the first message and the first audio")
}

async fn speech(session: &mut Session) -> Result<Passed, Fault> {
    session.speak(2 * A_WHILE, Talk::Speech).await?;
    let [from, to] = session.heard.sent;
    well(format!("took a second of speech in real time: {from} and {to} samples"))
}

async fn acknowledges(subject: &Subject, session: &mut Session) -> Result<Passed, Fault> {
    if subject.dialect != DialectKind::Native {
        return skipped("the dialect has no acknowledgements");
    }
    session.speak(2 * A_WHILE, Talk::Speech).await?;
    let settled = session.settled(PATIENCE / 2).await?;
    match (settled, session.was_acknowledged(), subject.is_owed_everything) {
        (true, ..) => well("acknowledged every sample of each track, and none that was not sent"),
        // A sink may acknowledge by the second, and what follows its last one is repeated after a loss.
        (false, true, _) => well("acknowledged, though not up to the last frame"),
        (false, false, false) => {
            skipped("it acknowledges nothing, so nothing is repeated after a loss")
        }
        (false, false, true) => Err(Fault::new(
            "acknowledged nothing, and delivery is \"complete\"",
            "acknowledge what is stored: without it everything comes again after each loss",
        )),
    }
}

async fn silence(session: &mut Session) -> Result<Passed, Fault> {
    session.speak(A_WHILE, Talk::Speech).await?;
    session.speak(2 * A_WHILE, Talk::Silence).await?;
    session.speak(A_WHILE, Talk::Speech).await?;
    still_there(session).await?;
    well("took a second in which the customer sent nothing")
}

async fn gaps(session: &mut Session) -> Result<Passed, Fault> {
    for lost in [1, 3, 10] {
        session.speak(A_WHILE / 2, Talk::Speech).await?;
        session.speak(lost, Talk::Loss).await?;
    }
    session.speak(A_WHILE, Talk::Speech).await?;
    still_there(session).await?;
    well("took three holes of 20, 60 and 200 ms where packets were lost")
}

async fn keys_and_marks(session: &mut Session) -> Result<Passed, Fault> {
    session.speak(A_WHILE / 2, Talk::Speech).await?;
    session.press_key();
    session.speak(A_WHILE / 2, Talk::Speech).await?;
    session.change(Control::Mark("card number".to_owned())).await?;
    session.speak(A_WHILE / 2, Talk::Speech).await?;
    still_there(session).await?;
    well("took a key press and a mark")
}

async fn withheld(session: &mut Session, begin: Control, end: Control) -> Result<Passed, Fault> {
    session.speak(A_WHILE, Talk::Speech).await?;
    session.change(begin).await?;
    session.speak(A_WHILE, Talk::Speech).await?;
    session.change(end).await?;
    session.speak(A_WHILE, Talk::Speech).await?;
    still_there(session).await?;
    well("took its begin, half a second without that audio, and its end")
}

async fn unknown_messages(subject: &Subject, session: &mut Session) -> Result<Passed, Fault> {
    let unknown = match subject.dialect {
        DialectKind::Native => {
            r#"{"type":"from_a_later_version","position":160,"detail":{"a":[1,2]}}"#
        }
        DialectKind::Twilio | DialectKind::Telnyx | DialectKind::Jambonz => {
            r#"{"event":"from_a_later_version","detail":{"a":[1,2]}}"#
        }
        DialectKind::AudioHook => return skipped("the version is agreed on when a session opens"),
    };
    let playing = async {
        session.speak(A_WHILE / 2, Talk::Speech).await?;
        session.send_text(unknown.to_owned()).await?;
        session.speak(A_WHILE, Talk::Speech).await?;
        still_there(session).await
    };
    playing.await.map_err(|fault| {
        let mend =
            "pass over messages and members that are not known: later versions have more of them";
        Fault::new(fault.what, mend)
    })?;
    well("passed over a message of a later version")
}

async fn pings(session: &mut Session) -> Result<Passed, Fault> {
    let mut longest = Duration::ZERO;
    for _ in 0..3 {
        session.speak(A_WHILE / 4, Talk::Speech).await?;
        longest = longest.max(session.ping().await?);
    }
    well(format!("answered three pings within {} ms", longest.as_millis()))
}

async fn slow_reading(session: &mut Session) -> Result<Passed, Fault> {
    session.catch_up(BACKLOG).await?;
    let took = session.ping().await?;
    well(format!("read ten seconds of both tracks in {} ms", took.as_millis()))
}

async fn reconnect(subject: &Subject, session: &mut Session) -> Result<Passed, Fault> {
    session.speak(2 * A_WHILE, Talk::Speech).await?;
    let repeated = session.reconnect(subject).await.map_err(|fault| {
        Fault::new(fault.what, format!("take the same stream again after a loss; {}", fault.mend))
    })?;
    session.speak(2 * A_WHILE, Talk::Speech).await?;
    still_there(session).await?;
    well(format!(
        "took the same stream again after a loss, {repeated} frames of it for the second time"
    ))
}

async fn several_streams(subject: &Subject, session: &mut Session) -> Result<Passed, Fault> {
    let others = (1..SEVERAL).map(|_| async {
        let mut other = Session::open(subject, Duration::ZERO).await?;
        other.speak(2 * A_WHILE, Talk::Speech).await?;
        still_there(&mut other).await
    });
    let (all, own) = tokio::join!(join_all(others), session.speak(2 * A_WHILE, Talk::Speech));
    own?;
    all.into_iter().collect::<Result<Vec<_>, _>>()?;
    still_there(session).await?;
    well(format!("took {SEVERAL} streams at once"))
}

async fn stop(subject: &Subject) -> Result<Passed, Fault> {
    let mut session = Session::open(subject, Duration::ZERO).await?;
    session.speak(A_WHILE, Talk::Speech).await?;
    let code = session.part().await?;
    let code = code.map_or("no code".to_owned(), |code| code.to_string());
    let mut next = Session::open(subject, Duration::ZERO).await?;
    next.speak(A_WHILE / 2, Talk::Speech).await?;
    still_there(&mut next).await?;
    next.part().await?;
    well(format!("answered the close with {code}, and took the next stream"))
}

/// Proves that everything that was sent is read, and that nothing in it was taken amiss.
async fn still_there(session: &mut Session) -> Result<(), Fault> {
    session.ping().await.map(drop)
}

fn well(text: impl Into<String>) -> Result<Passed, Fault> {
    Ok(Passed::Well(text.into()))
}

fn skipped(why: &str) -> Result<Passed, Fault> {
    Ok(Passed::Skipped(why.to_owned()))
}
