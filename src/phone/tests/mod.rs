//! Two phones on loopback are each other's peers; no server is between them.

use std::net::{IpAddr, Ipv4Addr, Ipv6Addr};
use std::time::Duration;

use super::*;

mod planned;
mod registration;
mod retransmission;

const PATIENCE: Duration = Duration::from_secs(20);

struct Pair {
    alice: Phone,
    bob: Phone,
}

/// Alice's server is Bob.
async fn pair(transport: Transport, local: IpAddr) -> Pair {
    let config = |user: &str, server| PhoneConfig {
        server,
        transport,
        user: user.to_owned(),
        password: String::new(),
        local,
    };
    let nobody = SocketAddr::new(local, 9);
    let bob = Phone::bind(config("bob", nobody)).await.expect("a socket");
    let alice = Phone::bind(config("alice", bob.local_addr())).await.expect("a socket");
    Pair { alice, bob }
}

async fn udp_pair() -> Pair {
    pair(Transport::Udp, Ipv4Addr::LOCALHOST.into()).await
}

fn saying(hz: f32) -> CallOptions {
    CallOptions { play: AudioSource::Tone { hz }, ..CallOptions::default() }
}

impl Pair {
    /// Alice calls, Bob rings and answers.
    async fn talk(&self, alice: CallOptions, bob: CallOptions) -> (Call, Call) {
        let answer = async {
            let ringing = self.bob.accept().await.expect("a call");
            ringing.ring().await;
            ringing.answer(bob).await.expect("answered")
        };
        let (caller, callee) = tokio::join!(self.alice.call("bob", alice), answer);
        (caller.expect("an answered call"), callee)
    }
}

/// How much of a tone of this pitch there is in the samples, 0 to 1.
fn share_of_tone(samples: &[i16], hz: f64) -> f64 {
    let (mut sine, mut cosine, mut power) = (0.0, 0.0, 0.0);
    for (sample, index) in samples.iter().zip(0_u32..) {
        let angle = std::f64::consts::TAU * hz * f64::from(index) / 8000.0;
        let sample = f64::from(*sample);
        sine += sample * angle.sin();
        cosine += sample * angle.cos();
        power += sample * sample;
    }
    if power == 0.0 {
        0.0
    } else {
        2.0 * (sine * sine + cosine * cosine) / (power * samples.len() as f64)
    }
}

async fn until(what: &str, mut condition: impl FnMut() -> bool) {
    let waiting = async {
        while !condition() {
            tokio::time::sleep(Duration::from_millis(5)).await;
        }
    };
    assert!(tokio::time::timeout(PATIENCE, waiting).await.is_ok(), "never came about: {what}");
}

async fn heard_at_least(call: &Call, samples: usize) {
    until("enough is heard", || call.heard().samples.len() >= samples).await;
}

async fn next_event(call: &mut Call) -> CallEvent {
    tokio::time::timeout(PATIENCE, call.event()).await.expect("in time").expect("an event")
}

async fn both_hear_each_other(pair: Pair, codec: Codec) {
    let options = |hz| CallOptions { codecs: vec![codec], ..saying(hz) };
    let (alice, bob) = pair.talk(options(440.0), options(1000.0)).await;
    heard_at_least(&alice, 4000).await;
    heard_at_least(&bob, 4000).await;
    let alice = alice.hangup().await.expect("a report");
    assert_eq!(bob.ended().await, EndedBy::Remote);
    let bob = bob.hangup().await.expect("a report");
    assert_eq!((alice.status, alice.bye_status, alice.ended_by), (200, Some(200), EndedBy::Local));
    assert_eq!((bob.bye_status, bob.ended_by), (None, EndedBy::Remote));
    assert_eq!((alice.stats.lost, bob.stats.lost), (0, 0));
    assert!(share_of_tone(&alice.heard.samples[..4000], 1000.0) > 0.99);
    assert!(share_of_tone(&bob.heard.samples[..4000], 440.0) > 0.99);
    assert_eq!(alice.call_id, bob.call_id);
}

#[tokio::test]
async fn both_hear_each_other_over_udp() {
    both_hear_each_other(udp_pair().await, Codec::Pcmu).await;
}

#[tokio::test]
async fn both_hear_each_other_over_tcp_in_a_law() {
    both_hear_each_other(pair(Transport::Tcp, Ipv4Addr::LOCALHOST.into()).await, Codec::Pcma).await;
}

#[tokio::test]
async fn both_hear_each_other_over_ipv6() {
    both_hear_each_other(pair(Transport::Udp, Ipv6Addr::LOCALHOST.into()).await, Codec::Pcmu).await;
}

#[tokio::test]
async fn keys_are_heard_in_order_and_once() {
    let (alice, bob) = udp_pair().await.talk(saying(440.0), saying(440.0)).await;
    alice.dtmf("12#").await;
    until("three keys", || bob.stats().digits.len() >= 3).await;
    assert_eq!(bob.stats().digits, "12#");
    assert_eq!(bob.stats().lost, 0);
}

#[tokio::test]
async fn an_info_arrives_with_its_headers_and_body_and_is_answered() {
    let pair = udp_pair().await;
    let (alice, mut bob) = pair.talk(saying(440.0), saying(440.0)).await;
    let headers =
        [("Info-Package", "media-stream"), ("Content-Type", "application/media-stream+json")];
    let result = alice.info(&headers, b"{\"op\":\"pause\"}").await.expect("an answer");
    assert_eq!(result.status, 200);
    let CallEvent::Info { headers, body } = next_event(&mut bob).await else {
        panic!("not an INFO")
    };
    assert!(
        headers.contains(&("Info-Package".to_owned(), "media-stream".to_owned())),
        "{headers:?}"
    );
    assert_eq!(body, b"{\"op\":\"pause\"}");
    assert_eq!(bob.options().await.expect("an answer").status, 200);
    assert_eq!(bob.update().await.expect("an answer").status, 200);
    assert_eq!(alice.update().await.expect("an answer").status, 200);
}

#[tokio::test]
async fn hold_silences_both_and_resume_brings_both_back() {
    let pair = udp_pair().await;
    let (alice, mut bob) = pair.talk(saying(440.0), saying(1000.0)).await;
    heard_at_least(&alice, 800).await;
    alice.hold().await.expect("held");
    assert_eq!(next_event(&mut bob).await, CallEvent::Held);
    until("what was under way has arrived", || {
        alice.stats().received == bob.stats().sent && bob.stats().received == alice.stats().sent
    })
    .await;
    let (alice_heard, bob_heard) = (alice.stats().received, bob.stats().received);
    tokio::time::sleep(Duration::from_millis(200)).await;
    assert_eq!((alice.stats().received, bob.stats().received), (alice_heard, bob_heard));
    alice.resume().await.expect("resumed");
    assert_eq!(next_event(&mut bob).await, CallEvent::Resumed);
    until("both hear again", || {
        alice.stats().received > alice_heard + 5 && bob.stats().received > bob_heard + 5
    })
    .await;
    bob.hold().await.expect("held by the called party too");
    bob.resume().await.expect("resumed by the called party too");
    assert_eq!(bob.hangup().await.expect("a report").bye_status, Some(200));
    assert_eq!(alice.ended().await, EndedBy::Remote);
}

#[tokio::test]
async fn a_call_that_nobody_answers_is_cancelled() {
    let pair = udp_pair().await;
    let options =
        CallOptions { answer_timeout: Duration::from_millis(150), ..CallOptions::default() };
    let (result, ringing) = tokio::join!(pair.alice.call("bob", options), async {
        let ringing = pair.bob.accept().await.expect("a call");
        ringing.ring().await;
        ringing.cancelled().await;
        ringing
    });
    assert!(matches!(result, Err(PhoneError::NotAnswered { status: 487 })), "{:?}", result.err());
    let late = ringing.answer(CallOptions::default()).await;
    assert!(matches!(late, Err(PhoneError::Cancelled)), "{:?}", late.err());
}

#[tokio::test]
async fn a_busy_phone_says_so() {
    let pair = udp_pair().await;
    let (result, ()) = tokio::join!(pair.alice.call("bob", CallOptions::default()), async {
        let ringing = pair.bob.accept().await.expect("a call");
        assert_eq!(ringing.from_user(), "alice");
        ringing.reject(486).await;
    });
    assert_eq!(result.err().map(|error| error.status()), Some(486));
}

#[tokio::test]
async fn a_codec_that_the_peer_lacks_is_refused() {
    let pair = udp_pair().await;
    let only = |codec| CallOptions { codecs: vec![codec], ..CallOptions::default() };
    let (result, answered) = tokio::join!(pair.alice.call("bob", only(Codec::Pcmu)), async {
        pair.bob.accept().await.expect("a call").answer(only(Codec::Pcma)).await
    });
    assert_eq!(result.err().map(|error| error.status()), Some(488));
    assert_eq!(answered.err().map(|error| error.status()), Some(488));
}

#[tokio::test]
async fn options_outside_a_call_are_answered_and_a_stray_bye_is_not_taken() {
    let pair = udp_pair().await;
    let answer = pair.alice.options("bob").await.expect("an answer");
    assert_eq!(answer.status, 200);
    assert!(answer.headers.iter().any(|(name, value)| name == "Allow" && value.contains("UPDATE")));
    let (alice, bob) = pair.talk(CallOptions::default(), CallOptions::default()).await;
    drop(bob);
    let report = alice.hangup().await.expect("a report");
    assert_eq!(report.bye_status, Some(481));
}

#[tokio::test]
async fn loss_made_on_purpose_is_counted_by_the_listener() {
    let impairment =
        Impairment { loss_percent: 20.0, reorder_percent: 10.0, seed: 3, ..Impairment::default() };
    let pair = udp_pair().await;
    let (alice, bob) = pair.talk(CallOptions { impairment, ..saying(440.0) }, saying(440.0)).await;
    heard_at_least(&bob, 2 * 8000).await;
    let alice = alice.hangup().await.expect("a report");
    let stats = bob.stats();
    assert!(stats.lost > 5 && stats.lost <= alice.stats.withheld, "{stats:?} {:?}", alice.stats);
    assert!(stats.reordered > 0, "{stats:?}");
    assert_eq!(stats.received, alice.stats.sent);
}

#[tokio::test]
async fn a_recording_is_what_was_heard() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("heard.wav");
    let pair = udp_pair().await;
    let (alice, bob) =
        pair.talk(CallOptions { record: Some(path.clone()), ..saying(440.0) }, saying(700.0)).await;
    heard_at_least(&alice, 1600).await;
    let report = alice.hangup().await.expect("a report");
    assert_eq!(read_wav(&path).expect("a recording"), report.heard.samples);
    assert!(report.heard.peak_level_db().is_some_and(|level| level > -20.0));
    drop(bob);
}
