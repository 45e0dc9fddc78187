//! Calls and their legs as they are shown.

use std::collections::BTreeMap;

use serde::Serialize;

use super::StreamView;

/// Where a call stands, in the field's words.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
#[serde(rename_all = "kebab-case")]
pub enum CallState {
    /// An INVITE was accepted for routing.
    Initiated,
    /// The called party is being alerted.
    Ringing,
    /// Audio flows before the answer.
    EarlyMedia,
    /// Answered, and going on.
    Answered,
    /// Over; `outcome` tells how.
    Ended,
}

/// A call as the board last saw it.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct CallView {
    /// The call's id (a ULID), `contact_id` and `ContactId` elsewhere.
    pub call: String,
    /// Where it stands.
    pub state: CallState,
    /// User part of the caller's address.
    pub from: String,
    /// What was dialled.
    pub to: String,
    /// When the INVITE came.
    pub started_at: String,
    /// When it was answered.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answered_at: Option<String>,
    /// When it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub ended_at: Option<String>,
    /// `completed`, `busy`, `no-answer`, `cancelled` or `failed`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub outcome: Option<&'static str>,
    /// The final SIP status towards the customer.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub status: Option<u16>,
    /// Why it ended.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub cause: Option<&'static str>,
    /// What people, programs and flows said of the contact.
    #[serde(skip_serializing_if = "BTreeMap::is_empty")]
    pub attributes: BTreeMap<String, String>,
    /// Its legs, in order of number; those that left are kept to the end of the call.
    pub legs: Vec<LegView>,
    /// Its streams, in order of start.
    pub streams: Vec<StreamView>,
    /// Number of the last event that changed this view within the call.
    pub seq: u64,
}

/// One leg of a call.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct LegView {
    /// Its number; the customer's is 0.
    pub leg: u32,
    /// Who is at its other end.
    pub party: String,
    /// Whether this leg has put the other party on hold.
    pub held: bool,
    /// Whether it has left the call.
    pub left: bool,
    /// The keys pressed on it, the newest last; no more than 64.
    pub dtmf: String,
    /// Relay figures, once there are any.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub figures: Option<LegFiguresView>,
}

/// What the relay counted on a leg's port. `received = forwarded + Σ dropped`.
#[derive(Clone, Debug, Default, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct LegFiguresView {
    /// RTP packets that arrived at the port.
    pub received: u64,
    /// Of those, packets passed on to the other leg or consumed here.
    pub forwarded: u64,
    /// RTP packets that left the port.
    pub sent: u64,
    /// Packets not passed on, by reason.
    pub dropped: BTreeMap<&'static str, u64>,
    /// Packets that the sender's sequence numbers miss.
    pub lost: u64,
    /// Interarrival jitter, RFC 3550 §6.4.1, in microseconds.
    pub jitter_us: u64,
}
