//! One SIP dialog of a call, with its media port and the session descriptions that were last exchanged on it.

use std::sync::Arc;

use bytes::Bytes;

use super::ack::Unacknowledged;
use super::answered::AnsweredInvites;
use super::builtin::Builtin;
use super::context::{Context, Effect};
use super::early::EarlyDialogs;
use super::proof::Proofs;
use super::provisional::Provisionals;
use super::sdp_text::LocalText;
use super::session_timer::SessionTimer;
use super::settings::Party;
use crate::id::{CallId, LegId, PortId};
use crate::media::{LocalPort, MediaCommand, PayloadMap};
use crate::sdp::{Description, Direction};
use crate::sip::dialog::{Carrier, Dialog, OfferAnswer, Way};
use crate::sip::transaction::{ClientKey, ServerKey};
use crate::sip::{Address, Flow, Method, Request, RequestBuilder, Response};
use crate::trunk::{Line, Presented};

/// What we tell peers that we can do.
pub(super) const ALLOW: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, PRACK, REFER, NOTIFY, SUBSCRIBE";
/// The same, when provisional responses are never acknowledged.
pub(super) const ALLOW_WITHOUT_PRACK: &str =
    "INVITE, ACK, CANCEL, BYE, OPTIONS, INFO, UPDATE, REFER, NOTIFY, SUBSCRIBE";
/// The option tags that we support.
pub(super) const SUPPORTED: &str = "timer, 100rel, replaces, norefersub";
/// The INFO package that we take (RFC 6086).
pub(super) const INFO_PACKAGE: &str = "media-stream";

/// One dialog (or one built-in party) of a call.
#[derive(Debug)]
pub(super) struct Leg {
    pub(super) id: LegId,
    pub(super) party: Party,
    pub(super) seat: Seat,
    /// The manners of the trunk at its other end.
    pub(super) line: Option<Arc<Line>>,
    /// Who is at its other end, if that side vouches for it.
    pub(super) presented: Option<Box<Presented>>,
    /// What we have proved to that trunk.
    pub(super) proofs: Proofs,
    pub(super) state: State,
    /// The flow that its first message took.
    pub(super) flow: Flow,
    pub(super) call_id: String,
    pub(super) local_tag: String,
    pub(super) port: Option<Port>,
    /// How many ports another program had taken.
    pub(super) ports_taken: u8,
    /// The session descriptions that we sent.
    pub(super) local: LocalText,
    /// The last session description that the peer sent.
    pub(super) remote: Option<Remote>,
    /// Who may offer in its dialog. Each early dialog of an INVITE of ours has its own.
    pub(super) offers: OfferAnswer,
    /// The provisional responses to its INVITE, if that came in.
    pub(super) provisional: Provisionals,
    /// Our INVITE, if the leg is one that we called: forks answer to it.
    pub(super) invite: Option<Request>,
    /// Whether the peer takes UPDATE.
    pub(super) allows_update: bool,
    /// INVITEs of ours that were answered: their 2xx may come again.
    pub(super) answered: AnsweredInvites,
    /// Requests that we sent and whose final response is awaited.
    pub(super) requests: Vec<(ClientKey, Purpose)>,
    /// The 2xx that is repeated until its ACK comes.
    pub(super) unacknowledged: Option<Unacknowledged>,
    pub(super) session: SessionTimer,
    /// Whether the peer takes INFO of our package.
    pub(super) takes_notices: bool,
    /// Whether no RTP has come from the peer for the inactivity time.
    pub(super) is_silent: bool,
    /// Whether the peer's last offer or answer stops us from sending to it.
    pub(super) holds: bool,
}

/// Whether a leg's media is part of what is heard.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Seat {
    /// It sits at the bridge.
    Bridge,
    /// It stands beside it: called in the course of a transfer, or replaced and not gone yet.
    Aside,
}

/// Where the leg's dialog stands.
#[derive(Debug)]
pub(super) enum State {
    /// Its INVITE came in and has no final response.
    Incoming { key: ServerKey, invite: Request, dialog: Dialog },
    /// Our INVITE went out and has no final response.
    Outgoing { key: ClientKey, invite: Request, early: EarlyDialogs },
    /// Our INVITE was taken back, and for everybody the leg is over; it has no final response.
    Withdrawn,
    /// Confirmed.
    Talking { dialog: Dialog },
    /// It is to be ended, but its 2xx has no ACK yet (RFC 3261 §15).
    Leaving { dialog: Dialog },
    /// A built-in party has no dialog.
    Builtin(Builtin),
    /// Over.
    Gone,
}

/// Why we sent a request.
#[derive(Clone, Debug)]
pub(super) enum Purpose {
    /// The INVITE that made the leg.
    Invite,
    /// A re-INVITE or UPDATE that carries the other leg's offer.
    Exchange,
    /// A PRACK.
    Prack,
    /// A re-INVITE or UPDATE that keeps the session alive.
    Refresh { method: Method },
    /// An INFO of the other leg, whose answer is relayed.
    RelayedInfo { from: LegId, key: ServerKey, request: Request },
    /// A REFER of the other leg that is for its party to act on.
    PassedRefer { from: LegId, key: ServerKey, request: Request },
    /// News of what a REFER asked for.
    Referral,
    /// A stream's news.
    Notice,
}

/// A pair of UDP ports.
#[derive(Clone, Copy, Debug)]
pub(super) struct Port {
    pub(super) id: PortId,
    pub(super) local: LocalPort,
}

/// The peer's session description.
#[derive(Clone, Debug)]
pub(super) struct Remote {
    pub(super) body: Bytes,
    pub(super) description: Description,
    pub(super) direction: Direction,
    /// The direction of our offer, if it is the answer to one.
    pub(super) asked: Option<Direction>,
    /// What was written, if that switches the audio off: then the description is what was in force, with nothing flowing.
    pub(super) switched_off: Option<Box<Description>>,
}

impl Leg {
    pub(super) fn new(
        id: LegId,
        party: Party,
        flow: Flow,
        call_id: String,
        local_tag: String,
        session: SessionTimer,
    ) -> Self {
        Leg {
            id,
            party,
            seat: Seat::Bridge,
            line: None,
            presented: None,
            proofs: Proofs::default(),
            state: State::Gone,
            flow,
            call_id,
            local_tag,
            port: None,
            ports_taken: 0,
            local: LocalText::default(),
            remote: None,
            offers: OfferAnswer::Stable,
            provisional: Provisionals::default(),
            invite: None,
            allows_update: false,
            answered: AnsweredInvites::default(),
            requests: Vec::new(),
            unacknowledged: None,
            session,
            takes_notices: false,
            is_silent: false,
            holds: false,
        }
    }

    /// A party that lives in the switch, for a peer on `flow`.
    pub(super) fn builtin(id: LegId, builtin: Builtin, name: &str, flow: Flow) -> Leg {
        let party = Party {
            name: name.into(),
            user: None,
            may_control_streams: false,
            transfer: Default::default(),
        };
        let none = String::new();
        let mut leg = Leg::new(id, party, flow, none.clone(), none, SessionTimer::default());
        leg.state = State::Builtin(builtin);
        leg
    }

    /// What stands for a leg that has moved to another call.
    pub(super) fn gone(&self) -> Leg {
        let (party, none) = (self.party.clone(), String::new());
        Leg::new(self.id, party, self.flow, none.clone(), none, SessionTimer::default())
    }

    /// The dialog, early or confirmed.
    pub(super) fn dialog_mut(&mut self) -> Option<&mut Dialog> {
        match &mut self.state {
            State::Incoming { dialog, .. }
            | State::Talking { dialog }
            | State::Leaving { dialog } => Some(dialog),
            State::Outgoing { early, .. } => early.current_mut().map(|fork| &mut fork.dialog),
            State::Withdrawn | State::Builtin(_) | State::Gone => None,
        }
    }

    /// The dialog, early or confirmed.
    pub(super) fn dialog(&self) -> Option<&Dialog> {
        match &self.state {
            State::Incoming { dialog, .. }
            | State::Talking { dialog }
            | State::Leaving { dialog } => Some(dialog),
            State::Outgoing { early, .. } => early.current().map(|fork| &fork.dialog),
            State::Withdrawn | State::Builtin(_) | State::Gone => None,
        }
    }

    /// The dialog that a request of the peer belongs to: its tag must be right, too.
    pub(super) fn dialog_of(&mut self, request: &Request) -> Option<&mut Dialog> {
        let tag = request.from_tag().unwrap_or_default();
        match &mut self.state {
            State::Incoming { dialog, .. }
            | State::Talking { dialog }
            | State::Leaving { dialog } => Some(dialog).filter(|d| d.id().remote_tag == tag),
            State::Outgoing { early, .. } => early.of_mut(tag).map(|fork| &mut fork.dialog),
            State::Withdrawn | State::Builtin(_) | State::Gone => None,
        }
    }

    /// Who may offer in its dialog, early or confirmed.
    pub(super) fn offers_mut(&mut self) -> &mut OfferAnswer {
        match &mut self.state {
            State::Outgoing { early, .. } => {
                early.current_mut().map_or(&mut self.offers, |fork| &mut fork.offers)
            }
            State::Incoming { .. } | State::Talking { .. } | State::Leaving { .. } => {
                &mut self.offers
            }
            State::Withdrawn | State::Builtin(_) | State::Gone => &mut self.offers,
        }
    }

    /// Who may offer in the dialog that a response belongs to.
    pub(super) fn offers_of(&mut self, response: &Response) -> &mut OfferAnswer {
        match &mut self.state {
            State::Outgoing { early, .. } => early
                .of_mut(response.to_tag().unwrap_or_default())
                .map_or(&mut self.offers, |fork| &mut fork.offers),
            State::Incoming { .. } | State::Talking { .. } | State::Leaving { .. } => {
                &mut self.offers
            }
            State::Withdrawn | State::Builtin(_) | State::Gone => &mut self.offers,
        }
    }

    /// A fork that offers is the one that the caller hears.
    pub(super) fn turn_to_fork_of(&mut self, request: &Request, offers: bool) {
        if let (State::Outgoing { early, .. }, true) = (&mut self.state, offers) {
            early.turn_to(request.from_tag().unwrap_or_default());
        }
    }

    /// Whether an UPDATE with an offer may be sent to the peer (RFC 3311 §5.1).
    pub(super) fn takes_update(&self) -> bool {
        let early_too = match &self.state {
            State::Talking { .. } => return !self.is_negotiating() && self.offers.is_stable(),
            // The answer must have arrived: its PRACK tells.
            State::Incoming { .. } => {
                self.allows_update && self.offers.is_stable() && !self.provisional.is_waiting()
            }
            State::Outgoing { early, .. } => {
                early.current().is_some_and(|fork| fork.allows_update && fork.offers.is_stable())
            }
            State::Leaving { .. } | State::Withdrawn | State::Builtin(_) | State::Gone => false,
        };
        early_too && self.request_of(|purpose| matches!(purpose, Purpose::Exchange)).is_none()
    }

    /// Whether we chose the Call-ID of its dialog (RFC 3261 §14.1).
    pub(super) fn owns_call_id(&self) -> bool {
        self.invite.is_some()
    }

    pub(super) fn is_talking(&self) -> bool {
        matches!(self.state, State::Talking { .. })
    }

    pub(super) fn is_gone(&self) -> bool {
        matches!(self.state, State::Gone)
    }

    /// Whether its party is of no more account to the call.
    pub(super) fn has_left(&self) -> bool {
        matches!(self.state, State::Withdrawn | State::Gone)
    }

    /// Whether its party is in the call: it called, it has answered, or it lives here.
    pub(super) fn has_joined(&self) -> bool {
        match self.state {
            State::Incoming { .. } | State::Talking { .. } | State::Leaving { .. } => true,
            State::Builtin(_) => true,
            State::Outgoing { .. } | State::Withdrawn | State::Gone => false,
        }
    }

    /// The Contact of this leg's dialog.
    pub(super) fn contact(&self) -> String {
        contact_of(&self.flow)
    }

    /// Whether an offer of ours, or the ACK of our 2xx, is under way on this leg, so that another offer must wait (RFC 3261 §14.2).
    pub(super) fn is_negotiating(&self) -> bool {
        self.unacknowledged.is_some()
            || self.requests.iter().any(|(_, purpose)| {
                matches!(
                    purpose,
                    Purpose::Invite
                        | Purpose::Exchange
                        | Purpose::Refresh { method: Method::Invite }
                )
            })
    }

    /// Takes the purpose of a request that has had its final response.
    pub(super) fn take_purpose(&mut self, key: ClientKey) -> Option<Purpose> {
        let place = self.requests.iter().position(|(pending, _)| *pending == key)?;
        Some(self.requests.swap_remove(place).1)
    }

    pub(super) fn purpose(&self, key: ClientKey) -> Option<&Purpose> {
        self.requests.iter().find(|(pending, _)| *pending == key).map(|(_, purpose)| purpose)
    }

    /// What the payload types of this leg mean: its peer's description and ours agree on them, for we relay the numbers as they are.
    pub(super) fn payloads(&self) -> PayloadMap {
        let audio = self.remote.as_ref().and_then(|remote| remote.description.audio());
        audio.iter().flat_map(|audio| &audio.payloads).fold(PayloadMap::EMPTY, |map, payload| {
            match payload.codec {
                Some(codec) => map.with(payload.number, codec),
                None => map.with_passed_through(payload.number),
            }
        })
    }

    /// Opens a pair of ports for the leg, if it has none. `false` when none is free.
    pub(super) fn open_port(&mut self, cx: &mut Context<'_>, call: CallId) -> bool {
        if self.port.is_some() {
            return true;
        }
        let Some(local) = cx.ports.allocate(cx.now) else { return false };
        let id = cx.owners.new_port((call, self.id), local);
        let address = cx.settings.media_address_for(&self.flow);
        self.port = Some(Port { id, local });
        self.local.begin(cx.tokens.session_id(), address.advertised, local);
        cx.effects.push_back(Effect::Media(MediaCommand::Open {
            port: id,
            address: address.bind,
            local,
        }));
        true
    }

    /// Closes the ports. The number rests before another call gets it.
    pub(super) fn close_port(&mut self, cx: &mut Context<'_>) {
        let Some(port) = self.port.take() else { return };
        cx.effects.push_back(Effect::Media(MediaCommand::Close { port: port.id }));
        cx.ports.free(port.local, cx.now);
    }

    /// The peer is to be reached elsewhere from here on, RFC 3261 §12.2.
    pub(super) fn refresh_target(&mut self, contact: Option<Address<'_>>) {
        if let (Some(contact), Some(dialog)) = (contact, self.dialog_mut()) {
            dialog.refresh_target(contact.uri);
        }
    }

    /// Sees to it that what is sent next does not go to a connection that has closed.
    pub(super) fn leave_closed_connection(&mut self, cx: &Context<'_>) {
        if let Some(dialog) = self.dialog_mut()
            && !cx.transactions.is_open(dialog.flow())
        {
            dialog.leave_connection();
        }
    }

    /// Sends a request inside the dialog, under a transaction of its own.
    pub(super) fn send_request(
        &mut self,
        cx: &mut Context<'_>,
        call: CallId,
        method: Method,
        purpose: Purpose,
        finish: impl FnOnce(RequestBuilder) -> RequestBuilder,
    ) {
        let id = self.id;
        self.leave_closed_connection(cx);
        let follow = self.party.follow();
        let Some(dialog) = self.dialog_mut() else {
            return;
        };
        let branch = cx.tokens.branch();
        let bytes = finish(dialog.request(method.clone(), &branch)).build();
        let heading = dialog.heading(follow);
        let key = cx.transactions.request(method, &branch, bytes, heading, cx.now);
        cx.owners.add_client(key, (call, id));
        self.requests.push((key, purpose));
    }

    /// Acknowledges a 2xx of ours, and remembers the ACK for a 2xx that comes again.
    pub(super) fn acknowledge(&mut self, cx: &mut Context<'_>, cseq: u32, body: Option<&[u8]>) {
        self.leave_closed_connection(cx);
        let branch = cx.tokens.branch();
        // An ACK never collides: only offers do.
        let _ = self.offers.take(Way::Sent, Carrier::Ack, body.is_some());
        let credentials = self.proofs.of_ack().cloned();
        let follow = self.party.follow();
        let Some(dialog) = self.dialog_mut() else {
            return;
        };
        let mut ack = dialog.ack(cseq, &branch);
        if let Some((name, value)) = credentials {
            ack = ack.header(name, value);
        }
        if let Some(body) = body {
            ack = ack.body("application/sdp", body);
        }
        let (heading, bytes) = (dialog.heading(follow), ack.build());
        cx.transactions.acknowledge(bytes.clone(), heading.clone(), cx.now);
        self.answered.acknowledged(cseq, heading, bytes);
    }
}

/// The Contact that a peer on `flow` reaches us at.
pub(super) fn contact_of(flow: &Flow) -> String {
    match flow.transport {
        crate::sip::Transport::Udp => format!("<sip:{}>", flow.local),
        transport => {
            format!("<sip:{};transport={}>", flow.local, transport.as_param())
        }
    }
}
