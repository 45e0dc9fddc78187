//! TLS for SIP (RFC 3261 §26, RFC 5922): who servers have to be.

mod names;

pub use names::ServerNames;
