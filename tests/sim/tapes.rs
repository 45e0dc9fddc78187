//! Recording sessions as the sink room asks for them: one after the other of a list of servers, pauses as directions.

use std::collections::BTreeMap;
use std::net::SocketAddr;

use sidestream::call::{
    RecordedFormat, RecordedTrack, RecordingAsk, RecordingNews, RecordingPlan, SinkEvent, Standing,
    StreamPlan,
};
use sidestream::id::{TerminalId, Track};
use sidestream::media::Control;
use sidestream::sip::Transport;
use sidestream::time::Duration;

/// The sessions of all terminals of the sink `recorder`.
#[derive(Debug, Default)]
pub struct Tapes {
    /// The servers, in order.
    pub servers: Vec<SocketAddr>,
    open: BTreeMap<TerminalId, Tape>,
    /// All that was told of any session, in order.
    pub standings: Vec<Standing>,
}

#[derive(Debug)]
struct Tape {
    plan: RecordingPlan,
    up: bool,
    known: bool,
}

/// What comes of news.
#[derive(Debug)]
pub enum Turn {
    /// Tell the call, or the switch.
    Tell(SinkEvent),
    /// No server is left.
    GiveUp,
    Nothing,
}

impl Tapes {
    pub fn open(&mut self, plan: &StreamPlan) -> Option<SinkEvent> {
        let remote = *self.servers.first()?;
        let tape = Tape { plan: session(plan, remote), up: false, known: false };
        let begin = begin(plan.terminal, &tape.plan);
        self.open.insert(plan.terminal, tape);
        Some(begin)
    }

    pub fn close(&mut self, terminal: TerminalId) {
        self.open.remove(&terminal);
    }

    /// A pause is a direction.
    pub fn handle_control(&mut self, terminal: TerminalId, control: &Control) -> Option<SinkEvent> {
        let tape = self.open.get_mut(&terminal).filter(|tape| tape.up)?;
        let sends = match control {
            Control::Pause => false,
            Control::Resume => true,
            _ => return None,
        };
        tape.plan.sending = [sends; 2];
        Some(SinkEvent::Recording { terminal, ask: RecordingAsk::Send([sends; 2]) })
    }

    pub fn handle_news(&mut self, terminal: TerminalId, news: RecordingNews) -> Turn {
        self.standings.push(news.standing.clone());
        let servers = &self.servers;
        let Some(tape) = self.open.get_mut(&terminal) else { return Turn::Nothing };
        if news.attempt != tape.plan.attempt {
            return Turn::Nothing;
        }
        match news.standing {
            Standing::Agreed { .. } => {
                let event = match (std::mem::replace(&mut tape.up, true), tape.known) {
                    (true, _) => return Turn::Nothing,
                    (false, false) => SinkEvent::Connected { terminal },
                    (false, true) => SinkEvent::Back { terminal },
                };
                tape.known = true;
                Turn::Tell(event)
            }
            Standing::Failed { .. } | Standing::Ended { .. } => {
                tape.up = false;
                let next = servers.iter().skip_while(|server| **server != tape.plan.remote).nth(1);
                let Some(next) = next else { return Turn::GiveUp };
                tape.plan.attempt += 1;
                tape.plan.remote = *next;
                tape.plan.server = format!("sip:srs@{next}");
                Turn::Tell(begin(terminal, &tape.plan))
            }
        }
    }
}

fn begin(terminal: TerminalId, plan: &RecordingPlan) -> SinkEvent {
    SinkEvent::Recording { terminal, ask: RecordingAsk::Begin(Box::new(plan.clone())) }
}

fn session(plan: &StreamPlan, remote: SocketAddr) -> RecordingPlan {
    let track = |(track, rtp): (Track, u16)| RecordedTrack { track, rtp, rtcp: rtp + 1 };
    RecordingPlan {
        attempt: 1,
        call: plan.call,
        customer: plan.from.clone(),
        agent: plan.agent.clone(),
        server: format!("sip:srs@{remote}"),
        host: remote.ip().to_string(),
        transport: Transport::Udp,
        remote,
        account: None,
        tracks: Track::ALL.into_iter().zip([7_000, 7_002]).map(track).collect(),
        format: RecordedFormat { payload_type: 0, name: "PCMU", clock_rate: 8_000 },
        sending: [true; 2],
        patience: Duration::from_secs(3),
    }
}
