//! Mutated documents and inputs: an error that names the place or a run that ends, never a panic and never a run without end.

use serde_json::{Value as Json, json};

use super::bench::{Bench, document};
use crate::flow::chance::Chance;
use crate::flow::tests::samples::SAMPLES;
use crate::flow::{Flow, Input, Loading, QueueRefusal};

/// How many mutated documents each test tries.
const ROUNDS: u64 = 3_000;

fn pick(chance: &mut Chance, below: usize) -> usize {
    let wide = (0..4).fold(0usize, |sum, _| sum * 100 + chance.percent() as usize - 1);
    wide % below.max(1)
}

/// Changes one place of a document.
fn mutate(json: &mut Json, chance: &mut Chance) {
    match json {
        Json::Object(map) if !map.is_empty() => {
            let key = map.keys().nth(pick(chance, map.len())).cloned().unwrap_or_default();
            match chance.percent() {
                0..=8 => drop(map.remove(&key)),
                9..=12 => drop(map.insert(key, strange(chance))),
                _ => map.get_mut(&key).into_iter().for_each(|inner| mutate(inner, chance)),
            }
        }
        Json::Array(list) if !list.is_empty() => {
            let place = pick(chance, list.len());
            match chance.percent() {
                0..=8 => drop(list.remove(place)),
                9..=16 => {
                    let copy = list[place].clone();
                    list.push(copy);
                }
                _ => mutate(&mut list[place], chance),
            }
        }
        other => *other = strange(chance),
    }
}

fn strange(chance: &mut Chance) -> Json {
    let all = [
        json!(null),
        json!(-1),
        json!(1e300),
        json!(""),
        json!("$."),
        json!("$['"),
        json!("$.Attributes"),
        json!([]),
        json!({}),
        json!("0"),
        json!("999999999999"),
        json!("$.External.x.y.z"),
        json!(true),
        json!("menu"),
        json!("\u{0}ü$"),
        json!([[{}]]),
        json!("Enabled"),
        json!("DisconnectParticipant"),
        json!("$.Attributes.a$.Attributes.b"),
        json!("#*"),
    ];
    all[pick(chance, all.len())].clone()
}

fn any_input(chance: &mut Chance) -> Input {
    match pick(chance, 14) {
        0 => Input::Begin,
        1 | 2 => Input::Played,
        3 => Input::NotPlayed("no such file".to_owned()),
        4..=6 => Input::Digit(['1', '2', '#', '*', 'A'][pick(chance, 5)]),
        7 | 8 => Input::Timer,
        9 => Input::Hours(Some(true)),
        10 => Input::Answered(Ok(json!({"a": "b", "c": ["d"]}))),
        11 => Input::Queued(Err(QueueRefusal::Refused)),
        12 => Input::Dialled(Ok(())),
        _ => Input::Recorded(true),
    }
}

fn survive(text: &str, chance: &mut Chance) -> bool {
    let loading = Loading { allow_unsupported: true, ..Loading::default() };
    match Flow::read("f", text, &loading) {
        Err(problems) => {
            assert!(!problems.0.is_empty() && problems.0.iter().all(|it| !it.mend.is_empty()));
            false
        }
        Ok(flow) => {
            let mut bench = Bench::new(flow);
            bench.input(Input::Begin);
            for _ in 0..30 {
                let input = any_input(chance);
                bench.input(input);
            }
            true
        }
    }
}

#[test]
fn mutated_documents_are_refused_with_a_mend_or_run() {
    let mut chance = Chance::new(1);
    let mut run = 0;
    for round in 0..ROUNDS {
        let (_, text) = SAMPLES[usize::try_from(round).unwrap_or_default() % SAMPLES.len()];
        let mut json: Json = serde_json::from_str(text).expect("a sample is JSON");
        for _ in 0..1 + pick(&mut chance, 3) {
            mutate(&mut json, &mut chance);
        }
        run += usize::from(survive(&json.to_string(), &mut chance));
    }
    assert!(run > 100, "only {run} of the mutated documents could be run");
}

#[test]
fn texts_that_are_no_documents_are_refused() {
    for text in [
        "",
        "[]",
        "null",
        "{}",
        "{\"modules\":[]}",
        "{\"modules\":[1]}",
        "{\"Actions\":{}}",
        "\u{feff}{}",
    ] {
        assert!(Flow::read("f", text, &Loading::default()).is_err(), "{text}");
    }
    let mut deep = "[".repeat(5_000);
    deep.push_str(&"]".repeat(5_000));
    assert!(Flow::read("f", &deep, &Loading::default()).is_err());
    assert!(Flow::read("f", &" ".repeat(1_000_001), &Loading::default()).is_err());
    assert!(Flow::read("f", &document(&json!([])), &Loading::default()).is_err());
}

#[test]
fn cut_texts_are_refused() {
    let (_, text) = SAMPLES[0];
    for end in (0..text.len()).step_by(37).filter(|end| text.is_char_boundary(*end)) {
        assert!(Flow::read("f", &text[..end], &Loading::default()).is_err(), "cut at {end}");
    }
}
