//! The search for one URI: which questions, in which order, and what their answers mean (RFC 3263 §4.1 and §4.2).

use std::collections::VecDeque;
use std::net::{IpAddr, SocketAddr};

use super::{Family, MOST_PLACES, Naptr, Place, Question, Reach, Record, Srv, naptr, srv};
use crate::sip::{Transport, Uri};

/// How many SRV names and how many servers one search follows: an answer of thousands is somebody's joke.
const MOST_NAMES: usize = 16;

/// One URI on its way to its places.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Search {
    host: String,
    secure: bool,
    reach: Reach,
    step: Step,
}

/// What is known so far.
#[derive(Clone, Debug, PartialEq, Eq)]
enum Step {
    /// Which services the domain has is asked.
    Services,
    /// Which servers these services have is asked.
    Servers(Vec<(Transport, String)>),
    /// Which addresses these servers have is asked.
    Addresses(Vec<Server>),
    /// All is known.
    Found(Vec<Place>),
}

/// A server without its address.
#[derive(Clone, Debug, PartialEq, Eq)]
struct Server {
    transport: Transport,
    name: String,
    port: u16,
}

impl Search {
    /// Begins the search for a `sip:` or `sips:` URI. Of any other, nothing is found.
    pub fn new(uri: &Uri<'_>, reach: &Reach) -> Search {
        // RFC 3263 §4: TARGET is the maddr parameter, if there is one, else the host.
        let host = uri.param("maddr").filter(|maddr| !maddr.is_empty()).unwrap_or(uri.host());
        let host = host.trim_matches(['[', ']']).trim_end_matches('.').to_ascii_lowercase();
        let secure = uri.is_sips();
        let mut search =
            Search { host, secure, reach: reach.clone(), step: Step::Found(Vec::new()) };
        if uri.is_sip() && !search.host.is_empty() {
            search.step = search.first_step(uri);
        }
        search
    }

    fn first_step(&self, uri: &Uri<'_>) -> Step {
        let asked = match uri.param("transport") {
            Some(name) => match self.named_transport(name) {
                Some(transport) => Some(transport),
                None => return Step::Found(Vec::new()),
            },
            None => None,
        };
        // §4.1: without a transport parameter, a numeric address or a port means UDP, and TLS of a SIPS URI.
        let usual = self.usual();
        if let Ok(address) = self.host.parse::<IpAddr>() {
            let transport = asked.unwrap_or(usual);
            let port = uri.port().unwrap_or(transport.default_port());
            return self.numeric(transport, SocketAddr::new(address, port));
        }
        match (asked, uri.port()) {
            (transport, Some(port)) => {
                self.addresses(vec![self.server(transport.unwrap_or(usual), port)])
            }
            (Some(transport), None) => match service_of(transport) {
                Some(service) => {
                    self.servers(vec![(transport, format!("{service}.{}", self.host))])
                }
                None => self.addresses(vec![self.server(transport, transport.default_port())]),
            },
            (None, None) => Step::Services,
        }
    }

    /// §4.1 and RFC 3261 §26.2.2: `sips:` with `transport=tcp` means TLS over TCP.
    fn named_transport(&self, name: &str) -> Option<Transport> {
        let transport = Transport::from_name(name)?;
        let transport = if self.secure { transport.secured()? } else { transport };
        self.reach.speaks(transport).then_some(transport)
    }

    /// The transport where nothing names one: UDP, or TCP on a host that does not speak UDP.
    fn usual(&self) -> Transport {
        match self.secure {
            true => Transport::Tls,
            false if self.reach.speaks(Transport::Udp) => Transport::Udp,
            false => Transport::Tcp,
        }
    }

    fn numeric(&self, transport: Transport, remote: SocketAddr) -> Step {
        let reached = self.reach.families(transport).any(|family| family == Family::of(&remote));
        let place = reached.then_some(Place { transport, remote, name: None });
        Step::Found(place.into_iter().collect())
    }

    fn server(&self, transport: Transport, port: u16) -> Server {
        Server { transport, name: self.host.clone(), port }
    }

    /// What the DNS is to be asked now; empty when all is known.
    pub fn questions(&self) -> Vec<Question> {
        match &self.step {
            Step::Services => vec![Question::Naptr(self.host.clone())],
            Step::Servers(services) => {
                services.iter().map(|(_, name)| Question::Srv(name.clone())).collect()
            }
            Step::Addresses(servers) => {
                servers.iter().flat_map(|server| self.address_questions(server)).collect()
            }
            Step::Found(_) => Vec::new(),
        }
    }

    fn address_questions(&self, server: &Server) -> impl Iterator<Item = Question> {
        let name = server.name.clone();
        self.reach
            .families(server.transport)
            .map(move |family| Question::Address(name.clone(), family))
    }

    /// Takes the answers to all questions, in their order: the records, or none where the DNS has none or does not answer.
    /// `below` gives a number below its argument, by chance.
    pub fn answer(&mut self, answers: Vec<Vec<Record>>, below: &mut dyn FnMut(u32) -> u32) {
        self.step = match std::mem::replace(&mut self.step, Step::Found(Vec::new())) {
            Step::Services => self.take_services(answers),
            Step::Servers(services) => self.take_servers(services, answers, below),
            Step::Addresses(servers) => self.take_addresses(&servers, answers),
            found @ Step::Found(_) => found,
        };
    }

    /// The places that were found, the preferred first.
    pub fn places(&self) -> Option<&[Place]> {
        match &self.step {
            Step::Found(places) => Some(places),
            Step::Services | Step::Servers(_) | Step::Addresses(_) => None,
        }
    }

    fn take_services(&self, answers: Vec<Vec<Record>>) -> Step {
        let records = answers.into_iter().flatten().filter_map(Record::into_naptr).collect();
        let mut services = naptr::usable(records, self.secure, &self.reach);
        if services.is_empty() {
            // §4.1: "If no NAPTR records are found, the client constructs SRV queries for those transport protocols it supports".
            let usual: &[Transport] = match self.secure {
                true => &[Transport::Tls],
                false => &[Transport::Udp, Transport::Tcp],
            };
            let spoken = usual.iter().filter(|transport| self.reach.speaks(**transport));
            services = spoken
                .filter_map(|transport| Some((*transport, service_of(*transport)?)))
                .map(|(transport, service)| (transport, format!("{service}.{}", self.host)))
                .collect();
        }
        self.servers(services)
    }

    fn take_servers(
        &self,
        services: Vec<(Transport, String)>,
        answers: Vec<Vec<Record>>,
        below: &mut dyn FnMut(u32) -> u32,
    ) -> Step {
        let mut servers = Vec::new();
        let mut refused = false;
        for ((transport, _), records) in services.iter().zip(answers) {
            let records: Vec<Srv> = records.into_iter().filter_map(Record::into_srv).collect();
            // RFC 2782: a lone "." says that the service is decidedly not available.
            refused |= !records.is_empty() && records.iter().all(|record| record.target == ".");
            servers.extend(srv::in_order(records, below).into_iter().map(|record| {
                let name = record.target.trim_end_matches('.').to_ascii_lowercase();
                Server { transport: *transport, name, port: record.port }
            }));
        }
        if servers.is_empty() && !refused {
            // §4.2: "If no SRV records were found, the client performs an A or AAAA record lookup of the domain name."
            let transport = match services.as_slice() {
                [(transport, _)] => *transport,
                _ => self.usual(),
            };
            servers.push(self.server(transport, transport.default_port()));
        }
        self.addresses(servers)
    }

    fn take_addresses(&self, servers: &[Server], answers: Vec<Vec<Record>>) -> Step {
        let mut answers: VecDeque<Vec<Record>> = answers.into();
        let mut places: Vec<Place> = Vec::new();
        for server in servers {
            for family in self.reach.families(server.transport) {
                let records = answers.pop_front().unwrap_or_default();
                for address in records.into_iter().filter_map(Record::into_address) {
                    let remote = SocketAddr::new(address, server.port);
                    let place = Place {
                        transport: server.transport,
                        remote,
                        name: Some(self.host.clone()),
                    };
                    if Family::of(&remote) == family && !places.contains(&place) {
                        places.push(place);
                    }
                }
            }
        }
        places.truncate(MOST_PLACES);
        Step::Found(places)
    }

    fn servers(&self, mut services: Vec<(Transport, String)>) -> Step {
        services.truncate(MOST_NAMES);
        if services.is_empty() { self.addresses(Vec::new()) } else { Step::Servers(services) }
    }

    fn addresses(&self, mut servers: Vec<Server>) -> Step {
        servers.retain(|server| self.reach.speaks(server.transport) && !server.name.is_empty());
        servers.truncate(MOST_NAMES);
        if servers.is_empty() { Step::Found(Vec::new()) } else { Step::Addresses(servers) }
    }
}

/// The SRV service of a transport, RFC 3263 §4.1. WebSocket has none: RFC 7118 §5 names its records by NAPTR only.
fn service_of(transport: Transport) -> Option<&'static str> {
    match transport {
        Transport::Udp => Some("_sip._udp"),
        Transport::Tcp => Some("_sip._tcp"),
        Transport::Tls => Some("_sips._tcp"),
        Transport::Ws | Transport::Wss => None,
    }
}

impl Record {
    fn into_naptr(self) -> Option<Naptr> {
        match self {
            Record::Naptr(naptr) => Some(naptr),
            Record::Srv(_) | Record::Address(_) => None,
        }
    }

    fn into_srv(self) -> Option<Srv> {
        match self {
            Record::Srv(srv) => Some(srv),
            Record::Naptr(_) | Record::Address(_) => None,
        }
    }

    fn into_address(self) -> Option<IpAddr> {
        match self {
            Record::Address(address) => Some(address),
            Record::Naptr(_) | Record::Srv(_) => None,
        }
    }
}
