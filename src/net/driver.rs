//! The driver: one task that owns the switch. Input in, outputs out until there are none, then wait for the next deadline.

use std::collections::{HashMap, VecDeque};
use std::net::SocketAddr;
use std::sync::Arc;

use tokio::sync::mpsc;
use tokio::time::Sleep;
use tokio_util::sync::{CancellationToken, DropGuard};

use super::Clock;
use super::counters::Counters;
use super::handle::{Answer, Ask, Status};
use super::inbound::Inbound;
use super::load::{LoadMeter, Watched};
use super::media::Workers;
use super::resolver::{Located, Resolver};
use super::stream::Connections;
use super::tap::Tap;
use super::turn::Turn;
use super::udp::UdpListener;
use crate::call::{SinkCommand, SinkEvent};
use crate::event::{Delivery, Event};
use crate::media::MediaEvent;
use crate::registrar::Change;
use crate::sip::{Flow, Transport};
use crate::switch::{Done, Figures, Input, Job, JobId, Output, Switch, Ticket};
use crate::time::{Duration, Instant};
use crate::trace::Direction;

/// Inputs that are taken at once, before the timers get their turn.
const BATCH: usize = 64;
/// How soon a media worker that is behind is tried again.
const WORKER_RETRY: Duration = Duration::from_millis(1);

/// Where the switch's outputs go that are not the sockets' business. None of them may block.
pub struct Outlets {
    /// What the sinks are told.
    pub sinks: Box<dyn FnMut(SinkCommand) + Send>,
    /// What flows have done outside.
    pub jobs: Box<dyn FnMut(JobId, Job) + Send>,
    /// What everybody is told.
    pub told: Box<dyn FnMut(Told) + Send>,
    /// By this the sinks know whether they know of every decision.
    pub turn: Arc<Turn>,
}

/// What the switch tells everybody.
#[derive(Clone, Debug)]
pub enum Told {
    /// A change in a call.
    Event(Event),
    /// What becomes of what a sink is owed.
    Delivery(Delivery),
    /// How a port or a stream is doing.
    Figures(Figures),
    /// A change of the registrations.
    Registration(Change),
}

/// The channels that the driver reads.
pub(super) struct Inputs {
    pub(super) inbound: mpsc::Receiver<Inbound>,
    pub(super) asks: mpsc::Receiver<Ask>,
    pub(super) media: mpsc::Receiver<MediaEvent>,
    pub(super) sinks: mpsc::Receiver<SinkEvent>,
    pub(super) done: mpsc::Receiver<(JobId, Done)>,
    pub(super) located: mpsc::Receiver<Located>,
}

/// The switch and the hands that carry its outputs out.
pub(super) struct Driver {
    pub(super) switch: Switch,
    pub(super) clock: Clock,
    pub(super) udp: Vec<UdpListener>,
    pub(super) connections: Connections,
    pub(super) workers: Workers,
    pub(super) resolver: Resolver,
    pub(super) outlets: Outlets,
    pub(super) counters: Arc<Counters>,
    pub(super) tap: Arc<Tap>,
    pub(super) tickets: Tickets,
    pub(super) load: LoadMeter,
    /// Tells whoever waits that the driver has ended, also when it ended by a bug.
    pub(super) _ended: DropGuard,
}

impl Driver {
    /// Drives until `stop`.
    pub(super) async fn run(mut self, mut inputs: Inputs, stop: CancellationToken) {
        let mut batch = Vec::with_capacity(BATCH);
        let sleep = tokio::time::sleep_until(self.clock.deadline(self.clock.now()));
        tokio::pin!(sleep);
        loop {
            // A worker that is behind holds signalling back: datagrams then fill their queue and are dropped and counted
            // there, connections wait. Events are still taken, for a worker may be waiting to give one.
            let open = !self.workers.behind();
            let timed = self.set_alarm(sleep.as_mut());
            let begun;
            let mut taken = 0;
            tokio::select! {
                _ = inputs.inbound.recv_many(&mut batch, BATCH), if open => {
                    begun = self.clock.now();
                    taken = batch.len();
                    for inbound in batch.drain(..) {
                        self.take_inbound(inbound);
                    }
                }
                Some(ask) = inputs.asks.recv(), if open => {
                    begun = self.clock.now();
                    self.take_ask(ask);
                }
                Some(event) = inputs.media.recv() => {
                    begun = self.clock.now();
                    self.input(Input::Media(event));
                }
                Some((lookup, places)) = inputs.located.recv(), if open => {
                    begun = self.clock.now();
                    self.input(Input::Located { lookup, places });
                }
                Some(event) = inputs.sinks.recv() => {
                    begun = self.clock.now();
                    self.input(Input::Sink(event));
                }
                Some((id, done)) = inputs.done.recv(), if open => {
                    begun = self.clock.now();
                    self.input(Input::Done { id, done });
                }
                () = sleep.as_mut(), if timed => begun = self.clock.now(),
                () = stop.cancelled() => break,
            }
            self.take_timeouts();
            self.workers.flush();
            self.load.add_turn(begun, self.clock.now(), taken);
            if let Some(load) = self.load.look(self.clock.now(), inputs.inbound.len()) {
                self.input(Input::Load(load));
            }
        }
    }

    /// Sets the alarm for the next deadline; `false` when there is none.
    fn set_alarm(&self, sleep: std::pin::Pin<&mut Sleep>) -> bool {
        let now = self.clock.now();
        let retry = self.workers.behind().then(|| now + WORKER_RETRY);
        let watched = if self.switch.is_overloaded() { Watched::Yes } else { Watched::No };
        let next = [
            self.switch.poll_timeout(),
            retry,
            self.tickets.poll_timeout(),
            self.load.poll_timeout(watched),
        ]
        .into_iter()
        .flatten()
        .min();
        let Some(next) = next else { return false };
        let deadline = self.clock.deadline(next);
        if sleep.deadline() != deadline {
            sleep.reset(deadline);
        }
        true
    }

    fn take_timeouts(&mut self) {
        let now = self.clock.now();
        if self.switch.poll_timeout().is_some_and(|deadline| deadline <= now) {
            self.turn(|driver, now| driver.switch.handle_timeout(now));
        }
        for _ in 0..self.tickets.drop_late(now) {
            self.counters.commands_unanswered.count();
        }
    }

    fn take_inbound(&mut self, inbound: Inbound) {
        match inbound {
            Inbound::Message { flow, bytes } => {
                self.tap.note(Direction::Received, flow, bytes.clone(), self.clock.now());
                self.input(Input::Message { flow, bytes });
            }
            Inbound::Opened(connection) => self.connections.insert(connection),
            Inbound::Alias { flow, port, name } => self.connections.alias(&flow, port, name),
            Inbound::Closed { flow } => self.take_closed(flow),
            Inbound::DialFailed { flow } => {
                self.connections.remove(&flow);
                self.input(Input::FlowFailed { flow: unnumbered(flow) });
            }
        }
    }

    /// A connection is gone. What was sent on a dialled one was sent to a flow without a number: that one failed too.
    fn take_closed(&mut self, flow: Flow) {
        let asked_for = self.connections.remove(&flow);
        self.input(Input::FlowClosed { flow });
        if let Some(flow) = asked_for {
            self.input(Input::FlowFailed { flow });
        }
    }

    fn take_ask(&mut self, ask: Ask) {
        match ask {
            Ask::Command { call, command, answer } => {
                let ticket = self.tickets.issue(answer, self.clock.now());
                self.input(Input::Command { call, command, ticket });
            }
            Ask::Drain => self.input(Input::Drain),
            Ask::HangUpAll => self.input(Input::HangUpAll),
            // Whoever asked may have gone away.
            Ask::Status(sender) => drop(sender.send(self.status())),
            Ask::Bans(sender) => drop(sender.send(self.switch.bans(self.clock.now()))),
            Ask::Phones(sender) => drop(sender.send(self.switch.phones(self.clock.now()))),
            Ask::Floor(sender) => drop(sender.send(self.switch.floor(self.clock.now()))),
            Ask::Present { agent, presence, known } => {
                let is_known = self.switch.present(&agent, presence, self.clock.now());
                let _ = known.send(is_known);
            }
            Ask::Library(sender) => drop(sender.send(self.switch.library())),
            Ask::KeepFlow(flow, kept) => {
                self.switch.keep_flow(*flow);
                let _ = kept.send(());
            }
            Ask::RemoveFlow(id, removed) => drop(removed.send(self.switch.remove_flow(&id))),
            Ask::LiftBan { address, lifted } => drop(lifted.send(self.switch.lift_ban(address))),
        }
    }

    fn status(&self) -> Status {
        Status {
            registrations: self.switch.registration_count(),
            holdings: self.switch.holdings(),
            counters: self.switch.counters(),
            is_overloaded: self.switch.is_overloaded(),
            sources: self.switch.source_count(),
        }
    }

    fn input(&mut self, input: Input) {
        self.turn(|driver, now| driver.switch.handle_input(input, now));
    }

    /// Lets the switch decide, and carries out what it decided.
    fn turn(&mut self, decide: impl FnOnce(&mut Driver, Instant)) {
        self.outlets.turn.begin(self.clock.now());
        let now = self.clock.now();
        decide(self, now);
        self.drain(now);
        self.outlets.turn.end();
    }

    /// Carries outputs out until there are none. A message that cannot leave is told to the switch, which may answer with
    /// outputs of its own.
    fn drain(&mut self, now: Instant) {
        loop {
            let mut failed = Vec::new();
            while let Some(output) = self.switch.poll_output() {
                self.carry_out(output, now, &mut failed);
            }
            if failed.is_empty() {
                return self.tap.export();
            }
            for flow in failed {
                self.switch.handle_input(Input::FlowFailed { flow }, now);
            }
        }
    }

    fn carry_out(&mut self, output: Output, now: Instant, failed: &mut Vec<Flow>) {
        match output {
            Output::Send { flow, bytes } => {
                self.tap.note(Direction::Sent, flow, bytes.clone(), now);
                let sent = match flow.transport {
                    Transport::Udp => self.send_datagram(&flow, &bytes),
                    Transport::Tcp | Transport::Tls | Transport::Ws | Transport::Wss => {
                        self.connections.send(flow, bytes).is_ok()
                    }
                };
                if !sent {
                    self.counters.unroutable.count();
                    failed.push(flow);
                }
            }
            Output::Locate { lookup, search } => self.resolver.locate(lookup, search),
            Output::Dialog { call, call_id } => self.tap.attribute(call, &call_id),
            Output::Media { call, command } => self.workers.send(call, command),
            Output::Name { remote, name } => self.connections.learn(remote, &name),
            Output::Sink(command) => (self.outlets.sinks)(command),
            Output::Job { id, job } => (self.outlets.jobs)(id, job),
            Output::Reply { ticket, answer } => self.tickets.settle(ticket, answer),
            Output::Event(event) => (self.outlets.told)(Told::Event(event)),
            Output::Delivery(delivery) => (self.outlets.told)(Told::Delivery(delivery)),
            Output::Figures(figures) => (self.outlets.told)(Told::Figures(figures)),
            Output::Registration(change) => (self.outlets.told)(Told::Registration(change)),
        }
    }

    fn send_datagram(&self, flow: &Flow, bytes: &[u8]) -> bool {
        let Some(listener) = listener_for(&self.udp, flow.local, flow.remote) else {
            return false;
        };
        match listener.send(bytes, flow.remote, &self.counters) {
            Ok(()) => true,
            Err(error) => {
                tracing::debug!(remote = %flow.remote, %error, "udp send failed");
                false
            }
        }
    }
}

/// The listener that the flow names; for a name that is none of ours, the first that reaches the peer's address family.
fn listener_for(
    listeners: &[UdpListener],
    local: SocketAddr,
    remote: SocketAddr,
) -> Option<&UdpListener> {
    let named = listeners.iter().find(|listener| listener.local == local);
    named.or_else(|| listeners.iter().find(|listener| listener.local.is_ipv4() == remote.is_ipv4()))
}

/// The flow as the switch named it when it asked for a connection.
const fn unnumbered(flow: Flow) -> Flow {
    Flow { connection: None, ..flow }
}

/// The commands that wait for the switch's answer.
#[derive(Debug)]
pub(super) struct Tickets {
    next: u64,
    patience: Duration,
    waiting: HashMap<Ticket, Answer>,
    /// In order of issue, which is the order of their deadlines.
    deadlines: VecDeque<(Instant, Ticket)>,
}

impl Tickets {
    pub(super) fn new(patience: Duration) -> Tickets {
        Tickets { next: 0, patience, waiting: HashMap::new(), deadlines: VecDeque::new() }
    }

    fn issue(&mut self, answer: Answer, now: Instant) -> Ticket {
        self.next += 1;
        let ticket = Ticket(self.next);
        self.waiting.insert(ticket, answer);
        self.deadlines.push_back((now + self.patience, ticket));
        ticket
    }

    fn settle(&mut self, ticket: Ticket, answer: super::handle::Answered) {
        if let Some(waiting) = self.waiting.remove(&ticket) {
            // Whoever asked may have gone away.
            let _ = waiting.send(answer);
        }
        while self.deadlines.front().is_some_and(|(_, ticket)| !self.waiting.contains_key(ticket)) {
            self.deadlines.pop_front();
        }
    }

    fn poll_timeout(&self) -> Option<Instant> {
        self.deadlines.front().map(|(deadline, _)| *deadline)
    }

    /// Gives up what is due; returns how many. Dropping the answer's sender tells whoever asked.
    fn drop_late(&mut self, now: Instant) -> usize {
        let mut late = 0;
        while let Some((_, ticket)) = self.deadlines.pop_front_if(|(deadline, _)| *deadline <= now)
        {
            late += usize::from(self.waiting.remove(&ticket).is_some());
        }
        late
    }
}

#[cfg(test)]
mod tests {
    use tokio::sync::oneshot;

    use super::*;
    use crate::command::Denied;

    #[test]
    fn a_ticket_is_answered_once_and_a_late_one_is_given_up() {
        let at = Instant::from_millis;
        let mut tickets = Tickets::new(Duration::from_millis(100));
        let (first_answer, mut first) = oneshot::channel();
        let (second_answer, mut second) = oneshot::channel();
        let ticket = tickets.issue(first_answer, at(0));
        tickets.issue(second_answer, at(10));
        assert_eq!(tickets.poll_timeout(), Some(at(100)));

        tickets.settle(ticket, Err(Denied::NoSuchCall));
        assert_eq!(first.try_recv(), Ok(Err(Denied::NoSuchCall)));
        assert_eq!(tickets.poll_timeout(), Some(at(110)));
        assert_eq!(tickets.drop_late(at(109)), 0);
        assert_eq!(tickets.drop_late(at(110)), 1);
        assert!(matches!(second.try_recv(), Err(oneshot::error::TryRecvError::Closed)));
        assert_eq!(tickets.poll_timeout(), None);
    }
}
