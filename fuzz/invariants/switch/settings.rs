//! A dial plan with a bit of everything: the callee as a server, as a trunk, and as where a redirection may lead.

use std::sync::Arc;

use sidestream::call::{self, MediaAddress, Redirects, SinkLimits, Streaming, TransferRights};
use sidestream::command::StartStream;
use sidestream::dialplan::{Pattern, Route};
use sidestream::id::Tracks;
use sidestream::registrar;
use sidestream::sip::Transport;
use sidestream::sip::digest::{DigestSettings, Secret};
use sidestream::switch::{Listener, Peer, Reaching, Settings, User};
use sidestream::trunk::{self, Account, Assert, Headers, Identity, Line, ReferPolicy};

use super::house::SWITCH;

/// The one user, and its password.
pub(super) const USER: &str = "alice";
pub(super) const PASSWORD: &str = "not in any corpus";
pub(super) const REALM: &str = "fuzz";

const MAY_ALL: TransferRights =
    TransferRights { may_transfer: true, may_pick_up: true, ..TransferRights::USER };

/// `2*` is a server, `4*` a trunk; both are the callee.
pub(super) fn settings() -> Settings {
    let route = |pattern, goal: &str| {
        Route::new(Pattern::parse(pattern).expect("a pattern")).to(goal.parse().expect("a goal"))
    };
    let record = StartStream {
        sinks: "good".into(),
        tracks: Tracks::Both,
        label: Some("record".into()),
        ..StartStream::default()
    };
    Settings {
        realm: REALM.into(),
        digest: DigestSettings::default(),
        listeners: vec![
            Listener { transport: Transport::Udp, address: SWITCH },
            Listener { transport: Transport::Tcp, address: SWITCH },
        ],
        users: vec![User {
            name: USER.into(),
            secret: Secret::from_password(USER, REALM, PASSWORD),
            may_control_streams: true,
            transfer: MAY_ALL,
        }],
        peers: vec![Peer {
            name: "lab".into(),
            networks: vec!["10.0.0.0/8".parse().expect("a network")],
            may_control_streams: true,
            transfer: MAY_ALL,
        }],
        trunks: vec![trunk()],
        routes: vec![route("2*", "sip:{number}@10.0.1.2:5060"), route("4*", "trunk:acme")],
        test_numbers: true,
        reaching: Reaching {
            redirects: Redirects::Known,
            redirect_domains: vec!["callee.example".into()],
            ..Reaching::default()
        },
        max_calls: 10,
        ports: 20_000..=20_099,
        guard: Default::default(),
        registrar: registrar::Settings::default(),
        acd: Default::default(),
        hours: Default::default(),
        star_codes: Default::default(),
        flows: Default::default(),
        call: call::Settings {
            media_addresses: vec![MediaAddress::of(SWITCH.ip())],
            streaming: Streaming {
                default_sink: Some("good".into()),
                sinks: [("good".into(), SinkLimits::of(10))].into(),
                record: Some(record),
                ..Streaming::default()
            },
            ..call::Settings::default()
        },
    }
}

/// A trunk that asks for credentials when it likes, and is told all that a caller tells.
fn trunk() -> trunk::Settings {
    let account =
        Account { user: "4930".into(), password: PASSWORD.into(), realm: "acme.example".into() };
    let identity = Identity {
        assert: Assert::Asserted,
        diversion: true,
        history: true,
        ..Identity::default()
    };
    let headers = Headers { pass: vec!["X-*".parse().expect("a rule")], rules: Vec::new() };
    let line =
        Line { name: "acme".into(), account: Some(account), identity, headers, ..Line::default() };
    trunk::Settings {
        line: Arc::new(line),
        transfer: TransferRights { refer: ReferPolicy::Pass, ..MAY_ALL },
        may_control_streams: true,
        // Whoever calls from there is the peer.
        networks: vec!["192.0.2.250".parse().expect("a network")],
        ..trunk::Settings::new("acme", "sip:10.0.1.2:5060")
    }
}
