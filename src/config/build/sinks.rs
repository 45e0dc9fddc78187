//! The sinks: the only place where the address of a destination can be written.

use std::path::PathBuf;

use super::Builder;
use crate::config::error::Flaw;
use crate::config::file::{Dialect, Encoding, Reconnect, Sink, SinkKind};
use crate::config::place::Place;
use crate::control::request;
use crate::dialect::{DialectKind, Format};
use crate::id::SinkName;
use crate::media;
use crate::sink::{self, Header, Kind, QUEUE_MS_LIMIT, Secret, Settings, Url, WebSocket};

const SAMPLE_RATES_HZ: [u32; 4] = [8_000, 16_000, 24_000, 48_000];

impl Builder {
    pub(super) fn sinks(&mut self, sinks: &[Sink]) -> Vec<Settings> {
        self.check_unique("sinks", "name", sinks.iter().map(|sink| sink.name.as_str()));
        sinks.iter().enumerate().filter_map(|(index, sink)| self.sink(index, sink)).collect()
    }

    fn sink(&mut self, index: usize, sink: &Sink) -> Option<Settings> {
        let place = Place::at("sinks").index(index);
        if !request::is_name(&sink.name) {
            self.wrong(
                place.key("name"),
                "a sink's name is 1 to 64 letters, digits, '.', '_' or '-'",
            );
        }
        if !SAMPLE_RATES_HZ.contains(&sink.sample_rate) {
            self.wrong(
                place.key("sample_rate"),
                "the sample rate is 8000, 16000, 24000 or 48000 Hz",
            );
        }
        let kind = self.kind(&place, sink);
        let mut small = |key: &str, value: u64, least: u64, most: u64| {
            u32::try_from(self.number(place.key(key), value, least..=most)).unwrap_or(u32::MAX)
        };
        let queue_ms = small("queue_ms", sink.queue_ms, 100, u64::from(QUEUE_MS_LIMIT));
        let connect_timeout_ms = small("connect_timeout_ms", sink.connect_timeout_ms, 50, 60_000);
        let drain_ms = small("drain_ms", sink.drain_ms, 0, 10_000);
        let max_streams = small("max_streams", sink.max_streams, 1, 1_000_000);
        let max_duration = sink.max_duration_s.map(request::max_duration).transpose();
        if let Err(member) = &max_duration {
            self.wrong(place.key("max_duration_s"), member.to_string());
        }
        let encoding = match sink.encoding {
            Encoding::L16 => media::Encoding::L16,
            Encoding::Pcmu => media::Encoding::Pcmu,
        };
        let reconnect = self.reconnect(&place, &sink.reconnect);
        Some(Settings {
            format: Format { sample_rate: sink.sample_rate, encoding },
            max_streams: usize::try_from(max_streams).unwrap_or(usize::MAX),
            max_duration: max_duration.unwrap_or_default(),
            redact_dtmf: sink.redact_dtmf,
            queue_ms,
            connect_timeout_ms,
            drain_ms,
            reconnect,
            ..Settings::new(SinkName::new(sink.name.as_str()), kind?)
        })
    }

    fn kind(&mut self, place: &Place, sink: &Sink) -> Option<Kind> {
        let Some(kind) = sink.kind else {
            self.wrong(place.key("kind"), "a sink is of kind \"websocket\", \"wav\" or \"scope\"");
            return None;
        };
        let (is_websocket, is_wav) = (kind == SinkKind::Websocket, kind == SinkKind::Wav);
        for (key, is_given, is_known) in [
            ("url", sink.url.is_some(), is_websocket),
            ("dialect", sink.dialect.is_some(), is_websocket),
            ("bearer", sink.bearer.is_some(), is_websocket),
            ("headers", !sink.headers.is_empty(), is_websocket),
            ("extra_ca", sink.extra_ca.is_some(), is_websocket),
            ("directory", sink.directory.is_some(), is_wav),
        ] {
            if is_given && !is_known {
                self.wrong(place.key(key), "a sink of this kind has no such key");
            }
        }
        match kind {
            SinkKind::Websocket => self.websocket(place, sink).map(Kind::WebSocket),
            SinkKind::Wav => match &sink.directory {
                Some(directory) => Some(Kind::Wav { directory: PathBuf::from(directory) }),
                None => {
                    self.wrong(place.key("directory"), "a wav sink needs a directory");
                    None
                }
            },
            SinkKind::Scope => Some(Kind::Scope),
        }
    }

    fn websocket(&mut self, place: &Place, sink: &Sink) -> Option<WebSocket> {
        let url = match sink.url.as_deref().map(str::parse::<Url>) {
            Some(Ok(url)) => Some(url),
            Some(Err(error)) => {
                self.wrong(place.key("url"), error.to_string());
                None
            }
            None => {
                let flaw = Flaw::at(place.key("url"), "a websocket sink needs a url");
                self.note(flaw.with_help("url = \"wss://asr.example/stream\""));
                None
            }
        };
        let dialect = match sink.dialect {
            Some(Dialect::Native) | None => DialectKind::Native,
            Some(Dialect::Twilio) => DialectKind::Twilio,
        };
        let mut headers = Vec::new();
        for (name, value) in &sink.headers {
            match Header::new(name, value) {
                Ok(header) => headers.push(header),
                Err(error) => self.wrong(place.key("headers").key(name), error.to_string()),
            }
        }
        let bearer =
            sink.bearer.as_deref().map(Secret::bearer).transpose().unwrap_or_else(|error| {
                self.wrong(place.key("bearer"), error.to_string());
                None
            });
        let extra_ca = sink.extra_ca.as_ref().map(PathBuf::from);
        Some(WebSocket { url: url?, dialect, headers, bearer, extra_ca })
    }

    fn reconnect(&mut self, place: &Place, file: &Reconnect) -> sink::Reconnect {
        let place = place.key("reconnect");
        if file.max_delay_ms < file.first_delay_ms {
            self.wrong(place.key("max_delay_ms"), "the longest delay is below the first");
        }
        let mut small = |key: &str, value: u64, least: u64, most: u64| {
            u32::try_from(self.number(place.key(key), value, least..=most)).unwrap_or(u32::MAX)
        };
        sink::Reconnect {
            attempts: small("attempts", file.attempts, 0, 1_000),
            first_delay_ms: small("first_delay_ms", file.first_delay_ms, 10, 60_000),
            max_delay_ms: small("max_delay_ms", file.max_delay_ms, 10, 600_000),
        }
    }
}
