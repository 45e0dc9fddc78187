//! Services of a domain, RFC 3403, as RFC 3263 §4.1 and RFC 7118 §5 write them for SIP.

use super::Reach;
use crate::sip::Transport;

/// A NAPTR record.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Naptr {
    /// Records of a lower order come first, and those of a higher one only when none of a lower one is of use.
    pub order: u16,
    /// Among equals of order, the lower first.
    pub preference: u16,
    /// `s`: the replacement names SRV records.
    pub flags: String,
    /// The service, like `SIP+D2U`.
    pub service: String,
    /// What to ask next.
    pub replacement: String,
}

impl Naptr {
    /// The transport that the service field stands for; `None` of a service other than SIP.
    fn transport(&self) -> Option<Transport> {
        let service = self.service.to_ascii_uppercase();
        match service.as_str() {
            "SIP+D2U" => Some(Transport::Udp),
            "SIP+D2T" => Some(Transport::Tcp),
            "SIPS+D2T" => Some(Transport::Tls),
            "SIP+D2W" => Some(Transport::Ws),
            "SIPS+D2W" => Some(Transport::Wss),
            _ => None,
        }
    }
}

/// The services that are of use, in the order in which they are tried: the transport and the name of their SRV records.
pub(super) fn usable(
    mut records: Vec<Naptr>,
    secure: bool,
    reach: &Reach,
) -> Vec<(Transport, String)> {
    records.sort_by_key(|record| (record.order, record.preference));
    let spoken = |record: &Naptr| {
        // RFC 3263 §4.1: the flag of every SIP service is "s"; a SIPS URI is never resolved to anything but SIPS.
        let transport = record.transport().filter(|_| record.flags.eq_ignore_ascii_case("s"))?;
        let fits = reach.speaks(transport) && (transport.is_secure() || !secure);
        fits.then(|| (record.order, transport, record.replacement.clone()))
    };
    let mut usable = records.iter().filter_map(spoken).peekable();
    let lowest = usable.peek().map(|(order, ..)| *order);
    usable
        .filter(|(order, ..)| Some(*order) == lowest)
        .map(|(_, transport, name)| (transport, name))
        .collect()
}
