//! The sinks: the only place where the address of a destination can be written.

use std::path::PathBuf;
use std::time::Duration;

use super::Builder;
use crate::call;
use crate::config::error::Flaw;
use crate::config::file::{
    Basic, Channels, Dialect, Encoding, HeardTrack, Hearers, Reconnect, Signing, Sink, SinkKind,
    Spool,
};
use crate::config::place::Place;
use crate::control::request;
use crate::dialect::audiosocket::Heard;
use crate::dialect::{DialectKind, Format};
use crate::fragments;
use crate::id::{SinkName, Track};
use crate::media;
use crate::net::tls::CertificateFiles;
use crate::sink::{
    self, AudioSocket, Carrier, Credentials, Destinations, Header, HostPort, Key, Kind, Mercy,
    QUEUE_MS_LIMIT, Rtp, Secret, Settings, Url, WebSocket,
};

/// What Amazon Connect's streams have: about a second.
const FRAGMENT_MS: u64 = 1_000;

/// How long, how large and for how many a stream store is unless it says so.
const RETENTION_HOURS: u64 = 24;
const STORE_MIB: u64 = 10_240;
const READERS: u64 = 3;

impl Builder {
    pub(super) fn sinks(
        &mut self,
        sinks: &[Sink],
        spool: &Spool,
        destinations: &Destinations,
    ) -> Vec<Settings> {
        self.check_unique("sinks", "name", sinks.iter().map(|sink| sink.name.as_str()));
        let sinks = sinks.iter().enumerate();
        let sinks: Vec<_> =
            sinks.map(|(index, sink)| self.sink(index, sink, destinations)).collect();
        self.check_directories(&sinks, spool);
        sinks.into_iter().flatten().collect()
    }

    fn sink(&mut self, index: usize, sink: &Sink, destinations: &Destinations) -> Option<Settings> {
        let place = Place::at("sinks").index(index);
        if !request::is_name(&sink.name) {
            self.wrong(
                place.key("name"),
                "a sink's name is 1 to 64 letters, digits, '.', '_' or '-'",
            );
        }
        let kind = self.kind(&place, sink, destinations);
        let format = self.format(&place, sink, kind.as_ref());
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
        let back_channel = self.back_channel(&place, sink, kind.as_ref());
        let reconnect = self.reconnect(&place, &sink.reconnect);
        let delivery = self.delivery(&place, sink, kind.as_ref());
        Some(Settings {
            delivery,
            format,
            max_streams: usize::try_from(max_streams).unwrap_or(usize::MAX),
            max_duration: max_duration.unwrap_or_default(),
            redact_dtmf: sink.redact_dtmf,
            queue_ms,
            connect_timeout_ms,
            drain_ms,
            reconnect,
            back_channel,
            ..Settings::new(SinkName::new(sink.name.as_str()), kind?)
        })
    }

    /// Whom it may speak to: only sinks whose protocol has words for it.
    fn back_channel(
        &mut self,
        place: &Place,
        sink: &Sink,
        kind: Option<&Kind>,
    ) -> Option<(call::Hearers, u32)> {
        let place = |key: &str| place.key(key);
        let buffer = self.number(place("back_channel_ms"), sink.back_channel_ms, 200..=60_000);
        let hearers = match sink.back_channel? {
            Hearers::Customer => call::Hearers::Customer,
            Hearers::Agent => call::Hearers::Agent,
            Hearers::Both => call::Hearers::Both,
        };
        if kind.is_some_and(|kind| !kind.speaks()) {
            self.wrong(place("back_channel"), "a sink of this kind and dialect cannot speak");
        }
        Some((hearers, u32::try_from(buffer).unwrap_or(u32::MAX)))
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

    fn kind(&mut self, place: &Place, sink: &Sink, destinations: &Destinations) -> Option<Kind> {
        let Some(kind) = sink.kind else {
            self.wrong(
                place.key("kind"),
                "a sink is of kind \"websocket\", \"audiosocket\", \"rtp\", \"siprec\", \"nats\", \"wav\", \"flac\", \"matroska\", \"store\" or \"scope\"",
            );
            return None;
        };
        self.check_keys(place, sink, kind);
        match kind {
            SinkKind::Websocket => self.websocket(place, sink, destinations).map(Kind::WebSocket),
            SinkKind::Audiosocket => {
                self.audiosocket(place, sink, destinations).map(Kind::AudioSocket)
            }
            SinkKind::Rtp => self.rtp(place, sink, destinations).map(Kind::Rtp),
            SinkKind::Siprec => self.siprec(place, sink, destinations).map(Kind::Siprec),
            SinkKind::Nats => self.nats(place, sink, destinations).map(Kind::Nats),
            SinkKind::Wav => Some(Kind::Wav { directory: self.directory(place, sink)? }),
            SinkKind::Flac => Some(Kind::Flac { directory: self.directory(place, sink)? }),
            SinkKind::Matroska => {
                let fragment_ms = self.fragment_ms(place, sink);
                Some(Kind::Matroska { directory: self.directory(place, sink)?, fragment_ms })
            }
            SinkKind::Store => self.store(place, sink).map(Kind::Store),
            SinkKind::Scope => Some(Kind::Scope),
        }
    }

    /// Refuses keys that mean nothing for this kind of sink.
    fn check_keys(&mut self, place: &Place, sink: &Sink, kind: SinkKind) {
        let is_websocket = kind == SinkKind::Websocket;
        let is_audiosocket = kind == SinkKind::Audiosocket;
        let is_rtp = kind == SinkKind::Rtp;
        let is_siprec = kind == SinkKind::Siprec;
        let is_nats = kind == SinkKind::Nats;
        let (is_matroska, is_store) = (kind == SinkKind::Matroska, kind == SinkKind::Store);
        for (key, is_given, is_known) in [
            ("url", sink.url.is_some(), is_websocket || is_nats),
            ("urls", !sink.urls.is_empty(), is_websocket || is_nats),
            ("dialect", sink.dialect.is_some(), is_websocket),
            ("bearer", sink.bearer.is_some(), is_websocket),
            ("basic", sink.basic.is_some(), is_websocket || is_nats),
            ("signing", sink.signing.is_some(), is_websocket),
            ("twilio_token", sink.twilio_token.is_some(), is_websocket),
            ("headers", !sink.headers.is_empty(), is_websocket),
            ("extra_ca", sink.extra_ca.is_some(), is_websocket || is_nats),
            ("client_certificate", sink.client_certificate.is_some(), is_websocket || is_nats),
            ("client_key", sink.client_key.is_some(), is_websocket || is_nats),
            ("address", sink.address.is_some(), is_audiosocket || is_rtp || is_siprec),
            ("addresses", !sink.addresses.is_empty(), is_audiosocket || is_siprec),
            ("account", sink.account.is_some(), is_siprec),
            ("stream", sink.stream.is_some(), is_nats),
            ("subject", sink.subject.is_some(), is_nats),
            ("create", sink.create.is_some(), is_nats),
            ("token", sink.token.is_some(), is_nats),
            ("nkey", sink.nkey.is_some(), is_nats),
            ("creds", sink.creds.is_some(), is_nats),
            ("track", sink.track.is_some(), is_audiosocket),
            ("payload_type", sink.payload_type.is_some(), is_rtp || is_siprec),
            (
                "directory",
                sink.directory.is_some(),
                is_store || is_matroska || matches!(kind, SinkKind::Wav | SinkKind::Flac),
            ),
            ("fragment_ms", sink.fragment_ms.is_some(), is_store || is_matroska),
            ("retention_hours", sink.retention_hours.is_some(), is_store),
            ("max_mib", sink.max_mib.is_some(), is_store),
            ("readers_per_stream", sink.readers_per_stream.is_some(), is_store),
        ] {
            if is_given && !is_known {
                self.wrong(place.key(key), "a sink of this kind has no such key");
            }
        }
    }

    fn directory(&mut self, place: &Place, sink: &Sink) -> Option<PathBuf> {
        if sink.directory.is_none() {
            self.wrong(place.key("directory"), "a sink of this kind needs a directory");
        }
        sink.directory.as_ref().map(PathBuf::from)
    }

    fn fragment_ms(&mut self, place: &Place, sink: &Sink) -> u32 {
        let length = sink.fragment_ms.unwrap_or(FRAGMENT_MS);
        u32::try_from(self.number(place.key("fragment_ms"), length, 100..=10_000)).unwrap_or(1000)
    }

    fn store(&mut self, place: &Place, sink: &Sink) -> Option<fragments::Settings> {
        let fragment_ms = self.fragment_ms(place, sink);
        let mut number = |key: &str, given: Option<u64>, usual: u64, range| {
            self.number(place.key(key), given.unwrap_or(usual), range)
        };
        let hours = number("retention_hours", sink.retention_hours, RETENTION_HOURS, 0..=87_600);
        let mib = number("max_mib", sink.max_mib, STORE_MIB, 1..=1_000_000_000);
        let readers = number("readers_per_stream", sink.readers_per_stream, READERS, 1..=1_000);
        Some(fragments::Settings {
            directory: self.directory(place, sink)?,
            retention: Duration::from_secs(hours * 3_600),
            max_bytes: mib * 1_024 * 1_024,
            fragment_ms,
            readers_per_stream: usize::try_from(readers).unwrap_or(usize::MAX),
        })
    }

    fn websocket(
        &mut self,
        place: &Place,
        sink: &Sink,
        destinations: &Destinations,
    ) -> Option<WebSocket> {
        let example = "url = \"wss://asr.example/stream\"";
        let written = self.one_or_many(place, ["url", "urls"], &sink.url, &sink.urls, example)?;
        let mut urls: Vec<Url> = Vec::new();
        for (place, text) in written {
            match text.parse::<Url>() {
                Ok(url) => {
                    self.check_destination(
                        place,
                        destinations,
                        url.host(),
                        url.port(),
                        Carrier::Tcp,
                    );
                    urls.push(url);
                }
                Err(error) => self.wrong(place, error.to_string()),
            }
        }
        let dialect = match sink.dialect {
            Some(Dialect::Native) | None => DialectKind::Native,
            Some(Dialect::Twilio) => DialectKind::Twilio,
            Some(Dialect::Telnyx) => DialectKind::Telnyx,
            Some(Dialect::Jambonz) => DialectKind::Jambonz,
            Some(Dialect::Audiohook) => DialectKind::AudioHook,
        };
        let is_plain = !urls.iter().any(Url::is_secure);
        let plain = is_plain.then_some("wss://").filter(|_| !urls.is_empty());
        let (extra_ca, client_certificate) = self.certificates(place, sink, plain);
        let credentials = self.credentials(place, sink);
        let is_usable = !urls.is_empty();
        is_usable.then_some(WebSocket { urls, dialect, credentials, extra_ca, client_certificate })
    }

    /// Whom the sink believes, and what it shows; `plain` is the scheme that it lacks.
    pub(super) fn certificates(
        &mut self,
        place: &Place,
        sink: &Sink,
        plain: Option<&str>,
    ) -> (Option<PathBuf>, Option<CertificateFiles>) {
        let keys = ["client_certificate", "client_key"];
        let own = self.pair(place, keys, [&sink.client_certificate, &sink.client_key]);
        let given = [("extra_ca", sink.extra_ca.is_some()), ("client_certificate", own.is_some())];
        for (key, is_given) in given {
            if let (true, Some(scheme)) = (is_given, plain) {
                let message = format!("without {scheme} there is no TLS and so no certificate");
                self.wrong(place.key(key), message);
            }
        }
        (sink.extra_ca.as_ref().map(PathBuf::from), own)
    }

    fn credentials(&mut self, place: &Place, sink: &Sink) -> Credentials {
        let mut headers = Vec::new();
        for (name, value) in &sink.headers {
            match Header::new(name, value) {
                Ok(header) => headers.push(header),
                Err(error) => self.wrong(place.key("headers").key(name), error.to_string()),
            }
        }
        let authorization = match (&sink.bearer, &sink.basic) {
            (Some(_), Some(_)) => {
                self.wrong(place.key("basic"), "`bearer` and `basic` exclude each other");
                None
            }
            (Some(token), None) => Some((place.key("bearer"), Secret::bearer(token))),
            (None, Some(Basic { user, password })) => {
                Some((place.key("basic"), Secret::basic(user, password)))
            }
            (None, None) => None,
        };
        let authorization = authorization.and_then(|(place, secret)| match secret {
            Ok(secret) => Some(secret),
            Err(error) => {
                self.wrong(place, error.to_string());
                None
            }
        });
        let signing = sink.signing.as_ref().and_then(|signing| self.signing(place, signing));
        let twilio = sink.twilio_token.as_deref().map(Key::new);
        Credentials { authorization, headers, signing, twilio }
    }

    fn signing(&mut self, place: &Place, file: &Signing) -> Option<sink::Signing> {
        let place = place.key("signing");
        if file.secret.is_empty() || file.key_id.is_empty() {
            self.wrong(place, "a signature needs `key_id` and `secret`");
            return None;
        }
        let key = match file.base64 {
            true => Key::from_base64(&file.secret).ok(),
            false => Some(Key::new(file.secret.as_str())),
        };
        let Some(key) = key else {
            self.wrong(place.key("secret"), "this is not base64");
            return None;
        };
        sink::Signing::new(&file.key_id, key)
            .map_err(|_| {
                self.wrong(place.key("key_id"), "a key's name is printable ASCII without quotes")
            })
            .ok()
    }

    fn audiosocket(
        &mut self,
        place: &Place,
        sink: &Sink,
        destinations: &Destinations,
    ) -> Option<AudioSocket> {
        let keys = ["address", "addresses"];
        let example = "address = \"pbx.example:9092\"";
        let written = self.one_or_many(place, keys, &sink.address, &sink.addresses, example)?;
        let addresses = written
            .into_iter()
            .filter_map(|(place, text)| self.host_port(place, &text, destinations, Carrier::Tcp))
            .collect::<Vec<_>>();
        let heard = match sink.track {
            Some(HeardTrack::FromCustomer) => Heard::Only(Track::FromCustomer),
            Some(HeardTrack::ToCustomer) => Heard::Only(Track::ToCustomer),
            Some(HeardTrack::Mixed) | None => Heard::Mixed,
        };
        (!addresses.is_empty()).then_some(AudioSocket { addresses, heard })
    }

    fn rtp(&mut self, place: &Place, sink: &Sink, destinations: &Destinations) -> Option<Rtp> {
        let payload_type = self.payload_type(place, sink, None);
        let Some(text) = &sink.address else {
            let flaw = Flaw::at(place.key("address"), "an rtp sink needs an address");
            self.note(flaw.with_help("address = \"recorder.example:5004\""));
            return None;
        };
        let address = self.host_port(place.key("address"), text, destinations, Carrier::Udp)?;
        Some(Rtp { address, payload_type })
    }

    /// The texts under one key or under its plural.
    pub(super) fn one_or_many(
        &mut self,
        place: &Place,
        [one, many]: [&str; 2],
        text: &Option<String>,
        texts: &[String],
        example: &str,
    ) -> Option<Vec<(Place, String)>> {
        match (text, texts) {
            (Some(_), [_, ..]) => {
                self.wrong(place.key(many), format!("`{one}` and `{many}` exclude each other"));
                None
            }
            (Some(text), []) => Some(vec![(place.key(one), text.clone())]),
            (None, [_, ..]) => {
                let place = |index| place.key(many).index(index);
                Some(texts.iter().enumerate().map(|(n, text)| (place(n), text.clone())).collect())
            }
            (None, []) => {
                let flaw = Flaw::at(place.key(one), format!("this sink needs its {one}"));
                self.note(flaw.with_help(example));
                None
            }
        }
    }

    fn host_port(
        &mut self,
        place: Place,
        text: &str,
        destinations: &Destinations,
        carrier: Carrier,
    ) -> Option<HostPort> {
        match text.parse::<HostPort>() {
            Ok(address) => {
                let (host, port) = (address.host(), address.port());
                self.check_destination(place, destinations, host, port, carrier);
                Some(address)
            }
            Err(error) => {
                self.wrong(place, error.to_string());
                None
            }
        }
    }

    fn reconnect(&mut self, place: &Place, file: &Reconnect) -> sink::Reconnect {
        let place = place.key("reconnect");
        if file.max_delay_ms < file.first_delay_ms {
            self.wrong(place.key("max_delay_ms"), "the longest delay is below the first");
        }
        let mut small = |key: &str, value: u64, least: u64, most: u64| {
            u32::try_from(self.number(place.key(key), value, least..=most)).unwrap_or(u32::MAX)
        };
        let rest_ms = small("rest_ms", file.rest_ms, 10, 600_000);
        sink::Reconnect {
            attempts: small("attempts", file.attempts, 0, 1_000),
            first_delay_ms: small("first_delay_ms", file.first_delay_ms, 10, 60_000),
            max_delay_ms: small("max_delay_ms", file.max_delay_ms, 10, 600_000),
            mercy: Mercy {
                failures: small("failures", file.failures, 0, 1_000),
                rest: Duration::from_millis(rest_ms.into()),
                connects_per_s: small("connects_per_s", file.connects_per_s, 1, 100_000),
            },
        }
    }
}

fn quoted(word: &str) -> String {
    format!("\"{word}\"")
}
