//! What the SIP message layer reads, refuses and answers: RFC 4475, RFC 5118, interoperability probes, stream framing.
//!
//! Every table is text: a message, and what has to be read from it or answered to it. The messages of the two RFCs lie in
//! `tests/corpus/sip`, where the fuzz targets find their seeds too.

#[path = "conformance/reading.rs"]
mod reading;

#[path = "conformance/building.rs"]
mod building;
#[path = "conformance/differential.rs"]
#[cfg(feature = "server")]
mod differential;
#[path = "conformance/framing.rs"]
mod framing;
#[path = "conformance/ipv6.rs"]
mod ipv6;
#[path = "conformance/live.rs"]
#[cfg(feature = "server")]
mod live;
#[path = "conformance/probes.rs"]
mod probes;
#[path = "conformance/refusals.rs"]
mod refusals;
#[path = "conformance/round_trip.rs"]
mod round_trip;
#[path = "conformance/torture.rs"]
mod torture;
#[path = "conformance/tracing.rs"]
#[cfg(feature = "server")]
mod tracing;
