//! The sending task: one packet every 20 ms of speech, a key press, or nothing.

use std::collections::VecDeque;
use std::sync::{Arc, Mutex};
use std::time::{Duration, Instant};

use bytes::Bytes;
use rtp::header::Header;
use rtp::packet::Packet;
use tokio::net::UdpSocket;
use tokio::sync::{mpsc, oneshot};
use tokio::time::{MissedTickBehavior, interval, sleep_until};
use webrtc_util::marshal::Marshal;

use super::impairment::{Fates, Impairment};
use super::keys::{KeyPress, KeyStep};
use super::stats::Sent;
use super::{Instruction, PACKET_SAMPLES, Path, lock};
use crate::codec::g711;
use crate::phone::audio::AudioSource;
use crate::phone::sdp::Codec;

/// Time between two packets.
const PACKET_INTERVAL: Duration = Duration::from_millis(20);
/// Packets that the log remembers: ten minutes.
const LOGGED_PACKETS: usize = 30_000;

/// What the sending task tells.
#[derive(Default)]
pub(super) struct SpeakingLog {
    pub(super) sent: u64,
    pub(super) withheld: u64,
    pub(super) log: Vec<Sent>,
}

/// The sending task's state.
pub(super) struct Pacer {
    socket: Arc<UdpSocket>,
    source: AudioSource,
    /// Samples of the source that were sent.
    position: u64,
    path: Option<Path>,
    sequence: u16,
    timestamp: u32,
    ssrc: u32,
    /// The next packet of speech begins a talk spurt (RFC 3551 §4.1).
    begins: bool,
    keys: VecDeque<Key>,
    pressing: Option<KeyPress>,
    fates: Fates,
    /// Packets that the impairment holds back.
    delayed: Vec<(Instant, Bytes)>,
    speaking: Arc<Mutex<SpeakingLog>>,
}

enum Key {
    Press(u8),
    Tell(oneshot::Sender<()>),
}

impl Pacer {
    pub(super) fn new(
        socket: Arc<UdpSocket>,
        source: AudioSource,
        impairment: Impairment,
        speaking: Arc<Mutex<SpeakingLog>>,
        seed: u64,
    ) -> Pacer {
        let [a, b, c, d, e, f, g, h] = seed.to_be_bytes();
        Pacer {
            socket,
            source,
            position: 0,
            path: None,
            sequence: u16::from_be_bytes([a, b]),
            timestamp: u32::from_be_bytes([c, d, e, f]),
            ssrc: u32::from_be_bytes([g, h, a, c]),
            begins: true,
            keys: VecDeque::new(),
            pressing: None,
            fates: Fates::new(impairment),
            delayed: Vec::new(),
            speaking,
        }
    }

    pub(super) async fn run(mut self, mut instructions: mpsc::Receiver<Instruction>) {
        let mut ticks = interval(PACKET_INTERVAL);
        // A late tick is made up for, so that the packets' number follows the clock as a sound card's would.
        ticks.set_missed_tick_behavior(MissedTickBehavior::Burst);
        loop {
            let due = self.delayed.iter().map(|(at, _)| *at).min();
            tokio::select! {
                _ = ticks.tick() => self.tick().await,
                () = sleep_until(due.unwrap_or_else(Instant::now).into()), if due.is_some() => self.send_delayed().await,
                instruction = instructions.recv() => match instruction {
                    Some(instruction) => self.obey(instruction),
                    None => return,
                },
            }
        }
    }

    fn obey(&mut self, instruction: Instruction) {
        match instruction {
            Instruction::Follow(path) => self.path = Some(path),
            Instruction::Say(source) => {
                self.source = source;
                self.position = 0;
            }
            Instruction::Press { keys, done } => {
                self.keys.extend(keys.into_iter().map(Key::Press));
                self.keys.push_back(Key::Tell(done));
            }
        }
    }

    async fn tick(&mut self) {
        // The timestamp follows the clock whether something is sent or not (RFC 3550 §5.1).
        self.timestamp = self.timestamp.wrapping_add(PACKET_SAMPLES as u32);
        let Some(path) = self.path.filter(|path| path.sends) else {
            self.begins = true;
            // Nobody listens: whoever waits for a key is told at once.
            self.keys.clear();
            return;
        };
        if !self.send_key(path).await {
            self.send_speech(path).await;
        }
    }

    /// `true` when this packet interval belongs to a key.
    async fn send_key(&mut self, path: Path) -> bool {
        let Some(payload_type) = path.telephone_event else {
            // Without the payload type nobody would understand the keys.
            self.keys.clear();
            return false;
        };
        loop {
            if self.pressing.is_none() {
                match self.keys.pop_front() {
                    Some(Key::Press(code)) => {
                        self.pressing = Some(KeyPress::new(code, self.timestamp))
                    }
                    Some(Key::Tell(done)) => {
                        let _ = done.send(());
                        continue;
                    }
                    None => return false,
                }
            }
            let Some(pressing) = &mut self.pressing else {
                return false;
            };
            match pressing.step() {
                KeyStep::Event { payload, timestamp, marker } => {
                    let packet = self.packet(
                        payload_type,
                        timestamp,
                        marker,
                        Bytes::copy_from_slice(&payload),
                    );
                    self.send(path, packet).await;
                    self.begins = true;
                    return true;
                }
                KeyStep::Pause => return true,
                KeyStep::Done => self.pressing = None,
            }
        }
    }

    async fn send_speech(&mut self, path: Path) {
        let mut frame = [0; PACKET_SAMPLES];
        if !self.source.fill(self.position, &mut frame) {
            self.begins = true;
            return;
        }
        let payload: Bytes = match path.codec {
            Codec::Pcmu => frame.iter().map(|sample| g711::ulaw_encode(*sample)).collect(),
            Codec::Pcma => frame.iter().map(|sample| g711::alaw_encode(*sample)).collect(),
        };
        let packet = self.packet(path.codec.payload_type(), self.timestamp, self.begins, payload);
        self.begins = false;
        self.log_speech();
        self.position += PACKET_SAMPLES as u64;
        self.send(path, packet).await;
    }

    fn log_speech(&self) {
        let mut speaking = lock(&self.speaking);
        if speaking.log.len() < LOGGED_PACKETS {
            let sent =
                Sent { at: Instant::now(), position: self.position, timestamp: self.timestamp };
            speaking.log.push(sent);
        }
    }

    fn packet(&mut self, payload_type: u8, timestamp: u32, marker: bool, payload: Bytes) -> Packet {
        self.sequence = self.sequence.wrapping_add(1);
        let header = Header {
            version: 2,
            marker,
            payload_type,
            sequence_number: self.sequence,
            timestamp,
            ssrc: self.ssrc,
            ..Header::default()
        };
        Packet { header, payload }
    }

    async fn send(&mut self, path: Path, packet: Packet) {
        let bytes =
            packet.marshal().expect("a packet without extensions has the size that it claims");
        let fate = self.fates.next();
        if fate[0].is_none() {
            lock(&self.speaking).withheld += 1;
        }
        for delay in fate.into_iter().flatten() {
            if delay.is_zero() {
                self.send_bytes(path, &bytes).await;
            } else {
                self.delayed.push((Instant::now() + delay, bytes.clone()));
            }
        }
    }

    async fn send_delayed(&mut self) {
        let now = Instant::now();
        let (due, waiting): (Vec<_>, Vec<_>) =
            self.delayed.drain(..).partition(|(at, _)| *at <= now);
        self.delayed = waiting;
        let Some(path) = self.path else { return };
        for (_, bytes) in due {
            self.send_bytes(path, &bytes).await;
        }
    }

    async fn send_bytes(&self, path: Path, bytes: &[u8]) {
        if self.socket.send_to(bytes, path.to).await.is_ok() {
            lock(&self.speaking).sent += 1;
        }
    }
}
