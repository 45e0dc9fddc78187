//! The guard alone.

use super::*;
use crate::sip::Transport;
use crate::time::Duration;

const STRANGER: &str = "203.0.113.9:5060";

fn flow(remote: &str, transport: Transport) -> Flow {
    let local = "192.0.2.1:5060".parse().expect("an address");
    Flow { transport, local, remote: remote.parse().expect("an address"), connection: None }
}

fn guard(change: impl FnOnce(&mut GuardSettings)) -> Guard {
    let mut settings = GuardSettings { sources: 4, ..GuardSettings::default() };
    change(&mut settings);
    Guard::new(settings, ["198.51.100.0/24".parse().expect("a network")])
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(1_000_000 + millis)
}

fn arrival(flow: &Flow) -> Arrival<'_> {
    Arrival {
        flow,
        bytes: 100,
        is_expected: false,
        is_answered: true,
        user_agent: None,
        asks_for_nobody: false,
    }
}

/// How many of `count` requests are let in.
fn let_in(guard: &mut Guard, remote: &str, count: usize, now: Instant) -> usize {
    let flow = flow(remote, Transport::Udp);
    (0..count).filter(|_| guard.lets_in(&arrival(&flow), now)).count()
}

#[test]
fn a_source_has_its_requests_a_second_and_peers_have_as_many_as_they_want() {
    let mut guard = guard(|settings| settings.requests_per_s = 10);
    assert_eq!(let_in(&mut guard, STRANGER, 100, at(0)), 40, "four seconds' worth at once");
    assert_eq!(let_in(&mut guard, STRANGER, 100, at(1_000)), 10);
    assert_eq!(let_in(&mut guard, "203.0.113.10:5060", 1, at(1_000)), 1, "a neighbour");
    assert_eq!(let_in(&mut guard, "198.51.100.7:5060", 500, at(1_000)), 500, "a peer");
    assert_eq!(let_in(&mut guard, "127.0.0.1:5060", 500, at(1_000)), 500, "this machine");
    assert_eq!(guard.counters.rate_limited, 150);
}

#[test]
fn an_ipv6_customer_is_one_source_whatever_address_it_takes() {
    let mut guard = guard(|settings| settings.requests_per_s = 1);
    let from = |host: u32| format!("[2001:db8:0:7::{host:x}]:5060");
    let heard: usize = (1..=100).map(|host| let_in(&mut guard, &from(host), 1, at(0))).sum();
    assert_eq!((heard, guard.sources()), (4, 1));
    assert_eq!(let_in(&mut guard, "[2001:db8:0:8::1]:5060", 1, at(0)), 1);
}

#[test]
fn what_belongs_to_a_call_passes_until_it_becomes_a_storm() {
    let mut guard = guard(|settings| {
        settings.requests_per_s = 1;
        settings.messages_per_s = 100;
    });
    let flow = flow(STRANGER, Transport::Udp);
    let expected = Arrival { is_expected: true, ..arrival(&flow) };
    let heard = (0..1_000).filter(|_| guard.lets_in(&expected, at(0))).count();
    assert_eq!((heard, guard.counters.storms), (400, 600));
}

#[test]
fn a_table_that_is_full_forgets_who_was_quiet_longest() {
    let mut guard = guard(|settings| settings.requests_per_s = 1);
    for host in 1..=5 {
        let_in(&mut guard, &format!("203.0.113.{host}:5060"), 4, at(host));
        assert!(guard.sources() <= 4);
    }
    assert_eq!(let_in(&mut guard, "203.0.113.5:5060", 1, at(10)), 0, "remembered");
    assert_eq!(let_in(&mut guard, "203.0.113.1:5060", 1, at(10)), 1, "forgotten");
}

#[test]
fn failing_authentication_bans_for_a_time_and_the_ban_can_be_lifted() {
    let mut guard = guard(|settings| {
        settings.bans = BanSettings {
            failures: 3,
            window: Duration::from_secs(10),
            time: Duration::from_secs(60),
        };
    });
    let source: IpAddr = "203.0.113.9".parse().expect("an address");
    // Slowly, or with success between, nobody is banned.
    for second in [0, 11, 22, 33] {
        guard.handle_failed_authentication(source, at(second * 1_000));
    }
    guard.handle_failed_authentication(source, at(34_000));
    guard.handle_authenticated(source);
    guard.handle_failed_authentication(source, at(35_000));
    assert_eq!(let_in(&mut guard, STRANGER, 1, at(36_000)), 1);
    for _ in 0..2 {
        guard.handle_failed_authentication(source, at(36_000));
    }
    assert_eq!(let_in(&mut guard, STRANGER, 3, at(36_001)), 0);
    let call = flow(STRANGER, Transport::Udp);
    let expected = Arrival { is_expected: true, ..arrival(&call) };
    assert!(guard.lets_in(&expected, at(36_002)), "calls that are up go on");
    assert_eq!(guard.bans(at(36_003)), [Ban { source, until: at(96_000) }]);
    assert_eq!((guard.counters.bans, guard.counters.banned), (1, 3));
    assert!(guard.lift_ban(source) && !guard.lift_ban(source));
    assert_eq!(let_in(&mut guard, STRANGER, 1, at(36_004)), 1);
    // A ban ends by itself too.
    for _ in 0..3 {
        guard.handle_failed_authentication(source, at(40_000));
    }
    assert_eq!(let_in(&mut guard, STRANGER, 1, at(99_999)), 0);
    assert_eq!(let_in(&mut guard, STRANGER, 1, at(100_000)), 1);
    assert!(guard.bans(at(100_000)).is_empty());
    // Peers are never banned.
    for _ in 0..9 {
        guard.handle_failed_authentication("198.51.100.7".parse().expect("an address"), at(0));
    }
    assert_eq!(guard.counters.bans, 2);
}

#[test]
fn scanners_are_not_answered_as_the_policy_says() {
    let flow = flow(STRANGER, Transport::Udp);
    let scanner = Arrival { user_agent: Some("Friendly-Scanner"), ..arrival(&flow) };
    let prober = Arrival { asks_for_nobody: true, user_agent: Some("A phone"), ..arrival(&flow) };
    for (policy, heard) in [
        (ScannerPolicy::Answer, [true, true]),
        (ScannerPolicy::Agents, [false, true]),
        (ScannerPolicy::Nobody, [false, false]),
    ] {
        let mut guard = guard(|settings| settings.scanners = policy);
        let outcome = [scanner, prober].map(|arrival| guard.lets_in(&arrival, at(0)));
        assert_eq!(outcome, heard, "{policy:?}");
        let silent = heard.iter().filter(|heard| !**heard).count();
        assert_eq!(guard.counters.scanners, silent as u64);
    }
}

#[test]
fn answers_over_udp_are_paid_for_and_a_connection_owes_nothing() {
    let mut guard = guard(|_| {});
    let (udp, tcp) = (flow(STRANGER, Transport::Udp), flow(STRANGER, Transport::Tcp));
    assert!(!guard.spend(&udp, 1), "nothing came");
    assert!(guard.lets_in(&arrival(&udp), at(0)));
    assert!(!guard.may_spend(&udp, 151));
    assert!(guard.spend(&udp, 150) && !guard.spend(&udp, 1));
    assert!(guard.spend(&tcp, 10_000));
    assert_eq!(guard.counters.amplification, 2);
    // Nor is what came over a connection: whoever writes our answers' address under a datagram may be somebody else.
    assert!(guard.lets_in(&arrival(&tcp), at(1)) && !guard.spend(&udp, 1));
    // What nobody answers is no reason to send anything.
    let ack = Arrival { is_answered: false, ..arrival(&udp) };
    assert!(guard.lets_in(&ack, at(1)) && !guard.spend(&udp, 1));
}

#[test]
fn invites_are_limited_in_all_and_for_each_party_for_itself() {
    let mut guard = guard(|settings| {
        settings.invites_per_s = 10;
        settings.invites_per_user_per_s = 1;
        settings.invites_per_peer_per_s = 0;
    });
    assert_eq!((0..100).filter(|_| guard.admits_invite(at(0))).count(), 40);
    let of = |guard: &mut Guard, name: &str, is_user| {
        (0..10).filter(|_| guard.admits_party(name, is_user, at(0))).count()
    };
    assert_eq!([of(&mut guard, "a", true), of(&mut guard, "b", true)], [4, 4]);
    assert_eq!(of(&mut guard, "a", false), 10, "a peer of the same name, without a limit");
    let shed = guard.counters.shed_rate;
    guard.handle_load(Load { busy_permille: 0, lag: Duration::from_secs(1) });
    assert!(guard.is_overloaded() && !guard.admits_invite(at(9_000)));
    assert_eq!((guard.counters.shed_rate, guard.counters.shed_load), (shed, 1));
}
