//! Ports and what happens between them.

use std::net::SocketAddr;

use crate::id::PortId;
use crate::time::Instant;

use super::{Forward, MediaCommand, MediaEvent, RelayFigures, Settings, Transmit};

/// The media machine: one per worker, both legs of a call on the same one.
#[derive(Debug)]
pub struct Relay {
    settings: Settings,
    seed: u64,
}

impl Relay {
    /// A relay without ports. The seed makes the SSRCs of its prompts.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Relay { settings, seed }
    }

    /// Does what is asked.
    pub fn handle_command(&mut self, command: MediaCommand, now: Instant) {
        let _ = (command, now, self.settings, self.seed);
    }

    /// Takes a packet from a port's RTP socket; says where it goes.
    pub fn handle_rtp(
        &mut self,
        port: PortId,
        from: SocketAddr,
        packet: &[u8],
        now: Instant,
    ) -> Option<Forward> {
        let _ = (port, from, packet, now);
        None
    }

    /// Takes a packet from a port's RTCP socket; says where it goes.
    pub fn handle_rtcp(
        &mut self,
        port: PortId,
        from: SocketAddr,
        packet: &[u8],
        now: Instant,
    ) -> Option<Forward> {
        let _ = (port, from, packet, now);
        None
    }

    /// Does what is due: prompts, inactivity, figures.
    pub fn handle_timeout(&mut self, now: Instant) {
        let _ = now;
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        None
    }

    /// The next packet of ours to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        None
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        None
    }

    /// What was counted outside of any port.
    pub fn figures(&self) -> RelayFigures {
        RelayFigures::default()
    }

    /// How many ports are open.
    pub fn ports(&self) -> usize {
        0
    }
}
