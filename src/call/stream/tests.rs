use super::*;

const AT: Instant = Instant::from_millis(1_000);

const STANDS: [(&str, Stand, &[&str]); 8] = [
    ("waiting", Stand::Waiting, &[]),
    ("waiting, paused", Stand::WaitingPaused, &["pause"]),
    ("armed", Stand::Armed, &["open"]),
    ("armed, paused", Stand::ArmedPaused, &["open", "pause"]),
    ("active", Stand::Active, &["open", "flow"]),
    ("paused", Stand::Paused, &["open", "flow", "pause"]),
    ("closing", Stand::Closing, &["open", "flow", "stop"]),
    ("ended", Stand::Ended, &["open", "flow", "stop", "finish"]),
];

const VERBS: [Asked; 13] = [
    Asked::Start,
    Asked::Stop,
    Asked::Pause,
    Asked::Resume,
    Asked::Mute,
    Asked::Unmute,
    Asked::Mark,
    Asked::Status,
    Asked::Select,
    Asked::Unselect,
    Asked::Transfer,
    Asked::Attributes,
    Asked::HangUp,
];

fn spec() -> Spec {
    Spec {
        tracks: Tracks::From,
        label: None,
        pause_as: PauseAs::Omit,
        max_duration: None,
        early_media: false,
        redact_dtmf: false,
    }
}

fn stream(steps: &[&str]) -> Stream {
    let mut stream = Stream::new(StreamId::from_u128(1), spec());
    stream.terminals.add("s".into());
    for step in steps {
        match *step {
            "open" => stream.open(AT),
            "flow" => drop(stream.handle_flowing()),
            "finish" => finish(&mut stream),
            "pause" => drop(stream.pause()),
            "stop" => drop(stream.stop(AT, Cause::Request, Origin::Rest)),
            other => panic!("no such step: {other}"),
        }
    }
    stream
}

fn finish(stream: &mut Stream) {
    let terminal = stream.terminals.get_mut(0).unwrap();
    terminal.stage = Stage::Over { cause: Cause::Request, manifest: None };
    stream.settle(Cause::Request);
}

/// What the machine itself says, for the verbs that it knows.
fn apply(stream: &mut Stream, asked: Asked) -> Option<Result<Step, Denied>> {
    Some(match asked {
        Asked::Stop => Ok(stream.stop(AT, Cause::Request, Origin::Rest)),
        Asked::Pause => stream.pause(),
        Asked::Resume => stream.resume(),
        Asked::Mute => stream.set_muted(Track::FromCustomer, true),
        Asked::Unmute => {
            let _ = stream.set_muted(Track::FromCustomer, true);
            stream.set_muted(Track::FromCustomer, false)
        }
        Asked::Mark => stream.mark(),
        Asked::Select | Asked::Unselect => stream.change_terminals(asked),
        Asked::Start | Asked::Status | Asked::Transfer | Asked::Attributes | Asked::HangUp => {
            return None;
        }
    })
}

#[test]
fn every_state_answers_every_verb_as_the_table_says() {
    let mut text = String::new();
    for (name, stand, steps) in STANDS {
        text += &format!("{name:<16}");
        for asked in VERBS {
            let rule = rule(asked, stand);
            let mut stream = stream(steps);
            assert_eq!(stream.stand(), stand, "{name}");
            let before = stream.state();
            match (apply(&mut stream, asked), rule) {
                (Some(Ok(Step::Changed)), Rule::Do) | (None, _) => {}
                (Some(Ok(Step::Unchanged)), Rule::Same) => assert_eq!(stream.state(), before),
                (Some(Err(Denied::WrongState(state))), Rule::Refuse) => {
                    assert_eq!((state, stream.state()), (before, before));
                }
                (answer, rule) => panic!("{asked:?} in {name}: {answer:?}, and {rule:?}"),
            }
            let outcome = match rule {
                Rule::Do if stream.state() == before => "done".to_owned(),
                Rule::Do => stream.state().as_str().to_owned(),
                Rule::Same => "same".into(),
                Rule::Refuse => "refused".into(),
                Rule::Elsewhere => "-".into(),
            };
            text += &format!(" {outcome:<8}");
        }
        text = text.trim_end().to_owned() + "\n";
    }
    // Start, Stop, Pause, Resume, Mute, Unmute, Mark, Status, Select, Unselect, Transfer, HangUp
    expect_test::expect![[r#"
        waiting          -        ended    paused   same     done     done     refused  same     done     done     -        -        -
        waiting, paused  -        ended    same     armed    done     done     refused  same     done     done     -        -        -
        armed            -        ended    paused   same     done     done     refused  same     done     done     -        -        -
        armed, paused    -        ended    same     armed    done     done     refused  same     done     done     -        -        -
        active           -        ended    paused   same     done     done     done     same     done     done     -        -        -
        paused           -        ended    same     active   done     done     done     same     done     done     -        -        -
        closing          -        same     refused  refused  refused  refused  refused  same     refused  refused  -        -        -
        ended            -        same     refused  refused  refused  refused  refused  same     refused  refused  -        -        -
    "#]].assert_eq(&text);
}

#[test]
fn every_door_lets_in_what_the_table_says() {
    use crate::id::LegId;
    let doors = [
        ("info", Origin::Info(LegId(0))),
        ("rest", Origin::Rest),
        ("contact api", Origin::ContactApi),
        ("flow", Origin::Flow),
        ("dial plan", Origin::DialPlan),
        ("sink", Origin::Sink),
        ("leg", Origin::Leg(LegId(0))),
        ("switch", Origin::Switch),
    ];
    let mut text = String::new();
    for (name, origin) in doors {
        let allowed = VERBS.into_iter().filter(|asked| may(origin, *asked));
        let allowed: Vec<String> = allowed.map(|asked| format!("{asked:?}")).collect();
        text += &format!("{name:<12} {}\n", allowed.join(" ")).to_lowercase();
    }
    expect_test::expect![[r#"
        info         start stop pause resume mute unmute mark status select unselect
        rest         start stop pause resume mute unmute mark status select unselect transfer attributes hangup
        contact api  start stop pause resume status transfer attributes hangup
        flow         start stop pause resume mute unmute status attributes
        dial plan    start
        sink         stop pause resume mark unselect
        leg          
        switch       stop hangup
    "#]]
    .assert_eq(&text);
}

#[test]
fn a_pause_before_the_audio_is_remembered_until_a_resume() {
    let mut stream = stream(&["pause"]);
    assert_eq!(stream.state(), StreamState::Paused);
    stream.open(AT);
    assert!(stream.is_paused());
    assert_eq!(stream.resume(), Ok(Step::Changed));
    assert_eq!(stream.state(), StreamState::Armed);
    assert!(stream.handle_flowing());
    assert_eq!(stream.state(), StreamState::Active);
}

#[test]
fn audio_from_before_a_pause_does_not_end_the_pause() {
    let mut stream = stream(&["open", "pause"]);
    assert!(!stream.handle_flowing());
    assert_eq!(stream.state(), StreamState::Paused);
    stream.resume().unwrap();
    assert_eq!(stream.state(), StreamState::Active);
}

#[test]
fn a_stream_without_a_terminal_has_nothing_to_resume() {
    let mut stream = Stream::new(StreamId::from_u128(1), spec());
    assert_eq!(stream.resume(), Err(Denied::NoTerminal));
    stream.terminals.add("s".into());
    assert_eq!(stream.resume(), Ok(Step::Unchanged));
}

#[test]
fn a_sink_is_a_terminal_once_at_a_time_and_there_are_eight_at_most() {
    let mut terminals = Terminals::default();
    for n in 0..8 {
        let sink = format!("s{n}").as_str().into();
        assert_eq!(terminals.admit(&sink), Ok(()));
        assert_eq!(terminals.add(sink), n);
    }
    assert_eq!(terminals.admit(&"s3".into()), Err(Denied::TerminalInUse));
    assert_eq!(terminals.admit(&"s9".into()), Err(Denied::TooManyTerminals));
    terminals.get_mut(3).unwrap().stage = Stage::Over { cause: Cause::Request, manifest: None };
    assert_eq!(terminals.admit(&"s3".into()), Ok(()));
    assert_eq!(terminals.add("s3".into()), 8);
}

#[test]
fn the_clock_stands_still_after_the_stop() {
    let mut stream = stream(&["open", "flow"]);
    stream.stop(Instant::from_millis(3_500), Cause::Request, Origin::Rest);
    assert_eq!(stream.media_time(Instant::from_millis(9_000)).as_millis(), 2_500);
    finish(&mut stream);
    assert_eq!(stream.media_time(Instant::from_millis(99_000)).as_millis(), 2_500);
}
