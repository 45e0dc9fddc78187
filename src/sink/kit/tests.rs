//! The kit against sinks that behave, and sinks that misbehave on purpose.

use super::*;
use crate::dialect::DialectKind;
use crate::net::{Clock, DnsSettings};
use crate::sink::listener::{Behaviour, Listener, Options};
use crate::sink::{Destinations, Kind, Reaching, Settings, WebSocket};

async fn examined(behaviour: Behaviour, dialect: DialectKind, checks: &[Check]) -> Report {
    let listener = Listener::start(Options { behaviour, ..Options::default() });
    let listener = listener.await.expect("a free port");
    at_url(&listener.url(), dialect, checks).await
}

async fn at_url(url: &str, dialect: DialectKind, checks: &[Check]) -> Report {
    let url = url.parse().expect("a WebSocket URL");
    let settings = Settings::new("asr".into(), Kind::WebSocket(WebSocket::new(url, dialect)));
    let destinations = Destinations { loopback: true, ..Destinations::public() };
    let reaching = Reaching { dns: DnsSettings::default(), destinations };
    let subject = Subject::new(&settings, &reaching, Clock::start()).expect("a subject");
    examine(&subject, checks, |_| {}).await
}

fn verdicts(report: &Report) -> Vec<(&'static str, Verdict)> {
    report.findings.iter().map(|finding| (finding.check, finding.verdict)).collect()
}

/// What failed, with what was seen.
fn failed(report: &Report) -> Vec<(&'static str, &str)> {
    let bad = report.findings.iter().filter(|finding| finding.verdict == Verdict::Failed);
    bad.inspect(|finding| assert!(finding.mend.is_some(), "{finding:?}"))
        .map(|finding| (finding.check, finding.text.as_str()))
        .collect()
}

#[tokio::test]
async fn a_sink_that_behaves_passes_every_check_in_each_dialect() {
    let dialects =
        [DialectKind::Native, DialectKind::Twilio, DialectKind::Telnyx, DialectKind::Jambonz];
    let all = dialects.map(|dialect| examined(Behaviour::Good, dialect, &Check::ALL));
    for (report, dialect) in futures_util::future::join_all(all).await.iter().zip(dialects) {
        assert_eq!(failed(report), [], "{dialect:?}");
        let expected = if dialect == DialectKind::Native { 0 } else { 1 };
        assert_eq!(report.count(Verdict::Skipped), expected, "{dialect:?}: {report:#?}");
    }
}

#[tokio::test]
async fn a_sink_that_misbehaves_fails_the_check_that_it_breaks() {
    let only = |check| [Check::Connects, check];
    for (behaviour, check, said) in [
        (Behaviour::Garbage, Check::Speech, "said what is no message"),
        (Behaviour::CloseAfter(20), Check::Speech, "closed the connection with 1001"),
        (Behaviour::Enough(20), Check::Speech, "closed the connection with 1000"),
        (Behaviour::Reset(20), Check::Speech, "lost the connection"),
        (Behaviour::NeverRead, Check::SlowReading, "took nothing for 5 s"),
    ] {
        let report = examined(behaviour, DialectKind::Native, &only(check)).await;
        let failed = failed(&report);
        assert_eq!(failed.len(), 1, "{behaviour:?}: {report:#?}");
        assert!(failed[0].0 == check.as_str() && failed[0].1.contains(said), "{failed:?}");
    }
}

#[tokio::test]
async fn nothing_is_asked_of_a_sink_that_cannot_be_reached() {
    let gone = tokio::net::TcpListener::bind("127.0.0.1:0").await.expect("a free port");
    let url = format!("ws://{}", gone.local_addr().expect("bound"));
    drop(gone);
    let checks = [Check::Connects, Check::Speech, Check::Stop];
    let report = at_url(&url, DialectKind::Native, &checks).await;
    assert_eq!(
        verdicts(&report),
        [("connects", Verdict::Failed), ("speech", Verdict::Skipped), ("stop", Verdict::Skipped)]
    );
    assert!(report.findings[0].mend.as_deref().is_some_and(|mend| mend.contains("start the sink")));
}
