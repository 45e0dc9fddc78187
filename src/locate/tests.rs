//! Each case is a zone as text, a URI, and the places that it leads to.

use super::*;
use crate::sip::Uri;
use crate::time::{Duration, Instant};

/// `name TYPE data`, one record a line; what is asked and not there has no records.
fn records(zone: &str, question: &Question) -> Vec<Record> {
    let (name, kind) = match question {
        Question::Naptr(name) => (name, "NAPTR"),
        Question::Srv(name) => (name, "SRV"),
        Question::Address(name, Family::V4) => (name, "A"),
        Question::Address(name, Family::V6) => (name, "AAAA"),
    };
    let lines = zone.lines().map(|line| line.split_whitespace().collect::<Vec<_>>());
    let found = lines.filter(|line| line.len() > 2 && line[0] == name && line[1] == kind);
    found
        .map(|line| match kind {
            "NAPTR" => Record::Naptr(Naptr {
                order: line[2].parse().unwrap(),
                preference: line[3].parse().unwrap(),
                flags: line[4].into(),
                service: line[5].into(),
                replacement: line[6].into(),
            }),
            "SRV" => Record::Srv(Srv {
                priority: line[2].parse().unwrap(),
                weight: line[3].parse().unwrap(),
                port: line[4].parse().unwrap(),
                target: line[5].into(),
            }),
            _ => Record::Address(line[2].parse().unwrap()),
        })
        .collect()
}

/// Ways like `udp4 tcp4 tls6`.
fn reach(ways: &str) -> Reach {
    Reach::new(ways.split_whitespace().map(|way| {
        let (transport, family) = way.split_at(way.len() - 1);
        let address = if family == "4" { "192.0.2.1:5060" } else { "[2001:db8::1]:5060" };
        (Transport::from_name(transport).unwrap(), address.parse().unwrap())
    }))
}

/// The places of `uri`, like `udp 192.0.2.7:5060`, and how many rounds of questions it took.
fn search(zone: &str, ways: &str, uri: &str) -> (Vec<String>, usize) {
    let mut search = Search::new(&Uri::parse(uri).unwrap(), &reach(ways));
    let mut rounds = 0;
    loop {
        let questions = search.questions();
        if questions.is_empty() {
            let places = search.places().expect("no question is open");
            let shown = places
                .iter()
                .map(|place| format!("{} {}", place.transport.as_param(), place.remote));
            return (shown.collect(), rounds);
        }
        rounds += 1;
        let answers = questions.iter().map(|question| records(zone, question)).collect();
        search.answer(answers, &mut |_| 0);
    }
}

#[track_caller]
fn check(zone: &str, ways: &str, uri: &str, expected: &[&str], rounds: usize) {
    assert_eq!(
        search(zone, ways, uri),
        (expected.iter().map(ToString::to_string).collect(), rounds),
        "{uri}"
    );
}

const ZONE: &str = "
    carrier.test NAPTR 10 20 s SIP+D2T _sip._tcp.carrier.test
    carrier.test NAPTR 10 10 s SIP+D2U _sip._udp.carrier.test
    carrier.test NAPTR 5 0 u E2U+sip !.*!sip:x@y!
    carrier.test NAPTR 20 0 s SIPS+D2T _sips._tcp.carrier.test
    _sip._udp.carrier.test SRV 20 0 5070 second.test
    _sip._udp.carrier.test SRV 10 0 5060 first.test
    _sip._tcp.carrier.test SRV 10 0 5080 first.test
    _sips._tcp.carrier.test SRV 10 0 5061 first.test
    first.test A 192.0.2.1
    first.test AAAA 2001:db8::1
    second.test A 192.0.2.2
    plain.test A 192.0.2.3
    srvonly.test A 192.0.2.99
    _sip._tcp.srvonly.test SRV 0 0 5090 second.test
    closed.test A 192.0.2.4
    _sip._udp.closed.test SRV 0 0 0 .
    web.test NAPTR 1 1 S SIPS+D2W _wss.web.test
    web.test NAPTR 1 2 s SIP+D2U _sip._udp.web.test
    _wss.web.test SRV 0 0 443 first.test
    _sip._udp.web.test SRV 0 0 5060 second.test
";

#[test]
fn an_address_needs_no_question() {
    for (uri, expected) in [
        ("sip:100@192.0.2.7", vec!["udp 192.0.2.7:5060"]),
        ("sip:100@192.0.2.7:5070;transport=tcp", vec!["tcp 192.0.2.7:5070"]),
        ("sips:100@192.0.2.7", vec!["tls 192.0.2.7:5061"]),
        ("sips:100@192.0.2.7:5071;transport=tcp", vec!["tls 192.0.2.7:5071"]),
        ("sip:192.0.2.7;transport=tls;lr", vec!["tls 192.0.2.7:5061"]),
        ("sip:100@[2001:db8::7]", vec!["udp [2001:db8::7]:5060"]),
        ("sip:100@carrier.test;maddr=192.0.2.8", vec!["udp 192.0.2.8:5060"]),
        // Datagrams inside TLS do not exist here, SCTP neither, a WebSocket peer cannot be dialled.
        ("sips:100@192.0.2.7;transport=udp", vec![]),
        ("sip:100@192.0.2.7;transport=sctp", vec![]),
        ("sip:100@192.0.2.7;transport=ws", vec![]),
        ("tel:+15550100", vec![]),
    ] {
        check(ZONE, "udp4 tcp4 tls4 udp6 ws4", uri, &expected, 0);
    }
    check(ZONE, "udp4", "sip:100@[2001:db8::7]", &[], 0);
}

#[test]
fn a_port_asks_for_addresses_only() {
    check(ZONE, "udp4 tcp4", "sip:1@first.test:5099", &["udp 192.0.2.1:5099"], 1);
    check(ZONE, "udp4 tcp4", "sip:1@first.test:5099;transport=tcp", &["tcp 192.0.2.1:5099"], 1);
    check(
        ZONE,
        "udp6 udp4",
        "sip:1@first.test:5099",
        &["udp [2001:db8::1]:5099", "udp 192.0.2.1:5099"],
        1,
    );
}

#[test]
fn a_transport_asks_for_its_servers_and_goes_on_to_the_host_when_there_are_none() {
    check(ZONE, "udp4 tcp4", "sip:1@carrier.test;transport=tcp", &["tcp 192.0.2.1:5080"], 2);
    check(ZONE, "udp4 tcp4", "sip:1@plain.test;transport=tcp", &["tcp 192.0.2.3:5060"], 2);
    check(ZONE, "udp4 tcp4 tls4", "sips:1@plain.test;transport=tls", &["tls 192.0.2.3:5061"], 2);
}

#[test]
fn services_come_in_their_order_and_only_those_that_we_speak() {
    let udp = ["udp 192.0.2.1:5060", "udp 192.0.2.2:5070"];
    check(ZONE, "udp4", "sip:1@carrier.test", &udp, 3);
    check(ZONE, "udp4 tcp4", "sip:1@carrier.test", &[udp[0], udp[1], "tcp 192.0.2.1:5080"], 3);
    check(ZONE, "tcp4", "sip:1@carrier.test", &["tcp 192.0.2.1:5080"], 3);
    check(ZONE, "tls4", "sip:1@carrier.test", &["tls 192.0.2.1:5061"], 3);
    check(ZONE, "udp4 tcp4 tls4", "sips:1@carrier.test", &["tls 192.0.2.1:5061"], 3);
    check(ZONE, "udp4 wss4", "sip:1@web.test", &["udp 192.0.2.2:5060"], 3);
}

#[test]
fn a_domain_without_services_has_servers_by_their_usual_names() {
    check(ZONE, "udp4 tcp4", "sip:1@srvonly.test", &["tcp 192.0.2.2:5090"], 3);
    check(ZONE, "udp4 tcp4", "sip:1@plain.test", &["udp 192.0.2.3:5060"], 3);
    check(ZONE, "tcp4", "sip:1@plain.test", &["tcp 192.0.2.3:5060"], 3);
    check(ZONE, "udp4", "sip:1@PLAIN.test.", &["udp 192.0.2.3:5060"], 3);
}

#[test]
fn a_service_that_is_decidedly_not_there_is_not_looked_for_elsewhere() {
    check(ZONE, "udp4", "sip:1@closed.test;transport=udp", &[], 1);
    check(ZONE, "udp4", "sip:1@closed.test", &[], 2);
    check(ZONE, "udp4", "sip:1@nowhere.test", &[], 3);
}

#[test]
fn a_place_bears_the_name_that_was_looked_up_and_not_that_of_its_server() {
    let mut search = Search::new(&Uri::parse("sips:1@carrier.test").unwrap(), &reach("tls4"));
    while search.places().is_none() {
        let answers = search.questions().iter().map(|asked| records(ZONE, asked)).collect();
        search.answer(answers, &mut |_| 0);
    }
    let names: Vec<_> = search.places().unwrap().iter().map(|place| place.name.clone()).collect();
    assert_eq!(names, [Some("carrier.test".to_owned())]);
}

#[test]
fn answers_that_nobody_asked_for_lead_nowhere() {
    let mut search = Search::new(&Uri::parse("sip:1@plain.test:5060").unwrap(), &reach("udp4"));
    let stray = Record::Srv(Srv { priority: 0, weight: 0, port: 1, target: "evil.test".into() });
    let wrong_family = Record::Address("2001:db8::66".parse().unwrap());
    search.answer(
        vec![vec![stray.clone(), wrong_family], vec![stray.clone()], vec![stray]],
        &mut |_| 0,
    );
    assert_eq!(search.places(), Some(&[][..]));
}

#[test]
fn a_joke_of_an_answer_stays_small() {
    let mut zone = String::new();
    for number in 0..3_000 {
        zone.push_str(&format!("_sip._udp.big.test SRV 1 1 5060 host{number}.test\n"));
        zone.push_str(&format!("host{number}.test A 192.0.2.{}\n", number % 250));
    }
    let (places, _) = search(&zone, "udp4", "sip:1@big.test;transport=udp");
    assert_eq!(places.len(), MOST_PLACES);
}

#[test]
fn equals_share_by_their_weights_and_priorities_come_first() {
    let server = |priority, weight, target: &str| Srv {
        priority,
        weight,
        port: 5060,
        target: target.into(),
    };
    let records = vec![
        server(1, 60, "big"),
        server(0, 0, "first"),
        server(1, 20, "small"),
        server(1, 0, "none"),
        server(2, 1, "last"),
    ];
    let mut state = 1u32;
    let mut below = |limit: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        (state >> 8) % limit
    };
    let mut second = std::collections::BTreeMap::new();
    for _ in 0..4_000 {
        let order = srv::in_order(records.clone(), &mut below);
        assert_eq!((order.len(), &*order[0].target, &*order[4].target), (5, "first", "last"));
        *second.entry(order[1].target.clone()).or_insert(0) += 1;
    }
    assert!((2_700..3_300).contains(&second["big"]), "{second:?}");
    assert!((800..1_200).contains(&second["small"]), "{second:?}");
    assert!((1..150).contains(&second["none"]), "{second:?}");
}

#[test]
fn a_place_that_failed_comes_last_for_a_while_and_longer_each_time() {
    let flow = |port| crate::sip::Flow {
        transport: Transport::Udp,
        local: "192.0.2.1:5060".parse().unwrap(),
        remote: SocketAddr::from(([192, 0, 2, 2], port)),
        connection: None,
    };
    let at = |seconds: u64| Instant::ZERO + Duration::from_secs(seconds);
    let mut failures = Failures::default();
    failures.failed(&flow(1), at(0));
    failures.failed(&flow(1), at(1));
    let mut flows = [flow(1), flow(2)];
    failures.sort(&mut flows, at(31));
    assert_eq!(flows, [flow(2), flow(1)]);
    assert!(!failures.rests(&flow(1), at(32)));
    failures.failed(&flow(1), at(40));
    assert!(failures.rests(&flow(1), at(40 + 63)) && !failures.rests(&flow(1), at(40 + 64)));
    failures.answered(&flow(1));
    assert!(failures.is_empty());
    for port in 1..5_000 {
        failures.failed(&flow(port), at(0));
    }
    assert_eq!(failures.len(), 1_024);
    assert!(failures.rests(&flow(4_999), at(1)) && !failures.rests(&flow(1), at(1)));
}
