//! TLS for SIP (RFC 3261 §26, RFC 5922): who we are, whom we believe, who servers have to be.
//!
//! An `Identity` is made of the files as a whole. `Renewal` makes a new one when they change; connections keep the one that they
//! began with, and a set of files that is broken, does not fit or is out of time changes nothing.

mod current;
mod files;
mod identity;
mod names;
#[cfg(feature = "nats")]
mod pinned;
mod settings;

pub use current::{Current, Renewal};
pub use files::{TlsFileError, Validity};
pub(super) use identity::is_for;
pub use identity::{inspect, inspect_authorities};
pub use names::ServerNames;
pub use settings::{CertificateFiles, ClientCertificates, TlsSettings};
