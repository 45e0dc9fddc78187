//! Sidestream: a SIP/RTP softswitch whose first purpose is the live fork of the customer's audio.
//!
//! Two pure machines, [`switch`] (signalling and calls) and [`media`] (the relay), are driven by a thin shell of sockets,
//! clocks and tasks. `ARCHITECTURE.md` is the map.

pub mod codec;
pub mod command;
pub mod event;
pub mod id;
#[cfg(feature = "server")]
pub mod phone;
pub mod rtp;
pub mod sdp;
pub mod time;
