//! A seed makes N calls: all doors at once, hostile sinks, bad weather. What must hold is checked after every step (by the world)
//! and at the end, when everything is empty. A failure prints its seed.

mod account;
mod house;

use rand::rngs::StdRng;
use rand::{Rng, SeedableRng};
use sidestream::command::{PauseAs, StartStream, Target, Transfer, Verb};
use sidestream::id::{CallId, LegId, Track, Tracks};
use sidestream::switch::Input;
use sidestream::time::Duration;

use account::Account;
use house::{GROUPS, MEMBERS, PAIRS, REGISTERED};

use crate::link::Weather;
use crate::phone::{Manner, SessionHabit};
use crate::text::Text;
use crate::world::World;

/// Calls beyond these are hung up, the oldest first.
const LIVE: usize = 20;
/// Of those that last.
const LASTING: usize = 12;
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
/// Of those who are hunted.
const GROUP_MANNERS: [Manner; 9] = [
    Manner::AnswerAfter(Duration::from_millis(100)),
    Manner::AnswerAfter(Duration::from_millis(900)),
    Manner::EarlyMedia(Duration::from_millis(400)),
    Manner::Reject(486),
    Manner::Reject(480),
    Manner::Reject(603),
    Manner::RingForEver,
    Manner::Deaf,
    Manner::SendOn(201),
];
/// What a caller wants of session timers.
const SESSIONS: [&str; 5] = ["90", "90;refresher=uac", "90;refresher=uas", "120", "60"];
const HABITS: [SessionHabit; 4] = [
    SessionHabit::Refreshes,
    SessionHabit::Refreshes,
    SessionHabit::Forgets,
    SessionHabit::Ignorant,
];

struct Swarm {
    world: World,
    rng: StdRng,
    calls: Vec<CallId>,
    /// Of the pairs whose calls last; these are calls, too.
    lasting: Vec<CallId>,
    /// How many of either have been told to end.
    ended: [usize; 2],
}

impl Swarm {
    fn new(seed: u64, loss: u32) -> Swarm {
        let weather = Weather {
            latency_ms: 2,
            jitter_ms: 10,
            loss,
            duplication: loss / 4,
            reordering: loss / 4,
        };
        Swarm {
            world: house::furnished(seed, weather),
            rng: StdRng::seed_from_u64(seed),
            calls: Vec::new(),
            lasting: Vec::new(),
            ended: [0; 2],
        }
    }

    fn below(&mut self, limit: usize) -> usize {
        (self.rng.next_u64() % limit as u64) as usize
    }

    fn one_of<T: Copy>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len())]
    }

    fn act(&mut self) {
        let pair = self.below(PAIRS);
        // Calls that are to last are left alone most of the time.
        let pair = if house::lasts(pair) && self.below(4) > 0 { pair - 8 } else { pair };
        let (caller, callee) = (pair * 2, pair * 2 + 1);
        let phone = match self.below(5) {
            0 => MEMBERS.start + self.below(MEMBERS.len()),
            1 | 2 => caller,
            _ => callee,
        };
        let dialogs = self.world.phones[phone].dialogs.len();
        let place = if dialogs == 0 { 0 } else { dialogs - 1 - self.below(dialogs.min(3)) };
        match self.below(13) {
            0..=2 => self.call(pair),
            3 if self.below(4) == 0 => {
                let member = REGISTERED.start + self.below(REGISTERED.len());
                let expires = self.one_of(&["3600", "3600", "120", "0"]);
                self.world.act(member, |phone, now| phone.register_for(expires, now));
            }
            _ if dialogs == 0 => {}
            3 => self.world.act(phone, |phone, now| phone.bye(place, now)),
            4 => self.world.act(phone, |phone, now| phone.cancel_if_calling(place, now)),
            5 => {
                let direction = DIRECTIONS[self.below(DIRECTIONS.len())];
                match self.below(3) {
                    0 => self.world.act(phone, |phone, now| phone.reinvite(place, direction, now)),
                    1 => self.world.act(phone, |phone, now| phone.update(place, direction, now)),
                    _ if self.below(4) == 0 => {
                        self.world.act(phone, |phone, now| phone.hold_by_address(place, now));
                    }
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
                // Its own number, another one's, a group's, one that nobody has, and one of the switch's.
                let numbers = [201 + pair, 201 + (pair + 1) % PAIRS, 701, 404, 9196];
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
            9 => self.replace(pair, phone, place),
            _ => self.command(),
        }
    }

    /// The caller of a pair calls: its other phone, a group, a number of the switch, or nobody.
    fn call(&mut self, pair: usize) {
        let (caller, callee) = (pair * 2, pair * 2 + 1);
        let own = format!("{}", 201 + pair);
        let number = match self.below(10) {
            0..=3 => own,
            4..=6 => self.one_of(&GROUPS).to_owned(),
            choice => ["9196", "9664", "404"][choice - 7].to_owned(),
        };
        self.world.phones[callee].manner = self.one_of(&MANNERS);
        self.world.phones[callee].reliable = self.below(2) == 0;
        for member in MEMBERS {
            self.world.phones[member].manner = self.one_of(&GROUP_MANNERS);
            self.world.phones[member].reliable = self.below(2) == 0;
        }
        let mut extension = self.one_of(&[None, Some("Supported"), Some("Require")]);
        let offers = self.below(4) > 0;
        let mut session = None;
        if house::lasts(pair) {
            self.world.phones[callee].manner = Manner::AnswerAfter(Duration::from_millis(100));
            self.world.phones[caller].session = self.one_of(&HABITS);
            self.world.phones[callee].session = self.one_of(&HABITS);
            extension = None;
            session = Some(self.one_of(&SESSIONS))
                .filter(|_| self.world.phones[caller].session != SessionHabit::Ignorant);
        }
        self.world.act(caller, |phone, now| {
            phone.invite_with(&number, now, |mut invite| {
                if !offers {
                    invite.body.clear();
                    invite.headers.retain(|(name, _)| name != "Content-Type");
                }
                let invite = match extension {
                    Some(extension) => invite.with(extension, "100rel"),
                    None => invite,
                };
                match session {
                    Some(session) => {
                        invite.with("Supported", "timer").with("Session-Expires", session)
                    }
                    None => invite,
                }
            })
        });
    }

    /// A phone takes over a dialog by INVITE with Replaces: one of its own, or another phone's, which not every world allows.
    fn replace(&mut self, pair: usize, owner: usize, place: usize) {
        let replaces = self.world.phones[owner].replaces(place);
        let phone = if self.below(3) > 0 { owner } else { pair * 2 };
        let early = self.below(4) == 0;
        self.world.act(phone, |phone, now| {
            phone.invite_with("200", now, |invite: Text| {
                let early = if early { ";early-only" } else { "" };
                invite.with("Replaces", format!("{replaces}{early}"))
            })
        });
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
        for (new, from) in std::mem::take(&mut self.world.new_calls) {
            self.calls.push(new);
            if house::is_lasting_caller(&from) {
                self.lasting.push(new);
            }
        }
        while self.ended[0] + LIVE < self.calls.len() {
            let call = self.calls[self.ended[0]];
            self.ended[0] += 1;
            // Most are over by now, which is an answer too.
            if !self.lasting.contains(&call) {
                let _ = self.world.command(call, "time's up", Verb::HangUp);
            }
        }
        while self.ended[1] + LASTING < self.lasting.len() {
            let call = self.lasting[self.ended[1]];
            self.ended[1] += 1;
            let _ = self.world.command(call, "time's up", Verb::HangUp);
        }
    }

    fn run(&mut self, calls: usize) -> Account {
        while self.calls.len() < calls {
            self.act();
            let pause = self.below(120) as u64;
            self.world.run_for(Duration::from_millis(pause));
            self.end_the_oldest();
        }
        // Everybody goes home: whoever still rings is cancelled by the server, whoever talks is hung up.
        self.world.input(Input::Drain);
        self.world.input(Input::HangUpAll);
        self.world.assert_empty();
        Account::of(&self.world)
    }
}

/// Runs one swarm and says its seed when it fails.
fn swarm(seed: u64, loss: u32, calls: usize) -> Account {
    let run = std::panic::catch_unwind(|| Swarm::new(seed, loss).run(calls));
    run.unwrap_or_else(|_| panic!("the swarm of seed {seed} with {loss} per thousand lost failed"))
}

/// Runs swarms of several seeds, and sees to it that they did what they are for.
fn swarms(seeds: std::ops::Range<u64>, loss: u32) {
    let calls = std::env::var("SIDESTREAM_SWARM_CALLS").ok().and_then(|calls| calls.parse().ok());
    let mut account = Account::default();
    for seed in seeds {
        account.add(swarm(seed, loss, calls.unwrap_or(500)));
    }
    println!("{loss} per thousand lost: {account}");
    for event in [
        "call_answered",
        "leg_held",
        "leg_resumed",
        "transfer_started",
        "transfer_completed",
        "transfer_failed",
        "stream_ended",
    ] {
        assert!(account.event(event) > 0, "no {event}: {account}");
    }
    for message in ["UPDATE", "PRACK", "CANCEL", "NOTIFY", "491 INVITE", "422 INVITE", "ACK"] {
        assert!(account.message(message) > 0, "no {message}: {account}");
    }
}

#[test]
fn swarms_on_a_good_network_leave_nothing_behind() {
    swarms(0..8, 0);
}

#[test]
fn swarms_with_two_per_cent_loss_leave_nothing_behind() {
    swarms(100..108, 20);
}

#[test]
fn swarms_with_twenty_per_cent_loss_leave_nothing_behind() {
    swarms(200..204, 200);
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
