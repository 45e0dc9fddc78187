//! Those who are told by NOTIFY how a transfer goes: the implicit subscriptions of REFERs, RFC 3515 §2.4.
//!
//! A subscription outlives the call's part of its dialog: a transferor that says BYE at once is told the outcome all the same (RFC 5057,
//! RFC 5589 §6.1), and whether it still listens is its affair.

use crate::call::context::Context;
use crate::call::leg::Purpose;
use crate::call::{Call, Timer};
use crate::id::LegId;
use crate::sip::dialog::Dialog;
use crate::sip::refer::{Notice, SIPFRAG, Subscription};
use crate::sip::transaction::ServerKey;
use crate::sip::{Follow, Method, Request, RequestBuilder};
use crate::time::{Duration, Instant};

/// How long a subscription lasts unless it is refreshed: longer than anybody rings.
const LASTS: Duration = Duration::from_secs(300);
/// How many subscriptions of one call are remembered. Only one REFER at a time is acted on.
const REMEMBERED: usize = 8;

/// The subscriptions of one call, the newest last.
#[derive(Debug, Default)]
pub(in crate::call) struct Referrals(Vec<Referral>);

#[derive(Debug)]
struct Referral {
    leg: LegId,
    /// Of the REFER.
    cseq: u32,
    subscription: Subscription,
    /// The leg's dialog, once the leg has gone.
    dialog: Option<Dialog>,
}

impl Referrals {
    fn poll_timeout(&self) -> Option<Instant> {
        self.0.iter().filter_map(|referral| referral.subscription.poll_timeout()).min()
    }

    fn named(&mut self, leg: LegId, event: &str) -> Option<&mut Referral> {
        self.0.iter_mut().find(|referral| {
            referral.leg == leg
                && !referral.subscription.is_over()
                && referral.subscription.is_named_by(event, referral.cseq)
        })
    }

    /// Takes those of one leg, which moves to another call.
    pub(super) fn take(&mut self, leg: LegId) -> Referrals {
        let (taken, kept) = std::mem::take(&mut self.0).into_iter().partition(|r| r.leg == leg);
        self.0 = kept;
        Referrals(taken)
    }

    /// Adds those of a leg that has come from another call, under its number here.
    pub(super) fn add(&mut self, leg: LegId, others: Referrals) {
        self.0.extend(others.0.into_iter().map(|referral| Referral { leg, ..referral }));
    }
}

impl Call {
    /// A REFER was accepted: its sender is told at once that we are trying.
    pub(super) fn subscribe(&mut self, cx: &mut Context<'_>, leg: LegId, refer: &Request) {
        let list = &mut self.referrals.0;
        // RFC 3515 §2.4.6: from the second REFER of a dialog on, each is named.
        let id = list.iter().any(|referral| referral.leg == leg).then(|| refer.cseq());
        if list.len() >= REMEMBERED {
            list.remove(0);
        }
        let (subscription, first) = Subscription::begin(id, LASTS, cx.now);
        list.push(Referral { leg, cseq: refer.cseq(), subscription, dialog: None });
        self.send_notify(cx, leg, first);
        self.arm_referral_timer();
    }

    /// Tells every subscriber how it goes; a final status is the last word.
    pub(super) fn report(&mut self, cx: &mut Context<'_>, status: u16) {
        let now = cx.now;
        let told = self.referrals.0.iter_mut().filter_map(|referral| {
            Some((referral.leg, referral.subscription.report(status, now)?))
        });
        for (leg, notice) in told.collect::<Vec<_>>() {
            self.send_notify(cx, leg, notice);
        }
        self.arm_referral_timer();
    }

    /// A leg's dialog is about to end: what is to be told on it still can be.
    pub(in crate::call) fn keep_referral_dialogs(&mut self, id: LegId) {
        let dialog = self.leg(id).and_then(|leg| leg.dialog()).cloned();
        let waiting = self.referrals.0.iter_mut();
        for referral in waiting.filter(|r| r.leg == id && !r.subscription.is_over()) {
            referral.dialog = dialog.clone();
        }
    }

    fn send_notify(&mut self, cx: &mut Context<'_>, id: LegId, notice: Notice) {
        let call = self.id;
        let allow = cx.settings.reliability.allow();
        let write = |builder: RequestBuilder| {
            builder
                .header("Event", &notice.event)
                .header("Subscription-State", &notice.state)
                .header("Allow", allow)
                .body(SIPFRAG, notice.body.as_bytes())
        };
        let follow = self.leg(id).map_or(Follow::SameHost, |leg| leg.party.follow());
        let kept = self.referrals.0.iter_mut().rfind(|referral| referral.leg == id);
        if let Some(dialog) = kept.and_then(|referral| referral.dialog.as_mut()) {
            if !cx.transactions.is_open(dialog.flow()) {
                dialog.leave_connection();
            }
            let branch = cx.tokens.branch();
            let bytes = write(dialog.request(Method::Notify, &branch)).build();
            // Its answer matters to nobody: the transaction alone sees to the repetitions.
            let heading = dialog.heading(follow);
            cx.transactions.request(Method::Notify, &branch, bytes, heading, cx.now);
        } else if let Some(leg) = self.leg_mut(id).filter(|leg| leg.is_talking()) {
            leg.send_request(cx, call, Method::Notify, Purpose::Referral, write);
        }
    }

    /// The peer's answer to a NOTIFY: one that does not want it is not told more (RFC 6665 §4.2.2).
    pub(in crate::call) fn handle_notify_answer(&mut self, id: LegId, status: u16) {
        if status >= 300 {
            self.referrals.0.retain(|referral| referral.leg != id);
            self.arm_referral_timer();
        }
    }

    /// A SUBSCRIBE inside a dialog: it refreshes what a REFER began, or ends it. There is nothing else to subscribe to.
    pub(in crate::call) fn handle_subscribe(
        &mut self,
        cx: &mut Context<'_>,
        id: LegId,
        key: ServerKey,
        request: &Request,
    ) {
        let event = request.header("Event").unwrap_or_default();
        let package = event.split(';').next().unwrap_or_default().trim();
        if !package.eq_ignore_ascii_case("refer") {
            let headers = [("Allow-Events", "refer".to_owned())];
            return self.respond_with(cx, id, key, request, 489, &headers, None);
        }
        let refreshed = self
            .referrals
            .named(id, event)
            .and_then(|referral| referral.subscription.refresh(request.expires(), cx.now));
        let Some((expires, notice)) = refreshed else {
            return self.respond(cx, id, key, request, 481);
        };
        let contact = self.leg(id).map(|leg| leg.contact()).unwrap_or_default();
        let headers = [("Expires", expires.to_string()), ("Contact", contact)];
        self.respond_with(cx, id, key, request, 200, &headers, None);
        self.send_notify(cx, id, notice);
        self.arm_referral_timer();
    }

    pub(in crate::call) fn handle_referral_timeout(&mut self, cx: &mut Context<'_>) {
        let now = cx.now;
        let due = |referral: &&mut Referral| {
            referral.subscription.poll_timeout().is_some_and(|until| until <= now)
        };
        let lapsed = self
            .referrals
            .0
            .iter_mut()
            .filter(due)
            .filter_map(|referral| Some((referral.leg, referral.subscription.lapse()?)));
        for (leg, notice) in lapsed.collect::<Vec<_>>() {
            self.send_notify(cx, leg, notice);
        }
        self.arm_referral_timer();
    }

    fn arm_referral_timer(&mut self) {
        match self.referrals.poll_timeout() {
            Some(deadline) => self.timers.set(Timer::Referral, deadline),
            None => {
                self.timers.cancel(&Timer::Referral);
            }
        }
    }
}
