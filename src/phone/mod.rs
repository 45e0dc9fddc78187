//! The built-in phone: a SIP and RTP user agent on the crates `rsip` and `rtp`, which share no line with our own SIP, SDP
//! and RTP rooms. It is therefore an independent peer for the commands `call` and `demo`, for load and for tests: the
//! server's parser and printer cannot agree on a mistake with it.
//!
//! ```text
//!  Phone ── register, options ──┐
//!    │ call() / accept()        │        Agent: transactions by branch, dialogs by Call-ID and tag
//!    v                          v        Transport: one UDP socket, or a TCP listener and its connections
//!  Call ── hold, info, dtmf ── Agent ── Transport ── the server
//!    │
//!    └── Media: a pacing task that sends, a task that hears
//! ```
//!
//! What the phone does not read, because `rsip` 0.4 does not: compact header names, folded headers, unknown methods. Our
//! server sends none of them.

mod agent;
mod answer;
mod audio;
mod call;
pub mod cli;
mod client;
pub mod demo;
mod dialog;
mod digest;
mod error;
mod framing;
mod incoming;
mod leg;
pub mod load;
pub mod measure;
mod media;
mod message;
mod placing;
mod report;
pub mod script;
mod sdp;
#[cfg(test)]
mod tests;
mod transport;

use std::net::{IpAddr, SocketAddr};
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{Mutex, mpsc};

pub use audio::{AudioSource, SAMPLE_RATE, read_wav, write_wav};
pub use call::{Call, CallEvent, CallOptions};
pub use error::PhoneError;
pub use incoming::IncomingCall;
pub use media::{Heard, Impairment, MediaStats, Sent};
pub use report::{CallReport, EndedBy};
pub use sdp::Codec;
pub use transport::Transport;

use agent::Agent;

/// Who the phone is and where its server is.
#[derive(Clone, Debug)]
pub struct PhoneConfig {
    /// Every request outside a dialog goes here; another phone's address makes it the peer.
    pub server: SocketAddr,
    /// How SIP travels.
    pub transport: Transport,
    /// The user part of the phone's address, and its digest user name.
    pub user: String,
    /// The digest password; empty when the server asks for none.
    pub password: String,
    /// The address that SIP and RTP sockets are bound to.
    pub local: IpAddr,
}

/// What a registrar granted.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Registration {
    /// For how long, as the registrar said.
    pub expires: Duration,
}

/// The final answer to a request that is not about beginning or ending anything.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Answer {
    /// SIP status code.
    pub status: u16,
    /// Reason phrase.
    pub reason: String,
    /// Header names and values, in order.
    pub headers: Vec<(String, String)>,
    /// The body as it came.
    pub body: Vec<u8>,
}

impl Answer {
    /// The value of the first header of this name, in any letter case.
    pub fn header(&self, name: &str) -> Option<&str> {
        let named = |(key, _): &&(String, String)| key.eq_ignore_ascii_case(name);
        self.headers.iter().find(named).map(|(_, value)| value.as_str())
    }
}

/// A phone with one line. Dropping it closes its sockets.
pub struct Phone {
    agent: Arc<Agent>,
    incoming: Mutex<mpsc::Receiver<IncomingCall>>,
}

impl Phone {
    /// Binds the phone's SIP socket (any free port of `config.local`) and begins to listen.
    ///
    /// # Errors
    /// When the address cannot be bound.
    pub async fn bind(config: PhoneConfig) -> Result<Phone, PhoneError> {
        let (agent, incoming) = Agent::start(config).await?;
        Ok(Phone { agent, incoming: Mutex::new(incoming) })
    }

    /// Where the phone's SIP is reached.
    pub fn local_addr(&self) -> SocketAddr {
        self.agent.local_addr()
    }

    /// Datagrams and stream messages that `rsip` could not read.
    pub fn unreadable(&self) -> u64 {
        self.agent.unreadable()
    }

    /// Registers the phone's contact for an hour, answering the digest challenge.
    ///
    /// # Errors
    /// [`PhoneError::Rejected`] with the registrar's final status, or what kept the request from being answered.
    pub async fn register(&self) -> Result<Registration, PhoneError> {
        self.agent.register(Duration::from_secs(3600)).await
    }

    /// Removes the phone's contact from the registrar (RFC 3261 §10.2.2).
    ///
    /// # Errors
    /// As [`Phone::register`].
    pub async fn unregister(&self) -> Result<(), PhoneError> {
        self.agent.register(Duration::ZERO).await.map(drop)
    }

    /// Asks what `target` can do.
    ///
    /// # Errors
    /// When no final answer came; a refusal is an [`Answer`].
    pub async fn options(&self, target: &str) -> Result<Answer, PhoneError> {
        self.agent.options(target).await
    }

    /// Calls `target` (a SIP URI, or a user part at the server) and waits until it is answered.
    ///
    /// # Errors
    /// [`PhoneError::Rejected`] with the final status; [`PhoneError::NotAnswered`] after `options.answer_timeout`, when the
    /// call has been cancelled.
    pub async fn call(&self, target: &str, options: CallOptions) -> Result<Call, PhoneError> {
        placing::place(&self.agent, target, options).await
    }

    /// The next call that comes in; `None` when the phone's socket is gone.
    pub async fn accept(&self) -> Option<IncomingCall> {
        self.incoming.lock().await.recv().await
    }
}

impl Drop for Phone {
    fn drop(&mut self) {
        self.agent.shut_down();
    }
}
