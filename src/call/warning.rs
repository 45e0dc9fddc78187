//! The Warning of a refused session description, RFC 3261 §20.43: what of it was not acceptable.

use std::net::SocketAddr;

use super::context::Context;
use super::media_path::admits;
use crate::sdp::{AudioFault, Description};
use crate::sip::Request;

/// The value of the header, in the name of our end of the flow.
pub(super) fn warning(cx: &Context<'_>, agent: SocketAddr, request: &Request) -> String {
    let (code, text) = match Description::parse(request.body()) {
        Err(_) => MISCELLANEOUS,
        Ok(description) => match description.audio() {
            Some(audio) if admits(cx, audio) => FORMAT,
            Some(_) => MISCELLANEOUS,
            None => fault(description.audio_fault()),
        },
    };
    format!("{code} {agent} \"{text}\"")
}

/// None of the offered codecs will do, to us or to the other party.
const FORMAT: (u16, &str) = (305, "Incompatible media format");
/// The address is not one that we send media to, and whoever wrote it need not know why.
const MISCELLANEOUS: (u16, &str) = (399, "Session description not acceptable");

fn fault(fault: Option<AudioFault>) -> (u16, &'static str) {
    match fault {
        Some(AudioFault::Missing | AudioFault::Off) => (304, "Media type not available"),
        Some(AudioFault::Protocol) => (302, "Incompatible transport protocol"),
        Some(AudioFault::Group) => (330, "Multicast not available"),
        Some(AudioFault::Address) => (301, "Incompatible network address formats"),
        None => MISCELLANEOUS,
    }
}
