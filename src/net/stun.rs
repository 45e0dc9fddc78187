//! STUN on SIP's own UDP port, RFC 5626 §3.5.2: a phone asks for the address that it is seen by, which keeps its way through
//! translators open and tells it when that way has changed. Binding requests (RFC 5389) alone, and without attributes that would
//! have to be understood. Anybody is answered and nothing is kept: to the shortest request, with the headers of IP and UDP, the
//! answer is 60 to 48 bytes over IPv4 and 92 to 68 over IPv6, so it amplifies less than any answer to a stranger may.

use std::net::{IpAddr, SocketAddr};

/// RFC 5389 §6: type, length, magic cookie, transaction.
const HEADER_BYTES: usize = 20;
const MAGIC_COOKIE: [u8; 4] = [0x21, 0x12, 0xa4, 0x42];
const BINDING_REQUEST: [u8; 2] = [0x00, 0x01];
const BINDING_SUCCESS: [u8; 2] = [0x01, 0x01];
const XOR_MAPPED_ADDRESS: [u8; 2] = [0x00, 0x20];
/// Attributes from here on may be passed over, RFC 5389 §15.
const OPTIONAL_ATTRIBUTES: u16 = 0x8000;

/// Whether a datagram is STUN: RFC 5389 §6, the first two bits are zero, as of no SIP message, and the cookie is there.
pub(super) fn is_stun(datagram: &[u8]) -> bool {
    datagram.first().is_some_and(|first| first & 0xc0 == 0)
        && datagram.get(4..8) == Some(&MAGIC_COOKIE)
}

/// The answer to a binding request: where it came from. `None` for anything else, which is dropped.
pub(super) fn answer(datagram: &[u8], from: SocketAddr) -> Option<Vec<u8>> {
    let (header, attributes) = datagram.split_at_checked(HEADER_BYTES)?;
    let length = u16::from_be_bytes(header.get(2..4)?.try_into().ok()?);
    let is_request =
        header.starts_with(&BINDING_REQUEST) && usize::from(length) == attributes.len();
    if !is_request || !is_understood(attributes) {
        return None;
    }
    let mask = header.get(4..)?;
    let octets: Vec<u8> = match from.ip().to_canonical() {
        IpAddr::V4(address) => address.octets().into(),
        IpAddr::V6(address) => address.octets().into(),
    };
    let family = if octets.len() == 4 { 1 } else { 2 };
    let masked = |bytes: &[u8]| -> Vec<u8> {
        bytes.iter().zip(mask).map(|(byte, mask)| byte ^ mask).collect()
    };
    // §15.2: the port is masked with the first half of the cookie, the address with cookie and transaction.
    let value = [&[0, family], &masked(&from.port().to_be_bytes())[..], &masked(&octets)].concat();
    let value_bytes = u16::try_from(value.len()).ok()?;
    let body = [&XOR_MAPPED_ADDRESS, &value_bytes.to_be_bytes()[..], &value].concat();
    let body_bytes = u16::try_from(body.len()).ok()?;
    Some([&BINDING_SUCCESS, &body_bytes.to_be_bytes()[..], mask, &body].concat())
}

/// Whether every attribute may be passed over.
fn is_understood(mut attributes: &[u8]) -> bool {
    while let Some((head, rest)) = attributes.split_first_chunk::<4>() {
        let [kind, length] = [[head[0], head[1]], [head[2], head[3]]].map(u16::from_be_bytes);
        let padded = usize::from(length).next_multiple_of(4);
        match rest.get(padded..) {
            Some(next) if kind >= OPTIONAL_ATTRIBUTES => attributes = next,
            Some(_) | None => return false,
        }
    }
    attributes.is_empty()
}

#[cfg(test)]
mod tests {
    use super::*;

    /// The transaction of RFC 5769 §2, whose responses show these addresses.
    const TRANSACTION: [u8; 12] =
        [0xb7, 0xe7, 0xa7, 0x01, 0xbc, 0x34, 0xd6, 0x86, 0xfa, 0x87, 0xdf, 0xae];

    fn request(attributes: &[u8]) -> Vec<u8> {
        let length = u16::try_from(attributes.len()).unwrap().to_be_bytes();
        [&BINDING_REQUEST, &length[..], &MAGIC_COOKIE, &TRANSACTION, attributes].concat()
    }

    #[test]
    fn a_binding_request_is_told_where_it_came_from_as_rfc_5769_writes_it() {
        let four = answer(&request(&[]), "192.0.2.1:32853".parse().unwrap()).unwrap();
        assert_eq!(four[..4], [1, 1, 0, 12]);
        assert_eq!(four[4..20], request(&[])[4..20]);
        assert_eq!(four[20..], [0, 0x20, 0, 8, 0, 1, 0xa1, 0x47, 0xe1, 0x12, 0xa6, 0x43]);
        let six = "[2001:db8:1234:5678:11:2233:4455:6677]:32853".parse().unwrap();
        let six = answer(&request(&[]), six).unwrap();
        assert_eq!(six[20..28], [0, 0x20, 0, 20, 0, 2, 0xa1, 0x47]);
        assert_eq!(
            six[28..],
            [
                0x01, 0x13, 0xa9, 0xfa, 0xa5, 0xd3, 0xf1, 0x79, 0xbc, 0x25, 0xf4, 0xb5, 0xbe, 0xd2,
                0xb9, 0xd9
            ]
        );
    }

    #[test]
    fn only_a_whole_binding_request_that_asks_for_nothing_else_is_answered() {
        let from = "192.0.2.1:32853".parse().unwrap();
        let software = [0x80, 0x22, 0, 3, b'a', b'b', b'c', 0];
        assert!(answer(&request(&software), from).is_some());
        let username = [0, 6, 0, 4, b'a', b'b', b'c', b'd'];
        assert!(answer(&request(&username), from).is_none());
        assert!(answer(&request(&software[..7]), from).is_none());
        assert!(answer(&request(&software)[..24], from).is_none());
        let mut response = request(&[]);
        response[0] = 1;
        assert!(is_stun(&response) && answer(&response, from).is_none());
        assert!(!is_stun(b"OPTIONS sip:a@b SIP/2.0\r\n") && !is_stun(&request(&[])[..7]));
    }
}
