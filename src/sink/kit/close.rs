//! What failures and close codes mean, and what mends them.

use tokio::net::TcpStream;
use tokio_tungstenite::tungstenite::protocol::CloseFrame;
use tokio_tungstenite::{MaybeTlsStream, WebSocketStream};

use super::Fault;
use crate::sink::target::Failure;

/// A WebSocket to a sink.
pub(super) type Wire = Box<WebSocketStream<MaybeTlsStream<TcpStream>>>;

/// What helps when a sink cannot be reached for this reason.
pub(super) const fn mend_of_failure(failure: Failure) -> &'static str {
    match failure {
        Failure::Name => "the name has no address: correct the sink's `url`, or the DNS",
        Failure::NameLate => "the DNS does not answer: look at [sip.dns]",
        Failure::Destination => "add the place to `streaming.allow`, if it is meant",
        Failure::Tcp => "start the sink, or open its port: `sidestream doctor --sink HOST:PORT`",
        Failure::TcpLate => "nobody answers there: a firewall, or the wrong address",
        Failure::Tls => {
            "let the sink show a certificate of its name, and give its issuer as `extra_ca`"
        }
        Failure::TlsLate => "the port does not speak TLS: is `ws://` meant?",
        Failure::Status => {
            "the sink must answer the handshake with 101: check its path, and what it is shown (`bearer`, `headers`, `signing`)"
        }
        Failure::Handshake => "the sink must be a WebSocket server that knows the sub-protocol",
        Failure::HandshakeLate => {
            "the sink must answer the handshake at once, before it loads models"
        }
        Failure::Resting => {
            "it failed too often: look at its last failure, and try again in a while"
        }
    }
}

/// A sink that closed a connection on its own.
pub(super) fn closed_by_itself(frame: Option<&CloseFrame>) -> Fault {
    let Some(frame) = frame else {
        return Fault::new(
            "closed the connection without a code",
            "close with a code: 1000 ends the stream, another one asks to be called again",
        );
    };
    let (code, reason) = (u16::from(frame.code), frame.reason.as_str());
    let said = if reason.is_empty() { String::new() } else { format!(" ({})", line(reason)) };
    Fault::new(format!("closed the connection with {code}{said}"), mend_of_code(code))
}

/// RFC 6455 §7.4.1 and the registry of its codes.
const fn mend_of_code(code: u16) -> &'static str {
    match code {
        1000 => "1000 ends the stream: close with it only when enough was heard",
        1001 | 1012 | 1013 => "the sink is stopping or too busy: it is called again after a delay",
        1002 | 1007 => {
            "the sink's WebSocket did not understand a message: binary messages are audio, texts are JSON in UTF-8"
        }
        1003 => "the sink does not take binary messages: let it, or choose a dialect of texts",
        1008 => "the sink does not let this client in: check `bearer`, `headers` or `signing`",
        1009 => "let the sink take messages of 64 KiB",
        1011 => "the sink failed: its own log tells where",
        _ => "find out in the sink's log why it closes",
    }
}

/// What somebody wrote, as a table can bear it.
pub(super) fn line(text: &str) -> String {
    text.chars().take(120).map(|c| if c.is_control() { '?' } else { c }).collect()
}
