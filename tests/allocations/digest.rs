//! A wrong password is as much work for a user that exists as for one that does not: whoever measures learns no names.

use bytes::Bytes;
use sidestream::id::UserName;
use sidestream::sip::digest::{Secret, authorize};
use sidestream::switch::{Input, Output, Settings, Switch, User};
use sidestream::time::Instant;

use crate::counting::allocations;
use crate::whole_call::{flow, settings};

const REGISTRAR: &str = "sip:10.0.0.1:5060";

fn with_alice() -> Settings {
    let alice = User {
        name: UserName::new("alice"),
        secret: Secret::from_password("alice", "bench", "right"),
        may_control_streams: false,
        transfer: Default::default(),
    };
    Settings { users: vec![alice], peers: Vec::new(), ..settings() }
}

fn register(user: &str, cseq: u32, proof: Option<&str>) -> Bytes {
    let proof = proof.map(|proof| format!("Authorization: {proof}\r\n")).unwrap_or_default();
    Bytes::from(format!(
        "REGISTER {REGISTRAR} SIP/2.0\r\nVia: SIP/2.0/UDP 10.0.9.9:5060;branch=z9hG4bK-{cseq}\r\nMax-Forwards: 70\r\n\
         From: <sip:{user}@10.0.0.1>;tag=1\r\nTo: <sip:{user}@10.0.0.1>\r\nCall-ID: r\r\nCSeq: {cseq} REGISTER\r\n\
         Contact: <sip:{user}@10.0.9.9:5060>\r\nX-Padding: {}\r\n{proof}Content-Length: 0\r\n\r\n",
        "x".repeat(600)
    ))
}

/// The allocations that a wrong password of this user makes, and the answer to it.
fn wrong_password(user: &str) -> (u64, String) {
    let mut switch = Switch::new(with_alice(), [7; 32], 1_700_000_000_000);
    let mut ask = |bytes: Bytes| {
        let mut answer = None;
        let from = flow("10.0.9.9:5060".parse().expect("an address"));
        let count = allocations(|| {
            switch.handle_input(Input::Message { flow: from, bytes }, Instant::from_millis(1_000));
            while let Some(output) = switch.poll_output() {
                if let Output::Send { bytes, .. } = output {
                    answer = Some(bytes);
                }
            }
        });
        let answer = answer.expect("an answer");
        (count, String::from_utf8(answer.to_vec()).expect("the switch writes UTF-8"))
    };
    let (_, challenged) = ask(register(user, 1, None));
    let challenge = challenged.lines().find_map(|line| line.strip_prefix("WWW-Authenticate: "));
    let challenge = challenge.expect("a challenge");
    let proof = authorize(challenge, "REGISTER", REGISTRAR, user, "wrong", "c0ffee", 1);
    let (count, answer) = ask(register(user, 2, Some(&proof.expect("a challenge to be met"))));
    (count, answer.lines().next().unwrap_or_default().to_owned())
}

#[test]
fn a_wrong_password_is_the_same_work_whether_the_user_exists_or_not() {
    assert_eq!(wrong_password("alice"), wrong_password("mallo"));
}
