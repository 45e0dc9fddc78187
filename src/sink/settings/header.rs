//! Headers of an opening request, and what they must not show.

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};

/// One header of the opening request. Its value is not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Header {
    pub(in crate::sink) name: HeaderName,
    pub(in crate::sink) value: HeaderValue,
}

/// Why a header cannot be sent.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
pub enum HeaderError {
    /// Not a token.
    #[error("{0:?} is not a header name")]
    Name(String),
    /// A control character or the like.
    #[error("the value of header {0:?} holds characters that a header cannot hold")]
    Value(String),
    /// Part of the WebSocket handshake.
    #[error("header {0:?} belongs to the WebSocket handshake")]
    Reserved(String),
}

impl Header {
    /// The header `name: value`.
    pub fn new(name: &str, value: &str) -> Result<Header, HeaderError> {
        const RESERVED: [&str; 4] = ["host", "connection", "upgrade", "content-length"];
        let parsed: HeaderName = name.parse().map_err(|_| HeaderError::Name(name.to_owned()))?;
        if RESERVED.contains(&parsed.as_str()) || parsed.as_str().starts_with("sec-websocket-") {
            return Err(HeaderError::Reserved(name.to_owned()));
        }
        let mut value: HeaderValue =
            value.parse().map_err(|_| HeaderError::Value(name.to_owned()))?;
        value.set_sensitive(true);
        Ok(Header { name: parsed, value })
    }
}

impl fmt::Debug for Header {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}: …", self.name)
    }
}

/// The value of `Authorization`, not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Secret(HeaderValue);

impl Secret {
    /// A bearer token, RFC 6750.
    pub fn bearer(token: &str) -> Result<Secret, HeaderError> {
        Secret::authorization(&format!("Bearer {token}"))
    }

    /// A name and a password, RFC 7617.
    pub fn basic(user: &str, password: &str) -> Result<Secret, HeaderError> {
        let is_sent =
            !user.contains(':') && !format!("{user}{password}").contains(char::is_control);
        match is_sent {
            true => Secret::authorization(&format!(
                "Basic {}",
                BASE64.encode(format!("{user}:{password}"))
            )),
            false => Err(HeaderError::Value("authorization".to_owned())),
        }
    }

    fn authorization(text: &str) -> Result<Secret, HeaderError> {
        let mut value: HeaderValue =
            text.parse().map_err(|_| HeaderError::Value("authorization".to_owned()))?;
        value.set_sensitive(true);
        Ok(Secret(value))
    }

    pub(in crate::sink) fn value(&self) -> HeaderValue {
        self.0.clone()
    }
}

impl fmt::Debug for Secret {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_name_and_a_password_are_sent_as_rfc_7617_says() {
        let secret = Secret::basic("Aladdin", "open sesame").expect("a login");
        assert_eq!(secret.value().to_str().ok(), Some("Basic QWxhZGRpbjpvcGVuIHNlc2FtZQ=="));
        assert!(Secret::basic("a:b", "x").is_err() && Secret::basic("a", "x\n").is_err());
    }

    #[test]
    fn secrets_stay_out_of_logs_and_the_handshake_keeps_its_headers() {
        let header = Header::new("X-Key", "hunter2").expect("a header");
        let secret = Secret::bearer("hunter2").expect("a token");
        assert!(!format!("{header:?} {secret:?}").contains("hunter2"));
        assert!(matches!(Header::new("Sec-WebSocket-Key", "x"), Err(HeaderError::Reserved(_))));
        assert!(matches!(Header::new("a b", "x"), Err(HeaderError::Name(_))));
        assert!(matches!(Header::new("a", "x\r\ny"), Err(HeaderError::Value(_))));
    }
}
