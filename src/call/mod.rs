//! The B2BUA: legs, bridge, hold, transfer, streams.

pub mod sink_port;

pub use sink_port::*;
