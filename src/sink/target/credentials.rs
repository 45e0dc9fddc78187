//! How a sink is shown who calls: what the opening request carries beside the handshake.
//!
//! The signature is an HTTP message signature (RFC 9421) with one shared key, as AudioHook servers want it:
//!
//! ```text
//! "@request-target": /stream?x=1
//! "@authority": asr.example
//! "sidestream-stream-id": 01KAJ4F2S8N4H6W0Y3P9G5Z7KA
//! "@signature-params": ("@request-target" "@authority" "sidestream-stream-id");keyid="…";nonce="…";alg="hmac-sha256";created=…;expires=…
//! ```

use std::fmt;

use base64::Engine as _;
use base64::engine::general_purpose::STANDARD as BASE64;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha1::Sha1;
use sha2::Sha256;
use tokio_tungstenite::tungstenite::handshake::client::Request;
use tokio_tungstenite::tungstenite::http::header::{AUTHORIZATION, HOST};
use tokio_tungstenite::tungstenite::http::{HeaderName, HeaderValue};

use super::super::settings::{Header, HeaderError, Secret};

/// How long a signature is good for, in seconds: the connection is begun at once, and clocks differ a little.
const SIGNATURE_LIFE_S: u64 = 30;

/// Says which stream a signed request is for.
const STREAM_ID: HeaderName = HeaderName::from_static("sidestream-stream-id");

const SIGNATURE: HeaderName = HeaderName::from_static("signature");
const SIGNATURE_INPUT: HeaderName = HeaderName::from_static("signature-input");
const TWILIO_SIGNATURE: HeaderName = HeaderName::from_static("x-twilio-signature");

/// What is shown to a sink.
#[derive(Clone, Debug, Default)]
pub struct Credentials {
    /// The value of `Authorization`.
    pub authorization: Option<Secret>,
    /// Further headers.
    pub headers: Vec<Header>,
    /// Signs the request.
    pub signing: Option<Signing>,
    /// Signs the address, as Twilio does.
    pub twilio: Option<Key>,
}

/// A key, not shown in logs.
#[derive(Clone, PartialEq, Eq)]
pub struct Key(Vec<u8>);

impl Key {
    /// The octets of a key.
    pub fn new(octets: impl Into<Vec<u8>>) -> Key {
        Key(octets.into())
    }

    /// A key that is written in base64.
    ///
    /// # Errors
    /// It is none.
    pub fn from_base64(text: &str) -> Result<Key, base64::DecodeError> {
        BASE64.decode(text).map(Key)
    }

    fn hmac_sha256(&self, text: &str) -> String {
        let mut mac =
            Hmac::<Sha256>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }

    fn hmac_sha1(&self, text: &str) -> String {
        let mut mac = Hmac::<Sha1>::new_from_slice(&self.0).expect("HMAC takes keys of any length");
        mac.update(text.as_bytes());
        BASE64.encode(mac.finalize().into_bytes())
    }
}

impl fmt::Debug for Key {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("…")
    }
}

/// The name of a key, and the key.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Signing {
    /// What the sink knows the key by.
    key_id: String,
    key: Key,
}

impl Signing {
    /// Signs with `key`, which the sink knows as `key_id`.
    ///
    /// # Errors
    /// The name holds characters that a parameter cannot hold (RFC 8941 §3.3.3).
    pub fn new(key_id: &str, key: Key) -> Result<Signing, HeaderError> {
        let is_held = |c: char| matches!(c, ' '..='~') && !matches!(c, '"' | '\\');
        match key_id.chars().all(is_held) {
            true => Ok(Signing { key_id: key_id.to_owned(), key }),
            false => Err(HeaderError::Value("signature-input".to_owned())),
        }
    }
}

/// What is particular to one attempt.
#[derive(Clone, Debug)]
pub(in crate::sink) struct Opening {
    /// The stream.
    pub(in crate::sink) stream: String,
    /// What the dialect wants to be in the request.
    pub(in crate::sink) headers: Vec<(&'static str, String)>,
}

/// A moment and a number that is used once.
pub(super) struct Once {
    pub(super) unix_s: u64,
    pub(super) nonce: u128,
}

impl Credentials {
    /// Puts everything into `request`.
    pub(super) fn show(&self, request: &mut Request, opening: &Opening, once: &Once) {
        let mut signed = Vec::new();
        if self.signing.is_some() {
            put(request, STREAM_ID, value(&opening.stream));
            signed.push(STREAM_ID);
        }
        for (name, text) in &opening.headers {
            let name = HeaderName::from_static(name);
            put(request, name.clone(), value(text));
            signed.push(name);
        }
        for Header { name, value } in &self.headers {
            put(request, name.clone(), Some(value.clone()));
            signed.push(name.clone());
        }
        if let Some(authorization) = &self.authorization {
            put(request, AUTHORIZATION, Some(authorization.value()));
        }
        if let Some(signing) = &self.signing {
            signing.sign(request, signed, once);
        }
        if let Some(key) = &self.twilio {
            // A WebSocket's opening request has no form: the address is all that is signed.
            let signature = key.hmac_sha1(&request.uri().to_string());
            put(request, TWILIO_SIGNATURE, value(&signature));
        }
    }
}

impl Signing {
    fn sign(&self, request: &mut Request, mut headers: Vec<HeaderName>, once: &Once) {
        headers.dedup();
        let uri = request.uri();
        let target = uri.path_and_query().map_or("/", |target| target.as_str());
        let host = request.headers().get(HOST).and_then(|host| host.to_str().ok());
        let mut components = vec![
            ("@request-target".to_owned(), target.to_owned()),
            ("@authority".to_owned(), authority(host.unwrap_or_default(), uri.scheme_str())),
        ];
        for name in headers {
            let values = request.headers().get_all(&name).iter();
            // RFC 9421 §2.1: several of one name are one, joined.
            let values = values.filter_map(|value| value.to_str().ok()).map(str::trim);
            components.push((name.to_string(), values.collect::<Vec<_>>().join(", ")));
        }
        let names = components.iter().map(|(name, _)| format!("\"{name}\""));
        let parameters = format!(
            "({});keyid=\"{}\";nonce=\"{:032x}\";alg=\"hmac-sha256\";created={};expires={}",
            names.collect::<Vec<_>>().join(" "),
            self.key_id,
            once.nonce,
            once.unix_s,
            once.unix_s + SIGNATURE_LIFE_S,
        );
        let signature = self.key.hmac_sha256(&signature_base(&components, &parameters));
        put(request, SIGNATURE_INPUT, value(&format!("sig1={parameters}")));
        put(request, SIGNATURE, value(&format!("sig1=:{signature}:")));
    }
}

/// RFC 9421 §2.5.
fn signature_base(components: &[(String, String)], parameters: &str) -> String {
    let lines = components.iter().map(|(name, value)| format!("\"{name}\": {value}\n"));
    lines.collect::<String>() + "\"@signature-params\": " + parameters
}

/// RFC 9421 §2.2.3: lower case, and without the port that the scheme implies.
fn authority(host: &str, scheme: Option<&str>) -> String {
    let usual = if scheme == Some("wss") { ":443" } else { ":80" };
    host.strip_suffix(usual).unwrap_or(host).to_ascii_lowercase()
}

fn put(request: &mut Request, name: HeaderName, value: Option<HeaderValue>) {
    if let Some(value) = value {
        request.headers_mut().append(name, value);
    }
}

/// `None` for what a header cannot hold, which is left out.
fn value(text: &str) -> Option<HeaderValue> {
    let mut value: HeaderValue = text.parse().ok()?;
    value.set_sensitive(true);
    Some(value)
}

#[cfg(test)]
mod tests {
    use tokio_tungstenite::tungstenite::client::IntoClientRequest as _;

    use super::*;

    const ONCE: Once = Once { unix_s: 1_700_000_000, nonce: 0xfeed };

    fn shown(url: &str, credentials: &Credentials, headers: &[(&'static str, &str)]) -> Request {
        let mut request = url.into_client_request().expect(url);
        let headers = headers.iter().map(|(name, value)| (*name, (*value).to_owned())).collect();
        let opening = Opening { stream: "s1".to_owned(), headers };
        credentials.show(&mut request, &opening, &ONCE);
        request
    }

    fn text<'r>(request: &'r Request, name: &str) -> &'r str {
        request.headers().get(name).map_or("", |value| value.to_str().expect(name))
    }

    #[test]
    fn the_signature_of_rfc_9421_b_2_5_comes_out() {
        let key = Key::from_base64(
            "uzvJfB4u3N0Jy4T7NZ75MDVcr8zSTInedJtkgcu46YW4XByzNJjxBdtjUkdJPBtbmHhIDi6pcl8jsasjlTMtDQ==",
        );
        let components = [
            ("date".to_owned(), "Tue, 20 Apr 2021 02:07:55 GMT".to_owned()),
            ("@authority".to_owned(), "example.com".to_owned()),
            ("content-type".to_owned(), "application/json".to_owned()),
        ];
        let parameters = "(\"date\" \"@authority\" \"content-type\");created=1618884473;keyid=\"test-shared-secret\"";
        let base = signature_base(&components, parameters);
        let signature = key.expect("base64").hmac_sha256(&base);
        assert_eq!(signature, "pxcQw6G3AjtMBQjwo8XzkZf/bws5LelbaMk5rGIGtE8=");
    }

    #[test]
    fn a_signed_request_covers_its_target_its_authority_the_stream_and_every_header_of_ours() {
        let signing = Signing::new("key 1", Key::new("hunter2")).expect("a name");
        let credentials = Credentials {
            authorization: Some(Secret::bearer("token").expect("a token")),
            headers: vec![Header::new("X-Tenant", " acme").expect("a header")],
            signing: Some(signing.clone()),
            twilio: None,
        };
        let url = "wss://ASR.example:443/a?b=c";
        let request = shown(url, &credentials, &[("audiohook-session-id", "e1")]);
        assert_eq!(text(&request, "authorization"), "Bearer token");
        assert_eq!(text(&request, "sidestream-stream-id"), "s1");
        assert_eq!(text(&request, "audiohook-session-id"), "e1");
        let parameters = "(\"@request-target\" \"@authority\" \"sidestream-stream-id\" \"audiohook-session-id\" \
                          \"x-tenant\");keyid=\"key 1\";nonce=\"0000000000000000000000000000feed\";alg=\"hmac-sha256\";\
                          created=1700000000;expires=1700000030";
        assert_eq!(text(&request, "signature-input"), format!("sig1={parameters}"));
        let base = format!(
            "\"@request-target\": /a?b=c\n\"@authority\": asr.example\n\"sidestream-stream-id\": s1\n\
             \"audiohook-session-id\": e1\n\"x-tenant\": acme\n\"@signature-params\": {parameters}"
        );
        let signature = signing.key.hmac_sha256(&base);
        assert_eq!(text(&request, "signature"), format!("sig1=:{signature}:"));
        assert!(!format!("{credentials:?}").contains("hunter2"));
        assert!(Signing::new("a\"b", Key::new("x")).is_err());
    }

    #[test]
    fn the_authority_is_the_host_header_without_the_usual_port() {
        for (host, scheme, expected) in [
            ("a.example:443", "wss", "a.example"),
            ("a.example:443", "ws", "a.example:443"),
            ("A.example:80", "ws", "a.example"),
            ("[::1]:9000", "ws", "[::1]:9000"),
        ] {
            assert_eq!(authority(host, Some(scheme)), expected);
        }
    }

    #[test]
    fn a_twilio_signature_is_the_one_that_twilios_own_validator_takes() {
        // As `twilio.request_validator.RequestValidator("12345").compute_signature(url, {})` gives it.
        let credentials = Credentials { twilio: Some(Key::new("12345")), ..Default::default() };
        let request = shown("wss://bot.example/media?tenant=acme", &credentials, &[]);
        assert_eq!(text(&request, "x-twilio-signature"), "+K4wY7xdQcOb3ViHE92Fsi27JRg=");
        assert_eq!(text(&request, "signature"), "");
    }
}
