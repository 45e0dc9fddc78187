//! SIP: framing, a lazy reader, builders; [`digest`], [`transaction`]s and [`dialog`]s on top. RFC 3261, 3581, 4028 (session timers),
//! 5626 (keep-alive), 3515 and 3891 (transfer), 6026 (INVITE transactions), 7616 and 8760 (digest).
//!
//! [`parse_datagram`] indexes a message once and checks what every message must have; everything else is read from the original
//! bytes when it is asked for. What is malformed comes back as [`Rejected`], which knows its own stateless answer. The [`Framer`]
//! cuts streams with the same reader, so that a message has one length for everybody.

mod address;
pub mod dialog;
pub mod digest;
mod error;
mod framer;
mod head;
mod heading;
mod keys;
mod message;
mod method;
mod names;
mod params;
mod parse;
mod reason;
pub mod refer;
mod rejected;
mod request;
mod response;
mod scan;
mod tel;
pub mod transaction;
mod transport;
mod uri;
mod via;
mod write;

pub use address::{Address, AddressError};
pub use error::ParseError;
pub use framer::{FrameError, Framed, Framer};
pub use head::{MAX_FOLDS, MAX_HEADER, MAX_HEADERS, MAX_MESSAGE};
pub use heading::{Follow, Heading};
pub use message::{Headers, Message, Request, Response};
pub use method::Method;
pub use parse::parse_datagram;
pub use reason::reason_phrase;
pub use rejected::Rejected;
pub use request::RequestBuilder;
pub use response::ResponseBuilder;
pub use tel::{Tel, TelError};
pub(crate) use transport::moved_contact;
pub use transport::{ConnectionId, Flow, Transport};
pub use uri::{Uri, UriError};
pub use via::{Via, ViaError};
