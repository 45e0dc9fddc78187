//! The DNS: asks what a [`Search`] wants to know, and keeps the answers for as long as they live.
//!
//! Each look-up is a task of its own, so that a slow nameserver makes nobody wait but the call that asked. What it finds comes
//! back to the driver.

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use hickory_resolver::config::{ConnectionConfig, NameServerConfig, ResolverConfig, ResolverOpts};
use hickory_resolver::net::NetError;
use hickory_resolver::net::runtime::TokioRuntimeProvider;
use hickory_resolver::proto::rr::{RData, RecordType};
use hickory_resolver::{Resolver as Hickory, TokioResolver};
use rand::RngExt;
use tokio::sync::{Semaphore, mpsc};

use super::Counters;
use super::tls::ServerNames;
use crate::locate::{Family, LookupId, Naptr, Place, Question, Record, Search, Srv};

/// Look-ups at once: a call that finds all of them under way is told that nothing was found.
const LOOKUPS_AT_ONCE: usize = 2_048;
/// Answers that wait for the driver; the look-up that finds it full waits.
pub(super) const LOCATED_LIMIT: usize = 1_024;

/// How the DNS is asked.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct DnsSettings {
    /// The nameservers; none means those of the operating system.
    pub nameservers: Vec<SocketAddr>,
    /// How long one question waits for its answer before it is asked again.
    pub timeout: Duration,
    /// How often a question is asked.
    pub attempts: usize,
    /// How long one look-up may take with all its questions.
    pub lookup_time: Duration,
    /// How many answers are kept.
    pub cache: u64,
    /// How long an answer is kept at most, whatever its time to live says.
    pub max_ttl: Duration,
    /// How long it is kept at most that there is no answer.
    pub max_negative_ttl: Duration,
}

impl Default for DnsSettings {
    fn default() -> Self {
        DnsSettings {
            nameservers: Vec::new(),
            timeout: Duration::from_secs(2),
            attempts: 2,
            lookup_time: Duration::from_secs(8),
            cache: 8_192,
            max_ttl: Duration::from_secs(3_600),
            max_negative_ttl: Duration::from_secs(30),
        }
    }
}

/// What a look-up found.
pub(super) type Located = (LookupId, Vec<Place>);

/// The way to the DNS.
#[derive(Clone)]
pub(super) struct Resolver {
    /// None where the operating system names no nameserver.
    dns: Option<TokioResolver>,
    settings: DnsSettings,
    names: ServerNames,
    permits: Arc<Semaphore>,
    counters: Arc<Counters>,
    located: mpsc::Sender<Located>,
}

impl Resolver {
    pub(super) fn new(
        settings: &DnsSettings,
        names: ServerNames,
        counters: Arc<Counters>,
        located: mpsc::Sender<Located>,
    ) -> Resolver {
        let dns = client(settings)
            .inspect_err(|error| tracing::warn!(%error, "no DNS: names lead nowhere"))
            .ok();
        let permits = Arc::new(Semaphore::new(LOOKUPS_AT_ONCE));
        Resolver { dns, settings: settings.clone(), names, permits, counters, located }
    }

    /// Begins a look-up; its end comes by the channel.
    pub(super) fn locate(&self, lookup: LookupId, search: Search) {
        let resolver = self.clone();
        let permit = Arc::clone(&self.permits).try_acquire_owned();
        if permit.is_err() {
            self.counters.dns_refused.count();
        }
        tokio::spawn(async move {
            let places = match permit {
                Ok(_permit) => resolver.find(search).await,
                Err(_) => Vec::new(),
            };
            // The driver may have ended.
            let _ = resolver.located.send((lookup, places)).await;
        });
    }

    async fn find(&self, mut search: Search) -> Vec<Place> {
        let searching = async {
            loop {
                let questions = search.questions();
                if questions.is_empty() {
                    break;
                }
                let asked = questions.iter().map(|question| self.ask(question));
                let answers = futures_util::future::join_all(asked).await;
                search.answer(answers, &mut |limit| rand::rng().random_range(0..limit.max(1)));
            }
        };
        if tokio::time::timeout(self.settings.lookup_time, searching).await.is_err() {
            self.counters.dns_late.count();
        }
        let places = search.places().unwrap_or_default().to_vec();
        for place in &places {
            if let Some(name) = place.name.as_deref().filter(|_| place.transport.is_secure()) {
                self.names.learn(place.remote, name);
            }
        }
        places
    }

    async fn ask(&self, question: &Question) -> Vec<Record> {
        let Some(dns) = &self.dns else { return Vec::new() };
        self.counters.dns_questions.count();
        ask(dns, question).await.unwrap_or_else(|error| {
            self.counters.dns_failed.count();
            tracing::debug!(%error, "a question to the DNS failed");
            Vec::new()
        })
    }
}

/// Asks one question; that there is no such record is an answer.
pub(super) async fn ask(dns: &TokioResolver, question: &Question) -> Result<Vec<Record>, NetError> {
    let (name, kind) = match question {
        Question::Naptr(name) => (name, RecordType::NAPTR),
        Question::Srv(name) => (name, RecordType::SRV),
        Question::Address(name, Family::V4) => (name, RecordType::A),
        Question::Address(name, Family::V6) => (name, RecordType::AAAA),
    };
    // A name in a SIP URI is a whole name: no search list is appended to it.
    let whole = format!("{}.", name.trim_end_matches('.'));
    match dns.lookup(whole, kind).await {
        Ok(found) => Ok(found.answers().iter().filter_map(|record| read(&record.data)).collect()),
        Err(error) if error.is_no_records_found() => Ok(Vec::new()),
        Err(error) => Err(error),
    }
}

/// A client that asks as `settings` say.
pub(super) fn client(settings: &DnsSettings) -> Result<TokioResolver, NetError> {
    let mut builder = if settings.nameservers.is_empty() {
        TokioResolver::builder_tokio()?
    } else {
        let servers = settings.nameservers.iter().map(server).collect();
        let config = ResolverConfig::from_parts(None, Vec::new(), servers);
        Hickory::builder_with_config(config, TokioRuntimeProvider::default())
    };
    let options: &mut ResolverOpts = builder.options_mut();
    options.timeout = settings.timeout;
    options.attempts = settings.attempts;
    options.cache_size = settings.cache;
    options.positive_max_ttl = Some(settings.max_ttl);
    options.negative_max_ttl = Some(settings.max_negative_ttl);
    builder.build()
}

fn server(address: &SocketAddr) -> NameServerConfig {
    let mut connections = vec![ConnectionConfig::udp(), ConnectionConfig::tcp()];
    for connection in &mut connections {
        connection.port = address.port();
    }
    NameServerConfig::new(address.ip(), true, connections)
}

/// A record as the search knows it; an alias on the way to it is none.
fn read(data: &RData) -> Option<Record> {
    let text = |bytes: &[u8]| String::from_utf8_lossy(bytes).into_owned();
    match data {
        RData::A(address) => Some(Record::Address(address.0.into())),
        RData::AAAA(address) => Some(Record::Address(address.0.into())),
        RData::SRV(srv) => Some(Record::Srv(Srv {
            priority: srv.priority,
            weight: srv.weight,
            port: srv.port,
            target: srv.target.to_ascii(),
        })),
        RData::NAPTR(naptr) => Some(Record::Naptr(Naptr {
            order: naptr.order,
            preference: naptr.preference,
            flags: text(&naptr.flags),
            service: text(&naptr.services),
            replacement: naptr.replacement.to_ascii(),
        })),
        _ => None,
    }
}

#[cfg(test)]
mod tests {
    use hickory_resolver::proto::op::{Message, ResponseCode};
    use hickory_resolver::proto::rr::rdata::{A, NAPTR, SRV};
    use hickory_resolver::proto::rr::{Name, Record as Resource};
    use std::sync::atomic::{AtomicUsize, Ordering};
    use tokio::net::UdpSocket;

    use super::*;
    use crate::locate::Reach;
    use crate::sip::{Transport, Uri};

    fn name(text: &str) -> Name {
        Name::from_ascii(text).expect("a name")
    }

    /// The records of a domain whose first server is dead and whose second lives.
    fn zone() -> Vec<Resource> {
        let record = |owner: &str, data| Resource::from_rdata(name(owner), 300, data);
        let naptr = |preference, service: &[u8], next: &str| {
            let (flags, service, pattern) = (b"s"[..].into(), service.into(), b""[..].into());
            RData::NAPTR(NAPTR::new(10, preference, flags, service, pattern, name(next)))
        };
        let srv = |priority, port, host: &str| RData::SRV(SRV::new(priority, 0, port, name(host)));
        vec![
            record("carrier.test.", naptr(10, b"SIPS+D2T", "_sips._tcp.carrier.test.")),
            record("carrier.test.", naptr(20, b"SIP+D2U", "_sip._udp.carrier.test.")),
            record("_sips._tcp.carrier.test.", srv(1, 5061, "first.carrier.test.")),
            record("_sip._udp.carrier.test.", srv(20, 5070, "second.carrier.test.")),
            record("_sip._udp.carrier.test.", srv(10, 5060, "first.carrier.test.")),
            record("first.carrier.test.", RData::A(A::new(192, 0, 2, 1))),
            record("second.carrier.test.", RData::A(A::new(192, 0, 2, 2))),
        ]
    }

    /// A nameserver on a free port of this host that knows the zone and nothing else.
    async fn nameserver() -> SocketAddr {
        counting_nameserver(Arc::default()).await
    }

    /// The same; counts what it is asked.
    async fn counting_nameserver(asked_for: Arc<AtomicUsize>) -> SocketAddr {
        let socket = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let address = socket.local_addr().expect("bound");
        tokio::spawn(async move {
            let mut buffer = [0; 1_500];
            while let Ok((length, from)) = socket.recv_from(&mut buffer).await {
                let Ok(asked) = Message::from_vec(&buffer[..length]) else { continue };
                asked_for.fetch_add(1, Ordering::Relaxed);
                let query = asked.queries.first().cloned().expect("one question");
                let mut answer = asked.into_response();
                let fits = |record: &Resource| {
                    record.name == *query.name() && record.record_type() == query.query_type()
                };
                answer.answers = zone().into_iter().filter(fits).collect();
                if answer.answers.is_empty() {
                    answer.metadata.response_code = ResponseCode::NXDomain;
                }
                let bytes = answer.to_vec().expect("an answer");
                socket.send_to(&bytes, from).await.expect("sent");
            }
        });
        address
    }

    fn search(uri: &str, ways: &[(Transport, &str)]) -> Search {
        let ways = ways.iter().map(|(transport, address)| (*transport, address.parse().unwrap()));
        Search::new(&Uri::parse(uri).expect("a URI"), &Reach::new(ways))
    }

    async fn find(settings: DnsSettings, uri: &str, ways: &[(Transport, &str)]) -> Vec<String> {
        let (sender, mut located) = mpsc::channel(1);
        let names = ServerNames::default();
        let resolver = Resolver::new(&settings, names.clone(), Arc::default(), sender);
        resolver.locate(LookupId(7), search(uri, ways));
        let (lookup, places) = located.recv().await.expect("an answer");
        assert_eq!(lookup, LookupId(7));
        let shown = places.iter().map(|place| {
            let held_to = names.expected(place.remote).to_str().into_owned();
            format!("{} {} {held_to}", place.transport.as_param(), place.remote)
        });
        shown.collect()
    }

    const UDP: (Transport, &str) = (Transport::Udp, "127.0.0.1:5060");
    const TLS: (Transport, &str) = (Transport::Tls, "127.0.0.1:5061");

    #[tokio::test]
    async fn a_domain_leads_through_naptr_and_srv_to_its_servers_in_their_order() {
        let settings = DnsSettings { nameservers: vec![nameserver().await], ..Default::default() };
        let uri = "sip:100@carrier.test";
        let udp = ["udp 192.0.2.1:5060 192.0.2.1", "udp 192.0.2.2:5070 192.0.2.2"];
        assert_eq!(find(settings.clone(), uri, &[UDP]).await, udp);
        // Inside TLS the server is held to the name that was asked for.
        let tls = "tls 192.0.2.1:5061 carrier.test";
        assert_eq!(find(settings.clone(), uri, &[UDP, TLS]).await, [tls, udp[0], udp[1]]);
        assert_eq!(find(settings.clone(), "sips:100@carrier.test", &[UDP, TLS]).await, [tls]);
        assert!(find(settings, "sip:100@nowhere.test", &[UDP]).await.is_empty());
    }

    #[tokio::test]
    async fn an_answer_is_kept_for_its_time_to_live_and_no_longer_than_the_limit() {
        for (max_ttl, is_kept) in [(Duration::from_secs(60), true), (Duration::ZERO, false)] {
            let asked = Arc::<AtomicUsize>::default();
            let nameservers = vec![counting_nameserver(Arc::clone(&asked)).await];
            let settings = DnsSettings { nameservers, max_ttl, ..Default::default() };
            let (sender, mut located) = mpsc::channel(1);
            let resolver = Resolver::new(&settings, ServerNames::default(), Arc::default(), sender);
            let mut counts = Vec::new();
            for number in 0..2 {
                resolver.locate(LookupId(number), search("sip:1@first.carrier.test:5060", &[UDP]));
                let (_, places) = located.recv().await.expect("an answer");
                assert_eq!(places.len(), 1);
                counts.push(asked.load(Ordering::Relaxed));
            }
            assert_eq!(counts[1] == counts[0], is_kept, "{max_ttl:?}: asked {counts:?} times");
        }
    }

    #[tokio::test]
    async fn a_dns_that_does_not_answer_ends_the_look_up_and_nothing_else() {
        let silent = UdpSocket::bind("127.0.0.1:0").await.expect("a free port");
        let settings = DnsSettings {
            nameservers: vec![silent.local_addr().expect("bound")],
            timeout: Duration::from_millis(50),
            lookup_time: Duration::from_millis(200),
            ..Default::default()
        };
        assert!(find(settings, "sip:100@carrier.test", &[UDP]).await.is_empty());
    }
}
