//! SIP messages as the phone reads and writes them: the heads by `rsip`, with care around its two traps.
//!
//! `rsip` 0.4 refuses a whole request whose Request-URI holds an IPv6 literal, and writes bodies through a lossy UTF-8
//! conversion. So the Request-URI is read here and replaced before parsing, and start line and body are written here.

use std::net::SocketAddr;

use rsip::headers::{ToTypedHeader, UntypedHeader};
use rsip::message::{HasHeaders, HeadersExt};
use rsip::{Header, Headers, Method, SipMessage};

use super::error::PhoneError;

/// A request as it came.
#[derive(Clone, Debug)]
pub(super) struct Request {
    /// The Request-URI as written.
    pub(super) uri: String,
    /// Everything else; its `uri` is a stand-in.
    pub(super) inner: rsip::Request,
}

/// One message as it came.
#[derive(Clone, Debug)]
pub(super) enum Message {
    /// Somebody asks.
    Request(Request),
    /// Somebody answers.
    Response(rsip::Response),
}

/// Reads one message. A body longer than Content-Length is cut (RFC 3261 §18.3).
pub(super) fn parse(bytes: &[u8]) -> Result<Message, PhoneError> {
    let head_end =
        find(bytes, b"\r\n\r\n").ok_or(PhoneError::Malformed("the head does not end"))? + 4;
    let line_end = find(bytes, b"\r\n").ok_or(PhoneError::Malformed("no start line"))?;
    let line =
        std::str::from_utf8(&bytes[..line_end]).map_err(|_| PhoneError::Malformed("start line"))?;
    let message = if line.starts_with("SIP/2.0 ") {
        Message::Response(match SipMessage::try_from(bytes) {
            Ok(SipMessage::Response(response)) => response,
            Ok(SipMessage::Request(_)) | Err(_) => return Err(PhoneError::Malformed("response")),
        })
    } else {
        let mut words = line.split(' ');
        let (Some(method), Some(uri), Some("SIP/2.0"), None) =
            (words.next(), words.next(), words.next(), words.next())
        else {
            return Err(PhoneError::Malformed("request line"));
        };
        let mut readable = format!("{method} sip:phone SIP/2.0").into_bytes();
        readable.extend_from_slice(&bytes[line_end..]);
        match SipMessage::try_from(readable) {
            Ok(SipMessage::Request(inner)) => {
                Message::Request(Request { uri: uri.to_owned(), inner })
            }
            Ok(SipMessage::Response(_)) | Err(_) => return Err(PhoneError::Malformed("request")),
        }
    };
    cut_body(message, bytes.len() - head_end)
}

fn cut_body(mut message: Message, have: usize) -> Result<Message, PhoneError> {
    let (headers, body) = match &mut message {
        Message::Request(request) => (&request.inner.headers, &mut request.inner.body),
        Message::Response(response) => (&response.headers, &mut response.body),
    };
    let Some(claimed) = value(headers, "Content-Length") else {
        return Ok(message);
    };
    let claimed: usize =
        claimed.trim().parse().map_err(|_| PhoneError::Malformed("Content-Length"))?;
    if claimed > have {
        return Err(PhoneError::Malformed("the body is shorter than Content-Length"));
    }
    body.truncate(claimed);
    Ok(message)
}

pub(super) fn find(haystack: &[u8], needle: &[u8]) -> Option<usize> {
    haystack.windows(needle.len()).position(|window| window == needle)
}

/// Writes a message: Content-Length is added, the body is untouched.
pub(super) fn print(start_line: &str, headers: &Headers, body: &[u8]) -> Vec<u8> {
    let mut bytes =
        format!("{start_line}\r\n{headers}Content-Length: {}\r\n\r\n", body.len()).into_bytes();
    bytes.extend_from_slice(body);
    bytes
}

/// The value of the first header of this name, in any letter case.
pub(super) fn value(headers: &Headers, name: &str) -> Option<String> {
    values(headers, name).into_iter().next()
}

/// The values of every header of this name, in order.
pub(super) fn values(headers: &Headers, name: &str) -> Vec<String> {
    let named = |(key, text): (String, String)| key.eq_ignore_ascii_case(name).then_some(text);
    headers.iter().map(split).filter_map(named).collect()
}

/// Name and value of a header, whatever its kind.
pub(super) fn split(header: &Header) -> (String, String) {
    let text = header.to_string();
    match text.split_once(':') {
        Some((name, value)) => (name.trim().to_owned(), value.trim().to_owned()),
        None => (text, String::new()),
    }
}

/// A header of a name that `rsip` has no type for, or that needs none.
pub(super) fn header(name: &str, value: impl Into<String>) -> Header {
    Header::Other(name.to_owned(), value.into())
}

/// The tag of a From or To value: the parameters begin after the address's `>`, or at the first `;` where it has none.
pub(super) fn tag(address: &str) -> Option<&str> {
    let parameters = match address.rsplit_once('>') {
        Some((_, parameters)) => parameters,
        None => address.split_once(';').map_or("", |(_, parameters)| parameters),
    };
    parameters.split(';').find_map(|parameter| {
        let (name, value) = parameter.split_once('=')?;
        name.trim().eq_ignore_ascii_case("tag").then(|| value.trim())
    })
}

/// The URI of a Contact, From, To, Route or Record-Route value.
pub(super) fn address_uri(address: &str) -> &str {
    match address.split_once('<') {
        Some((_, rest)) => rest.split('>').next().unwrap_or(rest),
        None => address.split(';').next().unwrap_or(address).trim(),
    }
}

/// The user part of a SIP URI, as written.
pub(super) fn uri_user(uri: &str) -> Option<&str> {
    let (_, rest) = uri.split_once(':')?;
    rest.split_once('@').map(|(user, _)| user)
}

/// Host and port of a SIP URI, as written.
pub(super) fn uri_host(uri: &str) -> &str {
    let rest = uri.split_once(':').map_or(uri, |(_, rest)| rest);
    let rest = rest.rsplit_once('@').map_or(rest, |(_, host)| host);
    rest.split([';', '?']).next().unwrap_or(rest)
}

/// The socket address of a SIP URI whose host is a literal; port 5060 where it names none (RFC 3261 §19.1.2).
pub(super) fn uri_socket(uri: &str) -> Option<SocketAddr> {
    let host = uri_host(uri);
    let without_port = || host.trim_matches(['[', ']']).parse().ok();
    host.parse().ok().or_else(|| without_port().map(|address| SocketAddr::new(address, 5060)))
}

/// What identifies a transaction: the branch of the top Via and the method, where ACK and CANCEL are their INVITE's
/// (RFC 3261 §17.1.3, §17.2.3).
pub(super) fn branch(headers: &impl HeadersExt) -> Option<String> {
    let via = headers.via_header().ok()?.value();
    via.split(';').find_map(|parameter| parameter.trim().strip_prefix("branch=").map(str::to_owned))
}

/// CSeq number and method.
pub(super) fn cseq(headers: &impl HeadersExt) -> Option<(u32, Method)> {
    let typed = headers.cseq_header().ok()?.typed().ok()?;
    Some((typed.seq, typed.method))
}

impl HasHeaders for Request {
    fn headers(&self) -> &Headers {
        &self.inner.headers
    }

    fn headers_mut(&mut self) -> &mut Headers {
        &mut self.inner.headers
    }
}

impl HeadersExt for Request {}

impl Request {
    /// The Call-ID; empty when there is none.
    pub(super) fn call_id(&self) -> &str {
        self.call_id_header().map(UntypedHeader::value).unwrap_or_default()
    }

    /// The From value.
    pub(super) fn from(&self) -> &str {
        self.from_header().map(UntypedHeader::value).unwrap_or_default()
    }

    /// The To value.
    pub(super) fn to(&self) -> &str {
        self.to_header().map(UntypedHeader::value).unwrap_or_default()
    }

    /// The URI of the Contact.
    pub(super) fn contact(&self) -> Option<String> {
        self.contact_header().ok().map(|contact| address_uri(contact.value()).to_owned())
    }

    /// The CSeq number.
    pub(super) fn sequence(&self) -> u32 {
        cseq(self).map_or(0, |(number, _)| number)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_request_to_an_ipv6_target_is_read_and_its_body_cut_at_content_length() {
        let text = b"INFO sip:1000@[::1]:5070 SIP/2.0\r\nVia: SIP/2.0/UDP [::1]:5060;branch=z9hG4bKa\r\nFrom: <sip:a@[::1]>;tag=x\r\n\
            To: <sip:b@[::1]>;tag=y\r\nCall-ID: c\r\nCSeq: 7 INFO\r\nContent-Length: 2\r\n\r\n\xff\x00junk";
        let Ok(Message::Request(request)) = parse(text) else { panic!("not a request") };
        assert_eq!(request.uri, "sip:1000@[::1]:5070");
        assert_eq!(request.inner.body, [0xff, 0]);
        assert_eq!((request.call_id(), request.sequence()), ("c", 7));
        assert_eq!((tag(request.from()), tag(request.to())), (Some("x"), Some("y")));
        assert_eq!(branch(&request).as_deref(), Some("z9hG4bKa"));
    }

    #[test]
    fn a_message_that_is_not_whole_is_refused() {
        let cases: [&[u8]; 4] = [
            b"",
            b"INVITE sip:a SIP/2.0\r\nVia: x\r\n",
            b"INVITE sip:a\r\n\r\n",
            b"SIP/2.0 200 OK\r\nContent-Length: 9\r\n\r\nshort",
        ];
        for case in cases {
            assert!(parse(case).is_err(), "{case:?}");
        }
    }

    #[test]
    fn the_socket_of_a_uri_is_its_literal_host_and_port() {
        let cases = [
            ("sip:a@127.0.0.1:5070;transport=tcp", Some("127.0.0.1:5070")),
            ("sip:127.0.0.1", Some("127.0.0.1:5060")),
            ("sip:a@[::1]:5070", Some("[::1]:5070")),
            ("sip:a@[::1]", Some("[::1]:5060")),
            ("sip:a@example.com", None),
        ];
        for (uri, expected) in cases {
            assert_eq!(
                uri_socket(uri),
                expected.map(|text| text.parse().expect("an address")),
                "{uri}"
            );
        }
    }

    #[test]
    fn a_tag_is_a_parameter_of_the_header_and_not_of_the_uri() {
        assert_eq!(tag("\"a;tag=no\" <sip:a@h;tag=no>;tag=yes"), Some("yes"));
        assert_eq!(tag("sip:a@h;tag=yes"), Some("yes"));
        assert_eq!(tag("<sip:a@h;tag=no>"), None);
    }
}
