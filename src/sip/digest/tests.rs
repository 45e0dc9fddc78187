use std::net::{IpAddr, Ipv4Addr};

use super::*;
use crate::id::UserName;
use crate::time::{Duration, Instant};

const PHONE: IpAddr = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 7));
const URI: &str = "sip:pbx.example.com";

fn server(nonces: usize) -> Digest {
    let settings = DigestSettings { nonces, ..DigestSettings::default() };
    Digest::new("pbx".into(), [7; 32], settings)
}

fn asked(method: &'static str, uri: &'static str) -> Asked<'static> {
    Asked { method, uri, source: PHONE }
}

fn register() -> Asked<'static> {
    asked("REGISTER", URI)
}

fn secret_of(user: &str) -> Option<Secret> {
    (user == "alice").then(|| Secret::from_password("alice", "pbx", "wonder"))
}

fn at(millis: u64) -> Instant {
    Instant::from_millis(millis)
}

/// Credentials of a well-behaved phone for the challenge with this hash.
fn answer(server: &Digest, algorithm: &str, issued: Instant, password: &str, nc: u32) -> String {
    let challenges = server.challenges(&register(), issued, false);
    let challenge = challenges
        .iter()
        .find(|challenge| challenge.contains(algorithm))
        .expect("both hashes are offered");
    authorize(challenge, "REGISTER", URI, "alice", password, "c0ffee", nc)
        .expect("a challenge that is understood")
}

fn verify(server: &mut Digest, credentials: &str, now: Instant) -> Verdict {
    server.verify(credentials, &register(), now, secret_of)
}

#[test]
fn the_examples_of_rfc_7616_and_rfc_2617_come_out() {
    let challenge = |algorithm: &str| {
        format!(
            "Digest realm=\"http-auth@example.org\", qop=\"auth, auth-int\", algorithm={algorithm}, \
             nonce=\"7ypf/xlj9XXwfDPEoM4URrv/xwf94BcCAzFZH4GiTo0v\", opaque=\"FQhe/qaU925kfnzjCev0ciny7QMkPqMAFRtzCUYo5tdS\""
        )
    };
    let cnonce = "f2/wE4q74E6zIJEtWaHKaf5wv/H5QzzpXusqGemxURZJ";
    for (algorithm, response) in [
        ("MD5", "8ca523f5e9506fed4657c9700eebdbec"),
        ("SHA-256", "753927fa0e85d155564e2e272a28d1802ca10daf4496794697cf8db5856cb6c1"),
    ] {
        let value = authorize(
            &challenge(algorithm),
            "GET",
            "/dir/index.html",
            "Mufasa",
            "Circle of Life",
            cnonce,
            1,
        )
        .expect("understood");
        assert!(value.contains(&format!("response=\"{response}\"")), "{value}");
        assert!(value.contains("qop=auth, nc=00000001"), "{value}");
    }
    let value = authorize(
        "digest realm=\"testrealm@host.com\",qop=\"auth\",nonce=\"dcd98b7102dd2f0e8b11d0f600bfb0c093\"",
        "GET",
        "/dir/index.html",
        "Mufasa",
        "Circle Of Life",
        "0a4f113b",
        1,
    )
    .expect("understood");
    assert!(value.contains("6629fae49393a05397450978507c4ef1"), "{value}");
}

#[test]
fn challenges_that_are_not_understood_are_not_answered() {
    for challenge in [
        "Basic realm=\"x\"",
        "Digest realm=\"x\"",
        "Digest realm=\"x\", nonce=\"n\", algorithm=SHA-512-256",
        "Digest realm=\"x\", nonce=\"n\", qop=\"auth-int\"",
        "Digest realm=\"x\", nonce=\"n\", nonce=\"m\"",
        "Digest realm=\"x, nonce=\"n\"",
    ] {
        assert_eq!(authorize(challenge, "GET", "/", "u", "p", "c", 1), None, "{challenge}");
    }
}

#[test]
fn a_phone_that_knows_the_password_is_accepted_with_either_hash() {
    for algorithm in ["SHA-256", "MD5"] {
        let mut server = server(8);
        let credentials = answer(&server, algorithm, at(5), "wonder", 1);
        let verdict = verify(&mut server, &credentials, at(9));
        assert_eq!(verdict, Verdict::Accepted(UserName::from("alice")));
    }
}

#[test]
fn the_better_hash_is_offered_first() {
    let challenges = server(8).challenges(&register(), at(1), true);
    assert!(challenges[0].contains("algorithm=SHA-256"));
    assert!(challenges[1].contains("algorithm=MD5"));
    assert!(challenges.iter().all(|c| c.ends_with("stale=true")));
}

#[test]
fn wrong_credentials_are_refused() {
    let mut server = server(8);
    let good = answer(&server, "SHA-256", at(5), "wonder", 1);
    for (what, credentials) in [
        ("password", answer(&server, "SHA-256", at(5), "wander", 1)),
        ("user", good.replace("alice", "mallory")),
        ("count", good.replace("00000001", "00000002")),
        ("hash", good.replace("SHA-256", "MD5")),
    ] {
        assert_eq!(verify(&mut server, &credentials, at(6)), Verdict::Wrong, "{what}");
    }
    for (what, credentials) in [
        ("realm", good.replace("realm=\"pbx\"", "realm=\"other\"")),
        ("qop", good.replace("qop=auth", "qop=auth-int")),
        ("no qop", good.replace("qop=auth, ", "")),
        ("short count", good.replace("00000001", "1")),
        ("unknown hash", good.replace("SHA-256", "SHA-1")),
        ("uri", good.replace(URI, "sip:elsewhere.example.com")),
        ("twice", format!("{good}, username=\"alice\"")),
        ("scheme", good.replace("Digest", "Basic")),
        ("nothing", String::new()),
    ] {
        assert_eq!(verify(&mut server, &credentials, at(6)), Verdict::Refused, "{what}");
    }
    assert_eq!(
        server.verify(&good, &asked("INVITE", URI), at(6), secret_of),
        Verdict::Refused,
        "another method"
    );
    assert_eq!(server.used_nonces(), 0);
}

#[test]
fn a_uri_may_differ_in_parameters_only() {
    let mut server = server(8);
    let credentials = answer(&server, "MD5", at(5), "wonder", 1);
    let full = asked("REGISTER", "sip:PBX.example.com:5060;transport=udp");
    let verdict = server.verify(&credentials, &full, at(6), secret_of);
    assert_eq!(verdict, Verdict::Accepted(UserName::from("alice")));
}

#[test]
fn a_request_is_taken_once_and_counts_must_grow() {
    let mut server = server(8);
    let accepted = Verdict::Accepted(UserName::from("alice"));
    for (nc, expected) in
        [(2, &accepted), (2, &Verdict::Stale), (1, &Verdict::Stale), (3, &accepted)]
    {
        let credentials = answer(&server, "SHA-256", at(5), "wonder", nc);
        assert_eq!(verify(&mut server, &credentials, at(6)), *expected, "nc {nc}");
    }
}

#[test]
fn nonces_that_are_old_early_foreign_or_of_another_source_are_stale() {
    let mut server = server(8);
    let lifetime = DigestSettings::default().nonce_lifetime;
    let credentials = answer(&server, "SHA-256", at(5), "wonder", 1);
    assert_eq!(verify(&mut server, &credentials, at(4)), Verdict::Stale);
    assert_eq!(verify(&mut server, &credentials, at(6) + lifetime), Verdict::Stale);
    let elsewhere = IpAddr::V4(Ipv4Addr::new(192, 0, 2, 8));
    let elsewhere = Asked { source: elsewhere, ..register() };
    assert_eq!(server.verify(&credentials, &elsewhere, at(6), secret_of), Verdict::Stale);
    let before_restart = Digest::new("pbx".into(), [8; 32], DigestSettings::default());
    let foreign = answer(&before_restart, "SHA-256", at(5), "wonder", 1);
    assert_eq!(verify(&mut server, &foreign, at(6)), Verdict::Stale);
}

#[test]
fn a_full_table_never_lets_a_forgotten_nonce_be_used_again() {
    let mut server = server(2);
    let first = answer(&server, "SHA-256", at(1), "wonder", 1);
    for millis in 1..=4 {
        let credentials = answer(&server, "SHA-256", at(millis), "wonder", 1);
        assert!(matches!(verify(&mut server, &credentials, at(10)), Verdict::Accepted(_)));
        assert!(server.used_nonces() <= 2);
    }
    assert_eq!(verify(&mut server, &first, at(10)), Verdict::Stale);
}

#[test]
fn expired_nonces_leave_the_table() {
    let mut server = server(8);
    for seconds in [1, 2, 100] {
        let issued = Instant::ZERO + Duration::from_secs(seconds);
        let credentials = answer(&server, "MD5", issued, "wonder", 1);
        verify(&mut server, &credentials, issued);
    }
    assert_eq!(server.used_nonces(), 1);
}

#[test]
fn only_the_hashes_of_the_settings_are_offered_and_taken_in_their_order() {
    let offered = |algorithms: &[Algorithm]| {
        let settings =
            DigestSettings { algorithms: algorithms.to_vec(), ..DigestSettings::default() };
        Digest::new("pbx".into(), [7; 32], settings)
    };
    let md5_first =
        offered(&[Algorithm::Md5, Algorithm::Sha256]).challenges(&register(), at(0), false);
    assert!(md5_first[0].contains("algorithm=MD5") && md5_first[1].contains("algorithm=SHA-256"));
    let with_md5 = answer(&server(8), "MD5", at(0), "wonder", 1);
    assert_eq!(verify(&mut server(8), &with_md5, at(1)), Verdict::Accepted(UserName::new("alice")));
    let mut sha_only = offered(&[Algorithm::Sha256]);
    assert_eq!(sha_only.challenges(&register(), at(0), false).len(), 1);
    assert_eq!(verify(&mut sha_only, &with_md5, at(1)), Verdict::Refused);
}

#[test]
fn a_nonce_serves_the_request_that_it_was_given_for_and_no_other() {
    let mut server = server(8);
    for (what, method, uri) in [
        ("another method", "INVITE", URI),
        ("another user", "REGISTER", "sip:bob@pbx.example.com"),
        ("another host", "REGISTER", "sip:elsewhere.example.com"),
    ] {
        let challenge = &server.challenges(&register(), at(5), false)[0];
        let credentials =
            authorize(challenge, method, uri, "alice", "wonder", "c0ffee", 1).expect("understood");
        let verdict = server.verify(&credentials, &asked(method, uri), at(6), secret_of);
        assert_eq!(verdict, Verdict::Stale, "{what}");
    }
    // The same request may use it on, counting.
    for nc in 1..=3 {
        let credentials = answer(&server, "SHA-256", at(5), "wonder", nc);
        assert!(matches!(verify(&mut server, &credentials, at(6)), Verdict::Accepted(_)));
    }
}

#[test]
fn a_guess_is_told_from_what_anybody_can_write_under_a_foreign_address() {
    let mut server = server(8);
    let guess = answer(&server, "MD5", at(5), "wander", 1);
    assert_eq!(verify(&mut server, &guess, at(6)), Verdict::Wrong);
    let stranger = Digest::new("pbx".into(), [9; 32], DigestSettings::default());
    let forged = answer(&stranger, "MD5", at(5), "wander", 1);
    assert_eq!(verify(&mut server, &forged, at(6)), Verdict::Refused);
}
