//! Ports and what happens between them.
//!
//! ```text
//!   leg A -> [accept: latch, count, tap] -> route -> [deliver: tap, count] -> leg B
//! ```
//! A packet that comes in is `forwarded`, or dropped for exactly one reason. Nothing is allocated for it, nothing is locked or
//! waited for: ports are found by a hash of their number, and the tap is one copy.

use std::collections::VecDeque;
use std::net::SocketAddr;
use std::sync::Arc;

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use crate::id::{PortId, TerminalId};
use crate::time::{Instant, Timers};

use super::figures::DropReason;
use super::latch::Signalled;
use super::port::{Permitted, Port, Route, Tap};
use super::port_hash::PortTable;
use super::prompt::{Player, Program};
use super::score::agent_voice;
use super::speaker::Origin;
use super::voice::{Hearer, Talk};
use super::{Forward, MediaCommand, MediaEvent, RelayFigures, Settings, Transmit};

/// The media machine: one per worker, both legs of a call on the same one.
///
/// Drain [`poll_event`](Self::poll_event) and [`poll_transmit`](Self::poll_transmit) after each input: their queues hold what one
/// input makes.
#[derive(Debug)]
pub struct Relay {
    settings: Settings,
    random: StdRng,
    speech: Arc<[i16]>,
    /// Boxed, because the table has room for more ports than are open.
    ports: PortTable<Box<Port>>,
    timers: Timers<(PortId, Timer)>,
    events: VecDeque<MediaEvent>,
    transmits: VecDeque<Transmit>,
    figures: RelayFigures,
}

/// What a port waits for.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Timer {
    Inactivity,
    Figures,
    Prompt,
    Voice(Hearer),
    Key,
}

impl Timer {
    const ALL: [Timer; 6] = [
        Timer::Inactivity,
        Timer::Figures,
        Timer::Prompt,
        Timer::Voice(Hearer::Customer),
        Timer::Voice(Hearer::Agent),
        Timer::Key,
    ];
}

impl Relay {
    /// A relay without ports. The seed makes the SSRCs, first sequence numbers and first timestamps of its prompts.
    pub fn new(settings: Settings, seed: u64) -> Self {
        Relay {
            settings,
            random: StdRng::seed_from_u64(seed),
            speech: agent_voice(),
            ports: PortTable::default(),
            timers: Timers::new(),
            events: VecDeque::with_capacity(16),
            transmits: VecDeque::new(),
            figures: RelayFigures::default(),
        }
    }

    /// Does what is asked. A command for a port that is not open changes nothing and is counted.
    pub fn handle_command(&mut self, command: MediaCommand, now: Instant) {
        let done = match command {
            MediaCommand::Open { port, .. } => self.open(port, now),
            MediaCommand::Remote { port, rtp, rtcp, payloads, receive, send } => {
                let permitted = Permitted { receive, send };
                let signalled = Signalled { rtp, rtcp };
                let found = self.ports.get_mut(&port);
                found
                    .map(|it| it.signal(signalled, payloads, permitted, now))
                    .map(|()| self.expect_media(port))
                    .map(|()| self.share_payloads(port))
            }
            MediaCommand::Bridge { a, b } => self.bridge(a, b),
            MediaCommand::Unbridge { port } => self.set_route(port, Route::Nowhere),
            MediaCommand::Echo { port } => self.set_route(port, Route::Echo),
            MediaCommand::Play {
                port,
                play,
                prompt,
                codec,
                payload_type,
                telephone_event,
                repeat,
            } => {
                let program =
                    Program { play, prompt, codec, payload_type, telephone_event, repeat };
                self.play(port, &program, now)
            }
            MediaCommand::Tap { terminal, port, tracks, writer } => {
                let tap = Tap { terminal, tracks, writer };
                self.ports.get_mut(&port).map(|port| port.taps.push(tap))
            }
            MediaCommand::Untap { terminal, port } => self.untap(terminal, port),
            MediaCommand::MoveTaps { from, to } => self.move_taps(from, to, now),
            MediaCommand::Voice { terminal, port, hearer, reader } => {
                let talk = Talk::new(terminal, reader, self.origin(), now);
                self.begin_talk(port, hearer, Box::new(talk), now)
            }
            MediaCommand::Unvoice { terminal, port } => self.end_talks(terminal, port),
            MediaCommand::Close { port } => self.close(port),
        };
        if done.is_none() {
            self.figures.unknown_port_commands += 1;
        }
    }

    /// Takes a packet from a port's RTP socket; says where it goes, unchanged.
    pub fn handle_rtp(
        &mut self,
        port: PortId,
        from: SocketAddr,
        packet: &[u8],
        now: Instant,
    ) -> Option<Forward> {
        let Some(receiver) = self.ports.get_mut(&port) else {
            self.figures.unknown_port += 1;
            return None;
        };
        let accepted = receiver.accept(from, packet, now, &mut self.events);
        let key_deadline = receiver.key_deadline();
        let target = accepted.and_then(|()| receiver.target());
        let outcome = target.and_then(|target| {
            let target = self.ports.get_mut(&target).map(|other| (target, other));
            let (port, other) = target.ok_or(DropReason::Unbridged)?;
            let to = other.relay(packet, now)?;
            Ok(Forward { port, to, rtcp: false })
        });
        if let Some(receiver) = self.ports.get_mut(&port) {
            receiver.count(&outcome);
        }
        self.note_key(port, key_deadline);
        outcome.ok()
    }

    /// Takes a packet from a port's RTCP socket; says where it goes, unchanged.
    pub fn handle_rtcp(
        &mut self,
        port: PortId,
        from: SocketAddr,
        packet: &[u8],
        now: Instant,
    ) -> Option<Forward> {
        let Some(receiver) = self.ports.get_mut(&port) else {
            self.figures.unknown_port += 1;
            return None;
        };
        let target = receiver.accept_rtcp(from, packet, now);
        let forward = target.and_then(|target| {
            let to = self.ports.get_mut(&target)?.relay_rtcp(packet, now)?;
            Some(Forward { port: target, to, rtcp: true })
        });
        if let Some(receiver) = self.ports.get_mut(&port) {
            receiver.count_rtcp(forward.is_some());
        }
        forward
    }

    /// Does what is due: prompts, inactivity, figures.
    pub fn handle_timeout(&mut self, now: Instant) {
        while let Some((port, timer)) = self.timers.poll_expired(now) {
            match timer {
                Timer::Inactivity => self.check_activity(port, now),
                Timer::Figures => self.tell_figures(port, now),
                Timer::Prompt => self.send_prompt(port, now),
                Timer::Voice(hearer) => self.send_talk(port, hearer, now),
                Timer::Key => self.end_key(port, now),
            }
        }
    }

    /// The next thing to tell.
    pub fn poll_event(&mut self) -> Option<MediaEvent> {
        self.events.pop_front()
    }

    /// The next packet of ours to send.
    pub fn poll_transmit(&mut self) -> Option<Transmit> {
        self.transmits.pop_front()
    }

    /// When [`handle_timeout`](Self::handle_timeout) is due.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll_timeout()
    }

    /// What was counted outside of any port.
    pub fn figures(&self) -> RelayFigures {
        self.figures
    }

    /// How many ports are open.
    pub fn ports(&self) -> usize {
        self.ports.len()
    }

    fn open(&mut self, port: PortId, now: Instant) -> Option<()> {
        let state = Port::new(port, self.settings.latch_packets, now);
        self.ports.insert(port, Box::new(state));
        self.timers.set((port, Timer::Figures), now + self.settings.figures_every);
        Some(())
    }

    fn bridge(&mut self, a: PortId, b: PortId) -> Option<()> {
        if a == b || !self.ports.contains_key(&a) || !self.ports.contains_key(&b) {
            return None;
        }
        self.set_route(a, Route::Bridge(b))?;
        self.set_route(b, Route::Bridge(a))?;
        self.share_payloads(a);
        Some(())
    }

    /// Lets each leg of a bridge send by the other one's payload types.
    fn share_payloads(&mut self, a: PortId) {
        let Some(Route::Bridge(b)) = self.ports.get(&a).map(|port| &port.route) else {
            return;
        };
        let b = *b;
        let payloads = |id| self.ports.get(&id).map(|port| port.payloads()).unwrap_or_default();
        let (of_a, of_b) = (payloads(a), payloads(b));
        for (id, other) in [(a, of_b), (b, of_a)] {
            if let Some(port) = self.ports.get_mut(&id) {
                port.expect_also(&other);
            }
        }
    }

    /// Replaces what the port does; the port that it was bridged to does nothing any more.
    fn set_route(&mut self, port: PortId, route: Route) -> Option<()> {
        let before = std::mem::replace(&mut self.ports.get_mut(&port)?.route, route);
        self.timers.cancel(&(port, Timer::Prompt));
        if let Route::Bridge(other) = before
            && let Some(other) = self.ports.get_mut(&other)
        {
            other.route = Route::Nowhere;
        }
        Some(())
    }

    fn play(&mut self, port: PortId, program: &Program, now: Instant) -> Option<()> {
        self.set_route(port, Route::Nowhere)?;
        let origin = self.origin();
        match Player::new(program, &self.speech, origin, now) {
            Ok(player) => {
                self.ports.get_mut(&port)?.route = Route::Prompt(Box::new(player));
                self.timers.set((port, Timer::Prompt), now);
            }
            // A codec that carries no audio has nothing to play.
            Err(_) => self.events.push_back(MediaEvent::PromptDone { port, play: program.play }),
        }
        Some(())
    }

    fn origin(&mut self) -> Origin {
        Origin {
            ssrc: self.random.random(),
            sequence: self.random.random(),
            timestamp: self.random.random(),
        }
    }

    fn begin_talk(
        &mut self,
        id: PortId,
        hearer: Hearer,
        talk: Box<Talk>,
        now: Instant,
    ) -> Option<()> {
        let slot = self.ports.get_mut(&id)?.talks.slot(hearer);
        if slot.is_none() {
            *slot = Some(talk);
            self.timers.set((id, Timer::Voice(hearer)), now);
        }
        Some(())
    }

    fn end_talks(&mut self, terminal: TerminalId, id: PortId) -> Option<()> {
        let port = self.ports.get_mut(&id)?;
        for hearer in Hearer::ALL {
            if port.talks.slot(hearer).take_if(|talk| talk.terminal == terminal).is_some() {
                self.timers.cancel(&(id, Timer::Voice(hearer)));
            }
        }
        Some(())
    }

    fn untap(&mut self, terminal: TerminalId, port: PortId) -> Option<()> {
        let port = self.ports.get_mut(&port)?;
        port.taps.retain(|tap| tap.terminal != terminal);
        Some(())
    }

    fn move_taps(&mut self, from: PortId, to: PortId, now: Instant) -> Option<()> {
        if !self.ports.contains_key(&to) {
            return None;
        }
        let port = self.ports.get_mut(&from)?;
        let (taps, mut talks) = (std::mem::take(&mut port.taps), std::mem::take(&mut port.talks));
        for hearer in Hearer::ALL {
            self.timers.cancel(&(from, Timer::Voice(hearer)));
            if let Some(talk) = talks.slot(hearer).take() {
                self.begin_talk(to, hearer, talk, now);
            }
        }
        self.ports.get_mut(&to)?.taps.extend(taps);
        Some(())
    }

    fn close(&mut self, port: PortId) -> Option<()> {
        self.set_route(port, Route::Nowhere)?;
        let state = self.ports.remove(&port)?;
        for timer in Timer::ALL {
            self.timers.cancel(&(port, timer));
        }
        let figures = state.figures();
        self.events.push_back(MediaEvent::Closed { port, figures });
        Some(())
    }

    /// Sets or cancels the inactivity timer as the leg may send or not. Packets do not touch the timer: it looks after them.
    fn expect_media(&mut self, id: PortId) {
        let Some(port) = self.ports.get(&id) else {
            return;
        };
        if !port.permitted.send {
            self.timers.cancel(&(id, Timer::Inactivity));
        } else {
            self.timers.set((id, Timer::Inactivity), port.heard + self.settings.inactivity);
        }
    }

    fn check_activity(&mut self, id: PortId, now: Instant) {
        let Some(port) = self.ports.get_mut(&id) else {
            return;
        };
        let deadline = port.heard + self.settings.inactivity;
        let quiet = deadline <= now;
        if quiet && !port.silent {
            port.silent = true;
            self.events.push_back(MediaEvent::Silent { port: id });
        }
        let next = if quiet { now + self.settings.inactivity } else { deadline };
        self.timers.set((id, Timer::Inactivity), next);
    }

    fn tell_figures(&mut self, id: PortId, now: Instant) {
        let Some(port) = self.ports.get(&id) else {
            return;
        };
        let figures = port.figures();
        self.events.push_back(MediaEvent::Figures { port: id, figures });
        self.timers.set((id, Timer::Figures), now + self.settings.figures_every);
    }

    fn send_prompt(&mut self, id: PortId, now: Instant) {
        let Some(port) = self.ports.get_mut(&id) else {
            return;
        };
        let reachable = port.is_reachable();
        let Route::Prompt(player) = &mut port.route else {
            return;
        };
        let due = player.pace().take_due(now);
        let next = player.pace().due();
        // A leg on hold, or without an address yet, hears the prompt from where it stands when it can be sent to.
        let count = if reachable { due } else { 0 };
        for _ in 0..count {
            let Route::Prompt(player) = &mut port.route else {
                return;
            };
            let Some(bytes) = player.next_packet() else {
                let play = player.play();
                port.route = Route::Nowhere;
                self.events.push_back(MediaEvent::PromptDone { port: id, play });
                return;
            };
            if let Ok(to) = port.deliver(&bytes, now) {
                self.transmits.push_back(Transmit { port: id, to, bytes });
            }
        }
        self.timers.set((id, Timer::Prompt), next);
    }

    fn send_talk(&mut self, id: PortId, hearer: Hearer, now: Instant) {
        let Some(port) = self.ports.get_mut(&id) else {
            return;
        };
        let hearing = match (hearer, &port.route) {
            (Hearer::Customer, _) => Some(id),
            (Hearer::Agent, Route::Bridge(other)) => Some(*other),
            (Hearer::Agent, Route::Nowhere | Route::Echo | Route::Prompt(_)) => None,
        };
        let Some(mut talk) = port.talks.slot(hearer).take_if(|talk| !talk.is_over()) else {
            *port.talks.slot(hearer) = None;
            return;
        };
        let due = talk.pace().take_due(now);
        self.timers.set((id, Timer::Voice(hearer)), talk.pace().due());
        // Nobody there, on hold, or without an address yet: it is heard from where it stands when somebody can be sent to.
        let listener = hearing.and_then(|it| Some((it, self.ports.get_mut(&it)?)));
        if let Some((at, listener)) = listener.filter(|(_, listener)| listener.is_reachable()) {
            for _ in 0..due {
                if let Some(bytes) = talk.next_packet(&listener.payloads())
                    && let Ok(to) = listener.deliver(&bytes, now)
                {
                    self.transmits.push_back(Transmit { port: at, to, bytes });
                }
            }
        }
        if let Some(port) = self.ports.get_mut(&id) {
            *port.talks.slot(hearer) = Some(talk);
        }
    }

    /// Looks after a key press that is going on, so that a lost end ends it too.
    fn note_key(&mut self, port: PortId, deadline: Option<Instant>) {
        if let Some(deadline) = deadline
            && self.timers.deadline(&(port, Timer::Key)).is_none()
        {
            self.timers.set((port, Timer::Key), deadline);
        }
    }

    fn end_key(&mut self, id: PortId, now: Instant) {
        let Some(port) = self.ports.get_mut(&id) else {
            return;
        };
        self.events.extend(port.handle_key_timeout(now));
        if let Some(deadline) = port.key_deadline() {
            self.timers.set((id, Timer::Key), deadline);
        }
    }
}
