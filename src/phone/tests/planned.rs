//! Calls by a plan, as the command line makes them.

use super::*;
use crate::phone::script;

fn plan_to(bob: SocketAddr) -> script::CallPlan {
    script::CallPlan {
        target: "bob".to_owned(),
        server: bob,
        transport: Transport::Udp,
        local: bob.ip(),
        user: "alice".to_owned(),
        password: String::new(),
        register: false,
        play: None,
        record: None,
        keys: vec![
            script::KeyStep::Press("4".to_owned()),
            script::KeyStep::Pause(Duration::from_millis(20)),
            script::KeyStep::Press("2".to_owned()),
        ],
        infos: vec![script::TimedInfo {
            after: Duration::from_millis(100),
            headers: vec![("Record".to_owned(), "on".to_owned())],
            body: Vec::new(),
        }],
        duration: Some(Duration::from_millis(700)),
        answer_timeout: Duration::from_secs(5),
    }
}

#[tokio::test]
async fn a_planned_call_tells_what_came_of_it() {
    let pair = udp_pair().await;
    let plan = plan_to(pair.bob.local_addr());
    let (outcome, bob) = tokio::join!(script::run(&plan), async {
        let call = pair.bob.accept().await.expect("a call").answer(saying(440.0)).await;
        let call = call.expect("answered");
        call.ended().await;
        call
    });
    assert!(outcome.ok, "{outcome:?}");
    assert_eq!(outcome.infos, [script::InfoOutcome { status: 200, body: String::new() }]);
    assert_eq!(bob.stats().digits, "42");
    let json = serde_json::to_value(&outcome).expect("JSON");
    assert_eq!(json["status"], 200);
    assert_eq!(json["media"]["lost"], 0);
}

#[tokio::test]
async fn a_planned_call_that_hears_silence_or_nobody_fails() {
    let pair = udp_pair().await;
    let plan = plan_to(pair.bob.local_addr());
    let (outcome, ()) = tokio::join!(script::run(&plan), async {
        let call = pair.bob.accept().await.expect("a call").answer(CallOptions::default()).await;
        call.expect("answered").ended().await;
    });
    assert!(outcome.answered && !outcome.ok, "{outcome:?}");
    assert!(outcome.heard.is_some_and(|heard| heard.silent));
    let (outcome, ()) = tokio::join!(script::run(&plan), async {
        pair.bob.accept().await.expect("a call").reject(603).await;
    });
    assert_eq!((outcome.ok, outcome.answered, outcome.status), (false, false, 603));
}
