//! Requests of peers.

use super::*;

#[test]
fn a_retransmitted_request_gets_the_same_response_until_timer_j() {
    let mut bench = Bench::new();
    let options = request("OPTIONS 1 z9hG4bKa", &[]);
    let key = bench.receive_new(options.clone(), udp(2));
    assert!(bench.absorbs(options.clone(), udp(2)), "before the response");
    assert!(bench.drain().is_empty());
    assert!(bench.respond(key, &options, 200));
    assert!(bench.absorbs(options.clone(), udp(2)));
    assert_eq!(bench.drain(), ["200 OK", "200 OK"]);
    assert!(!bench.respond(key, &options, 404), "a second final response");
    assert_eq!(bench.pass(Duration::from_secs(40)), ["32000 ended"]);
    assert!(bench.is_empty());
    bench.receive_new(options, udp(2));
}

#[test]
fn branch_sent_by_and_method_together_name_a_transaction() {
    let mut bench = Bench::new();
    bench.receive_new(request("OPTIONS 1 z9hG4bKa", &[]), udp(2));
    bench.receive_new(request("OPTIONS 1 z9hG4bKb", &[]), udp(2));
    bench.receive_new(request("INFO 1 z9hG4bKa", &[]), udp(2));
    for sent_by in ["other.example:5060", "phone.example:5061", "phone.example"] {
        let via = format!("Via: SIP/2.0/UDP {sent_by};branch=z9hG4bKa");
        bench.receive_new(request("OPTIONS 1 -", &[&via]), udp(2));
    }
    let shouted = "Via: SIP/2.0/UDP PHONE.example:5060;branch=z9hG4bKa";
    assert!(bench.absorbs(request("OPTIONS 1 -", &[shouted]), udp(2)));
}

#[test]
fn without_a_unique_branch_the_fields_of_rfc_2543_name_it() {
    // A branch that is the cookie and nothing else is not unique: RFC 4475 §3.2.1.
    for branch in ["1", "z9hG4bK"] {
        let mut bench = Bench::new();
        let line = format!("OPTIONS 1 {branch}");
        bench.receive_new(request(&line, &[]), udp(2));
        assert!(bench.absorbs(request(&line, &[]), udp(2)));
        for other in
            ["Call-ID: other", "From: <sip:alice@example.com>;tag=other", "To: <sip:b@x>;tag=1"]
        {
            bench.receive_new(request(&line, &[other]), udp(2));
        }
        bench.receive_new(request(&format!("OPTIONS 2 {branch}"), &[]), udp(2));
    }
}

#[test]
fn without_a_unique_branch_an_ack_counts_only_with_the_tag_of_the_response() {
    let mut bench = Bench::new();
    let invite = request("INVITE 1 old", &[]);
    let key = bench.receive_new(invite.clone(), udp(2));
    bench.respond(key, &invite, 486);
    let strange = request("ACK 1 old", &["To: <sip:bob@example.com>;tag=eve"]);
    assert!(matches!(bench.receive(strange, udp(2)), Incoming::Ack { .. }));
    let ack = request("ACK 1 old", &["To: <sip:bob@example.com>;tag=bob"]);
    assert!(bench.absorbs(ack, udp(2)));
    assert_eq!(bench.drain(), ["486 Busy Here"]);
    assert_eq!(bench.pass(Duration::from_secs(60)), ["5000 ended"]);
}

#[test]
fn a_refusal_is_repeated_until_its_ack() {
    let mut bench = Bench::new();
    let invite = request("INVITE 1 z9hG4bKa", &[]);
    let key = bench.receive_new(invite.clone(), udp(2));
    bench.respond(key, &invite, 486);
    assert_eq!(bench.drain(), ["486 Busy Here"]);
    assert_eq!(bench.pass(Duration::from_secs(2)), ["500 486 Busy Here", "1500 486 Busy Here"]);
    let ack = request("ACK 1 z9hG4bKa", &["To: <sip:bob@example.com>;tag=bob"]);
    assert!(bench.absorbs(ack.clone(), udp(2)));
    assert!(bench.absorbs(ack, udp(2)), "a retransmitted ACK");
    assert_eq!(bench.pass(Duration::from_secs(60)), ["7000 ended"]);
    assert!(bench.is_empty());
}

#[test]
fn a_refusal_without_an_ack_is_told() {
    let mut bench = Bench::new();
    let invite = request("INVITE 1 z9hG4bKa", &[]);
    let key = bench.receive_new(invite.clone(), udp(2));
    bench.respond(key, &invite, 486);
    assert_eq!(bench.drain(), ["486 Busy Here"]);
    let wanted = bench.pass(Duration::from_secs(60));
    assert_eq!(wanted.len(), 12, "{wanted:?}");
    assert_eq!(wanted[10..], ["32000 unacknowledged", "32000 ended"]);
    assert!(bench.is_empty());
}

#[test]
fn after_a_2xx_the_invite_is_absorbed_and_acks_and_further_2xx_pass() {
    let mut bench = Bench::new();
    let invite = request("INVITE 1 z9hG4bKa", &[]);
    let key = bench.receive_new(invite.clone(), udp(2));
    bench.respond(key, &invite, 180);
    assert!(bench.respond(key, &invite, 200));
    assert!(bench.absorbs(invite.clone(), udp(2)));
    assert!(bench.respond(key, &invite, 200), "the user repeats it");
    assert!(!bench.respond(key, &invite, 486));
    assert_eq!(bench.drain(), ["180 Ringing", "200 OK", "200 OK"]);
    for branch in ["z9hG4bKother", "z9hG4bKa"] {
        let ack = request(&format!("ACK 1 {branch}"), &["To: <sip:bob@example.com>;tag=bob"]);
        assert!(matches!(bench.receive(ack, udp(2)), Incoming::Ack { .. }), "{branch}");
    }
    assert_eq!(bench.pass(Duration::from_secs(60)), ["32000 ended"]);
    assert!(bench.is_empty());
}

#[test]
fn an_invite_that_the_user_leaves_for_200_ms_is_answered_with_100() {
    let mut bench = Bench::new();
    let silent = request("INVITE 1 z9hG4bKa", &[]);
    let prompt = request("INVITE 1 z9hG4bKb", &["Call-ID: other"]);
    bench.receive_new(silent.clone(), udp(2));
    let key = bench.receive_new(prompt.clone(), udp(2));
    bench.respond(key, &prompt, 180);
    bench.drain();
    assert_eq!(bench.pass(Duration::from_secs(1)), ["200 100 Trying"]);
    assert!(bench.absorbs(silent, udp(2)));
    assert_eq!(bench.drain(), ["100 Trying"]);
}

#[test]
fn a_cancel_finds_its_invite_only_from_the_same_host() {
    let mut bench = Bench::new();
    let invite = request("INVITE 1 z9hG4bKa", &[]);
    let invited = bench.receive_new(invite, udp(2));
    let cancel = request("CANCEL 1 z9hG4bKa", &[]);
    let Incoming::Cancel { invite: None, key, .. } = bench.receive(cancel.clone(), udp(3)) else {
        panic!("a stranger's CANCEL counts");
    };
    bench.respond(key, &cancel, 481);
    bench.pass(Duration::from_secs(40));
    let Incoming::Cancel { invite, key, .. } = bench.receive(cancel.clone(), udp(2)) else {
        panic!("no CANCEL");
    };
    assert_eq!(invite, Some(invited));
    bench.respond(key, &cancel, 200);
    assert!(bench.absorbs(cancel, udp(2)));
    assert_eq!(bench.drain(), ["200 OK", "200 OK"]);
    let other = request("CANCEL 1 z9hG4bKb", &[]);
    assert!(matches!(bench.receive(other, udp(2)), Incoming::Cancel { invite: None, .. }));
}

#[test]
fn a_cancel_without_a_unique_branch_finds_its_invite() {
    let mut bench = Bench::new();
    let invited = bench.receive_new(request("INVITE 1 old", &[]), udp(2));
    let found = bench.receive(request("CANCEL 1 old", &[]), udp(2));
    assert!(matches!(found, Incoming::Cancel { invite: Some(key), .. } if key == invited));
}

#[test]
fn the_same_request_over_a_second_path_is_merged() {
    let mut bench = Bench::new();
    let invite = request("INVITE 1 z9hG4bKa", &[]);
    let first = bench.receive_new(invite.clone(), udp(2));
    let second = bench.receive_new(request("INVITE 1 z9hG4bKb", &[]), udp(3));
    let next = bench.receive_new(request("INVITE 2 z9hG4bKc", &[]), udp(2));
    let within = ["To: <sip:bob@example.com>;tag=bob"];
    let info = bench.receive_new(request("INFO 3 z9hG4bKd", &within), udp(2));
    let again = bench.receive_new(request("INFO 3 z9hG4bKe", &within), udp(2));
    let merged = [first, second, next, info, again].map(|key| bench.layer.is_merged(key));
    assert_eq!(merged, [false, true, false, false, false]);
    bench.respond(first, &invite, 200);
    bench.pass(Duration::from_secs(40));
    let late = bench.receive_new(request("INVITE 1 z9hG4bKf", &[]), udp(2));
    assert!(!bench.layer.is_merged(late), "the first arrival is gone");
}

#[test]
fn a_full_table_answers_503_and_keeps_room_for_dialogs() {
    let mut bench = Bench::new();
    bench.layer = Transactions::new(TransactionTimers::DEFAULT).with_limit(8);
    let numbered = |n: u32, headers: &[&str]| request(&format!("OPTIONS {n} z9hG4bK{n}"), headers);
    for n in 0..7 {
        bench.receive_new(numbered(n, &[]), udp(2));
    }
    assert!(bench.absorbs(numbered(7, &[]), udp(2)));
    assert_eq!(bench.drain(), ["503 Service Unavailable"]);
    let within = ["To: <sip:bob@example.com>;tag=bob"];
    bench.receive_new(numbered(8, &within), udp(2));
    assert!(bench.absorbs(numbered(9, &within), udp(2)));
    let ack = request("ACK 1 z9hG4bKack", &[]);
    assert!(matches!(bench.receive(ack, udp(2)), Incoming::Ack { .. }));
    assert_eq!((bench.layer.counts().server, bench.layer.counts().refused), (8, 2));
}

#[test]
fn an_answer_whose_connection_broke_is_dialled_and_a_lost_datagram_changes_nothing() {
    let mut bench = Bench::new();
    let invite = |n: u32| request(&format!("INVITE {n} z9hG4bK{n}"), &[]);
    let key = bench.receive_new(invite(1), tcp(2, Some(5)));
    bench.receive_new(invite(2), tcp(2, Some(6)));
    bench.receive_new(invite(3), udp(2));
    bench.layer.handle_transport_error(&tcp(2, Some(5)), bench.now);
    bench.layer.handle_transport_error(&udp(2), bench.now);
    assert_eq!(bench.drain(), Vec::<String>::new());
    bench.respond(key, &invite(1), 486);
    let Some(TransactionOutput::Send { flow, .. }) = bench.layer.poll_output() else {
        panic!("an answer")
    };
    // RFC 3261 §18.2.2: where the request came from, at the port of its Via.
    assert_eq!(flow, tcp(2, None));
    // Whoever repeats itself over another connection is answered there.
    assert!(bench.absorbs(invite(1), tcp(2, Some(7))));
    let Some(TransactionOutput::Send { flow, .. }) = bench.layer.poll_output() else {
        panic!("an answer")
    };
    assert_eq!(flow, tcp(2, Some(7)));
    bench.layer.handle_transport_error(&tcp(2, Some(7)), bench.now);
    bench.layer.handle_transport_error(&tcp(2, None), bench.now);
    assert_eq!(bench.drain(), ["ended"], "nobody is there");
    assert_eq!(bench.layer.counts().server, 2);
}

#[test]
fn over_tcp_an_answered_request_is_forgotten_at_once() {
    let mut bench = Bench::new();
    let options = request("OPTIONS 1 z9hG4bKa", &[]);
    let key = bench.receive_new(options.clone(), tcp(2, Some(5)));
    bench.respond(key, &options, 200);
    assert_eq!(bench.drain(), ["200 OK"]);
    assert_eq!(bench.pass(Duration::ZERO), ["0 ended"]);
    assert!(bench.is_empty());
}

#[test]
fn a_request_that_nobody_answers_is_forgotten_when_its_sender_has_given_up() {
    let mut bench = Bench::new();
    let key = bench.receive_new(request("INFO 1 z9hG4bKa", &[]), udp(2));
    assert_eq!(bench.pass(Duration::from_secs(60)), ["32000 ended"]);
    assert!(!bench.respond(key, &request("INFO 1 z9hG4bKa", &[]), 200));
    assert!(bench.is_empty());
}
