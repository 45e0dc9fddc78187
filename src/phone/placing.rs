//! Placing a call: the INVITE on its way, until it is answered, refused or given up.

use std::sync::Arc;
use std::time::Instant;

use rsip::{Headers, Method};
use tokio::sync::mpsc;

use super::agent::{ALLOW, Agent, DialogKey, reason};
use super::call::{Call, CallOptions, Parts, open_media};
use super::client::{Attempt, Exchange, Outgoing, Provisional, TIMEOUT};
use super::dialog::Dialog;
use super::error::PhoneError;
use super::media::{Media, Path};
use super::message::{self, header};
use super::sdp::{self, Direction, Local};

/// Provisional answers that wait to be read.
const PROVISIONALS: usize = 16;

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
    let requests =
        agent.open_dialog(DialogKey { call_id: call_id.clone(), local_tag: local_tag.clone() });
    let session = agent.random_u64() >> 1;
    let mut headers = Headers::default();
    headers.push(header("From", local.clone()));
    headers.push(header("To", format!("<{uri}>")));
    headers.push(header("Call-ID", call_id.clone()));
    headers.push(header("Contact", agent.contact()));
    headers.push(header("Allow", ALLOW));
    headers
        .extend(options.headers.iter().map(|(name, value)| header(name, value.clone())).collect());
    headers.push(header("Content-Type", "application/sdp"));
    let body = sdp::offer(
        Local { rtp: media.local, session, version: 1 },
        &options.codecs,
        Direction::SendRecv,
    );
    let to = agent.config.server;
    let invite =
        Outgoing { method: Method::Invite, uri, to, sequence: Arc::default(), headers, body };
    let forget = Forget { agent, key: Some(DialogKey { call_id, local_tag }) };
    let exchange =
        Placing { agent, invite: &invite, media: &media, options: &options }.run().await?;
    let dialog =
        Dialog::caller(&local, exchange.attempt.sequence, &exchange.response, agent.config.server);
    forget.keep();
    let status = exchange.response.status_code.code();
    let parts = Parts { agent: Arc::clone(agent), dialog, media, requests, options };
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
        if let Ok(remote) = sdp::parse(&heard.response.body, &self.options.codecs) {
            self.media.follow(Path::between(&remote, Direction::SendRecv)).await;
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
        let dialog =
            Dialog::caller(&local, exchange.attempt.sequence, &exchange.response, self.invite.to);
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
    Err(PhoneError::Rejected { method: "INVITE", status, reason: reason(&exchange.response) })
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
    agent.clients.remember_ack(&exchange.attempt.branch, bytes, ack.to);
}
