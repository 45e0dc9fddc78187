//! The sinks: the only place where the address of a destination can be written.

use std::path::PathBuf;

use super::Builder;
use crate::config::error::Flaw;
use crate::config::file::{Channels, Dialect, Encoding, Reconnect, Sink, SinkKind};
use crate::config::place::Place;
use crate::control::request;
use crate::dialect::{DialectKind, Format};
use crate::id::SinkName;
use crate::media;
use crate::sink::{self, Header, Kind, QUEUE_MS_LIMIT, Secret, Settings, Url, WebSocket};

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
        let kind = self.kind(&place, sink);
        let format = self.format(&place, sink, kind.as_ref());
        let mut small = |key: &str, value: u64, least: u64, most: u64| {
            u32::try_from(self.number(place.key(key), value, least..=most)).unwrap_or(u32::MAX)
        };
        let queue_ms = small("queue_ms", sink.queue_ms, 100, u64::from(QUEUE_MS_LIMIT));
        let connect_timeout_ms = small("connect_timeout_ms", sink.connect_timeout_ms, 50, 60_000);
        let drain_ms = small("drain_ms", sink.drain_ms, 0, 10_000);
        let max_streams = small("max_streams", sink.max_streams, 1, 1_000_000);
        let reconnect = self.reconnect(&place, &sink.reconnect);
        Some(Settings {
            format,
            max_streams: usize::try_from(max_streams).unwrap_or(usize::MAX),
            queue_ms,
            connect_timeout_ms,
            drain_ms,
            reconnect,
            ..Settings::new(SinkName::new(sink.name.as_str()), kind?)
        })
    }

    /// What leaves: what is not given is what the kind of sink usually has.
    fn format(&mut self, place: &Place, sink: &Sink, kind: Option<&Kind>) -> Format {
        let encoding = sink.encoding.map(|encoding| match encoding {
            Encoding::L16 => media::Encoding::L16,
            Encoding::Pcmu => media::Encoding::Pcmu,
            Encoding::Pcma => media::Encoding::Pcma,
        });
        let channels = sink.channels.map(|channels| match channels {
            Channels::Separate => media::Channels::Separate,
            Channels::Mono => media::Channels::Mono,
            Channels::Stereo => media::Channels::Stereo,
            Channels::Mixed => media::Channels::Mixed,
        });
        let sample_rate = sink.sample_rate;
        let Some(kind) = kind else {
            return Format { sample_rate, ..Format::TELEPHONE };
        };
        let usual = |wished: Option<media::Encoding>| wished.or(kind.encodings().first().copied());
        let format = Format {
            sample_rate,
            encoding: usual(encoding).unwrap_or_default(),
            channels: channels.or(kind.channels().first().copied()).unwrap_or_default(),
        };
        if !kind.encodings().contains(&format.encoding) {
            let known = kind.encodings().iter().map(|encoding| encoding.as_str());
            self.unknown_format(place.key("encoding"), "encodings", known.map(quoted));
        } else if !kind.sample_rates(format.encoding).contains(&sample_rate) {
            let known = kind.sample_rates(format.encoding).iter().map(u32::to_string);
            self.unknown_format(place.key("sample_rate"), "rates in Hz", known);
        }
        if !kind.channels().contains(&format.channels) {
            let known = kind.channels().iter().map(|channels| channels.as_str());
            self.unknown_format(place.key("channels"), "layouts", known.map(quoted));
        }
        format
    }

    fn unknown_format(&mut self, place: Place, what: &str, known: impl Iterator<Item = String>) {
        let known: Vec<String> = known.collect();
        self.wrong(place, format!("this sink knows the {what} {}", known.join(", ")));
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

fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}
