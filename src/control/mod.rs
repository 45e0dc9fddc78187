//! Wire shapes to [`Command`](crate::command::Command) and back: what a SIP INFO, a REST request or a contact-API request
//! means, and what each door answers.
//!
//! - [`info`]: the SIP INFO package `media-stream`, `Record:` and DTMF in INFO;
//! - [`request`]: the members that every JSON door shares (sink, stream, tracks, marks), checked once;
//! - [`tables`]: every [`Denied`](crate::command::Denied) as an HTTP status, a SIP status and an error type;
//! - [`tapi`]: the TAPI names of media events, and TAPI's stream control;
//! - [`json`]: what is shown of calls, streams, events and manifests;
//! - [`contact`]: the contact API's requests and answers.
//!
//! Nothing in here turns text into a destination: a sink is always the name of a configured one.

pub mod contact;
pub mod info;
pub mod json;
pub mod request;
pub mod tables;
pub mod tapi;
