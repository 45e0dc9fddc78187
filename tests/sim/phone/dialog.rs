//! One dialog of the phone, and a request of it that waits for its answer.

use std::net::SocketAddr;

use sidestream::time::{Duration, Instant};

use super::{Phone, Stage};
use crate::text::Text;

/// One dialog of the phone.
#[derive(Debug)]
pub struct Dialog {
    pub stage: Stage,
    pub call_id: String,
    pub(super) local: String,
    pub(super) remote: String,
    pub(super) target: String,
    pub(super) cseq: u32,
    pub(super) invite: Text,
    pub(super) outgoing: bool,
    pub(super) version: u32,
    pub(super) direction: &'static str,
    pub(super) media: Option<SocketAddr>,
    pub(super) media_direction: String,
    pub(super) next_rtp: Option<Instant>,
    pub(super) rtp_sent: u64,
    /// When we have to refresh the session, and how often.
    pub(super) refresh: Option<(Instant, Duration)>,
    pub(super) answer_at: Option<Instant>,
    /// Our 2xx, until its ACK.
    pub(super) unacknowledged: Option<(Vec<u8>, Instant, Duration)>,
    /// Our reliable response, until its PRACK: its bytes, when it goes again, after which wait, and since when.
    pub(super) unpracked: Option<(Vec<u8>, Instant, Duration, Instant)>,
    /// The last RSeq that we heard.
    pub(super) heard_rseq: Option<u32>,
    /// Whether offer and answer crossed before the 2xx, which then has no description.
    pub(super) settled: bool,
    pub(super) ack: Option<(u32, Vec<u8>)>,
    pub(super) dead_since: Option<Instant>,
    pub(super) last_remote_cseq: u32,
}

#[derive(Debug)]
pub(super) struct Pending {
    pub(super) branch: String,
    pub(super) method: String,
    pub(super) bytes: Vec<u8>,
    pub(super) wait: Duration,
    pub(super) next: Option<Instant>,
    pub(super) gives_up: Instant,
    pub(super) provisional: bool,
}

impl Dialog {
    /// The INVITE that made the dialog.
    pub fn invite_text(&self) -> &Text {
        &self.invite
    }

    /// The highest CSeq that the server has used.
    pub fn remote_cseq(&self) -> u32 {
        self.last_remote_cseq
    }
}

impl Phone {
    pub(super) fn dialog(&self, invite: &Text, outgoing: bool) -> Dialog {
        Dialog {
            stage: Stage::Calling,
            call_id: invite.header("Call-ID").to_owned(),
            local: invite.header("From").to_owned(),
            remote: invite.header("To").to_owned(),
            target: invite.start.split(' ').nth(1).expect("a uri").to_owned(),
            cseq: if outgoing { invite.cseq() } else { 0 },
            invite: invite.clone(),
            outgoing,
            version: 1,
            direction: "sendrecv",
            media: None,
            media_direction: "sendrecv".into(),
            next_rtp: None,
            rtp_sent: 0,
            refresh: None,
            answer_at: None,
            unacknowledged: None,
            unpracked: None,
            heard_rseq: None,
            settled: false,
            ack: None,
            dead_since: None,
            last_remote_cseq: 0,
        }
    }
}
