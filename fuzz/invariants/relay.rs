//! The relay: every packet is forwarded or counted as dropped, and a locked leg is not for strangers.

use std::net::SocketAddr;

use sidestream::codec::Codec;
use sidestream::id::{PlayId, PortId, StreamId, TerminalId, Tracks};
use sidestream::media::{
    Forward, LocalPort, MediaCommand, MediaEvent, PayloadMap, PortFigures, Prompt, Relay, Settings,
    TapReader, ring,
};
use sidestream::rtp::header;
use sidestream::time::{Duration, Instant};

use super::script::Script;

const PORTS: usize = 4;
const STRANGER: usize = 4;

/// Where packets come from: a phone behind each port, its other port, two strangers, and no address at all.
const ADDRESSES: [&str; 8] = [
    "10.0.0.1:4000",
    "10.0.0.2:4000",
    "10.0.0.2:4002",
    "[2001:db8::3]:4000",
    "192.0.2.66:6666",
    "192.0.2.67:65535",
    "0.0.0.0:4000",
    "10.0.0.1:0",
];

const CODECS: [Codec; 8] = [
    Codec::Pcmu,
    Codec::Pcma,
    Codec::G722,
    Codec::Opus,
    Codec::L16 { rate: 44_100, channels: 2 },
    Codec::L16 { rate: 8000, channels: 1 },
    Codec::ComfortNoise,
    Codec::TELEPHONE_EVENT,
];

/// A script of commands, packets and time.
pub fn relay(data: &[u8]) {
    let mut script = Script::new(data);
    let mut house = House::new(u32::from(script.byte() % 6));
    while let Some(instruction) = script.instruction() {
        house.act(instruction, &mut script);
        house.drain();
    }
    house.close_everything();
}

/// What must be true of one port, kept beside the relay.
#[derive(Clone, Debug, Default)]
struct Model {
    open: bool,
    signalled: Option<(SocketAddr, SocketAddr)>,
    receive: bool,
    locked: Option<SocketAddr>,
    figures: PortFigures,
    sequence: u16,
}

struct House {
    relay: Relay,
    now: Instant,
    ids: [PortId; PORTS],
    models: [Model; PORTS],
    readers: Vec<TapReader>,
    addresses: Vec<SocketAddr>,
    next_id: u64,
    streams: u128,
}

impl House {
    fn new(latch_packets: u32) -> House {
        let settings = Settings { latch_packets, ..Settings::default() };
        House {
            relay: Relay::new(settings, 7),
            now: Instant::from_millis(1_000),
            ids: [PortId(0); PORTS],
            models: Default::default(),
            readers: Vec::new(),
            addresses: ADDRESSES.map(|text| text.parse().expect("a literal")).to_vec(),
            next_id: 1,
            streams: 0,
        }
    }

    fn act(&mut self, instruction: u8, script: &mut Script<'_>) {
        let place = usize::from(instruction >> 6);
        let port = self.ids[place];
        match instruction & 0x1f {
            0 => self.open(place),
            1 | 2 => self.signal(place, script),
            3 => {
                let b = self.ids[usize::from(script.byte()) % PORTS];
                self.command(MediaCommand::Bridge { a: port, b });
            }
            4 => self.command(MediaCommand::Unbridge { port }),
            5 => self.command(MediaCommand::Echo { port }),
            6 => self.play(port, script),
            7 => self.tap(port, script),
            8 => {
                let terminal = TerminalId::first(StreamId::from_u128(self.streams));
                self.command(MediaCommand::Untap { terminal, port });
            }
            9 => self.command(MediaCommand::Close { port }),
            // At most 32 s: a prompt in a slow codec has 50 packets to encode for each.
            10 => self.pass(Duration::from_millis(u64::from(script.u16() >> 1))),
            11 => {
                let from = script.choose(&self.addresses);
                let length = usize::from(script.byte());
                self.rtp(place, from, script.take(length));
            }
            12 => {
                let from = script.choose(&self.addresses);
                let length = usize::from(script.byte());
                self.rtcp(place, from, script.take(length));
            }
            13 => self.rtcp(place, self.addresses[STRANGER], &[0x80, 201, 0, 1, 0, 0, 0, 1]),
            14 => self.rtcp(place, self.addresses[place], &[0x80, 200, 0, 0]),
            15..=18 => {
                let from = script.choose(&self.addresses);
                self.voice(place, from, script.byte());
            }
            // The usual: the next packet of the phone behind the port.
            _ => self.voice(place, self.addresses[place], 0),
        }
    }

    fn open(&mut self, place: usize) {
        // An id is never used twice.
        if self.models[place].open {
            return;
        }
        let port = PortId(self.next_id);
        self.next_id += 1;
        self.ids[place] = port;
        self.models[place] = Model { open: true, sequence: 65_530, ..Model::default() };
        let address = self.addresses[0].ip();
        let local = LocalPort::new(20_000).expect("it is even");
        self.command(MediaCommand::Open { port, address, local });
    }

    fn signal(&mut self, place: usize, script: &mut Script<'_>) {
        let rtp = script.choose(&self.addresses);
        let rtcp = script.choose(&self.addresses);
        let (flags, codec) = (script.byte(), script.choose(&CODECS));
        let (receive, send) = (flags & 1 == 0, flags & 2 == 0);
        let payloads = PayloadMap::EMPTY
            .with(0, Codec::Pcmu)
            .with(96, codec)
            .with(101, Codec::TELEPHONE_EVENT)
            .with_passed_through(18);
        let port = self.ids[place];
        self.command(MediaCommand::Remote { port, rtp, rtcp, payloads, receive, send });
        let model = &mut self.models[place];
        if !model.open {
            return;
        }
        model.receive = receive;
        // The old hold names no place, and teaches none.
        if let Some((before, _)) = model.signalled
            && rtp.ip().is_unspecified()
            && !before.ip().is_unspecified()
        {
            return;
        }
        if model.signalled.is_some_and(|(before, _)| before != rtp) && model.locked != Some(rtp) {
            model.locked = None;
        }
        model.signalled = Some((rtp, rtcp));
    }

    fn play(&mut self, port: PortId, script: &mut Script<'_>) {
        let tone = Prompt::Tone {
            hz: script.u32(),
            duration: Duration::from_millis(u64::from(script.byte()) * 10),
        };
        let digits = String::from_utf8_lossy(script.take(4)).into_owned();
        let prompt = match script.byte() % 6 {
            0 => Prompt::Music,
            1 => Prompt::Speech,
            2 => Prompt::Digits(digits),
            3 => Prompt::Sequence(vec![tone, Prompt::Digits(digits)]),
            4 => Prompt::Recording(vec![1_000; usize::from(script.byte())].into()),
            _ => tone,
        };
        let (codec, flags) = (script.choose(&CODECS), script.byte());
        self.command(MediaCommand::Play {
            port,
            play: PlayId(0),
            prompt,
            codec,
            payload_type: script.byte(),
            telephone_event: (flags & 1 == 0).then_some(101),
            repeat: flags & 2 == 0,
        });
    }

    fn tap(&mut self, port: PortId, script: &mut Script<'_>) {
        let (writer, reader) = ring(usize::from(script.byte()) * 32);
        self.readers.push(reader);
        self.streams += 1;
        let terminal = TerminalId::first(StreamId::from_u128(self.streams));
        let tracks = script.choose(&[Tracks::From, Tracks::To, Tracks::Both]);
        self.command(MediaCommand::Tap { terminal, port, tracks, writer });
    }

    fn command(&mut self, command: MediaCommand) {
        self.relay.handle_command(command, self.now);
    }

    fn pass(&mut self, time: Duration) {
        self.now += time;
        self.relay.handle_timeout(self.now);
        let next = self.relay.poll_timeout();
        assert!(next.is_none_or(|next| next > self.now), "a deadline that was served is over");
        for reader in &mut self.readers {
            while reader.read().is_some() {}
        }
        self.readers.retain(|reader| !reader.is_abandoned());
    }

    /// A packet with a voice's header; its sequence goes on unless the script wants a jump.
    fn voice(&mut self, place: usize, from: SocketAddr, odd: u8) {
        let model = &mut self.models[place];
        model.sequence = model.sequence.wrapping_add(u16::from(odd & 0x0f) + 1);
        let payload_type = [0, 96, 101, 18, 77][usize::from(odd >> 4) % 5];
        let timestamp = u32::from(model.sequence) * 160;
        let mut packet =
            header(odd & 0x80 != 0, payload_type, model.sequence, timestamp, 1).to_vec();
        packet.extend_from_slice(&[5, odd, 0, odd, 0, 0, 0, 0]);
        self.now += Duration::from_millis(20);
        self.rtp(place, from, &packet);
    }

    fn rtp(&mut self, place: usize, from: SocketAddr, packet: &[u8]) {
        let forward = self.relay.handle_rtp(self.ids[place], from, packet, self.now);
        if !self.models[place].open {
            assert_eq!(forward, None, "a port that is not open relays nothing");
            return;
        }
        self.models[place].figures.received += 1;
        // The packet that locks the latch is under the lock already.
        self.drain();
        let model = &mut self.models[place];
        let Some(Forward { port, to, rtcp }) = forward else {
            return;
        };
        model.figures.forwarded += 1;
        assert!(model.locked.is_none_or(|source| source == from), "a stranger is heard: {from}");
        assert!(!rtcp);
        self.check_destination(port, to);
    }

    fn rtcp(&mut self, place: usize, from: SocketAddr, packet: &[u8]) {
        let forward = self.relay.handle_rtcp(self.ids[place], from, packet, self.now);
        let model = &mut self.models[place];
        if !model.open {
            assert_eq!(forward, None);
            return;
        }
        model.figures.rtcp_received += 1;
        let Some(Forward { port, to, rtcp }) = forward else {
            return;
        };
        model.figures.rtcp_forwarded += 1;
        assert!(model.locked.is_none_or(|source| source.ip() == from.ip()), "foreign RTCP");
        assert!(rtcp);
        let target = self.models.iter().zip(self.ids).find(|(_, id)| *id == port);
        let (target, _) = target.expect("a port of this house");
        let (_, signalled) = target.signalled.expect("it has a description");
        let hosts = [target.locked.map(|source| source.ip()), Some(signalled.ip())];
        assert!(hosts.contains(&Some(to.ip())), "RTCP for a stranger: {to}");
    }

    /// RTP goes where the lock is; before it, where the leg's description says; to a leg on hold it does not go.
    fn check_destination(&mut self, port: PortId, to: SocketAddr) {
        let target = self.models.iter_mut().zip(self.ids).find(|(_, id)| *id == port);
        let (target, _) = target.expect("a port of this house");
        assert!(target.open && target.receive, "{target:?}");
        let signalled = target.signalled.map(|(rtp, _)| rtp);
        assert_eq!(Some(to), target.locked.or(signalled));
        target.figures.sent += 1;
    }

    fn drain(&mut self) {
        while let Some(transmit) = self.relay.poll_transmit() {
            assert!(transmit.bytes.len() >= 12);
            self.check_destination(transmit.port, transmit.to);
        }
        while let Some(event) = self.relay.poll_event() {
            let place = self.ids.iter().position(|id| *id == event.port());
            let model = &mut self.models[place.expect("a port of this house")];
            match event {
                MediaEvent::Latched { from, .. } => {
                    assert_eq!(model.locked, None, "a lock is not taught another source");
                    model.locked = Some(from);
                }
                // What was told between two packets of a prompt has not counted the second.
                MediaEvent::Figures { figures, .. } => {
                    assert!(figures.sent <= model.figures.sent);
                    model.check(PortFigures { sent: model.figures.sent, ..figures });
                }
                MediaEvent::Closed { figures, .. } => {
                    model.check(figures);
                    assert!(std::mem::take(&mut model.open), "closed once");
                }
                MediaEvent::Dtmf { digit, .. } => {
                    assert!(matches!(digit, '0'..='9' | '*' | '#' | 'A'..='D'));
                }
                MediaEvent::FirstMedia { .. }
                | MediaEvent::Silent { .. }
                | MediaEvent::Recovered { .. }
                | MediaEvent::PromptDone { .. } => {}
                MediaEvent::OpenFailed { .. } => panic!("only the shell opens sockets"),
            }
        }
    }

    fn close_everything(&mut self) {
        for place in 0..PORTS {
            self.command(MediaCommand::Close { port: self.ids[place] });
            self.drain();
        }
        assert!(self.models.iter().all(|model| !model.open));
        assert_eq!((self.relay.ports(), self.relay.poll_timeout()), (0, None));
    }
}

impl Model {
    fn check(&self, told: PortFigures) {
        assert_eq!(told.received, told.forwarded + told.dropped.total());
        assert_eq!(told.rtcp_received, told.rtcp_forwarded + told.rtcp_dropped);
        let counted = |figures: PortFigures| {
            [
                figures.received,
                figures.forwarded,
                figures.sent,
                figures.rtcp_received,
                figures.rtcp_forwarded,
            ]
        };
        assert_eq!(counted(told), counted(self.figures));
    }
}
