//! Two or three phones, one story each.

mod admission;
mod calls;
mod complaints;
mod confirmation;
mod doors;
mod early_dialogs;
mod flows;
mod forgery;
mod forks;
mod holds;
mod hunting;
mod identities;
mod long_calls;
mod mid_call;
mod named_contacts;
mod offer_answer;
mod recordings;
mod refreshes;
mod strangers;
mod streams;
mod switched_off;
mod takeovers;
mod tapi;
mod terminals;
mod transferred_streams;
mod transfers;
mod transports;
mod trunks;

use expect_test::Expect;
use sidestream::command::{StartStream, Verb};
use sidestream::event::{Kind, Outcome};
use sidestream::id::Tracks;
use sidestream::switch::Settings;
use sidestream::time::Duration;

use crate::link::Weather;
use crate::phone::Stage;
use crate::world::{World, route, settings};

pub const fn s(seconds: u64) -> Duration {
    Duration::from_secs(seconds)
}

pub const fn ms(millis: u64) -> Duration {
    Duration::from_millis(millis)
}

/// Settings by which calls to 2xx go to Bob at 10.0.1.2.
pub fn with_bob(change: impl FnOnce(&mut Settings)) -> Settings {
    let mut settings = settings();
    settings.routes.push(route("2*", 2));
    change(&mut settings);
    settings
}

/// Alice (10.0.1.1) and Bob (10.0.1.2), who answers calls to 2xx.
pub fn alice_and_bob(change: impl FnOnce(&mut Settings)) -> World {
    let settings = with_bob(change);
    let mut world = World::new(settings, Weather { latency_ms: 1, ..Weather::default() }, 1);
    world.phone("alice");
    world.phone("bob");
    world
}

pub fn talking(world: &mut World) {
    world.act(0, |alice, now| alice.invite("200", now));
    assert!(
        world.run_until(s(5), |world| world.stage(0, 0) == Stage::Up),
        "{}",
        world.ladder.draw(&["alice", "switch", "bob"])
    );
    world.run_for(ms(50));
}

pub fn check_ladder(world: &World, expected: Expect) {
    expected.assert_eq(&world.ladder.draw(&["alice", "switch", "bob"]));
}

pub fn start(sink: &str, tracks: Tracks) -> Verb {
    Verb::Start(StartStream { sinks: sink.into(), tracks, ..StartStream::default() })
}

pub fn ended(world: &World) -> (u16, Outcome) {
    let ended = world.kinds().into_iter().find_map(|kind| match kind {
        Kind::CallEnded { status, outcome } => Some((*status, *outcome)),
        _ => None,
    });
    ended.expect("the call has ended")
}
