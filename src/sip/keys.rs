//! The headers that every message must have, checked once and remembered as ranges.

use super::address::Address;
use super::error::ParseError;
use super::head::{Head, Span};
use super::method::Method;
use super::names::Known;
use super::scan::{self, Elements};
use super::via::Via;

/// Where the identity of a message is: transaction, dialog, sequence.
#[derive(Clone, Debug)]
pub(super) struct Keys {
    pub(super) call_id: Span,
    pub(super) cseq: u32,
    pub(super) cseq_method: Method,
    pub(super) from: Span,
    pub(super) from_tag: Option<Span>,
    pub(super) to: Span,
    pub(super) to_tag: Option<Span>,
    pub(super) top_via: Span,
    pub(super) branch: Option<Span>,
    pub(super) max_forwards: Option<u8>,
}

impl Keys {
    /// Finds and checks the mandatory headers, and those optional ones whose misreading would do harm.
    pub(super) fn read(head: &Head) -> Result<Keys, ParseError> {
        let whole = head.bytes();
        let vias = Vias::read(head)?;
        let from = Party::read(head, Known::From, "From")?;
        let to = Party::read(head, Known::To, "To")?;
        let call_id =
            single(head, Known::CallId, "Call-ID")?.ok_or(ParseError::Missing("Call-ID"))?;
        if !is_word(call_id) {
            return Err(ParseError::Malformed("Call-ID"));
        }
        let cseq = single(head, Known::CSeq, "CSeq")?.ok_or(ParseError::Missing("CSeq"))?;
        let (cseq, cseq_method) = sequence(cseq).ok_or(ParseError::Malformed("CSeq"))?;
        let max_forwards = match single(head, Known::MaxForwards, "Max-Forwards")? {
            // RFC 3261 §20.22: an integer in the range 0-255.
            Some(value) => Some(
                scan::number(value)
                    .and_then(|hops| u8::try_from(hops).ok())
                    .ok_or(ParseError::Malformed("Max-Forwards"))?,
            ),
            None => None,
        };
        single(head, Known::ContentType, "Content-Type")?;
        Ok(Keys {
            call_id: Span::within(whole, call_id),
            cseq,
            cseq_method,
            from: from.value,
            from_tag: from.tag,
            to: to.value,
            to_tag: to.tag,
            top_via: vias.top,
            branch: vias.branch,
            max_forwards,
        })
    }
}

/// Checks every Contact. A request with one that cannot be read would be taken for a request without it, which in a REGISTER asks
/// for something else. In a response it is passed over: dropping the response would help nobody.
pub(super) fn check_contacts(head: &Head) -> Result<(), ParseError> {
    for contact in head.known(Known::Contact).flat_map(Elements::of) {
        Address::parse_bytes(contact).map_err(|error| ParseError::Address("Contact", error))?;
    }
    Ok(())
}

/// The one value of a header that must not be repeated.
fn single<'a>(
    head: &'a Head,
    known: Known,
    name: &'static str,
) -> Result<Option<&'a [u8]>, ParseError> {
    let mut lines = head.known(known);
    let first = lines.next();
    if lines.next().is_some() {
        return Err(ParseError::Repeated(name));
    }
    Ok(first)
}

/// From or To.
struct Party {
    value: Span,
    tag: Option<Span>,
}

impl Party {
    fn read(head: &Head, known: Known, name: &'static str) -> Result<Party, ParseError> {
        let value = single(head, known, name)?.ok_or(ParseError::Missing(name))?;
        let address =
            Address::parse_bytes(value).map_err(|error| ParseError::Address(name, error))?;
        let tag = address.tag();
        // The tag goes into headers of ours: it must be one word. RFC 3261 §25.1 says token; RFC 4475 and the field are wider.
        // A tag that is there but cannot be said is malformed, lest a second one be added to it.
        let sound = match tag {
            Some(tag) => address.count("tag") == 1 && is_word(tag.as_bytes()),
            None => address.count("tag") == 0,
        };
        if address.is_wildcard() || !sound {
            return Err(ParseError::Malformed(name));
        }
        Ok(Party {
            value: Span::within(head.bytes(), without_last_separator(value)),
            tag: tag.map(|tag| Span::within(head.bytes(), tag.as_bytes())),
        })
    }
}

/// `value` without a stray semicolon at its end, so that a parameter can follow.
pub(super) fn without_last_separator(value: &[u8]) -> &[u8] {
    let end = value.iter().rposition(|&byte| byte != b';' && !scan::is_space(byte));
    end.and_then(|end| value.get(..=end)).unwrap_or_default()
}

struct Vias {
    top: Span,
    branch: Option<Span>,
}

impl Vias {
    /// Every Via is checked, since every one is copied into the response.
    fn read(head: &Head) -> Result<Vias, ParseError> {
        let mut top = None;
        for value in head.known(Known::Via).flat_map(Elements::of) {
            let via = Via::parse_bytes(value)?;
            if top.is_some() {
                continue;
            }
            let branch = via.branch();
            if via.count("branch") != usize::from(branch.is_some()) {
                return Err(ParseError::Malformed("Via"));
            }
            let branch = branch.map(|branch| Span::within(head.bytes(), branch.as_bytes()));
            top = Some(Vias { top: Span::within(head.bytes(), value), branch });
        }
        top.ok_or(ParseError::Missing("Via"))
    }
}

/// Visible text without whitespace, quotes and separators that would end a parameter.
fn is_word(text: &[u8]) -> bool {
    !text.is_empty()
        && std::str::from_utf8(text).is_ok()
        && !text.iter().any(|&byte| byte <= b' ' || byte == 0x7f || matches!(byte, b',' | b';'))
}

/// `1*DIGIT LWS Method`
fn sequence(value: &[u8]) -> Option<(u32, Method)> {
    let (digits, rest) = scan::take_while(value, |byte| byte.is_ascii_digit());
    let method = scan::trim_start(rest);
    if method.len() == rest.len() || !scan::is_token(method) {
        return None;
    }
    // RFC 3261 §8.1.1.5 asks senders to stay below 2**31; phones that start anywhere in 32 bits are read all the same.
    let number = u32::try_from(scan::number(digits)?).ok()?;
    let method = std::str::from_utf8(method).ok()?;
    Some((number, Method::from(method)))
}
