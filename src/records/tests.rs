use std::fs;
use std::path::Path;

use serde_json::Value;

use super::*;
use crate::control::json::{CallState, LegFiguresView, LegView};
use crate::event::{Cause, DeliveryOutcome};
use crate::id::{SinkName, StreamId, TerminalId};
use crate::time::Instant;

const DAY_MS: u64 = 86_400_000;

fn settings(path: &Path) -> Settings {
    Settings {
        path: path.to_owned(),
        rotate_bytes: 1 << 20,
        rotate_daily: true,
        keep_files: 0,
        sync: Duration::ZERO,
        start_records: true,
    }
}

fn view(figures: Option<LegFiguresView>) -> CallView {
    let leg = LegView {
        leg: 0,
        party: "1000".into(),
        held: false,
        left: true,
        dtmf: "4111".into(),
        figures,
    };
    CallView {
        call: CallId::from_u128(1).to_string(),
        state: CallState::Ended,
        from: "1000".into(),
        to: "9000".into(),
        started_at: String::new(),
        answered_at: None,
        ended_at: None,
        outcome: Some("completed"),
        status: Some(200),
        cause: Some("hang_up"),
        attributes: Default::default(),
        legs: vec![leg],
        streams: Vec::new(),
        seq: 9,
    }
}

fn ended(at_ms: u64) -> Ended {
    let at = Timestamp::from_unix_millis;
    Ended {
        view: view(None),
        began: at(at_ms - 5_000),
        answered: Some(at(at_ms - 3_000)),
        ended: at(at_ms),
        manifests: Vec::new(),
    }
}

fn lines(path: &Path) -> Vec<Value> {
    let text = fs::read_to_string(path).expect("it is there");
    text.lines().map(|line| serde_json::from_str(line).expect("whole lines")).collect()
}

fn names(directory: &Path) -> Vec<String> {
    let entries = fs::read_dir(directory).expect("it is there").flatten();
    let mut names: Vec<_> =
        entries.map(|entry| entry.file_name().to_string_lossy().into_owned()).collect();
    names.sort();
    names
}

#[test]
fn a_call_leaves_a_record_of_its_start_and_one_of_its_end_with_its_last_figures() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("calls.jsonl");
    let last = LegFiguresView { received: 99, lost: 1, ..LegFiguresView::default() };
    let look: Look = Box::new(move |_| Some(view(Some(last.clone()))));
    let records = start(&settings(&path), look).expect("it can be written");
    let at = Timestamp::from_unix_millis;
    records.begun(CallId::from_u128(1), "1000", "9000", at(1_000));
    records.ended(ended(6_000));
    records.delivered(
        &Delivery {
            call: CallId::from_u128(1),
            terminal: TerminalId::first(StreamId::from_u128(2)),
            sink: SinkName::new("asr"),
            at: Instant::ZERO,
            outcome: DeliveryOutcome::Expired,
            cause: Cause::HangUp,
            pending_samples: 320,
        },
        at(7_000),
    );
    assert!(records.flush());
    let lines = lines(&path);
    let kinds: Vec<_> = lines.iter().map(|line| line["record"].as_str()).collect();
    assert_eq!(kinds, [Some("start"), Some("delivery"), Some("call")]);
    assert_eq!(
        (&lines[1]["outcome"], &lines[1]["pending_samples"]),
        (&"expired".into(), &320.into())
    );
    let call = &lines[2];
    assert_eq!((&call["duration_ms"], &call["talk_ms"]), (&5_000.into(), &3_000.into()));
    assert_eq!(call["legs"][0]["lost_share"], 0.01);
    assert!(!fs::read_to_string(&path).expect("it is there").contains("4111"), "no keys");
    assert_eq!((records.figures().written(), records.figures().lost()), (3, 0));
}

#[test]
fn a_file_is_put_aside_by_size_and_by_day_and_so_many_are_kept() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("calls.jsonl");
    let line = shape::call(&ended(DAY_MS), None);
    let by_size = Settings {
        rotate_bytes: 2 * line.len() as u64,
        rotate_daily: false,
        keep_files: 2,
        ..settings(&path)
    };
    let mut file = RecordFile::open(&by_size).expect("it can be written");
    for number in 0..9 {
        let rotated = file.append(&line, Timestamp::from_unix_millis(DAY_MS)).expect("room");
        assert_eq!(rotated, number > 0 && number % 2 == 0, "{number}");
    }
    let aside = |number: u32| format!("calls.jsonl.{number:06}.1970-01-02");
    assert_eq!(names(directory.path()), ["calls.jsonl".to_owned(), aside(3), aside(4)]);
    assert_eq!(lines(&path).len(), 1);

    let by_day = Settings { keep_files: 0, ..settings(&path) };
    fs::remove_file(&path).expect("it was there");
    let mut file = RecordFile::open(&by_day).expect("it can be written");
    for (day, rotated) in [(2, false), (2, false), (3, true), (3, false), (5, true)] {
        let at = Timestamp::from_unix_millis(day * DAY_MS + 1);
        assert_eq!(file.append(&line, at).expect("room"), rotated, "{day}");
    }
    assert!(names(directory.path()).contains(&"calls.jsonl.000006.1970-01-04".to_owned()));
}

#[test]
fn a_line_that_was_torn_is_cut_off() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("calls.jsonl");
    fs::write(&path, "{\"v\":1}\n{\"v\":1,\"rec").expect("written");
    let mut file = RecordFile::open(&settings(&path)).expect("it can be written");
    file.append("{\"v\":2}\n", Timestamp::default()).expect("room");
    let versions: Vec<_> = lines(&path).iter().map(|line| line["v"].clone()).collect();
    assert_eq!(versions, [1, 2]);
}

/// `/dev/full` takes nothing: the calls go on, the records wait and are counted.
#[test]
fn a_full_disk_costs_records_and_nothing_else() {
    let full = Settings { rotate_daily: false, ..settings(Path::new("/dev/full")) };
    let records = start(&full, Box::new(|_| None)).expect("it can be opened");
    records.ended(ended(DAY_MS));
    assert!(!records.flush(), "it is not on disk");
    assert!(records.figures().failures() > 0);
    assert_eq!((records.figures().written(), records.figures().lost()), (0, 0));
}
