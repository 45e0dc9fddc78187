//! A durable log: NATS JetStream.

use std::fmt;
use std::path::PathBuf;
use std::str::FromStr;
use std::time::Duration;

use super::HostPort;
use crate::net::tls::{CertificateFiles, TlsSettings};

/// The log that a sink is.
#[derive(Clone, Debug)]
pub struct Nats {
    /// Where its servers are; the first that can be reached is taken.
    pub urls: Vec<NatsUrl>,
    /// The JetStream stream that keeps the messages.
    pub stream: LogName,
    /// What every subject begins with.
    pub prefix: Prefix,
    /// How the stream is made when it is not there; without it, it has to be there.
    pub create: Option<NewLog>,
    /// What the server is shown.
    pub login: Option<Login>,
    /// Certificates (PEM) that are trusted beside the system's.
    pub extra_ca: Option<PathBuf>,
    /// What is shown inside TLS.
    pub client_certificate: Option<CertificateFiles>,
}

/// How a JetStream stream is made.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NewLog {
    /// How long it keeps a message.
    pub keep: Duration,
    /// How large it may become; the oldest messages make room.
    pub bytes: u64,
    /// On so many servers of a cluster.
    pub replicas: usize,
}

/// What a server of NATS is shown. Never in logs.
#[derive(Clone, PartialEq, Eq)]
pub enum Login {
    /// A token.
    Token(String),
    /// A user and a password.
    User(String, String),
    /// The seed of an Ed25519 key, whose public half the server knows.
    Nkey(String),
    /// The text of a credentials file: a JWT and the seed of its key.
    Creds(String),
}

impl fmt::Debug for Login {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

impl Nats {
    /// Whom we believe inside TLS, and what we show.
    pub fn tls(&self) -> TlsSettings {
        TlsSettings {
            trusted_ca: self.extra_ca.clone(),
            own_certificate: self.client_certificate.clone(),
            ..TlsSettings::default()
        }
    }
}

/// The address of a server: `nats://` or `tls://`, a host, perhaps a port.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct NatsUrl {
    at: HostPort,
    is_secure: bool,
}

/// Why a text is none.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
#[error(
    "a NATS server is written as nats://log.example:4222, or tls://log.example:4222; who we are stands in keys of its own"
)]
pub struct NatsUrlError;

impl NatsUrl {
    /// Its host and port.
    pub const fn at(&self) -> &HostPort {
        &self.at
    }

    /// Whether it is reached inside TLS and not otherwise.
    pub const fn is_secure(&self) -> bool {
        self.is_secure
    }
}

impl FromStr for NatsUrl {
    type Err = NatsUrlError;

    fn from_str(text: &str) -> Result<NatsUrl, NatsUrlError> {
        let (scheme, rest) = text.split_once("://").ok_or(NatsUrlError)?;
        let is_secure = match scheme {
            "nats" => false,
            "tls" => true,
            _ => return Err(NatsUrlError),
        };
        let rest = rest.strip_suffix('/').unwrap_or(rest);
        // An address in brackets holds colons of its own.
        let has_port = rest.rsplit_once(']').map_or(rest, |(_, port)| port).contains(':');
        let at = if has_port { rest.parse() } else { format!("{rest}:4222").parse() };
        Ok(NatsUrl { at: at.map_err(|_| NatsUrlError)?, is_secure })
    }
}

/// The name of a JetStream stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct LogName(String);

/// Tokens of a subject, joined by dots.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Prefix(String);

/// Why a text is no name.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub enum LogNameError {
    /// A stream's.
    #[error("a JetStream stream's name is 1 to 64 letters, digits, '_' or '-'")]
    Stream,
    /// A subject's.
    #[error(
        "a subject's beginning is 1 to 128 letters, digits, '_' or '-', in tokens joined by dots"
    )]
    Prefix,
}

/// What every server, its files and its consumers take without quoting.
fn is_token(text: &str) -> bool {
    let is_plain = |byte: u8| byte.is_ascii_alphanumeric() || matches!(byte, b'_' | b'-');
    !text.is_empty() && text.bytes().all(is_plain)
}

impl LogName {
    /// The name.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl Prefix {
    /// The tokens.
    pub fn as_str(&self) -> &str {
        &self.0
    }
}

impl FromStr for LogName {
    type Err = LogNameError;

    fn from_str(text: &str) -> Result<LogName, LogNameError> {
        let is_name = text.len() <= 64 && is_token(text);
        is_name.then(|| LogName(text.to_owned())).ok_or(LogNameError::Stream)
    }
}

impl FromStr for Prefix {
    type Err = LogNameError;

    fn from_str(text: &str) -> Result<Prefix, LogNameError> {
        let is_prefix = text.len() <= 128 && text.split('.').all(is_token);
        is_prefix.then(|| Prefix(text.to_owned())).ok_or(LogNameError::Prefix)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_server_is_a_host_with_a_scheme_and_the_usual_port() {
        for (text, at, is_secure) in [
            ("nats://log.example", "log.example:4222", false),
            ("tls://log.example:4443/", "log.example:4443", true),
            ("nats://[2001:db8::7]", "[2001:db8::7]:4222", false),
            ("nats://[2001:db8::7]:1", "[2001:db8::7]:1", false),
        ] {
            let url: NatsUrl = text.parse().expect(text);
            assert_eq!((url.at().to_string().as_str(), url.is_secure()), (at, is_secure));
        }
        for wrong in
            ["", "log.example", "http://a", "nats://", "nats://u:p@a:1", "nats://a:0", "nats://a/b"]
        {
            assert_eq!(wrong.parse::<NatsUrl>(), Err(NatsUrlError), "{wrong}");
        }
    }

    #[test]
    fn names_are_plain_and_logins_stay_out_of_logs() {
        assert!("CALLS".parse::<LogName>().is_ok() && "calls.live-1".parse::<Prefix>().is_ok());
        for wrong in ["", "a b", "a*", ">", "a..b", ".", "ä"] {
            assert_eq!(wrong.parse::<Prefix>(), Err(LogNameError::Prefix), "{wrong}");
            assert_eq!(wrong.parse::<LogName>(), Err(LogNameError::Stream), "{wrong}");
        }
        assert_eq!("a.b".parse::<LogName>(), Err(LogNameError::Stream));
        for login in [
            Login::Token("hunter2".into()),
            Login::User("u".into(), "hunter2".into()),
            Login::Nkey("hunter2".into()),
            Login::Creds("hunter2".into()),
        ] {
            assert!(!format!("{login:?}").contains("hunter2"));
        }
    }
}
