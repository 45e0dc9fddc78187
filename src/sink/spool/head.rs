//! The first batch of each segment: everything that another process needs to go on with the stream from here.

use serde::{Deserialize, Serialize};

use super::ledger::{Ledger, Noted};
use super::record::Progress;
use crate::dialect::{DialectKind, Format, StreamInfo};
use crate::event::Manifest;
use crate::id::{SinkName, TerminalId, Track, Tracks};
use crate::media::{Channels, Encoding};
use crate::time::Instant;

/// See the module.
#[derive(Debug, Serialize, Deserialize)]
pub(super) struct Head {
    call: String,
    stream: String,
    terminal: u16,
    sink: String,
    dialect: String,
    label: Option<String>,
    tracks: Vec<u8>,
    sample_rate: u32,
    encoding: String,
    channels: String,
    frame_ms: u32,
    started_at_unix_ms: u64,
    from: String,
    to: String,
    attributes: Vec<(String, String)>,
    /// The number of the segment's first entry.
    pub(super) first: u64,
    pub(super) progress: Progress,
    ledger: Noted,
}

/// What a stream is to its spool.
#[derive(Clone, Debug)]
pub(in crate::sink) struct Identity {
    pub(in crate::sink) terminal: TerminalId,
    pub(in crate::sink) info: StreamInfo,
    pub(in crate::sink) spoken: Spoken,
}

/// What a sink that is owed something is told in.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(in crate::sink) enum Spoken {
    /// A dialect, over a WebSocket.
    Dialect(DialectKind),
    /// Messages of a durable log.
    Log,
}

impl Spoken {
    const fn as_str(self) -> &'static str {
        match self {
            Spoken::Dialect(dialect) => dialect.as_str(),
            Spoken::Log => "jetstream",
        }
    }

    fn from_name(name: &str) -> Option<Spoken> {
        let all = DialectKind::ALL.into_iter().map(Spoken::Dialect).chain([Spoken::Log]);
        all.into_iter().find(|spoken| spoken.as_str() == name)
    }

    /// Whether it has acknowledgements.
    pub(super) const fn acknowledges(self) -> bool {
        match self {
            Spoken::Dialect(DialectKind::Native) | Spoken::Log => true,
            Spoken::Dialect(
                DialectKind::Twilio
                | DialectKind::Telnyx
                | DialectKind::Jambonz
                | DialectKind::AudioHook,
            ) => false,
        }
    }
}

impl Head {
    pub(super) fn new(
        identity: &Identity,
        first: u64,
        progress: Progress,
        ledger: &Ledger,
    ) -> Head {
        let info = &identity.info;
        Head {
            call: info.call.to_string(),
            stream: info.stream.to_string(),
            terminal: identity.terminal.number,
            sink: info.sink.to_string(),
            dialect: identity.spoken.as_str().to_owned(),
            label: info.label.clone(),
            tracks: info.tracks.iter().map(|track| track as u8).collect(),
            sample_rate: info.format.sample_rate,
            encoding: info.format.encoding.as_str().to_owned(),
            channels: info.format.channels.as_str().to_owned(),
            frame_ms: info.frame_ms,
            started_at_unix_ms: info.started_at_unix_ms,
            from: info.from.clone(),
            to: info.to.clone(),
            attributes: info.attributes.clone(),
            first,
            progress,
            ledger: ledger.noted(),
        }
    }

    /// Whose spool it is; `None` when the head makes no sense to this program.
    pub(super) fn identity(&self) -> Option<Identity> {
        let tracks: Vec<Track> =
            Track::ALL.into_iter().filter(|track| self.tracks.contains(&(*track as u8))).collect();
        let encoding = Encoding::ALL.into_iter().find(|name| name.as_str() == self.encoding)?;
        let channels = Channels::ALL.into_iter().find(|name| name.as_str() == self.channels)?;
        let spoken = Spoken::from_name(&self.dialect)?;
        let info = StreamInfo {
            call: self.call.parse().ok()?,
            stream: self.stream.parse().ok()?,
            sink: SinkName::new(self.sink.as_str()),
            label: self.label.clone(),
            tracks: Tracks::of(&tracks)?,
            format: Format { sample_rate: self.sample_rate, encoding, channels },
            frame_ms: self.frame_ms,
            // Arrivals are noted as times since position 0, wherever that lies on this process's clock.
            start: Instant::ZERO,
            started_at_unix_ms: self.started_at_unix_ms,
            from: self.from.clone(),
            to: self.to.clone(),
            attributes: self.attributes.clone(),
        };
        let terminal = TerminalId { stream: info.stream, number: self.terminal };
        Some(Identity { terminal, info, spoken })
    }

    /// What was taken in before this segment.
    pub(super) fn ledger(&self) -> Option<Ledger> {
        Ledger::restore(&self.ledger)
    }

    pub(super) fn to_json(&self) -> Vec<u8> {
        serde_json::to_vec(self).expect("text keys and plain values always make JSON")
    }

    pub(super) fn from_json(json: &[u8]) -> Option<Head> {
        serde_json::from_slice(json).ok()
    }
}

impl Identity {
    /// The manifest of what `ledger` holds. The tracks have to be of one length.
    pub(super) fn manifest(&self, ledger: &Ledger) -> Manifest {
        let info = &self.info;
        Manifest {
            call: info.call,
            stream: info.stream,
            terminal: self.terminal.number,
            sink: info.sink.clone(),
            sample_rate: info.format.sample_rate,
            clock: info.tracks.iter().map(|track| ledger.end(track)).max().unwrap_or(0),
            tracks: ledger.accounts(info.tracks),
        }
    }
}
