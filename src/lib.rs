//! Sidestream: a SIP/RTP softswitch whose first purpose is the live fork of the customer's audio.
//!
//! Two pure machines, [`switch`] (signalling and calls) and [`media`] (the relay), are driven by a thin shell of sockets,
//! clocks and tasks. `ARCHITECTURE.md` is the map.

pub mod acd;
pub mod call;
pub mod codec;
pub mod command;
pub mod control;
pub mod dialect;
pub mod dialplan;
pub mod event;
pub mod flow;
pub mod id;
pub mod locate;
pub mod matroska;
pub mod media;
pub mod registrar;
pub mod rtp;
pub mod sdp;
pub mod sip;
pub mod siprec;
pub mod switch;
pub mod time;
pub mod trace;
pub mod trunk;

// The shell.
#[cfg(feature = "server")]
pub mod cli;
#[cfg(feature = "server")]
pub mod config;
#[cfg(feature = "server")]
pub mod fragments;
#[cfg(feature = "server")]
pub mod functions;
#[cfg(feature = "server")]
pub mod http;
#[cfg(feature = "server")]
pub mod net;
#[cfg(feature = "server")]
pub mod notary;
#[cfg(feature = "server")]
pub mod notify;
#[cfg(feature = "server")]
pub mod phone;
#[cfg(feature = "server")]
pub mod records;
#[cfg(feature = "server")]
pub mod server;
#[cfg(feature = "server")]
pub mod sink;
#[cfg(feature = "server")]
pub mod store;
