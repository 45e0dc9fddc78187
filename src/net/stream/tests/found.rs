//! Servers that are found by name: whom their certificates have to be for (RFC 5922 §4).

use hickory_resolver::proto::op::Message;
use hickory_resolver::proto::rr::rdata::{A, SRV};
use hickory_resolver::proto::rr::{Name, RData, Record, RecordType};
use tokio::net::UdpSocket;

use super::tls::{Authority, plan};
use super::*;
use crate::locate::{LookupId, Place, Reach, Search};
use crate::net::DnsSettings;
use crate::net::resolver::Resolver;
use crate::sip::Uri;

/// A nameserver in which every service is on `host.example:port`, and every host on the loopback.
async fn nameserver(port: u16) -> SocketAddr {
    let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0)).await.expect("a free port");
    let address = socket.local_addr().expect("bound");
    tokio::spawn(async move {
        let mut bytes = [0; 512];
        while let Ok((size, from)) = socket.recv_from(&mut bytes).await {
            let mut message = Message::from_vec(&bytes[..size]).expect("a question");
            let question = message.queries[0].clone();
            let data = match question.query_type() {
                RecordType::SRV => {
                    let host = Name::from_ascii("host.example.").expect("a name");
                    Some(RData::SRV(SRV::new(0, 0, port, host)))
                }
                RecordType::A => Some(RData::A(A(Ipv4Addr::LOCALHOST))),
                _ => None,
            };
            let record = data.map(|data| Record::from_rdata(question.name().clone(), 60, data));
            message.add_answers(record);
            let answer = message.into_response().to_vec().expect("it fits");
            socket.send_to(&answer, from).await.expect("a socket");
        }
    });
    address
}

/// Where `uri` leads; `near` learns the names on the way as it does in the server.
async fn look_up(near: &Bench, dns: SocketAddr, uri: &str) -> Vec<Place> {
    let settings = DnsSettings { nameservers: vec![dns], ..DnsSettings::default() };
    let (sender, mut located) = mpsc::channel(1);
    let counters = Arc::clone(&near.counters);
    let resolver = Resolver::new(&settings, near.names.clone(), counters, sender);
    let reach = Reach::new([(Transport::Tls, near.address)]);
    let search = Search::new(&Uri::parse(uri).expect("a URI"), &reach);
    resolver.locate(LookupId(1), search);
    located.recv().await.expect("the end of the search").1
}

#[tokio::test]
async fn a_server_found_by_srv_has_to_be_the_domain_that_was_asked_for_and_not_the_host_it_names() {
    for (certified, uri, is_believed) in [
        ("a.example", "sips:a.example", true),
        ("a.example", "sip:a.example;transport=tls", true),
        ("host.example", "sips:a.example", false),
        ("b.example", "sips:a.example", false),
        ("127.0.0.1", "sips:a.example", false),
    ] {
        let authority = Authority::new();
        let (files, _) = authority.issue("server", &[certified]);
        let mut far = plan(vec![files]).start();
        let mut near = Plan::over(Transport::Tls);
        near.tls.trusted_ca = Some(authority.ca());
        let mut near = near.start();

        let dns = nameserver(far.address.port()).await;
        let places = look_up(&near, dns, uri).await;
        let name = Some("a.example".to_owned());
        assert_eq!(places, [Place { transport: Transport::Tls, remote: far.address, name }]);

        let (local, remote) = (near.address, far.address);
        let flow = Flow { transport: Transport::Tls, local, remote, connection: None };
        near.connections.send(flow, Bytes::from_static(OPTIONS)).expect("dialling");
        if is_believed {
            assert_eq!(far.next_message().await.1, OPTIONS, "{certified} for {uri}");
        } else {
            let next = near.next().await;
            assert!(matches!(next, Inbound::DialFailed { .. }), "{certified} for {uri}: {next:?}");
        }
    }
}
