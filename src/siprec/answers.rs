//! What the server answers to our INVITE and to its changes.

use super::body::{self, SDP};
use super::description::Remote;
use super::metadata::DataMode;
use super::recordings::Hands;
use super::session::{Change, Inviting, RINGING, Session, State, Up};
use super::timer::Due;
use crate::sip::dialog::{Dialog, Resend, glare_wait};
use crate::sip::transaction::ClientKey;
use crate::sip::{Flow, Message, Method, Response, parse_datagram};
use crate::trunk::{Fresh, again};

impl Session {
    /// A response to a request of ours.
    pub(super) fn handle_response(
        &mut self,
        key: ClientKey,
        response: &Response,
        flow: Flow,
        hands: &mut Hands<'_, '_>,
    ) {
        match &mut self.state {
            State::Inviting(inviting) if inviting.key == key => match response.status() {
                100 => {}
                // It is there: a preview of its answer changes nothing else.
                101..=199 => inviting.deadline = inviting.begun + RINGING,
                200..=299 => self.handle_answer(response, flow, hands),
                status => self.handle_refusal(status, response, flow, hands),
            },
            State::Up(up) if up.change.as_ref().is_some_and(|change| change.key == key) => {
                match response.status() {
                    0..=199 => {}
                    200..=299 => self.handle_changed(response, flow, hands),
                    status => self.handle_change_refused(status, response, hands),
                }
            }
            State::Up(up) if (200..300).contains(&response.status()) => {
                let is_ours = response.to_tag().unwrap_or_default() == up.dialog.id().remote_tag;
                let ack = up.acks.iter().find(|(acknowledged, _)| *acknowledged == key);
                match ack.filter(|_| is_ours) {
                    // Our ACK was lost.
                    Some((_, ack)) => {
                        let (ack, flow) = (ack.clone(), up.dialog.destination());
                        hands.desk.transactions.acknowledge(ack, flow, hands.desk.now);
                    }
                    // RFC 3261 §13.2.2.4: another server that the INVITE was forked to.
                    None => hands.dismiss(&up.invite, response, flow),
                }
            }
            State::Inviting(_) | State::Up(_) | State::Over => {}
        }
    }

    fn handle_answer(&mut self, response: &Response, flow: Flow, hands: &mut Hands<'_, '_>) {
        let State::Inviting(Inviting { key, invite, .. }) =
            std::mem::replace(&mut self.state, State::Over)
        else {
            return;
        };
        let mut dialog = Dialog::uac(&invite, response, flow);
        let ack = self.acknowledge(&mut dialog, response, hands);
        let Some(remote) = description_of(response) else {
            hands.say_bye(&mut dialog, self.plan.account.as_ref());
            let reason = format!("it answered {} without a session description", response.status());
            return self.fail(reason, false, hands);
        };
        let up = Up::new(dialog, invite, (key, ack));
        self.timer.settle(response, hands.desk.now);
        self.state = State::Up(Box::new(up));
        self.agree(&remote, hands);
    }

    /// Sends the ACK of a 2xx; gives its bytes.
    fn acknowledge(
        &self,
        dialog: &mut Dialog,
        response: &Response,
        hands: &mut Hands<'_, '_>,
    ) -> bytes::Bytes {
        let desk = &mut *hands.desk;
        let ack = dialog.ack(response.cseq(), &desk.tokens.branch());
        // RFC 3261 §22.1: with the credentials of its INVITE.
        let ack = match &self.credentials {
            Some((name, value)) => ack.header(name, value),
            None => ack,
        };
        let ack = ack.build();
        desk.transactions.acknowledge(ack.clone(), dialog.destination(), desk.now);
        ack
    }

    fn handle_refusal(
        &mut self,
        status: u16,
        response: &Response,
        flow: Flow,
        hands: &mut Hands<'_, '_>,
    ) {
        let reason = match status {
            401 | 407 => match self.prove_invite(response, flow, hands) {
                Ok(()) => return,
                Err(reason) => reason,
            },
            422 if self.timer.lengthen(response) => return self.invite_longer(hands),
            status => told(status, response),
        };
        self.fail(reason, status == 408, hands);
    }

    /// The INVITE again, with the session interval that the server demands.
    fn invite_longer(&mut self, hands: &mut Hands<'_, '_>) {
        let State::Inviting(Inviting { invite, begun, .. }) = &self.state else { return };
        let (cseq, begun) = (invite.cseq().saturating_add(1), *begun);
        self.invite(cseq, begun, hands);
    }

    /// The INVITE again, with the sink's account.
    fn prove_invite(
        &mut self,
        response: &Response,
        flow: Flow,
        hands: &mut Hands<'_, '_>,
    ) -> Result<(), String> {
        let State::Inviting(inviting) = &self.state else { return Err(String::new()) };
        let (tries, cseq) = (inviting.tries, inviting.invite.cseq().saturating_add(1));
        let (key, bytes) = self.prove(inviting.key, response, tries, cseq, flow, hands)?;
        let Ok(Message::Request(invite)) = parse_datagram(bytes) else {
            return Err("its challenge is not understood".to_owned());
        };
        if let State::Inviting(inviting) = &mut self.state {
            (inviting.key, inviting.invite, inviting.tries) = (key, invite, tries + 1);
        }
        Ok(())
    }

    /// Sends a challenged INVITE again.
    fn prove(
        &mut self,
        challenged: ClientKey,
        response: &Response,
        tries: u8,
        cseq: u32,
        flow: Flow,
        hands: &mut Hands<'_, '_>,
    ) -> Result<(ClientKey, bytes::Bytes), String> {
        let Some(account) = &self.plan.account else {
            return Err("it asks who we are, and the sink has no `account`".to_owned());
        };
        let desk = &mut *hands.desk;
        let request = desk.transactions.take_challenged(challenged);
        let request = request.ok_or_else(|| told(response.status(), response))?;
        let (branch, cnonce) = (desk.tokens.branch(), desk.tokens.tag());
        let fresh = Fresh { branch: &branch, cseq, cnonce: &cnonce, flow };
        let proved =
            again(account, &request, response, tries, fresh).map_err(|why| why.to_string())?;
        self.credentials = Some(proved.credentials);
        let bytes = proved.bytes;
        let key = desk.transactions.request(Method::Invite, &branch, bytes.clone(), flow, desk.now);
        self.await_response(key, hands);
        Ok((key, bytes))
    }

    fn handle_changed(&mut self, response: &Response, flow: Flow, hands: &mut Hands<'_, '_>) {
        let State::Up(mut up) = std::mem::replace(&mut self.state, State::Over) else { return };
        let Some(Change { key, .. }) = up.change.take() else { return };
        if let Some(contact) = response.contact() {
            up.dialog.refresh_target(contact.uri);
        }
        if flow.connection.is_some() {
            up.dialog.move_to(flow);
        }
        let ack = self.acknowledge(&mut up.dialog, response, hands);
        up.keep_ack(key, ack);
        self.timer.settle(response, hands.desk.now);
        self.state = State::Up(up);
        // What it does not describe anew stays as it was.
        if let Some(remote) = description_of(response) {
            self.agree(&remote, hands);
        }
    }

    /// RFC 3261 §14.1: what was agreed before is in force, unless the dialog itself is gone (RFC 5057 §5.1).
    fn handle_change_refused(
        &mut self,
        status: u16,
        response: &Response,
        hands: &mut Hands<'_, '_>,
    ) {
        let State::Up(up) = &mut self.state else { return };
        let Some(change) = up.change.take() else { return };
        match status {
            401 | 407 => {
                let (cseq, flow) = (up.dialog.next_cseq(), up.dialog.destination());
                match self.prove(change.key, response, change.tries, cseq, flow, hands) {
                    Ok((key, _)) => {
                        if let State::Up(up) = &mut self.state {
                            up.change = Some(Change { key, tries: change.tries + 1, ..change });
                        }
                    }
                    Err(reason) => self.handle_refused_for_good(&reason, hands),
                }
            }
            // It wants to change something itself: RFC 3261 §14.1.
            491 => {
                let wait = glare_wait(true, |limit| hands.desk.tokens.below(limit));
                up.not_before = Some(hands.desk.now + wait);
                self.untold.get_or_insert(change.told);
            }
            422 if self.timer.lengthen(response) => {
                self.untold.get_or_insert(change.told);
            }
            408 | 481 => {
                let reason = told(status, response);
                self.part(&reason, hands);
            }
            status => {
                let reason = told(status, response);
                self.handle_refused_for_good(&reason, hands);
            }
        }
    }

    /// A server that does not take a pause, or metadata, is not given audio either and may go on; one that does not take up what was
    /// paused is no recorder any more.
    fn handle_refused_for_good(&mut self, reason: &str, hands: &mut Hands<'_, '_>) {
        let terminal = self.terminal;
        if self.awaits_audio() {
            return self.part(reason, hands);
        }
        tracing::info!(%terminal, reason, "a recording server refuses a change, and the session goes on");
    }

    /// The dialog is of no use any more.
    fn part(&mut self, reason: &str, hands: &mut Hands<'_, '_>) {
        self.end(hands);
        self.lose(reason.to_owned(), hands);
    }

    /// A request of ours has come to nothing.
    pub(super) fn handle_failure(
        &mut self,
        key: ClientKey,
        timed_out: bool,
        hands: &mut Hands<'_, '_>,
    ) {
        let reason = if timed_out { "it did not answer" } else { "it cannot be reached" };
        match &self.state {
            State::Inviting(inviting) if inviting.key == key => {
                self.fail(reason.to_owned(), timed_out, hands);
            }
            State::Up(up) if up.change.as_ref().is_some_and(|change| change.key == key) => {
                self.part(reason, hands);
            }
            State::Inviting(_) | State::Up(_) | State::Over => {}
        }
    }

    /// What is due by itself.
    pub(super) fn handle_timeout(&mut self, hands: &mut Hands<'_, '_>) {
        let now = hands.desk.now;
        match &mut self.state {
            State::Inviting(inviting) if inviting.deadline <= now => {
                let waited = now.since(inviting.begun).as_millis();
                self.end(hands);
                self.fail(format!("it did not answer within {waited} ms"), true, hands);
            }
            State::Up(up) => {
                let resend = up.unconfirmed.as_mut().map(|it| it.resend.handle_timeout(now));
                match resend {
                    None | Some(Resend::Wait) => {}
                    Some(Resend::Send(bytes)) => {
                        let flow = up.dialog.destination();
                        hands.put(super::RecordingOutput::Send { flow, bytes });
                    }
                    // RFC 3261 §13.3.1.4.
                    Some(Resend::GiveUp) => {
                        return self.part("it did not acknowledge our answer", hands);
                    }
                }
                self.handle_session_timer(hands);
            }
            State::Inviting(_) | State::Over => {}
        }
    }

    /// A refresh is a re-INVITE that changes nothing and tells what there is to be told.
    fn handle_session_timer(&mut self, hands: &mut Hands<'_, '_>) {
        match self.timer.poll_due(hands.desk.now) {
            Some(Due::Refresh) => {
                self.untold.get_or_insert(DataMode::Partial);
            }
            Some(Due::End) => self.part("its session timer ran out", hands),
            None => {}
        }
    }
}

/// The session description that a response carries.
fn description_of(response: &Response) -> Option<Remote> {
    let sdp = body::part(response.content_type(), response.body(), SDP)?;
    Remote::parse(sdp)
}

/// A status as people read it.
fn told(status: u16, response: &Response) -> String {
    format!("it answered {status} {}", response.reason())
}
