//! A real switch with one live call between two phones, and a script of whatever may come.
//!
//! A script is text. A line that begins with `@` is a direction; what follows it up to the next one is its message, with
//! `$NAME` filled in so that it fits the live call:
//!
//! | direction | what comes |
//! |---|---|
//! | `@a`, `@b`, `@x` | a SIP message from the caller, from the callee, from a stranger |
//! | `@tcp` | one from the caller's host over TCP |
//! | `@closed`, `@failed` | the end of that connection; nothing can be sent to the callee |
//! | `@wait N` | N milliseconds pass |
//! | `@start @stop @pause @resume @mute @mark @status @hangup` | a command through another door |
//! | `@latched @first @silent @recovered @dtmf @openfailed` | an event of the youngest port's media |
//! | `@connected @flowing @lost @back @asks @discarded @finished` | an event of the youngest stream's sink |
//! | `@drain` | no new calls |

mod house;
mod names;
mod settings;
mod strangers;

pub use strangers::strangers;

use sidestream::call::{SinkAsk, SinkEvent};
use sidestream::command::{StartStream, Target, Verb};
use sidestream::event::Cause;
use sidestream::id::{Track, Tracks};
use sidestream::media::MediaEvent;
use sidestream::switch::Input;
use sidestream::time::Duration;

use house::House;

/// Directions of one script.
const MOST_DIRECTIONS: usize = 60;
/// One wait lasts at most an hour.
const LONGEST_WAIT_MS: u64 = 3_600_000;

/// Plays a script. No bug, no word to strangers' addresses, every answer well-formed, and nothing left at the end.
pub fn switch(data: &[u8]) {
    let mut house = House::with_a_call();
    for (direction, message) in directions(data).take(MOST_DIRECTIONS) {
        act(&mut house, direction, message);
    }
    house.end();
}

/// The directions with their messages.
fn directions(data: &[u8]) -> impl Iterator<Item = (&str, &[u8])> {
    let mut starts: Vec<usize> = (0..data.len())
        .filter(|at| data[*at] == b'@' && (*at == 0 || data[*at - 1] == b'\n'))
        .collect();
    starts.push(data.len());
    let pieces: Vec<(&str, &[u8])> = starts
        .windows(2)
        .map(|pair| {
            let piece = &data[pair[0]..pair[1]];
            let end = piece.iter().position(|byte| *byte == b'\n').unwrap_or(piece.len());
            let direction = std::str::from_utf8(&piece[1..end]).unwrap_or("a");
            (direction, piece.get(end + 1..).unwrap_or_default())
        })
        .collect();
    pieces.into_iter()
}

fn act(house: &mut House, direction: &str, message: &[u8]) {
    let (word, argument) = direction.trim().split_once(' ').unwrap_or((direction.trim(), ""));
    let target = || match argument {
        "" => Target::All,
        label => Target::Label(label.to_owned()),
    };
    match word {
        "a" => drop(house.message(house::CALLER, message)),
        "b" => drop(house.message(house::CALLEE, message)),
        "x" => drop(house.message(house::STRANGER, message)),
        "tcp" => drop(house.message(house::CALLERS_TCP, message)),
        "closed" => house.input(Input::FlowClosed { flow: house::CALLERS_TCP }),
        "failed" => house.input(Input::FlowFailed { flow: house::CALLEE }),
        "wait" => {
            let millis = argument.parse().unwrap_or(0).min(LONGEST_WAIT_MS);
            house.wait(Duration::from_millis(millis));
        }
        "start" => house.command(Verb::Start(StartStream {
            sinks: "good".into(),
            tracks: Tracks::Both,
            label: (!argument.is_empty()).then(|| argument.to_owned()),
            ..StartStream::default()
        })),
        "stop" => house.command(Verb::Stop(target())),
        "pause" => house.command(Verb::Pause(target())),
        "resume" => house.command(Verb::Resume(target())),
        "mute" => house.command(Verb::Mute(target(), Track::FromCustomer)),
        "mark" => house.command(Verb::Mark(target(), "m".into())),
        "status" => house.command(Verb::Status(target())),
        "hangup" => house.command(Verb::HangUp),
        "drain" => house.input(Input::Drain),
        "latched" | "first" | "silent" | "recovered" | "dtmf" | "openfailed" => media(house, word),
        _ => sink(house, word),
    }
}

fn media(house: &mut House, word: &str) {
    let Some(port) = house.youngest_port() else { return };
    house.media(match word {
        "latched" => MediaEvent::Latched { port, from: house::CALLER.remote },
        "first" => MediaEvent::FirstMedia { port },
        "silent" => MediaEvent::Silent { port },
        "recovered" => MediaEvent::Recovered { port },
        "dtmf" => MediaEvent::Dtmf { port, digit: '5', duration_ms: 100 },
        _ => MediaEvent::OpenFailed { port, reason: "in use".into() },
    });
}

fn sink(house: &mut House, word: &str) {
    let Some(terminal) = house.youngest_terminal() else { return };
    house.sink(match word {
        "connected" => SinkEvent::Connected { terminal },
        "flowing" => SinkEvent::Flowing { terminal },
        "lost" => SinkEvent::Lost { terminal, reason: "gone".into() },
        "back" => SinkEvent::Back { terminal },
        "asks" => SinkEvent::Asked { terminal, verb: SinkAsk::Pause },
        "discarded" => SinkEvent::Discarded { terminal, track: Track::ToCustomer, samples: 160 },
        "finished" => SinkEvent::Finished { terminal, cause: Cause::SinkLost, manifest: None },
        _ => return,
    });
}
