//! The server that starts without a file: loopback only, with credentials that are random and new each time.

use std::fmt;

use rand::RngExt;

use super::build::{self, Rules};
use super::file::{File, Http, Sink, SinkKind, Sip, Start, Streaming, Token, User};
use super::{Config, LogFormat, LogSettings};

/// The phones that may register.
const PHONES: std::ops::RangeInclusive<u32> = 1000..=1009;

/// Letters and digits that are not mistaken for each other when they are read aloud.
const READABLE: &[u8; 31] = b"abcdefghjkmnpqrstuvwxyz23456789";

/// The ports of a development server; 0 takes any free one.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct DevelopmentPorts {
    /// SIP over UDP and TCP.
    pub sip: u16,
    /// The API.
    pub http: u16,
}

impl Default for DevelopmentPorts {
    fn default() -> Self {
        DevelopmentPorts { sip: 5060, http: 8080 }
    }
}

/// A development server's configuration, and its credentials as they are shown to its user.
#[derive(Clone)]
pub struct Development {
    /// The configuration.
    pub config: Config,
    /// The names of the phones.
    pub phones: Vec<String>,
    /// The password of them all: `k7w-q2m-9ad`.
    pub password: String,
    /// The API key.
    pub key: String,
}

impl fmt::Debug for Development {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Development").field("config", &self.config).finish_non_exhaustive()
    }
}

/// A loopback server with ten phones, the sink `scope` and an API key.
pub fn development(ports: DevelopmentPorts) -> Development {
    let (password, key) = (spoken(3, 3), spoken(6, 4));
    let phones: Vec<String> = PHONES.map(|phone| phone.to_string()).collect();
    let user = |name: &String| User {
        name: name.clone(),
        password: password.clone(),
        may_control_streams: true,
        ..User::default()
    };
    let scope = || "scope".to_owned();
    let file = File {
        sip: Sip {
            listen: ["udp", "tcp"]
                .map(|transport| format!("{transport}:127.0.0.1:{}", ports.sip))
                .into(),
            ..Sip::default()
        },
        streaming: Streaming {
            default_sink: Some(scope()),
            record: Some(Start {
                sink: Some(scope()),
                label: Some("record".into()),
                ..Start::default()
            }),
            ..Streaming::default()
        },
        http: Http {
            listen: format!("127.0.0.1:{}", ports.http),
            tokens: vec![Token { id: "local".into(), secret: key.clone(), ..Token::default() }],
            ..Http::default()
        },
        users: phones.iter().map(user).collect(),
        sinks: vec![Sink { name: scope(), kind: Some(SinkKind::Scope), ..Sink::default() }],
        ..File::default()
    };
    let config = build::build(file, Rules::Development)
        .expect("the defaults obey their own rules; a test builds them");
    let log = LogSettings { level: "info".to_owned(), format: LogFormat::Text };
    Development { config: Config { log, ..config }, phones, password, key }
}

/// A secret that can be read aloud: `groups` of `letters`, joined by dashes. Each letter is worth 4.95 bits.
fn spoken(groups: usize, letters: usize) -> String {
    let mut random = rand::rng();
    let mut group = || -> String {
        (0..letters).map(|_| char::from(READABLE[random.random_range(0..READABLE.len())])).collect()
    };
    (0..groups).map(|_| group()).collect::<Vec<_>>().join("-")
}
