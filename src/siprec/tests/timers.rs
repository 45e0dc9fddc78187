//! Session timers, and changes that wait.

use super::*;

#[test]
fn a_session_is_refreshed_at_half_time_and_given_up_when_every_refresh_is_refused() {
    let mut bench = Bench::begun(plan());
    let invite = bench.request(0);
    assert_eq!(invite.header("Session-Expires"), Some("1800"));
    assert!(invite.has_token("Supported", "timer"));
    let expires = [("Session-Expires", "100;refresher=uac"), ("Require", "timer")];
    bench.answer_with(0, 200, Some(BOTH), &expires);
    bench.sent.clear();
    bench.wait(Duration::from_secs(49));
    assert_eq!(bench.methods(), [""; 0]);
    bench.wait(Duration::from_secs(1));
    let refresh = bench.request(0);
    assert_eq!(refresh.header("Session-Expires"), Some("100;refresher=uac"));
    assert!(bench.body(0).contains(" 1 IN IP4 "), "the same description: {}", bench.body(0));
    bench.answer_with(0, 200, Some(BOTH), &expires);
    bench.sent.clear();
    let mut asked = 0;
    for _ in 0..68 {
        bench.wait(Duration::from_secs(1));
        while asked < bench.sent.len() {
            if bench.methods()[asked] == "INVITE" {
                bench.answer(asked, 500, None);
            }
            asked += 1;
        }
    }
    // At 50, 55, 60 and 65 s; RFC 4028 §10: the BYE comes 32 s before the end.
    let methods = bench.methods();
    assert_eq!(methods.iter().filter(|method| *method == "INVITE").count(), 4, "{methods:?}");
    assert_eq!(methods.last().map(String::as_str), Some("BYE"));
    assert!(matches!(bench.news.last(), Some(Standing::Ended { .. })));
}

#[test]
fn an_interval_that_is_too_short_is_lengthened_on_either_side() {
    let mut bench = Bench::begun(plan());
    bench.answer_with(0, 422, None, &[("Min-SE", "3600")]);
    let longer = bench.request(2);
    assert_eq!(
        (longer.header("Session-Expires"), longer.header("Min-SE"), longer.cseq()),
        (Some("3600"), Some("3600"), 2)
    );
    bench.answer_with(2, 200, Some(BOTH), &[("Session-Expires", "3600;refresher=uas")]);
    bench.sent.clear();
    let timer = ("Supported", "timer");
    bench.serve_with(&longer, Method::Update, &[timer, ("Session-Expires", "60")], "", "");
    assert_eq!(bench.methods(), ["422"]);
    bench.serve_with(&longer, Method::Update, &[timer, ("Session-Expires", "90")], "", "");
    assert_eq!(bench.methods(), ["422", "200"]);
    let Message::Response(agreed) = &bench.sent[1] else { panic!("a response") };
    assert_eq!(agreed.header("Session-Expires"), Some("90;refresher=uac"));
    // The server has to come again, and does not.
    bench.wait(Duration::from_secs(59));
    assert_eq!(bench.recordings.len(), 1);
    bench.wait(Duration::from_secs(2));
    assert_eq!(bench.methods().last().map(String::as_str), Some("BYE"));
    assert!(matches!(bench.news.last(), Some(Standing::Ended { .. })));
}

#[test]
fn a_collision_waits_for_an_acknowledgement_that_is_late() {
    let mut bench = Bench::begun(plan());
    let invite = bench.request(0);
    bench.answer(0, 200, Some(BOTH));
    bench.sent.clear();
    bench.ask(RecordingAsk::Send([false, false]));
    bench.answer(0, 491, None);
    bench.serve(&invite, Method::Invite, "application/sdp", NEITHER);
    // The time after the collision is over, and the server's ACK is still missing.
    bench.wait(Duration::from_secs(5));
    let invites = |bench: &Bench| bench.methods().iter().filter(|it| *it == "INVITE").count();
    assert_eq!(invites(&bench), 1);
    bench.serve(&invite, Method::Ack, "", "");
    assert_eq!(invites(&bench), 2);
}
