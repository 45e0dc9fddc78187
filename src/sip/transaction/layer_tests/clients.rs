//! Requests of ours.

use super::*;

fn sent_at(wanted: &[String]) -> Vec<u64> {
    let sent = wanted.iter().filter(|output| output.contains(" sip:"));
    sent.map(|output| output.split(' ').next().expect("a time").parse().expect("a number"))
        .collect()
}

#[test]
fn an_invite_that_nobody_hears_goes_seven_times_and_times_out() {
    let mut bench = Bench::new();
    bench.send(Method::Invite, udp(3));
    assert_eq!(bench.drain(), ["INVITE sip:carol@198.51.100.3"]);
    let wanted = bench.pass(Duration::from_secs(60));
    assert_eq!(sent_at(&wanted), [500, 1500, 3500, 7500, 15500, 31500]);
    assert_eq!(wanted.last().map(String::as_str), Some("32000 timed out"));
    assert!(bench.is_empty());
}

#[test]
fn a_bye_that_nobody_hears_goes_eleven_times_and_times_out() {
    let mut bench = Bench::new();
    bench.send(Method::Bye, udp(3));
    assert_eq!(bench.drain(), ["BYE sip:carol@198.51.100.3"]);
    let wanted = bench.pass(Duration::from_secs(60));
    assert_eq!(sent_at(&wanted), [500, 1500, 3500, 7500, 11500, 15500, 19500, 23500, 27500, 31500]);
    assert_eq!(wanted.last().map(String::as_str), Some("32000 timed out"));
    assert!(bench.is_empty());
}

#[test]
fn over_tcp_nothing_goes_twice() {
    for method in [Method::Invite, Method::Bye] {
        let mut bench = Bench::new();
        bench.send(method, tcp(3, Some(1)));
        bench.drain();
        assert_eq!(bench.pass(Duration::from_secs(60)), ["32000 timed out"]);
    }
}

#[test]
fn a_refusal_is_acknowledged_each_time_and_passed_once() {
    let mut bench = Bench::new();
    let key = bench.send(Method::Invite, udp(3));
    assert_eq!(bench.answer("180 INVITE z9hG4bKours", udp(3)), Some((key, 180)));
    bench.drain();
    assert_eq!(bench.answer("486 INVITE z9hG4bKours", udp(3)), Some((key, 486)));
    assert_eq!(bench.answer("486 INVITE z9hG4bKours", udp(3)), None);
    let Some(TransactionOutput::Send { flow, bytes }) = bench.layer.poll_output() else {
        panic!("no ACK");
    };
    assert_eq!(flow, udp(3));
    assert_eq!(
        String::from_utf8_lossy(&bytes),
        "ACK sip:carol@198.51.100.3 SIP/2.0\r\n\
         Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours\r\n\
         From: <sip:bob@example.com>;tag=ours\r\n\
         To: <sip:carol@example.com>;tag=carol\r\n\
         Call-ID: ours\r\n\
         CSeq: 7 ACK\r\n\
         Route: <sip:198.51.100.9;lr>\r\n\
         Route: <sip:198.51.100.8;lr>\r\n\
         Max-Forwards: 70\r\n\
         Content-Length: 0\r\n\r\n"
    );
    assert_eq!(bench.drain(), ["ACK sip:carol@198.51.100.3"]);
    assert!(bench.pass(Duration::from_secs(32)).is_empty());
    assert!(bench.is_empty());
}

#[test]
fn each_2xx_is_passed_while_timer_m_runs() {
    let mut bench = Bench::new();
    let key = bench.send(Method::Invite, udp(3));
    for _ in 0..3 {
        assert_eq!(bench.answer("200 INVITE z9hG4bKours", udp(3)), Some((key, 200)));
        bench.pass(Duration::from_secs(10));
    }
    assert_eq!(bench.answer("486 INVITE z9hG4bKours", udp(3)), None, "another branch refused");
    bench.pass(Duration::from_secs(2));
    assert_eq!(bench.answer("200 INVITE z9hG4bKours", udp(3)), None);
    assert_eq!(bench.layer.counts().stray_responses, 1);
    assert!(bench.is_empty());
}

#[test]
fn a_response_is_matched_by_branch_and_method() {
    let mut bench = Bench::new();
    let key = bench.send(Method::Bye, udp(3));
    assert_eq!(bench.answer("200 BYE z9hG4bKother", udp(3)), None);
    assert_eq!(bench.answer("200 INVITE z9hG4bKours", udp(3)), None);
    assert_eq!(bench.layer.counts().stray_responses, 2);
    assert_eq!(bench.answer("200 BYE z9hG4bKours", udp(3)), Some((key, 200)));
    assert_eq!(bench.answer("200 BYE z9hG4bKours", udp(3)), None, "a retransmission");
}

#[test]
fn a_cancel_waits_for_the_first_provisional_response_and_stays_inside() {
    let mut bench = Bench::new();
    let key = bench.send(Method::Invite, udp(3));
    assert!(bench.layer.cancel(key, bench.now));
    assert!(bench.layer.cancel(key, bench.now), "a second time changes nothing");
    assert_eq!(bench.drain(), ["INVITE sip:carol@198.51.100.3"]);
    assert_eq!(bench.answer("100 INVITE z9hG4bKours", udp(3)), Some((key, 100)));
    let Some(TransactionOutput::Send { bytes, .. }) = bench.layer.poll_output() else {
        panic!("no CANCEL");
    };
    let cancel = String::from_utf8_lossy(&bytes).into_owned();
    assert!(cancel.starts_with("CANCEL sip:carol@198.51.100.3 SIP/2.0\r\n"), "{cancel}");
    for line in [
        "Via: SIP/2.0/UDP 192.0.2.1:5060;branch=z9hG4bKours",
        "To: <sip:carol@example.com>",
        "CSeq: 7 CANCEL",
        "Route: <sip:198.51.100.9;lr>",
    ] {
        assert!(cancel.contains(&format!("\r\n{line}\r\n")), "{line} in {cancel}");
    }
    assert_eq!(bench.pass(Duration::from_millis(600)), ["500 CANCEL sip:carol@198.51.100.3"]);
    assert_eq!(bench.answer("200 CANCEL z9hG4bKours", udp(3)), None);
    assert_eq!(bench.answer("487 INVITE z9hG4bKours", udp(3)), Some((key, 487)));
    assert!(!bench.layer.cancel(key, bench.now), "too late");
    assert_eq!(bench.drain(), ["ACK sip:carol@198.51.100.3"]);
    assert!(bench.pass(Duration::from_secs(33)).is_empty());
    assert!(bench.is_empty());
}

#[test]
fn a_cancelled_invite_without_a_final_response_times_out() {
    let mut bench = Bench::new();
    let key = bench.send(Method::Invite, udp(3));
    bench.answer("180 INVITE z9hG4bKours", udp(3));
    assert!(bench.pass(Duration::from_secs(100)).is_empty(), "ringing is the user's Timer C");
    bench.layer.cancel(key, bench.now);
    bench.answer("200 CANCEL z9hG4bKours", udp(3));
    bench.drain();
    assert_eq!(bench.pass(Duration::from_secs(60)), ["132000 timed out"]);
    assert!(bench.is_empty());
}

#[test]
fn only_an_invite_can_be_cancelled() {
    let mut bench = Bench::new();
    let key = bench.send(Method::Options, udp(3));
    assert!(!bench.layer.cancel(key, bench.now));
    assert!(!bench.layer.cancel(ClientKey(999), bench.now));
}

#[test]
fn a_broken_flow_makes_its_requests_unreachable() {
    for flow in [udp(3), tcp(3, Some(1))] {
        for method in [Method::Invite, Method::Bye] {
            let mut bench = Bench::new();
            bench.send(method, flow);
            bench.drain();
            bench.layer.handle_transport_error(&udp(4), bench.now);
            bench.layer.handle_transport_error(&tcp(3, Some(2)), bench.now);
            assert!(bench.drain().is_empty());
            bench.layer.handle_transport_error(&flow, bench.now);
            assert_eq!(bench.drain(), ["unreachable"]);
            assert!(bench.is_empty());
        }
    }
}

#[test]
fn a_request_belongs_to_the_connection_that_was_dialled_for_it() {
    let mut bench = Bench::new();
    let key = bench.send(Method::Invite, tcp(3, None));
    assert_eq!(bench.answer("180 INVITE z9hG4bKours", tcp(3, Some(4))), Some((key, 180)));
    bench.layer.handle_transport_error(&tcp(3, None), bench.now);
    bench.drain();
    bench.layer.cancel(key, bench.now);
    let Some(TransactionOutput::Send { flow, .. }) = bench.layer.poll_output() else {
        panic!("no CANCEL");
    };
    assert_eq!(flow, tcp(3, Some(4)));
    bench.layer.handle_transport_error(&tcp(3, Some(4)), bench.now);
    assert_eq!(bench.drain(), ["unreachable"], "and nothing of the CANCEL");
    assert!(bench.is_empty());
}

#[test]
fn a_full_table_makes_a_request_unreachable() {
    let mut bench = Bench::new();
    bench.layer = Transactions::new(TransactionTimers::DEFAULT).with_limit(0);
    bench.send(Method::Invite, udp(3));
    assert_eq!(bench.drain(), ["unreachable"]);
    assert_eq!(bench.layer.counts().refused, 1);
}

/// A large request of ours from a layer that listens on TCP port 5070.
fn large(method: Method) -> (Bench, ClientKey) {
    let mut bench = Bench::new();
    let listener = "192.0.2.1:5070".parse().expect("an address");
    bench.layer = bench.layer.with_large_requests_over_tcp(300, vec![listener]);
    let key = bench.send(method, udp(3));
    (bench, key)
}

/// Where the next message goes, and its Via and Contact.
fn next_hop(bench: &mut Bench) -> (Flow, String) {
    let Some(TransactionOutput::Send { flow, bytes }) = bench.layer.poll_output() else {
        panic!("nothing is sent")
    };
    let text = String::from_utf8_lossy(&bytes);
    let shown = text.lines().filter(|line| line.starts_with("Via") || line.starts_with("Contact"));
    (flow, shown.collect::<Vec<_>>().join(" "))
}

#[test]
fn a_large_request_goes_over_tcp_and_says_so() {
    for method in [Method::Invite, Method::Info] {
        let (mut bench, key) = large(method.clone());
        let (flow, text) = next_hop(&mut bench);
        let tcp = Flow { local: "192.0.2.1:5070".parse().expect("an address"), ..tcp(3, None) };
        assert_eq!(flow, tcp);
        assert_eq!(
            text,
            "Via: SIP/2.0/TCP 192.0.2.1:5070;rport;branch=z9hG4bKours \
             Contact: <sip:bob@192.0.2.1:5070;transport=tcp>"
        );
        let answer = format!("200 {method} z9hG4bKours");
        let over = Flow { connection: Some(ConnectionId(1)), ..tcp };
        assert_eq!(bench.answer(&answer, over), Some((key, 200)));
        // What broke after the answer is of no concern.
        bench.layer.handle_transport_error(&over, bench.now);
        assert!(bench.layer.poll_output().is_none());
    }
}

#[test]
fn a_large_request_goes_over_udp_after_all_when_tcp_finds_nobody() {
    for method in [Method::Invite, Method::Info] {
        let (mut bench, key) = large(method.clone());
        let (dialled, _) = next_hop(&mut bench);
        bench.layer.handle_transport_error(&dialled, bench.now);
        let (flow, text) = next_hop(&mut bench);
        assert_eq!(flow, udp(3));
        assert!(text.starts_with("Via: SIP/2.0/UDP 192.0.2.1:5060;"), "{text}");
        assert!(text.ends_with("Contact: <sip:bob@192.0.2.1:5060>"), "{text}");
        // Repeated as UDP needs it, and not tried over TCP again soon.
        assert_eq!(
            bench.pass(Duration::from_millis(600)),
            [format!("500 {method} sip:carol@198.51.100.3")]
        );
        let answer = format!("200 {method} z9hG4bKours");
        assert_eq!(bench.answer(&answer, udp(3)), Some((key, 200)));
        bench.send(Method::Bye, udp(3));
        assert_eq!(next_hop(&mut bench).0, udp(3));
    }
}

#[test]
fn a_large_request_stays_on_udp_to_a_phone_that_registered_there_and_to_a_family_without_tcp() {
    let (mut bench, _) = large(Method::Invite);
    next_hop(&mut bench);
    bench.layer.keep_to_datagrams(udp(3).remote, bench.now + Duration::from_secs(60));
    bench.send(Method::Info, udp(3));
    assert_eq!(next_hop(&mut bench).0, udp(3));
    let six = Flow { remote: "[2001:db8::3]:5060".parse().expect("an address"), ..udp(3) };
    bench.send(Method::Info, six);
    assert_eq!(next_hop(&mut bench).0, six);
    bench.pass(Duration::from_secs(60));
    bench.send(Method::Info, udp(3));
    assert_eq!(next_hop(&mut bench).0.transport, Transport::Tcp);
}

#[test]
fn a_large_invite_that_was_taken_back_is_not_sent_again() {
    let (mut bench, key) = large(Method::Invite);
    let (dialled, _) = next_hop(&mut bench);
    assert!(bench.layer.cancel(key, bench.now));
    bench.layer.handle_transport_error(&dialled, bench.now);
    assert_eq!(bench.drain(), ["unreachable"]);
    assert!(bench.is_empty());
}
