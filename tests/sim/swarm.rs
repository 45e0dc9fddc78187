//! A seed makes N calls: all doors at once, hostile sinks, bad weather. What must hold is checked after every step (by the world)
//! and at the end, when everything is empty. A failure prints its seed.

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sidestream::command::{PauseAs, StartStream, Target, Transfer, Verb};
use sidestream::id::{CallId, LegId, Track, Tracks};
use sidestream::switch::Input;
use sidestream::time::Duration;

use crate::link::Weather;
use crate::phone::Manner;
use crate::sinks::Manners;
use crate::world::{World, route, settings};

const PAIRS: usize = 10;
/// Calls beyond these are hung up, the oldest first.
const LIVE: usize = 20;
const SINKS: [&str; 5] = ["good", "silent", "dies", "asks", "one"];
const DIRECTIONS: [&str; 4] = ["sendrecv", "sendonly", "recvonly", "inactive"];
const MANNERS: [Manner; 6] = [
    Manner::AnswerAfter(Duration::from_millis(200)),
    Manner::AnswerAfter(Duration::from_millis(700)),
    Manner::EarlyMedia(Duration::from_millis(500)),
    Manner::Reject(486),
    Manner::Reject(404),
    Manner::RingForEver,
];

struct Swarm {
    world: World,
    rng: StdRng,
    calls: Vec<CallId>,
    /// How many of them have been told to end.
    ended: usize,
}

impl Swarm {
    fn new(seed: u64, loss: u32) -> Swarm {
        let mut settings = settings();
        settings.routes = (1..=PAIRS as u8)
            .map(|pair| route(&format!("{}", 200 + u32::from(pair)), pair * 2))
            .collect();
        settings.call.ring_timeout = Duration::from_secs(5);
        let weather = Weather {
            latency_ms: 2,
            jitter_ms: 10,
            loss,
            duplication: loss / 4,
            reordering: loss / 4,
        };
        let mut world = World::new(settings, weather, seed);
        for phone in 0..PAIRS * 2 {
            world.phone(&format!("p{phone}"));
        }
        world.detailed = false;
        for (sink, manners) in
            [("silent", Manners::Silent), ("dies", Manners::Dies), ("asks", Manners::Asks)]
        {
            world.sinks.manners.insert(sink.into(), manners);
        }
        Swarm { world, rng: StdRng::seed_from_u64(seed), calls: Vec::new(), ended: 0 }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.rng.next_u64() % limit as u64) as usize
    }

    fn act(&mut self) {
        let pair = self.below(PAIRS);
        let (caller, callee) = (pair * 2, pair * 2 + 1);
        let phone = if self.below(2) == 0 { caller } else { callee };
        let dialogs = self.world.phones[phone].dialogs.len();
        let place = if dialogs == 0 { 0 } else { dialogs - 1 - self.below(dialogs.min(3)) };
        match self.below(12) {
            0..=2 => {
                let numbers = [
                    format!("{}", 201 + pair),
                    "9196".into(),
                    "9664".into(),
                    "9000".into(),
                    "404".into(),
                ];
                let choice = self.below(7).saturating_sub(2);
                let number = numbers[choice].clone();
                let choice = self.below(MANNERS.len());
                let manner = MANNERS[choice];
                self.world.phones[callee].manner = manner;
                self.world.phones[callee].reliable = self.below(2) == 0;
                let extension = [None, Some("Supported"), Some("Require")][self.below(3)];
                let offers = self.below(4) > 0;
                self.world.act(caller, |phone, now| {
                    phone.invite_with(&number, now, |mut invite| {
                        if !offers {
                            invite.body.clear();
                            invite.headers.retain(|(name, _)| name != "Content-Type");
                        }
                        match extension {
                            Some(extension) => invite.with(extension, "100rel"),
                            None => invite,
                        }
                    })
                });
            }
            _ if dialogs == 0 => {}
            3 => self.world.act(phone, |phone, now| phone.bye(place, now)),
            4 => self.world.act(phone, |phone, now| phone.cancel_if_calling(place, now)),
            5 => {
                let direction = DIRECTIONS[self.below(DIRECTIONS.len())];
                match self.below(3) {
                    0 => self.world.act(phone, |phone, now| phone.reinvite(place, direction, now)),
                    1 => self.world.act(phone, |phone, now| phone.update(place, direction, now)),
                    _ => self.collide(pair, direction),
                }
            }
            6 => {
                let ops = [
                    "start", "stop", "pause", "resume", "mute", "unmute", "mark", "status",
                    "nonsense",
                ];
                let op = ops[self.below(ops.len())];
                let sink = SINKS[self.below(SINKS.len())];
                let json = match op {
                    "start" => format!(r#"{{"v":1,"op":"start","sink":"{sink}"}}"#),
                    "mute" | "unmute" => {
                        format!(r#"{{"v":1,"op":"{op}","track":"from_customer"}}"#)
                    }
                    "mark" => r#"{"v":1,"op":"mark","name":"m"}"#.into(),
                    op => format!(r#"{{"v":1,"op":"{op}"}}"#),
                };
                self.world.act(phone, |phone, now| phone.stream_info(place, &json, now));
            }
            7 => {
                // Its own number, another one's, one that nobody has, and one of the switch's.
                let numbers = [201 + pair, 201 + (pair + 1) % PAIRS, 404, 9196];
                let to = format!("<sip:{}@10.0.0.1>", numbers[self.below(numbers.len())]);
                self.world.act(phone, |phone, now| phone.refer(place, &to, now));
                if self.below(3) == 0 {
                    self.world.act(phone, |phone, now| phone.bye(place, now));
                }
            }
            8 if dialogs > 1 => {
                let other = dialogs - 1 - self.below(dialogs.min(3));
                self.world.act(phone, |phone, now| phone.refer_to_each_other(place, other, now));
            }
            _ => self.command(),
        }
    }

    /// Both sides of a pair offer at the same moment.
    fn collide(&mut self, pair: usize, direction: &'static str) {
        for phone in [pair * 2, pair * 2 + 1] {
            if let Some(last) = self.world.phones[phone].dialogs.len().checked_sub(1) {
                self.world.act(phone, |phone, now| phone.reinvite(last, direction, now));
            }
        }
    }

    fn command(&mut self) {
        if self.calls.is_empty() {
            return;
        }
        let recent = self.calls.len().min(8);
        let back = self.below(recent);
        let call = self.calls[self.calls.len() - 1 - back];
        let target = || Target::All;
        let verb = match self.below(10) {
            0..=2 => {
                let tracks = [Tracks::From, Tracks::To, Tracks::Both][self.below(3)];
                let pause_as = [None, Some(PauseAs::Omit), Some(PauseAs::Silence)][self.below(3)];
                let sink = SINKS[self.below(SINKS.len())];
                Verb::Start(StartStream {
                    sinks: sink.into(),
                    tracks,
                    pause_as,
                    ..StartStream::default()
                })
            }
            3 => Verb::Stop(target()),
            4 => Verb::Pause(target()),
            5 => Verb::Resume(target()),
            6 => Verb::Mute(target(), Track::FromCustomer),
            7 => Verb::Unmute(target(), Track::FromCustomer),
            8 => {
                let to = format!("{}", 201 + self.below(PAIRS));
                let leg = [None, Some(LegId(0)), Some(LegId(1))][self.below(3)];
                Verb::Transfer(Transfer { to, leg })
            }
            _ => Verb::HangUp,
        };
        let request = format!("{}", self.rng.next_u64());
        let first = self.world.command(call, &request, verb.clone());
        let events = self.world.event_count;
        // Only what is remembered per call can be the same: a call that is gone has no memory.
        if first.is_ok() {
            let second = self.world.command(call, &request, verb);
            assert!(
                second == first || second.is_err(),
                "a repeated request got {second:?} after {first:?}"
            );
            assert_eq!(self.world.event_count, events, "a repeated request changed something");
        }
    }

    /// Calls that nobody hangs up would only keep the swarm busy with their RTP.
    fn end_the_oldest(&mut self) {
        while self.ended + LIVE < self.calls.len() {
            let call = self.calls[self.ended];
            self.ended += 1;
            // Most are over by now, which is an answer too.
            let _ = self.world.command(call, "time's up", Verb::HangUp);
        }
    }

    fn run(&mut self, calls: usize) -> u64 {
        while self.calls.len() < calls {
            self.act();
            let pause = self.below(120) as u64;
            self.world.run_for(Duration::from_millis(pause));
            self.calls.append(&mut self.world.new_calls);
            self.end_the_oldest();
        }
        // Everybody goes home: whoever still rings is cancelled by the server, whoever talks is hung up.
        self.world.input(Input::Drain);
        self.world.input(Input::HangUpAll);
        self.world.assert_empty();
        self.world.event_count
    }
}

/// Runs one swarm and says its seed when it fails.
fn swarm(seed: u64, loss: u32, calls: usize) -> u64 {
    let run = std::panic::catch_unwind(|| Swarm::new(seed, loss).run(calls));
    run.unwrap_or_else(|_| panic!("the swarm of seed {seed} with {loss} per thousand lost failed"))
}

fn calls_per_swarm() -> usize {
    std::env::var("SIDESTREAM_SWARM_CALLS").ok().and_then(|calls| calls.parse().ok()).unwrap_or(500)
}

#[test]
fn swarms_on_a_good_network_leave_nothing_behind() {
    (0..8).for_each(|seed| {
        swarm(seed, 0, calls_per_swarm());
    });
}

#[test]
fn swarms_with_two_per_cent_loss_leave_nothing_behind() {
    (100..108).for_each(|seed| {
        swarm(seed, 20, calls_per_swarm());
    });
}

#[test]
fn swarms_with_twenty_per_cent_loss_leave_nothing_behind() {
    (200..204).for_each(|seed| {
        swarm(seed, 200, calls_per_swarm());
    });
}

#[test]
fn the_same_seed_gives_the_same_trace() {
    let trace = || {
        let mut swarm = Swarm::new(7, 20);
        swarm.world.detailed = true;
        swarm.run(40);
        format!("{:?}", swarm.world.events)
    };
    assert_eq!(trace(), trace());
}
