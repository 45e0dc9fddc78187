//! A faultless demo, and every fault in it.

use std::sync::Arc;
use std::time::Duration;

use serde_json::json;

use super::*;
use crate::phone::{EndedBy, Heard, MediaStats};

const PACKETS: u64 = 400;
/// The stream's clock begins with this packet.
const STREAM_STARTS: u64 = 100;
/// Packets of the stream that fall into the pause.
const PAUSE: Range<u64> = 100..150;

fn speech(seed: u32) -> Arc<[i16]> {
    let mut state = seed;
    let mut smooth = 0.0;
    let sample = |index: u32| {
        state = state.wrapping_mul(1_664_525).wrapping_add(1_013_904_223);
        smooth = 0.9 * smooth + 0.1 * (f64::from(state >> 16) - 32768.0);
        (smooth * (0.5 + 0.5 * (f64::from(index) / 3000.0).sin())) as i16
    };
    (0..30_000).map(sample).collect()
}

fn call_report(start: Instant) -> CallReport {
    let sent = |packet: u64| Sent {
        at: start + Duration::from_millis(20 * packet),
        position: packet * 160,
        timestamp: 0,
    };
    CallReport {
        call_id: String::new(),
        status: 200,
        setup: Duration::from_millis(5),
        talked: Duration::from_secs(8),
        ended_by: EndedBy::Local,
        bye_status: Some(200),
        stats: MediaStats { received: 400, ..MediaStats::default() },
        heard: Heard::default(),
        spoken: (0..PACKETS).map(sent).collect(),
    }
}

/// What a faultless server gives: every frame `delay_ms` after its packet left.
fn evidence(delay_ms: u64) -> Evidence {
    let start = Instant::now();
    let voices = [speech(1), speech(2)];
    let mut stream = EarStream {
        hello: json!({ "sample_rate": 8000, "encoding": "pcm_s16le" }),
        sha256: ["a".to_owned(), "b".to_owned()],
        ..EarStream::default()
    };
    for frame in (0..300).filter(|frame| !PAUSE.contains(frame)) {
        for (track, voice) in voices.iter().enumerate() {
            let first = ((STREAM_STARTS + frame) * 160) as usize;
            stream.frames.push(EarFrame {
                track,
                kind: AUDIO,
                position: frame * 160,
                samples: (first..first + 160).map(|index| voice[index % voice.len()]).collect(),
                arrived: start + Duration::from_millis(20 * (STREAM_STARTS + frame) + delay_ms),
            });
        }
    }
    let spans = json!([
        { "kind": "audio", "start": 0, "samples": 16_000 },
        { "kind": "paused", "start": 16_000, "samples": 8000 },
        { "kind": "audio", "start": 24_000, "samples": 24_000 },
    ]);
    let track =
        |name: &str, sha256: &str| json!({ "track": name, "spans": spans, "sha256": sha256 });
    stream.manifest = Some(json!({
        "clock": 48_000,
        "tracks": [track("from_customer", "a"), track("to_customer", "b")],
    }));
    let [customer, agent] = voices;
    let stop_asked = start + Duration::from_millis(20 * (STREAM_STARTS + 300) - 10);
    let (caller_report, agent_report) = (call_report(start), call_report(start));
    Evidence { customer, agent, caller_report, agent_report, stream, stop_asked }
}

#[test]
fn a_faultless_demo_is_ok_and_its_delay_is_what_it_was() {
    let report = judge(evidence(5));
    assert_eq!(report.problems, Vec::<String>::new());
    assert!(report.ok && report.manifest_holds);
    assert!(report.correlation > 0.999, "{report:?}");
    assert!(
        (report.delay_ms.p50 - 5.0).abs() < 0.01 && (report.delay_ms.p95 - 5.0).abs() < 0.01,
        "{report:?}"
    );
    assert_eq!(report.tracks["from_customer"].frames, 250);
    assert_eq!(report.stop_to_last_frame_ms, 0.0);
}

fn problem_of(spoil: impl FnOnce(&mut Evidence)) -> String {
    let mut evidence = evidence(5);
    spoil(&mut evidence);
    let report = judge(evidence);
    assert!(!report.ok);
    report.problems.join("; ")
}

#[test]
fn every_fault_is_found_and_named() {
    type Spoil = fn(&mut Evidence);
    let cases: [(&str, Spoil); 8] = [
        ("frames did not reach", |evidence| drop(evidence.stream.frames.remove(40))),
        ("correlation", |evidence| evidence.agent = speech(9)),
        ("manifest", |evidence| evidence.stream.sha256[1] = "c".to_owned()),
        ("manifest", |evidence| evidence.stream.manifest = None),
        ("between the phones", |evidence| evidence.agent_report.stats.lost = 1),
        ("after the stop", |evidence| evidence.stop_asked -= Duration::from_millis(200)),
        ("delay p95", |evidence| {
            evidence
                .stream
                .frames
                .iter_mut()
                .for_each(|frame| frame.arrived += Duration::from_millis(70));
        }),
        ("did not reach", |evidence| evidence.stream.frames.clear()),
    ];
    for (word, spoil) in cases {
        let problem = problem_of(spoil);
        assert!(problem.contains(word), "{word}: {problem}");
    }
}

#[test]
fn a_delay_of_several_packets_is_measured_and_costs_no_correlation() {
    let report = judge(evidence(55));
    assert!(report.ok, "{report:?}");
    assert!(report.correlation > 0.999_9, "{report:?}");
    assert!((report.delay_ms.p95 - 55.0).abs() < 0.01, "{report:?}");
}

#[test]
fn a_sink_that_got_nothing_has_no_delay() {
    let mut evidence = evidence(5);
    evidence.stream = EarStream::default();
    let report = judge(evidence);
    assert!(!report.ok);
    let json = serde_json::to_value(&report).expect("JSON");
    assert!(json["delay_ms"]["p95"].is_null() && json["stop_to_last_frame_ms"].is_null(), "{json}");
    assert_eq!(json["manifest_holds"], false);
}
