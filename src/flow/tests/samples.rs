//! The flows that are shipped load without a remark and run.

use super::bench::Bench;
use crate::flow::{Flow, Input, Loading};

/// Each shipped flow, by its file's name.
pub(super) const SAMPLES: [(&str, &str); 8] = [
    ("agent-whisper", include_str!("../../../config/flows/agent-whisper.json")),
    ("card", include_str!("../../../config/flows/card.json")),
    ("customer-whisper", include_str!("../../../config/flows/customer-whisper.json")),
    ("demo", include_str!("../../../config/flows/demo.json")),
    ("inbound", include_str!("../../../config/flows/inbound.json")),
    ("live-media-streaming", include_str!("../../../config/flows/live-media-streaming.json")),
    ("queue", include_str!("../../../config/flows/queue.json")),
    ("survey", include_str!("../../../config/flows/survey.json")),
];

fn sample(name: &str) -> Bench {
    let (_, text) = SAMPLES.iter().find(|(known, _)| *known == name).expect("a sample");
    Bench::new(Flow::read(name, text, &Loading::default()).expect("a document that can be run"))
}

#[test]
fn every_sample_loads_without_a_remark() {
    for (name, text) in SAMPLES {
        match Flow::read(name, text, &Loading::default()) {
            Ok(flow) => assert_eq!(flow.remarks(), [], "{name}"),
            Err(problems) => panic!("{name}:\n{problems}"),
        }
    }
}

#[test]
fn the_demo_toggles_streaming_by_key() {
    let mut bench = sample("demo");
    bench.input(Input::Begin);
    assert_eq!(
        bench.input(Input::Digit('1'))[1..4],
        ["CancelTimer", "left menu", "start Both as flow"]
    );
    bench.input(Input::Played);
    assert!(bench.input(Input::Digit('2')).contains(&"Stop(Label(\"flow\"))".to_owned()));
}

#[test]
fn card_digits_are_pressed_while_the_stream_is_paused() {
    let mut bench = sample("card");
    let asked = bench.input(Input::Begin);
    let place = |text: &str| asked.iter().position(|asked| asked.starts_with(text));
    assert!(
        place("start").is_some()
            && place("start") < place("Pause")
            && place("Pause") < place("play")
    );
    for key in "4111#".chars() {
        bench.input(Input::Digit(key));
    }
    assert!(bench.asked.contains(&"Resume(Label(\"flow\"))".to_owned()));
    assert!(!format!("{:?}", bench.asked).contains("4111"));
}
