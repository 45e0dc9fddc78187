//! What of the bindings outlives the process: each change as it happens, and the way back in.

use super::binding::{Outbound, is_dialable};
use super::{Binding, Registrar};
use crate::id::UserName;
use crate::sip::{Flow, Transport};
use crate::time::Instant;

/// One change of the bindings, in the order in which they happened.
#[derive(Clone, Debug, PartialEq)]
pub enum Change {
    /// This phone is there, also in place of one of the same user, contact and flow.
    Put(Stored),
    /// This phone is gone.
    Forget {
        /// Whose it was.
        user: UserName,
        /// Its contact.
        contact: String,
        /// Which phone over which flow: behind different NATs two may have one contact.
        outbound: Option<Outbound>,
    },
}

impl Change {
    /// Whose phone it is about.
    pub fn user(&self) -> &UserName {
        match self {
            Change::Put(stored) => &stored.user,
            Change::Forget { user, .. } => user,
        }
    }
}

/// One binding as it is kept. User, contact and flow name it.
#[derive(Clone, Debug, PartialEq)]
pub struct Stored {
    /// Whose phone it is.
    pub user: UserName,
    /// See [`Binding::contact`].
    pub contact: String,
    /// See [`Binding::path`].
    pub path: Vec<String>,
    /// The flow that its last REGISTER came over.
    pub flow: Flow,
    /// Which phone over which flow, RFC 5626.
    pub outbound: Option<Outbound>,
    /// See [`Binding::q`].
    pub q: f32,
    /// See [`Binding::expires_at`].
    pub expires_at: Instant,
    /// The Call-ID of its last REGISTER, and
    pub call_id: String,
    /// the CSeq: an older one of the same Call-ID stays out of order after a restart too.
    pub cseq: u32,
}

impl Registrar {
    /// What has changed, oldest first. To be drained after each input.
    pub fn poll_change(&mut self) -> Option<Change> {
        self.changes.pop_front()
    }

    /// Takes back what an earlier process has kept; returns how many phones that is.
    ///
    /// What has expired stays out. A datagram's way back is good after a restart, a connection is not: a phone that came over one
    /// is kept if its contact or the nearest proxy of its path can be dialled.
    pub fn restore(&mut self, stored: impl IntoIterator<Item = Stored>, now: Instant) -> usize {
        let mut restored = 0;
        for stored in stored {
            let Stored { user, contact, path, flow, outbound, q, expires_at, call_id, cseq } =
                stored;
            let cut = flow.transport != Transport::Udp;
            let is_lost =
                cut && path.is_empty() && !is_dialable(&contact, flow.transport, flow.remote.ip());
            if expires_at <= now
                || is_lost
                || self.held(&user).len() >= self.settings.contacts_per_user
            {
                self.changes.push_back(Change::Forget { user, contact, outbound });
                continue;
            }
            let id = self.next_id();
            let flow = (!cut).then_some(Flow { connection: None, ..flow });
            self.insert(
                &user,
                Binding { contact, path, flow, q, expires_at, outbound, id, call_id, cseq },
                now,
            );
            restored += 1;
        }
        restored
    }
}
