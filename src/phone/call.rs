//! An answered call: placing it, and what may be asked of it while it lasts.

use std::path::PathBuf;
use std::sync::Arc;
use std::time::{Duration, Instant};

use rsip::{Header, Headers, Method};
use tokio::sync::mpsc;

use super::agent::{ALLOW, Agent, DialogKey, reason};
use super::answer::{Reply, ServerRequest};
use super::audio::{self, AudioSource};
use super::client::{Attempt, Exchange, Outgoing, Provisional, TIMEOUT};
use super::dialog::Dialog;
use super::error::PhoneError;
use super::leg::Leg;
use super::media::{Heard, Impairment, Media, MediaStats, Path, Sent};
use super::message::{self, header};
use super::report::{CallReport, EndedBy};
use super::sdp::{Codec, Direction};

/// Provisional answers that wait to be read.
const PROVISIONALS: usize = 16;
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

/// The final answer to a request inside a call.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfoResult {
    /// SIP status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Header names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl InfoResult {
    /// The value of the first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        self.headers
            .iter()
            .find(|(key, _)| key.eq_ignore_ascii_case(name))
            .map(|(_, value)| value.as_str())
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
    leg: Arc<Leg>,
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
        let (leg, events) = Leg::start(
            self.agent,
            self.dialog,
            self.media,
            self.options.codecs,
            setup,
            status,
        );
        tokio::spawn(Arc::clone(&leg).run(self.requests));
        Call {
            leg,
            events,
            record: self.options.record,
        }
    }
}

pub(super) async fn open_media(agent: &Agent, options: &CallOptions) -> Result<Media, PhoneError> {
    let source = options.play.clone();
    Ok(Media::open(
        agent.config.local,
        source,
        options.impairment,
        agent.random_u64(),
    )
    .await?)
}

/// Sends the INVITE and waits for its end.
pub(super) async fn place(
    agent: &Arc<Agent>,
    target: &str,
    options: CallOptions,
) -> Result<Call, PhoneError> {
    let since = Instant::now();
    let media = open_media(agent, &options).await?;
    let local_tag = agent.token();
    let local = format!("{};tag={local_tag}", agent.address());
    let uri = agent.target_uri(target);
    let call_id = agent.token();
    let requests = agent.open_dialog(DialogKey {
        call_id: call_id.clone(),
        local_tag: local_tag.clone(),
    });
    let session = agent.random_u64() >> 1;
    let mut headers = Headers::default();
    headers.push(header("From", local.clone()));
    headers.push(header("To", format!("<{uri}>")));
    headers.push(header("Call-ID", call_id.clone()));
    headers.push(header("Contact", agent.contact()));
    headers.push(header("Allow", ALLOW));
    headers.extend(
        options
            .headers
            .iter()
            .map(|(name, value)| header(name, value.clone()))
            .collect(),
    );
    headers.push(header("Content-Type", "application/sdp"));
    let body = super::sdp::offer(
        super::sdp::Local {
            rtp: media.local,
            session,
            version: 1,
        },
        &options.codecs,
        Direction::SendRecv,
    );
    let to = agent.config.server;
    let invite = Outgoing {
        method: Method::Invite,
        uri,
        to,
        sequence: Arc::default(),
        headers,
        body,
    };
    let forget = Forget {
        agent,
        key: Some(DialogKey { call_id, local_tag }),
    };
    let exchange = Placing {
        agent,
        invite: &invite,
        media: &media,
        options: &options,
    }
    .run()
    .await?;
    let dialog = Dialog::caller(
        &local,
        exchange.attempt.sequence,
        &exchange.response,
        agent.config.server,
    );
    forget.keep();
    let status = exchange.response.status_code.code();
    let parts = Parts {
        agent: Arc::clone(agent),
        dialog,
        media,
        requests,
        options,
    };
    let call = parts.begin(since, status);
    call.leg.set_session(session);
    call.leg.acknowledge(&exchange).await;
    if let Err(error) = call.leg.take_answer(&exchange.response.body).await {
        // RFC 3261 §13.2.2.4: an answer that is of no use ends the call that it made.
        call.hangup().await?;
        return Err(error);
    }
    Ok(call)
}

/// Forgets the dialog of a call that does not come about.
struct Forget<'a> {
    agent: &'a Agent,
    key: Option<DialogKey>,
}

impl Forget<'_> {
    fn keep(mut self) {
        self.key = None;
    }
}

impl Drop for Forget<'_> {
    fn drop(&mut self) {
        if let Some(key) = &self.key {
            self.agent.close_dialog(key);
        }
    }
}

/// An INVITE on its way.
struct Placing<'a> {
    agent: &'a Agent,
    invite: &'a Outgoing,
    media: &'a Media,
    options: &'a CallOptions,
}

impl Placing<'_> {
    async fn run(&self) -> Result<Exchange, PhoneError> {
        let (provisional, mut provisionals) = mpsc::channel(PROVISIONALS);
        let exchange = self.agent.request(self.invite, Some(&provisional));
        tokio::pin!(exchange);
        let patience = tokio::time::sleep(self.options.answer_timeout);
        tokio::pin!(patience);
        let mut ringing = None;
        let attempt = loop {
            tokio::select! {
                exchange = &mut exchange => return answered(exchange?),
                Some(heard) = provisionals.recv() => {
                    self.hear_early(&heard).await;
                    ringing = Some(heard.attempt);
                }
                // RFC 3261 §9.1: a CANCEL may go out only after a provisional answer.
                () = &mut patience, if ringing.is_some() => if let Some(attempt) = ringing.take() { break attempt },
            }
        };
        self.give_up(exchange, &attempt).await
    }

    /// RFC 3261 §13.2.1: a description in a provisional answer starts early media.
    async fn hear_early(&self, heard: &Provisional) {
        if let Ok(remote) = super::sdp::parse(&heard.response.body, &self.options.codecs) {
            self.media
                .follow(Path::between(&remote, Direction::SendRecv))
                .await;
        }
    }

    async fn give_up(
        &self,
        exchange: impl Future<Output = Result<Exchange, PhoneError>>,
        attempt: &Attempt,
    ) -> Result<Exchange, PhoneError> {
        let both = async { tokio::join!(exchange, self.agent.cancel(self.invite, attempt)).0 };
        let Ok(exchange) = tokio::time::timeout(TIMEOUT, both).await else {
            return Err(PhoneError::NotAnswered { status: 408 });
        };
        let exchange = exchange?;
        let status = exchange.response.status_code.code();
        if (200..300).contains(&status) {
            // The answer crossed the CANCEL: the call stands, and the caller no longer waits for it.
            self.end_at_once(&exchange).await;
        }
        Err(PhoneError::NotAnswered { status })
    }

    async fn end_at_once(&self, exchange: &Exchange) {
        let local = message::value(&self.invite.headers, "From").unwrap_or_default();
        let dialog = Dialog::caller(
            &local,
            exchange.attempt.sequence,
            &exchange.response,
            self.invite.to,
        );
        let ack = dialog.request(Method::Ack, Vec::new(), Vec::new());
        acknowledge(self.agent, &ack, exchange).await;
        let bye = dialog.request(Method::Bye, Vec::new(), Vec::new());
        let _ = self.agent.request(&bye, None).await;
    }
}

fn answered(exchange: Exchange) -> Result<Exchange, PhoneError> {
    let status = exchange.response.status_code.code();
    if (200..300).contains(&status) {
        return Ok(exchange);
    }
    Err(PhoneError::Rejected {
        method: "INVITE",
        status,
        reason: reason(&exchange.response),
    })
}

/// RFC 3261 §13.2.2.4: the ACK of a 2xx is a request of the dialog with the INVITE's number and a branch of its own. It
/// is kept for a 2xx that comes again.
pub(super) async fn acknowledge(agent: &Agent, ack: &Outgoing, exchange: &Exchange) {
    let attempt = Attempt {
        branch: format!("z9hG4bK{}", agent.token()),
        sequence: exchange.attempt.sequence,
    };
    let bytes = agent.print_request(ack, Method::Ack, &attempt, None);
    agent.send_quietly(&bytes, ack.to).await;
    agent
        .clients
        .remember_ack(&exchange.attempt.branch, bytes, ack.to);
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
    pub async fn info(
        &self,
        headers: &[(&str, &str)],
        body: &[u8],
    ) -> Result<InfoResult, PhoneError> {
        let headers = headers
            .iter()
            .map(|(name, value)| header(name, *value))
            .collect();
        self.ask(Method::Info, headers, body.to_vec()).await
    }

    /// Asks inside the dialog what the peer can do.
    ///
    /// # Errors
    /// When no final answer came.
    pub async fn options(&self) -> Result<InfoResult, PhoneError> {
        self.ask(Method::Options, Vec::new(), Vec::new()).await
    }

    /// Refreshes the session by UPDATE (RFC 3311), offering what stands.
    ///
    /// # Errors
    /// When no final answer came, or its description is of no use.
    pub async fn update(&self) -> Result<InfoResult, PhoneError> {
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
    ) -> Result<InfoResult, PhoneError> {
        let exchange = self.leg.offer(method, direction).await?;
        Ok(InfoResult::from(&exchange.response))
    }

    async fn ask(
        &self,
        method: Method,
        headers: Vec<Header>,
        body: Vec<u8>,
    ) -> Result<InfoResult, PhoneError> {
        let exchange = self.leg.ask(method, headers, body).await?;
        Ok(InfoResult::from(&exchange.response))
    }

    /// Presses keys (`0`–`9`, `*`, `#`, `A`–`D`) as RFC 4733 events, 100 ms each, and waits until the last is released.
    /// Other characters are passed over.
    pub async fn dtmf(&self, keys: &str) {
        self.leg
            .media
            .press(keys.chars().filter_map(super::media::event_code).collect())
            .await;
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

    pub(super) async fn answer_offer(&self, offered: &super::sdp::Remote) -> Vec<u8> {
        self.leg.answer_offer(offered).await
    }

    pub(super) async fn own_offer(&self, direction: Direction) -> Vec<u8> {
        self.leg.own_offer(direction).await
    }

    /// Sends the 200 until its ACK comes; a caller that never acknowledges loses the call (RFC 3261 §13.3.1.4).
    pub(super) fn confirm(&self, invite: &ServerRequest, reply: Reply) {
        self.leg.confirm(invite, reply);
    }
}

impl Drop for Call {
    fn drop(&mut self) {
        self.leg.forget();
    }
}

impl From<&rsip::Response> for InfoResult {
    fn from(response: &rsip::Response) -> InfoResult {
        let super::Answer {
            status,
            reason,
            headers,
            body,
        } = super::Answer::from(response);
        InfoResult {
            status,
            reason,
            headers,
            body,
        }
    }
}
