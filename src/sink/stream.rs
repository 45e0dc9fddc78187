//! The task of one terminal of a stream: tap's ring -> timeline -> outbox -> link, on a tick of 10 ms.

use std::collections::VecDeque;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::{mpsc, oneshot, watch};
use tokio::time::{Instant as Moment, MissedTickBehavior, interval, sleep_until, timeout_at};
use tracing::{debug, info, warn};

use super::arrears::{Arrears, Outcome, Progress};
use super::link::{Happening, Link};
use super::outbox::{Entry, Outbox};
use super::pool::Pool;
use super::spool::Depot;
use super::voice::BackChannel;
use crate::call::{SinkAsk, SinkEvent};
use crate::dialect::{Note, SinkSays};
use crate::event::{Cause, Delivery, Manifest};
use crate::id::{TerminalId, Track, Tracks};
use crate::media::{Assembler, Control, Standing};
use crate::net::{Clock, Turn};
use crate::time::{Instant, MediaTime};

/// Half a frame: a frame leaves at most this much after its packet came.
pub(super) const TICK: Duration = Duration::from_millis(10);

/// Figures and summed-up discards are told this often.
const SUMMARY: Duration = Duration::from_secs(1);

/// What a sink may ask in one [`SUMMARY`]; more is passed over and counted.
const ASKS_LIMIT: u32 = 20;

/// What a terminal's task is told.
pub(super) enum Letter {
    /// A change from the switch, and the moment of it.
    Change { at: Instant, control: Control },
    /// Another terminal of the stream joins and wants to know where that stands then.
    Joining { at: Instant, answer: oneshot::Sender<Standing> },
}

/// The end from the switch.
#[derive(Clone, Copy, Debug)]
pub(super) struct Close {
    pub(super) at: Instant,
    pub(super) cause: Cause,
}

/// What a finished stream leaves.
pub(super) struct Ending {
    pub(super) cause: Cause,
    pub(super) manifest: Option<Arc<Manifest>>,
    pub(super) after: After,
}

/// What comes behind a stream's end.
pub(super) enum After {
    /// Nothing: the sink was served live.
    Nothing,
    /// Nothing more is owed, and this is how that came.
    Settled(Delivery),
    /// What the sink is still owed, and the connection to it.
    Owed(Arrears, Link),
}

impl From<Option<Delivery>> for After {
    fn from(delivery: Option<Delivery>) -> After {
        delivery.map_or(After::Nothing, After::Settled)
    }
}

/// See the module.
pub(super) struct Stream {
    pub(super) id: TerminalId,
    pub(super) tracks: Tracks,
    pub(super) start: Instant,
    pub(super) sample_rate: u32,
    pub(super) assembler: Assembler,
    pub(super) outbox: Outbox,
    pub(super) link: Link,
    /// What the sink says to the parties, where it may.
    pub(super) back_channel: Option<BackChannel>,
    pub(super) letters: mpsc::Receiver<Letter>,
    pub(super) close: watch::Receiver<Option<Close>>,
    pub(super) events: mpsc::Sender<SinkEvent>,
    pub(super) pool: Arc<Pool>,
    pub(super) depot: Arc<Depot>,
    pub(super) clock: Clock,
    pub(super) turn: Arc<Turn>,
    /// Who wants to know where the stream stands, in the order of asking.
    pub(super) joining: VecDeque<oneshot::Sender<Standing>>,
    pub(super) told: Told,
}

/// What the call has been told so far.
#[derive(Default)]
pub(super) struct Told {
    flowing: bool,
    /// Given up since the last summary, by [`Track::index`].
    discarded: [u64; 2],
    notes_dropped: u64,
    asks: u32,
}

enum Step {
    Close,
    Letter(Option<Letter>),
    Tick,
    Summary,
    Happened(Happening),
}

impl Stream {
    /// Runs until the call closes the stream or the sink is lost for good.
    pub(super) async fn run(mut self) -> Ending {
        let mut tick = interval(TICK);
        tick.set_missed_tick_behavior(MissedTickBehavior::Skip);
        let mut summary = interval(SUMMARY);
        summary.set_missed_tick_behavior(MissedTickBehavior::Skip);
        summary.reset();
        loop {
            let now = self.clock.now();
            let step = tokio::select! {
                biased;
                _ = self.close.wait_for(Option::is_some) => Step::Close,
                letter = self.letters.recv() => Step::Letter(letter),
                _ = summary.tick() => Step::Summary,
                _ = tick.tick() => Step::Tick,
                happening = self.link.progress(&mut self.outbox, now) => Step::Happened(happening),
            };
            match step {
                Step::Close | Step::Letter(None) => return self.handle_close().await,
                Step::Letter(Some(letter)) => self.handle_letter(letter),
                Step::Tick => self.collect(),
                Step::Summary => self.summarise().await,
                Step::Happened(happening) => {
                    if let Some(cause) = self.handle_happening(happening).await {
                        return self.abandon(cause).await;
                    }
                }
            }
        }
    }

    fn handle_letter(&mut self, letter: Letter) {
        match letter {
            Letter::Change { at, control } => self.handle_change(at, control),
            Letter::Joining { at, answer } => {
                self.assembler.handle_joining(at);
                self.joining.push_back(answer);
            }
        }
    }

    fn handle_change(&mut self, at: Instant, control: Control) {
        if let Control::Language(tag) = &control {
            self.link.tell_language(tag);
        }
        let note = Note::of(&control);
        self.assembler.handle_control(control, at);
        if let Some(note) = note {
            let position = MediaTime::between(self.start, at).as_samples(self.sample_rate);
            self.outbox.push(Entry::Note(note, position), self.clock.now());
        }
    }

    /// Takes what the tap's ring holds.
    fn collect(&mut self) {
        let now = self.clock.now();
        let decided = self.known_until(now);
        self.assembler.poll_decided(now, decided);
        while let Some(standing) = self.assembler.poll_standing() {
            if let Some(answer) = self.joining.pop_front() {
                // Who does not wait any longer has found its own way.
                let _ = answer.send(standing);
            }
        }
        self.fill_outbox(now);
        self.outbox.advance(now);
        while let Some(name) = self.back_channel.as_mut().and_then(BackChannel::next_heard) {
            self.link.tell_heard(&name);
        }
    }

    /// Up to which moment the stream's changes are known here, so that all its terminals make the same of them.
    fn known_until(&mut self, now: Instant) -> Instant {
        // In this order: what was decided by then is in the mailbox.
        let decided = self.turn.decided(now);
        while let Ok(letter) = self.letters.try_recv() {
            self.handle_letter(letter);
        }
        let close = *self.close.borrow();
        close.map_or(decided, |close| decided.min(close.at))
    }

    fn fill_outbox(&mut self, now: Instant) {
        while let Some(item) = self.assembler.next() {
            self.outbox.push(Entry::Item(item), now);
        }
        self.account();
    }

    /// Tells the account what the sink will never get, and what it surely has.
    fn account(&mut self) {
        for frame in self.outbox.take_given_up() {
            self.told.discarded[frame.track.index()] += self.assembler.discard(&frame);
        }
        for (frame, kind) in self.outbox.take_handed_back() {
            self.assembler.withdraw(&frame, kind);
        }
        let settled = self.outbox.settled();
        for track in self.tracks.iter() {
            self.assembler.settle(track, settled[track.index()]);
        }
    }

    /// Tells the call; returns the cause when this is the end.
    async fn handle_happening(&mut self, happening: Happening) -> Option<Cause> {
        let terminal = self.id;
        match happening {
            Happening::Connected => self.tell(SinkEvent::Connected { terminal }).await,
            Happening::Back => self.tell(SinkEvent::Back { terminal }).await,
            Happening::Lost(reason) => {
                info!(%terminal, %reason, "sink lost");
                self.tell(SinkEvent::Lost { terminal, reason }).await;
            }
            Happening::NotYet(reason) => debug!(%terminal, %reason, "not connected"),
            Happening::Gave => self.tell_flowing().await,
            Happening::Said(says) => self.handle_words(says).await,
            Happening::SaidGoodbye => self.ask(SinkAsk::Stop).await,
            Happening::GaveUp(cause, reason) => {
                warn!(%terminal, ?cause, %reason, "sink given up");
                return Some(cause);
            }
        }
        None
    }

    async fn tell_flowing(&mut self) {
        if self.outbox.gave_audio() && !std::mem::replace(&mut self.told.flowing, true) {
            self.tell(SinkEvent::Flowing { terminal: self.id }).await;
        }
    }

    async fn handle_words(&mut self, says: SinkSays) {
        match says {
            SinkSays::Acknowledged { track, position } => {
                if !self.outbox.acknowledge(track, position) {
                    self.refuse("an acknowledgement of samples that were never sent");
                }
            }
            SinkSays::Stop => self.ask(SinkAsk::Stop).await,
            SinkSays::Pause => self.ask(SinkAsk::Pause).await,
            SinkSays::Resume => self.ask(SinkAsk::Resume).await,
            SinkSays::Mark(name) => self.ask(SinkAsk::Mark(name)).await,
            SinkSays::Say(samples) => match &mut self.back_channel {
                Some(channel) => channel.say(&samples),
                None => self.pass_over("audio"),
            },
            SinkSays::SayMark(name) => match &mut self.back_channel {
                Some(channel) => {
                    if !channel.mark(name) {
                        self.refuse("more marks than are kept, or a name that is too long");
                    }
                }
                None => self.pass_over("mark"),
            },
            SinkSays::Hush => match &mut self.back_channel {
                Some(channel) => channel.hush(),
                None => self.pass_over("clear"),
            },
            SinkSays::Refused(verb) => self.pass_over(verb),
            SinkSays::Garbage(what) => self.refuse(&what),
            // The link acts on the last two by itself.
            SinkSays::Noted | SinkSays::Reconnect | SinkSays::Unfit(_) => {}
        }
    }

    fn pass_over(&self, verb: &'static str) {
        if self.pool.counters.refused_message() == 1 {
            info!(terminal = %self.id, verb, "a one-way stream refuses what the sink sends");
        }
    }

    fn refuse(&mut self, what: &str) {
        self.pool.counters.garbage_message();
        debug!(terminal = %self.id, what, "the sink said something without meaning");
        self.link.refuse(what);
    }

    async fn ask(&mut self, verb: SinkAsk) {
        self.told.asks += 1;
        if self.told.asks > ASKS_LIMIT {
            self.pool.counters.refused_message();
            return;
        }
        self.tell(SinkEvent::Asked { terminal: self.id, verb }).await;
    }

    async fn summarise(&mut self) {
        self.told.asks = 0;
        for track in Track::ALL {
            let samples = std::mem::take(&mut self.told.discarded[track.index()]);
            if samples > 0 {
                self.tell(SinkEvent::Discarded { terminal: self.id, track, samples }).await;
                self.pool.counters.discarded(samples);
            }
        }
        let dropped = self.outbox.notes_dropped();
        self.pool
            .counters
            .notes_dropped(dropped - std::mem::replace(&mut self.told.notes_dropped, dropped));
        let mut figures = self.outbox.figures(self.clock.now());
        figures.delay_ms = self.outbox.take_delay_ms();
        (figures.packets, figures.spans) = self.assembler.sums();
        if let Some(channel) = &self.back_channel {
            (figures.said_samples, figures.unsaid_samples) = channel.sums();
        }
        if self.events.try_send(SinkEvent::Figures { terminal: self.id, figures }).is_err() {
            self.pool.counters.figures_dropped();
        }
    }

    /// The switch drains this queue; when it is gone the program is ending and nobody is left to be told.
    async fn tell(&mut self, event: SinkEvent) {
        if self.events.send(event).await.is_err() {
            debug!(terminal = %self.id, "nobody listens to sink events any more");
        }
    }

    /// Gives what was recorded before the end, for as long as the sink's drain time lasts, then says farewell.
    async fn handle_close(mut self) -> Ending {
        while let Ok(letter) = self.letters.try_recv() {
            self.handle_letter(letter);
        }
        let close = *self.close.borrow();
        let Close { at, cause } =
            close.unwrap_or(Close { at: self.clock.now(), cause: Cause::Shutdown });
        let deadline = Moment::now() + self.pool.settings.drain();
        self.assembler.stop(at);
        self.fill_outbox(self.clock.now());
        if let Outbox::Complete(_) = self.outbox {
            return self.hand_over(at, cause, deadline).await;
        }
        self.link.hurry();
        self.drain(deadline).await;
        let manifest = self.final_account(at).await;
        let parting = self.link.farewell(cause, &manifest);
        if timeout_at(deadline, parting).await.is_err() {
            debug!(terminal = %self.id, "the sink did not take its leave in time");
        }
        Ending { cause, manifest: Some(manifest), after: After::Nothing }
    }

    /// Ends the call's part. A sink that is there gets the rest within the drain time; whatever it lacks then is delivered when the
    /// call has gone.
    async fn hand_over(mut self, at: Instant, cause: Cause, deadline: Moment) -> Ending {
        let manifest = self.final_account(at).await;
        if let Outbox::Complete(spool) = &mut self.outbox {
            spool.close(cause, Arc::clone(&manifest));
        }
        let end = (cause, Arc::clone(&manifest));
        let mut arrears =
            Arrears::new(self.id, end, self.outbox, self.pool, self.depot, self.clock);
        let mut link = self.link;
        let progress = match link.is_up() {
            true => arrears.deliver(&mut link, deadline).await,
            false => Progress::More,
        };
        let after = match progress {
            Progress::Over(state) => arrears.settle(state).into(),
            Progress::More => After::Owed(arrears, link),
        };
        Ending { cause, manifest: Some(manifest), after }
    }

    async fn drain(&mut self, deadline: Moment) {
        while !(self.outbox.is_empty() && self.link.is_idle()) {
            let now = self.clock.now();
            let happening = tokio::select! {
                happening = self.link.progress(&mut self.outbox, now) => happening,
                () = sleep_until(deadline) => return,
            };
            if self.handle_happening(happening).await.is_some() {
                return;
            }
        }
    }

    /// The sink is gone for good: what it never got is accounted for.
    async fn abandon(mut self, cause: Cause) -> Ending {
        let now = self.clock.now();
        self.assembler.stop(now);
        self.fill_outbox(now);
        let manifest = self.final_account(now).await;
        let end = (cause, Arc::clone(&manifest));
        let arrears = Arrears::new(self.id, end, self.outbox, self.pool, self.depot, self.clock);
        let after = arrears.settle(Outcome::Declined).into();
        Ending { cause, manifest: Some(manifest), after }
    }

    async fn final_account(&mut self, at: Instant) -> Arc<Manifest> {
        self.outbox.give_up_all();
        self.account();
        let manifest = Arc::new(self.assembler.finish(at));
        self.summarise().await;
        manifest
    }
}
