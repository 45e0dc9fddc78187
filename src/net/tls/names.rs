//! Under which name a server was looked up, so that its certificate can be held against it (RFC 5922 §4).

use std::collections::{HashMap, VecDeque};
use std::net::{IpAddr, SocketAddr};
use std::sync::{Arc, Mutex, PoisonError};

use rustls::pki_types::{DnsName, ServerName};

/// Names that are known at once; one more takes the place of the oldest. A server whose name was forgotten must have a certificate
/// for its address, so a name that is in use is learned again with each look-up.
const MAX_NAMES: usize = 8_192;

/// The name that each address was found by. Cheap to clone; all clones are one list.
///
/// An address that was found by two names has the newer one: who hosts both has a certificate for both.
#[derive(Clone, Debug, Default)]
pub struct ServerNames(Arc<Mutex<Known>>);

#[derive(Debug, Default)]
struct Known {
    names: HashMap<SocketAddr, DnsName<'static>>,
    /// In the order in which they became known.
    order: VecDeque<SocketAddr>,
}

impl ServerNames {
    /// Notes that `name` led to `remote`: the name that was asked for, not the one that a record of it pointed to. A name that is an
    /// address, or that no certificate could be for, is forgotten at once: then the certificate has to be for the address.
    pub fn learn(&self, remote: SocketAddr, name: &str) {
        let name = name.strip_suffix('.').unwrap_or(name);
        let mut known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match (name.parse::<IpAddr>(), DnsName::try_from(name.to_ascii_lowercase())) {
            (Err(_), Ok(name)) => known.insert(remote, name),
            (Ok(_), _) | (_, Err(_)) => known.remove(remote),
        }
    }

    /// What the certificate of `remote` has to be for.
    pub fn expected(&self, remote: SocketAddr) -> ServerName<'static> {
        let known = self.0.lock().unwrap_or_else(PoisonError::into_inner);
        match known.names.get(&remote) {
            Some(name) => ServerName::DnsName(name.clone()),
            None => ServerName::IpAddress(remote.ip().to_canonical().into()),
        }
    }
}

impl Known {
    fn insert(&mut self, remote: SocketAddr, name: DnsName<'static>) {
        if self.names.insert(remote, name).is_some() {
            return;
        }
        self.order.push_back(remote);
        if self.order.len() > MAX_NAMES
            && let Some(oldest) = self.order.pop_front()
        {
            self.names.remove(&oldest);
        }
    }

    fn remove(&mut self, remote: SocketAddr) {
        if self.names.remove(&remote).is_some() {
            self.order.retain(|known| *known != remote);
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(number: u32) -> SocketAddr {
        SocketAddr::from((number.to_be_bytes(), 5061))
    }

    fn named(names: &ServerNames, remote: SocketAddr) -> String {
        names.expected(remote).to_str().into_owned()
    }

    #[test]
    fn a_server_is_held_to_the_name_it_was_looked_up_by_and_otherwise_to_its_address() {
        let names = ServerNames::default();
        assert_eq!(named(&names, at(1)), "0.0.0.1");
        names.learn(at(1), "SIP.Example.net.");
        assert_eq!(named(&names.clone(), at(1)), "sip.example.net");
        names.learn(at(1), "b.example.net");
        assert_eq!(named(&names, at(1)), "b.example.net");
        names.learn(at(1), "0.0.0.1");
        assert_eq!(named(&names, at(1)), "0.0.0.1");
        names.learn(at(1), "no name");
        assert_eq!(named(&names, at(1)), "0.0.0.1");
    }

    #[test]
    fn names_are_bounded_and_the_oldest_goes_first() {
        let names = ServerNames::default();
        for number in 0..=u32::try_from(MAX_NAMES).expect("a small number") {
            names.learn(at(number), "a.example");
        }
        assert_eq!(named(&names, at(0)), "0.0.0.0");
        assert_eq!(named(&names, at(1)), "a.example");
    }
}
