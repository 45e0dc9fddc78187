//! The SIP messages of a call as they are shown.

use serde::Serialize;

/// What was said on the wire for a call.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct MessagesView {
    /// The call's id.
    pub call: String,
    /// In the order in which they were handed in and out.
    pub messages: Vec<MessageView>,
    /// How many older ones the limits of the trace have cost.
    pub dropped: u64,
}

/// One SIP message.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct MessageView {
    /// When, RFC 3339 with milliseconds.
    #[cfg_attr(feature = "server", schema(example = "2026-11-21T06:02:02.936Z"))]
    pub at: String,
    /// `received` or `sent`.
    pub direction: &'static str,
    /// `UDP`, `TCP`, `TLS`, `WS` or `WSS`.
    pub transport: &'static str,
    /// Our own address.
    pub local: String,
    /// The peer's address.
    pub remote: String,
    /// The message without what TLS and WebSocket put around it. Bytes that are not UTF-8 are shown as U+FFFD.
    pub text: String,
}
