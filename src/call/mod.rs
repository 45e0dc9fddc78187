//! The B2BUA: legs, bridge, hold, and the streams of one call.
//!
//! A [`Call`] is a pure machine. Its owner (the `switch`) finds it for each input and lends it a [`Context`]; the call answers
//! with [`Effect`]s. Files follow the life of a call: `setup` rings and answers, `exchange` carries offers across the bridge
//! in mid-call, `ack` awaits what confirms them, `ending` takes everything down; `door` is the one way to change a stream.

mod ack;
mod answer;
mod answered;
mod builtin;
mod carried;
mod connected;
mod context;
mod diverted;
mod door;
mod dress;
mod early;
mod early_exchange;
mod ending;
mod exchange;
mod failure;
mod hunt;
mod in_dialog;
mod in_flow;
mod late_answers;
mod leg;
mod media_path;
mod media_screen;
mod outgoing;
mod owners;
mod proof;
mod provisional;
mod reason;
mod recorder_port;
mod redirect;
mod renegotiation;
mod requests_seen;
mod sdp_text;
mod session_timer;
mod settings;
mod setup;
mod sink_port;
mod stream;
mod streams;
mod target;
mod terminals;
mod tokens;
mod transfer;
mod warning;
mod withdrawal;

pub use crate::trunk::{Line, ReferPolicy, TransferRights};
pub use builtin::TestNumber;
pub use context::{Context, Effect, SinkPool};
pub use in_dialog::{Errand, InfoRequest};
pub use in_flow::Cue;
pub use late_answers::LateAnswers;
pub use owners::{Estate, Farewell, Owners};
pub use recorder_port::{
    RecordedFormat, RecordedTrack, Recorder, RecordingAsk, RecordingNews, RecordingPlan, Standing,
};
pub use redirect::{Contact, Redirector};
pub use settings::{
    BackChannel, Hearers, MediaAddress, Party, Reliability, Settings, SinkLimits, Streaming,
    TransferSettings, WaitingTone,
};
pub use setup::Invitation;
pub use sink_port::{SinkAsk, SinkCommand, SinkEvent, StreamFigures, StreamPlan};
pub use target::{Destination, Hop, Hunt, Redirects, Stage, Target};
pub use tokens::Tokens;
pub use transfer::{Meeting, Movers, ReferRequest, Replacement, TransferPlan};

use exchange::Exchange;
use hunt::Hunting;
use in_flow::InFlow;
use leg::{Leg, Seat};
use renegotiation::Renegotiation;
use requests_seen::RequestsSeen;
use stream::Stream;
use transfer::{Referrals, Transfer};

use crate::command::{Attributes, Origin, StartStream};
use crate::event::{Cause, Event, Kind, Outcome};
use crate::id::{CallId, LegId, StreamId};
use crate::sip::transaction::Transactions;
use crate::sip::{Flow, Heading, Request};
use crate::time::{Instant, Timers};
use crate::trunk::Presented;

/// The methods that a dialog of ours takes, as the Allow header lists them.
pub const ALLOW: &str = leg::ALLOW;
/// The option tags that we support.
pub const SUPPORTED: &str = leg::SUPPORTED;
/// The INFO package that we take (RFC 6086).
pub const INFO_PACKAGE: &str = leg::INFO_PACKAGE;

/// One contact with a customer, from its INVITE to the customer's disconnect.
#[derive(Debug)]
pub struct Call {
    id: CallId,
    from: String,
    to: String,
    /// What the customer says of itself, and what of that counts.
    presented: Presented,
    phase: Phase,
    legs: Vec<Leg>,
    /// The targets that are being tried, until one has answered.
    hunting: Option<Hunting>,
    /// What the peer that ends the call says of the reason.
    reasons: Vec<String>,
    /// The leg whose audio is the customer's: the first one, until its party has transferred the call to others.
    customer: LegId,
    /// The exchange of one party for another.
    transfer: Option<Transfer>,
    /// Those who are told how a transfer goes.
    referrals: Referrals,
    /// The leg that a REFER was passed to, as long as it tells how that goes.
    passed_to: Option<LegId>,
    /// The offer that is crossing the bridge.
    exchange: Option<Exchange>,
    /// Legs that are to agree anew, in order.
    renegotiations: Vec<Renegotiation>,
    streams: Vec<Stream>,
    /// Whether a party has been heard before the answer.
    has_early_media: bool,
    /// What the dial plan wants started with the answer, or with the first early media.
    start_on_answer: Option<Box<StartStream>>,
    requests: RequestsSeen,
    /// What is known of the contact.
    attributes: Attributes,
    in_flow: InFlow,
    seq: u64,
    timers: Timers<Timer>,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Phase {
    /// The customer's INVITE has no final response.
    Setup { alerted: bool },
    /// Answered.
    Talking,
    /// Taken down; the accounts of its streams are awaited.
    Ending { status: u16, outcome: Outcome, cause: Cause, origin: Origin },
    /// [`Kind::CallEnded`] has been told.
    Over,
}

/// The deadlines of a call.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Hash)]
enum Timer {
    /// The targets that are tried at present have been alerted long enough.
    Ring,
    /// The hop of this leg has been silent for long enough to try the next one, RFC 3263 §4.3.
    Attempt(LegId),
    /// A reliable provisional response is due again, RFC 3262 §3.
    Provisional,
    /// The 2xx of this leg's INVITE is due again, RFC 3261 §13.3.1.4.
    Repeat2xx(LegId),
    /// The transaction of an answered INVITE of this leg ends, RFC 6026 §7.2.
    Answered(LegId),
    /// The offer that crosses the bridge has been pending long enough.
    Exchange,
    /// The offer that crosses the bridge collided, and is to go again.
    Glare,
    /// Legs that are to agree anew look whether they can.
    Renegotiation,
    /// The session of this leg is to be refreshed, or has run out, RFC 4028 §10.
    Session(LegId),
    /// Who was replaced on this leg, and told so, has not said BYE.
    Farewell(LegId),
    /// A subscription to the outcome of a REFER runs out.
    Referral,
    /// The call has talked as long as a call may.
    Longest,
    /// This stream has run as long as it may.
    StreamLimit(StreamId),
    /// The accounts of the closed streams are overdue.
    Accounts,
}

impl Call {
    /// The call's id.
    pub fn id(&self) -> CallId {
        self.id
    }

    /// The customer, and whom it called: the user parts of their addresses.
    pub fn ends(&self) -> (&str, &str) {
        (&self.from, &self.to)
    }

    /// Whether nothing of the call is left, so that its owner may drop it.
    pub fn is_over(&self) -> bool {
        self.phase == Phase::Over && self.legs.iter().all(Leg::is_gone)
    }

    /// Whether the call's end has begun.
    pub fn is_ending(&self) -> bool {
        matches!(self.phase, Phase::Ending { .. } | Phase::Over)
    }

    /// Who is at the other end of a leg.
    pub fn party(&self, leg: LegId) -> Option<&Party> {
        self.leg(leg).map(|leg| &leg.party)
    }

    /// The manners of a leg's trunk.
    pub fn line_of(&self, leg: LegId) -> Option<&Line> {
        self.leg(leg)?.line.as_deref()
    }

    /// The flow that a leg's dialog lives on.
    pub fn flow_of(&self, leg: LegId) -> Option<Flow> {
        self.leg(leg).map(|leg| leg.flow)
    }

    /// Whether a request inside this leg's dialog may come over `flow` without fresh credentials.
    pub fn leg_lives_on(&self, leg: LegId, flow: &Flow) -> bool {
        let Some(leg) = self.leg(leg) else {
            return false;
        };
        leg.flow == *flow || leg.dialog().is_some_and(|dialog| dialog.owns(flow))
    }

    /// Where requests inside this leg's dialog go.
    pub fn heading_of(&self, leg: LegId) -> Option<Heading> {
        let leg = self.leg(leg)?;
        Some(leg.dialog()?.heading(leg.party.follow()))
    }

    /// Whether a request over `flow` comes from the host of this leg's peer, which reaches us by a connection of its own because the
    /// one that the dialog lived on has closed. A connection proves its address, which is all that a peer without a user ever proved.
    pub fn leg_returns(&self, leg: LegId, flow: &Flow, transactions: &Transactions) -> bool {
        let Some(dialog) = self.leg(leg).and_then(|leg| leg.dialog()) else {
            return false;
        };
        let gone = dialog.flow();
        let is_gone = gone.connection.is_none() || !transactions.is_open(gone);
        is_gone
            && flow.connection.is_some()
            && flow.transport == gone.transport
            && flow.remote.ip() == gone.remote.ip()
    }

    /// Moves a leg's dialog to the flow over which its user has just shown fresh credentials, or its peer has come back.
    pub fn move_leg(&mut self, leg: LegId, flow: Flow) {
        if let Some(leg) = self.leg_mut(leg) {
            leg.flow = flow;
            if let Some(dialog) = leg.dialog_mut() {
                dialog.move_to(flow);
            }
        }
    }

    /// Whether a leg is there and not over.
    pub fn has_leg(&self, id: LegId) -> bool {
        self.leg(id).is_some_and(|leg| !leg.is_gone())
    }

    /// The ids of its streams, live and ended.
    pub fn stream_ids(&self) -> impl Iterator<Item = StreamId> {
        self.streams.iter().map(|stream| stream.id)
    }

    /// Lets deadlines that have come take their effect.
    pub fn handle_timeout(&mut self, cx: &mut Context<'_>) {
        while let Some(timer) = self.timers.poll_expired(cx.now) {
            match timer {
                Timer::Ring => self.handle_ring_timeout(cx),
                Timer::Attempt(leg) => self.handle_attempt_timeout(cx, leg),
                Timer::Repeat2xx(leg) => self.handle_repeat_2xx(cx, leg),
                Timer::Answered(leg) => self.handle_answered_timeout(cx, leg),
                Timer::Provisional => self.handle_provisional_timeout(cx),
                Timer::Exchange => self.handle_exchange_timeout(cx),
                Timer::Glare => self.handle_glare_timeout(cx),
                Timer::Renegotiation => self.begin_renegotiation(cx),
                Timer::Session(leg) => self.handle_session_timer(cx, leg),
                Timer::Farewell(leg) => self.bid_farewell(cx, leg),
                Timer::Referral => self.handle_referral_timeout(cx),
                Timer::Longest => self.hang_up(cx, Cause::Timeout, Origin::Switch),
                Timer::StreamLimit(id) => {
                    self.stop_stream(cx, id, Cause::MaxDuration, Origin::Switch);
                }
                Timer::Accounts => self.handle_accounts_overdue(cx),
            }
        }
    }

    /// The call's next deadline.
    pub fn poll_timeout(&self) -> Option<Instant> {
        self.timers.poll_timeout()
    }

    fn leg(&self, id: LegId) -> Option<&Leg> {
        self.legs.iter().find(|leg| leg.id == id)
    }

    fn leg_mut(&mut self, id: LegId) -> Option<&mut Leg> {
        self.legs.iter_mut().find(|leg| leg.id == id)
    }

    fn customer_mut(&mut self) -> &mut Leg {
        let id = self.customer;
        self.leg_mut(id).expect("the customer's leg is never taken out of the list")
    }

    fn customer(&self) -> &Leg {
        self.leg(self.customer).expect("the customer's leg is never taken out of the list")
    }

    /// The number of a leg that is to come.
    fn next_leg_id(&self) -> LegId {
        LegId(self.legs.iter().map(|leg| leg.id.0 + 1).max().unwrap_or_default())
    }

    /// The leg that is bridged with `id`: the other one that is in the call; while nobody has answered, the one that is heard.
    fn other_leg(&self, id: LegId) -> Option<LegId> {
        if self.leg(id).is_some_and(|leg| leg.seat == Seat::Aside) {
            return None;
        }
        self.at_bridge().find(|leg| leg.id != id).map(|leg| leg.id)
    }

    /// Tells the world, in order.
    fn tell(&mut self, cx: &mut Context<'_>, kind: Kind, cause: Cause, origin: Origin) {
        self.tell_of(cx, None, kind, cause, origin);
    }

    fn tell_of(
        &mut self,
        cx: &mut Context<'_>,
        stream: Option<StreamId>,
        kind: Kind,
        cause: Cause,
        origin: Origin,
    ) {
        if self.phase == Phase::Over {
            return;
        }
        self.seq += 1;
        let media_time = stream
            .and_then(|id| self.streams.iter().find(|stream| stream.id == id))
            .map(|s| s.media_time(cx.now));
        let event = Event {
            call: self.id,
            stream,
            seq: self.seq,
            at: cx.now,
            media_time,
            kind,
            cause,
            origin,
        };
        cx.effects.push_back(Effect::Event(event));
    }
}

/// Whether a request carries a session description, and whether we can read its type.
fn has_session_description(request: &Request) -> Result<bool, UnsupportedBody> {
    if request.body().is_empty() {
        return Ok(false);
    }
    let media_type =
        request.content_type().and_then(|value| value.split(';').next()).map(str::trim);
    if media_type.is_some_and(|media_type| media_type.eq_ignore_ascii_case("application/sdp")) {
        Ok(true)
    } else {
        Err(UnsupportedBody)
    }
}

/// The body is not a session description: 415.
#[derive(Debug)]
struct UnsupportedBody;
