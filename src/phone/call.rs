//! An answered call: placing it, and what may be asked of it while it lasts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsip::{Header, Method};
use tokio::sync::mpsc;

use super::Answer;
use super::agent::Agent;
use super::answer::ServerRequest;
use super::audio::{self, AudioSource};
use super::dialog::Dialog;
use super::error::PhoneError;
use super::leg::Leg;
use super::media::{Heard, Impairment, Media, MediaStats, Sent};
use super::message::header;
use super::report::{CallReport, EndedBy};
use super::sdp::{Codec, Direction};

/// How often a re-INVITE is tried again when both sides asked at once (RFC 3261 §14.1).
const GLARE_ATTEMPTS: usize = 3;

/// How a call is placed or answered.
#[derive(Clone, Debug)]
pub struct CallOptions {
    /// What the phone says.
    pub play: AudioSource,
    /// Where to write what was heard, at the end.
    pub record: Option<PathBuf>,
    /// What is offered, in order of preference, and understood.
    pub codecs: Vec<Codec>,
    /// What happens to the phone's own packets.
    pub impairment: Impairment,
    /// How long it may ring before the call is cancelled.
    pub answer_timeout: Duration,
    /// Further headers of the INVITE.
    pub headers: Vec<(String, String)>,
}

impl Default for CallOptions {
    fn default() -> CallOptions {
        CallOptions {
            play: AudioSource::Silence,
            record: None,
            codecs: vec![Codec::Pcmu, Codec::Pcma],
            impairment: Impairment::default(),
            answer_timeout: Duration::from_secs(30),
            headers: Vec::new(),
        }
    }
}

/// What the peer did during a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum CallEvent {
    /// It sent an INFO.
    Info {
        /// Header names and values, in order.
        headers: Vec<(String, String)>,
        /// The body as it came.
        body: Vec<u8>,
    },
    /// It put us on hold.
    Held,
    /// It took us back.
    Resumed,
    /// It changed or refreshed the session otherwise.
    Refreshed,
    /// The call is over.
    Ended(EndedBy),
}

/// An answered call. Dropping it stops its media and forgets its dialog without a BYE.
pub struct Call {
    pub(super) leg: Arc<Leg>,
    events: mpsc::Receiver<CallEvent>,
    record: Option<PathBuf>,
}

/// What a call is begun with.
pub(super) struct Parts {
    pub(super) agent: Arc<Agent>,
    pub(super) dialog: Dialog,
    pub(super) media: Media,
    pub(super) requests: mpsc::Receiver<ServerRequest>,
    pub(super) options: CallOptions,
}

impl Parts {
    /// The call, answered with `status` to an INVITE of `since`.
    pub(super) fn begin(self, since: Instant, status: u16) -> Call {
        let setup = since.elapsed();
        let (leg, events) =
            Leg::start(self.agent, self.dialog, self.media, self.options.codecs, setup, status);
        tokio::spawn(Arc::clone(&leg).run(self.requests));
        Call { leg, events, record: self.options.record }
    }
}

pub(super) async fn open_media(agent: &Agent, options: &CallOptions) -> Result<Media, PhoneError> {
    let source = options.play.clone();
    Ok(Media::open(agent.config.local, source, options.impairment, agent.random_u64()).await?)
}

impl Call {
    /// The Call-ID of this phone's dialog.
    pub fn call_id(&self) -> &str {
        self.leg.call_id()
    }

    /// INVITE to its answer.
    pub fn setup(&self) -> Duration {
        self.leg.setup
    }

    /// What the peer did next; `None` after the end.
    pub async fn event(&mut self) -> Option<CallEvent> {
        self.events.recv().await
    }

    /// Returns when the call is over.
    pub async fn ended(&self) -> EndedBy {
        self.leg.ended().await
    }

    /// Sends an INFO inside the dialog; any final answer is a result.
    ///
    /// # Errors
    /// When no final answer came.
    pub async fn info(&self, headers: &[(&str, &str)], body: &[u8]) -> Result<Answer, PhoneError> {
        let headers = headers.iter().map(|(name, value)| header(name, *value)).collect();
        self.ask(Method::Info, headers, body.to_vec()).await
    }

    /// Asks inside the dialog what the peer can do.
    ///
    /// # Errors
    /// When no final answer came.
    pub async fn options(&self) -> Result<Answer, PhoneError> {
        self.ask(Method::Options, Vec::new(), Vec::new()).await
    }

    /// Refreshes the session by UPDATE (RFC 3311), offering what stands.
    ///
    /// # Errors
    /// When no final answer came, or its description is of no use.
    pub async fn update(&self) -> Result<Answer, PhoneError> {
        self.offer(Method::Update, None).await
    }

    /// Puts the peer on hold: a re-INVITE with `sendonly`, and the phone falls silent (RFC 3264 §8.4).
    ///
    /// # Errors
    /// [`PhoneError::Rejected`] when the peer does not take it.
    pub async fn hold(&self) -> Result<(), PhoneError> {
        self.change(Direction::SendOnly).await
    }

    /// Takes the peer back.
    ///
    /// # Errors
    /// [`PhoneError::Rejected`] when the peer does not take it.
    pub async fn resume(&self) -> Result<(), PhoneError> {
        self.change(Direction::SendRecv).await
    }

    async fn change(&self, direction: Direction) -> Result<(), PhoneError> {
        for _ in 0..GLARE_ATTEMPTS {
            let result = self.offer(Method::Invite, Some(direction)).await?;
            match result.status {
                200..300 => return Ok(()),
                // Both sides asked at once: whoever waits shorter asks first (RFC 3261 §14.1).
                491 => tokio::time::sleep(self.leg.glare_pause()).await,
                status => {
                    return Err(PhoneError::Rejected {
                        method: "INVITE",
                        status,
                        reason: result.reason,
                    });
                }
            }
        }
        Err(PhoneError::Rejected {
            method: "INVITE",
            status: 491,
            reason: "Request Pending".to_owned(),
        })
    }

    async fn offer(
        &self,
        method: Method,
        direction: Option<Direction>,
    ) -> Result<Answer, PhoneError> {
        let exchange = self.leg.offer(method, direction).await?;
        Ok(Answer::from(&exchange.response))
    }

    async fn ask(
        &self,
        method: Method,
        headers: Vec<Header>,
        body: Vec<u8>,
    ) -> Result<Answer, PhoneError> {
        let exchange = self.leg.ask(method, headers, body).await?;
        Ok(Answer::from(&exchange.response))
    }

    /// Presses keys (`0`–`9`, `*`, `#`, `A`–`D`) as RFC 4733 events, 100 ms each, and waits until the last is released.
    /// Other characters are passed over.
    pub async fn dtmf(&self, keys: &str) {
        self.leg.media.press(keys.chars().filter_map(super::media::event_code).collect()).await;
    }

    /// Says something else from here on.
    pub async fn say(&self, source: AudioSource) {
        self.leg.media.say(source).await;
    }

    /// The figures so far.
    pub fn stats(&self) -> MediaStats {
        self.leg.media.stats()
    }

    /// Everything heard so far.
    pub fn heard(&self) -> Heard {
        self.leg.media.heard()
    }

    /// When which samples were sent.
    pub fn spoken(&self) -> Vec<Sent> {
        self.leg.media.spoken()
    }

    /// Ends the call, if the peer has not, and tells what it came to.
    ///
    /// # Errors
    /// When the recording cannot be written.
    pub async fn hangup(self) -> Result<CallReport, PhoneError> {
        let bye_status = if self.leg.end(EndedBy::Local) {
            let bye = self.leg.ask(Method::Bye, Vec::new(), Vec::new()).await;
            Some(bye.map_or_else(
                |error| error.status(),
                |exchange| exchange.response.status_code.code(),
            ))
        } else {
            None
        };
        self.leg.media.stop();
        let heard = self.leg.media.heard();
        if let Some(path) = &self.record {
            audio::write_wav(path, &heard.samples)?;
        }
        Ok(CallReport {
            call_id: self.leg.call_id().to_owned(),
            status: self.leg.status,
            setup: self.leg.setup,
            talked: self.leg.talked(),
            ended_by: self.leg.ended().await,
            bye_status,
            stats: self.leg.media.stats(),
            heard,
            spoken: self.leg.media.spoken(),
        })
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.leg.forget();
    }
}
