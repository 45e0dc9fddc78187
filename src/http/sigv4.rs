//! Verifies requests that an AWS SDK has signed in their headers: Signature Version 4, algorithm AWS4-HMAC-SHA256.
//!
//! The signature is over method, path, query, the named headers and the digest of the body, under a key that is derived
//! from the secret, the day, the region and the service.

use axum::http::header::AUTHORIZATION;
use axum::http::{HeaderMap, Method, Uri};
use hmac::{Hmac, KeyInit, Mac};
use sha2::{Digest, Sha256};
use subtle::ConstantTimeEq;

use super::Token;
use crate::control::json::Timestamp;

const ALGORITHM: &str = "AWS4-HMAC-SHA256";

/// How far a request's time may be from ours, either way.
pub(super) const SKEW_MS: u64 = 5 * 60 * 1000;

/// Why a signature does not count.
#[derive(Clone, Copy, Debug, PartialEq, Eq, thiserror::Error)]
pub(super) enum SignatureError {
    #[error("the request is neither signed nor carries a token")]
    Unsigned,
    #[error("the Authorization header is not a signature of version 4: {0}")]
    Malformed(&'static str),
    #[error("the access key id is not known here")]
    UnknownKey,
    #[error("the request was signed more than 5 minutes from this server's time")]
    Skewed,
    #[error("this signed request was taken before: sign it anew, at another second")]
    Replayed,
    #[error("the signature does not fit the request and the secret of its key")]
    Mismatch,
    #[error("this needs the role operator")]
    Forbidden,
}

/// A request as it arrived.
pub(super) struct SignedRequest<'a> {
    /// What it must be signed for.
    pub(super) service: &'a str,
    pub(super) method: &'a Method,
    pub(super) uri: &'a Uri,
    pub(super) headers: &'a HeaderMap,
    pub(super) body: &'a [u8],
}

/// The parts of the Authorization header.
struct Authorization<'a> {
    key_id: &'a str,
    /// `20261121/eu-west-1/connect/aws4_request`
    scope: &'a str,
    day: &'a str,
    region: &'a str,
    service: &'a str,
    signed_headers: &'a str,
    signature: &'a str,
}

/// Whether the request claims to be signed.
pub(super) fn is_signed(headers: &HeaderMap) -> bool {
    headers
        .get(AUTHORIZATION)
        .is_some_and(|value| value.as_bytes().starts_with(ALGORITHM.as_bytes()))
}

impl SignedRequest<'_> {
    /// Checks key, time and signature. Returns whose key it is, and the signature.
    pub(super) fn verify<'s>(
        &self,
        now: Timestamp,
        token_of: impl Fn(&str) -> Option<&'s Token>,
    ) -> Result<(&'s Token, String), SignatureError> {
        let text = self
            .headers
            .get(AUTHORIZATION)
            .and_then(|value| value.to_str().ok())
            .unwrap_or_default();
        let authorization = Authorization::parse(text, self.service)?;
        let date =
            self.header("x-amz-date").ok_or(SignatureError::Malformed("X-Amz-Date is missing"))?;
        let signed_at =
            parse_date(&date).ok_or(SignatureError::Malformed("X-Amz-Date is not a date"))?;
        if !date.starts_with(authorization.day) {
            return Err(SignatureError::Malformed("the scope is of another day than X-Amz-Date"));
        }
        let token = token_of(authorization.key_id).ok_or(SignatureError::UnknownKey)?;
        if now.as_unix_millis().abs_diff(signed_at) > SKEW_MS {
            return Err(SignatureError::Skewed);
        }
        let canonical = self.canonical(&authorization)?;
        let to_sign = format!(
            "{ALGORITHM}\n{date}\n{}\n{}",
            authorization.scope,
            hex(&Sha256::digest(canonical))
        );
        let expected = hex(&hmac(&authorization.signing_key(token.secret.reveal()), &to_sign));
        if bool::from(expected.as_bytes().ct_eq(authorization.signature.as_bytes())) {
            Ok((token, expected))
        } else {
            Err(SignatureError::Mismatch)
        }
    }

    /// The request in the one form that both sides sign.
    fn canonical(&self, authorization: &Authorization<'_>) -> Result<String, SignatureError> {
        let mut headers = String::new();
        for name in authorization.signed_headers.split(';') {
            let value =
                self.header(name).ok_or(SignatureError::Malformed("a signed header is missing"))?;
            headers += &format!("{name}:{value}\n");
        }
        let mut query: Vec<&str> = self
            .uri
            .query()
            .unwrap_or_default()
            .split('&')
            .filter(|pair| !pair.is_empty())
            .collect();
        query.sort_unstable();
        Ok(format!(
            "{}\n{}\n{}\n{headers}\n{}\n{}",
            self.method,
            encoded(self.uri.path()),
            query.join("&"),
            authorization.signed_headers,
            hex(&Sha256::digest(self.body)),
        ))
    }

    /// A header's values, joined by commas, each with its runs of spaces made one.
    fn header(&self, name: &str) -> Option<String> {
        let values: Option<Vec<String>> = self
            .headers
            .get_all(name)
            .iter()
            .map(|value| {
                Some(value.to_str().ok()?.split_whitespace().collect::<Vec<_>>().join(" "))
            })
            .collect();
        values.filter(|values| !values.is_empty()).map(|values| values.join(","))
    }
}

impl<'a> Authorization<'a> {
    fn parse(text: &'a str, service: &'a str) -> Result<Self, SignatureError> {
        let malformed = SignatureError::Malformed;
        let rest = text.strip_prefix(ALGORITHM).ok_or(malformed("another algorithm"))?;
        let part = |name: &str| {
            let parts = rest.split(',').filter_map(|part| part.trim().split_once('='));
            parts.into_iter().find(|(given, _)| *given == name).map(|(_, value)| value)
        };
        let credential = part("Credential").ok_or(malformed("no Credential"))?;
        let signed_headers = part("SignedHeaders").ok_or(malformed("no SignedHeaders"))?;
        let signature = part("Signature").ok_or(malformed("no Signature"))?;
        let (key_id, scope) =
            credential.split_once('/').ok_or(malformed("a Credential without scope"))?;
        let scope_parts: Vec<&str> = scope.split('/').collect();
        let [day, region, signed_service, "aws4_request"] = scope_parts.as_slice() else {
            return Err(malformed("the scope is not day/region/service/aws4_request"));
        };
        if *signed_service != service {
            return Err(malformed("the scope is of another service"));
        }
        // Unsigned, the host could be another's and the date anybody's.
        if !["host", "x-amz-date"]
            .iter()
            .all(|name| signed_headers.split(';').any(|signed| signed == *name))
        {
            return Err(malformed("host and x-amz-date must be signed"));
        }
        Ok(Authorization { key_id, scope, day, region, service, signed_headers, signature })
    }

    fn signing_key(&self, secret: &str) -> [u8; 32] {
        let day = hmac(format!("AWS4{secret}").as_bytes(), self.day);
        let region = hmac(&day, self.region);
        hmac(&hmac(&region, self.service), "aws4_request")
    }
}

fn hmac(key: &[u8], text: &str) -> [u8; 32] {
    let mut mac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of every length");
    mac.update(text.as_bytes());
    mac.finalize().into_bytes().into()
}

fn hex(bytes: &[u8]) -> String {
    bytes.iter().map(|byte| format!("{byte:02x}")).collect()
}

/// The path, encoded once more than it was sent, as every service but the object store wants it.
fn encoded(path: &str) -> String {
    let mut text = String::with_capacity(path.len());
    for byte in path.bytes() {
        match byte {
            b'A'..=b'Z' | b'a'..=b'z' | b'0'..=b'9' | b'-' | b'.' | b'_' | b'~' | b'/' => {
                text.push(char::from(byte))
            }
            _ => text += &format!("%{byte:02X}"),
        }
    }
    text
}

/// `20261121T093000Z` in milliseconds since 1970.
pub(super) fn parse_date(text: &str) -> Option<u64> {
    let (date, time) = text.strip_suffix('Z')?.split_once('T')?;
    let is_number = |text: &str, digits: usize| {
        text.len() == digits && text.bytes().all(|byte| byte.is_ascii_digit())
    };
    if !is_number(date, 8) || !is_number(time, 6) {
        return None;
    }
    let number = |text: &str, from: usize| text.get(from..from + 2)?.parse::<u64>().ok();
    let (year, month, day) =
        (date.get(..4)?.parse::<u64>().ok()?, number(date, 4)?, number(date, 6)?);
    let (hour, minute, second) = (number(time, 0)?, number(time, 2)?, number(time, 4)?);
    if !(1970..=9999).contains(&year) || !(1..=12).contains(&month) || !(1..=31).contains(&day) {
        return None;
    }
    // Years counted from March have their leap day at their end.
    let (year, month) = if month > 2 { (year, month - 3) } else { (year - 1, month + 9) };
    let days =
        year * 365 + year / 4 - year / 100 + year / 400 + (153 * month + 2) / 5 + day - 1 - 719_468;
    Some((((days * 24 + hour) * 60 + minute) * 60 + second) * 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn dates_are_read_as_the_calendar_has_them() {
        for (text, expected) in [
            ("19700101T000000Z", Some("1970-01-01T00:00:00.000Z")),
            ("20000229T235959Z", Some("2000-02-29T23:59:59.000Z")),
            ("20261121T093000Z", Some("2026-11-21T09:30:00.000Z")),
            ("20261321T093000Z", None),
            ("2026-11-21T09:30Z", None),
            ("20261121T093000", None),
            ("", None),
        ] {
            let read =
                parse_date(text).map(|millis| Timestamp::from_unix_millis(millis).to_string());
            assert_eq!(read.as_deref(), expected, "{text}");
        }
    }

    #[test]
    fn the_signing_key_is_derived_as_the_specification_derives_it() {
        let scope = "20120215/us-east-1/connect/aws4_request";
        let (day, region) = ("20120215", "us-east-1");
        let authorization = Authorization {
            key_id: "",
            scope,
            day,
            region,
            service: "connect",
            signed_headers: "",
            signature: "",
        };
        // botocore.auth.SigV4Auth derives the same from this secret, day, region and service.
        let expected = "bceb7a3b8e97f1b74c0fdebb05d11289a25f0ee27d9512475230ee00d27ee7b0";
        assert_eq!(
            hex(&authorization.signing_key("wJalrXUtnFEMI/K7MDENG+bPxRfiCYEXAMPLEKEY")),
            expected
        );
    }
}
