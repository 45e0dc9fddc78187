//! A call that rings.

use std::sync::Arc;
use std::time::Instant;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use super::agent::{Agent, DialogKey};
use super::answer::{Reply, Ringing, ServerRequest};
use super::call::{self, Call, CallOptions};
use super::dialog::Dialog;
use super::error::PhoneError;
use super::message;
use super::sdp::{self, Direction};

/// A call that rings at this phone. Leaving it alone lets the caller wait.
pub struct IncomingCall {
    agent: Arc<Agent>,
    invite: ServerRequest,
    local_tag: String,
    requests: mpsc::Receiver<ServerRequest>,
    cancelled: CancellationToken,
    arrived: Instant,
}

impl IncomingCall {
    pub(super) fn new(agent: Arc<Agent>, invite: ServerRequest) -> IncomingCall {
        let local_tag = agent.token();
        let cancelled = CancellationToken::new();
        let key = DialogKey {
            call_id: invite.request.call_id().to_owned(),
            local_tag: local_tag.clone(),
        };
        let requests = agent.open_dialog(key);
        agent.answers.insert_ringing(Ringing {
            invite: invite.clone(),
            local_tag: local_tag.clone(),
            cancelled: cancelled.clone(),
        });
        IncomingCall { agent, invite, local_tag, requests, cancelled, arrived: Instant::now() }
    }

    /// The From value, without its tag.
    pub fn from(&self) -> &str {
        message::address_uri(self.invite.request.from())
    }

    /// The user part of the caller's address.
    pub fn from_user(&self) -> &str {
        message::uri_user(self.from()).unwrap_or_default()
    }

    /// The Request-URI.
    pub fn target(&self) -> &str {
        &self.invite.request.uri
    }

    /// The value of a header of the INVITE.
    pub fn header(&self, name: &str) -> Option<String> {
        message::value(&self.invite.request.inner.headers, name)
    }

    /// Sends 180 Ringing.
    pub async fn ring(&self) {
        self.agent.respond(&self.invite, Reply::status(180).tagged(&self.local_tag)).await;
    }

    /// Refuses the call; 486 is busy, 603 a decline.
    pub async fn reject(self, status: u16) {
        self.agent.close_dialog(&DialogKey {
            call_id: self.invite.request.call_id().to_owned(),
            local_tag: self.local_tag.clone(),
        });
        self.agent.finish(&self.invite, Reply::status(status)).await;
    }

    /// Returns when the caller has given up.
    pub async fn cancelled(&self) {
        self.cancelled.cancelled().await;
    }

    /// Answers the call. An INVITE without description gets our offer, and its answer is taken from the ACK (RFC 3261
    /// §13.2.1).
    ///
    /// # Errors
    /// [`PhoneError::Cancelled`] when the caller gave up first; [`PhoneError::Description`] when the offer cannot be
    /// answered: the call has then been refused with 488.
    pub async fn answer(self, options: CallOptions) -> Result<Call, PhoneError> {
        let offered = &self.invite.request.inner.body;
        let offered = if offered.is_empty() {
            Ok(None)
        } else {
            sdp::parse(offered, &options.codecs).map(Some)
        };
        let offered = match offered {
            Ok(offered) => offered,
            Err(error) => {
                self.reject(488).await;
                return Err(error);
            }
        };
        let media = call::open_media(&self.agent, &options).await?;
        let Some(ringing) = self.agent.answers.take_ringing(&self.invite.branch) else {
            return Err(PhoneError::Cancelled);
        };
        let dialog = Dialog::callee(&self.invite, &ringing.local_tag);
        let call =
            call::Parts { agent: self.agent, dialog, media, requests: self.requests, options };
        let call = call.begin(self.arrived, 200);
        let body = match offered {
            Some(offered) => call.leg.answer_offer(&offered).await,
            None => call.leg.own_offer(Direction::SendRecv).await,
        };
        let reply = Reply::status(200).tagged(&ringing.local_tag).description(body);
        call.leg.confirm(&self.invite, reply);
        Ok(call)
    }
}
