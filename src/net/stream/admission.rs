//! How many connections may be open, and how many of them may not have spoken yet.

use std::collections::HashMap;
use std::net::IpAddr;
use std::sync::atomic::{AtomicU64, Ordering};
use std::sync::{Arc, Mutex, MutexGuard, PoisonError};

use super::TcpLimits;
use crate::sip::ConnectionId;

/// Who may open one more connection, and the numbers that connections get. Shared by the listeners and the dialler.
#[derive(Debug)]
pub(in crate::net) struct Admission {
    limits: TcpLimits,
    next_id: AtomicU64,
    open: Mutex<Open>,
}

#[derive(Debug, Default)]
struct Open {
    all: Count,
    by_address: HashMap<IpAddr, Count>,
}

#[derive(Clone, Copy, Debug, Default)]
struct Count {
    open: usize,
    /// Those of them that have not given a whole message: in a handshake, or silent, or slow.
    unproven: usize,
}

/// Whose connection it is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Origin {
    /// The peer dialled: it has to show that it speaks SIP.
    Theirs,
    /// We dialled.
    Ours,
}

/// The right to one open connection; given back when dropped.
#[derive(Debug)]
pub(in crate::net) struct Permit {
    admission: Arc<Admission>,
    address: IpAddr,
    unproven: bool,
}

impl Admission {
    pub(in crate::net) fn new(limits: TcpLimits) -> Arc<Admission> {
        Arc::new(Admission { limits, next_id: AtomicU64::new(1), open: Mutex::default() })
    }

    /// A number that no connection had before.
    pub(super) fn next_id(&self) -> ConnectionId {
        ConnectionId(self.next_id.fetch_add(1, Ordering::Relaxed))
    }

    /// The right to a connection with `address`, if the limits leave one.
    pub(super) fn admit(self: &Arc<Self>, address: IpAddr, origin: Origin) -> Option<Permit> {
        let limits = &self.limits;
        let unproven = origin == Origin::Theirs;
        let mut open = self.lock();
        let of_address = open.by_address.get(&address).copied().unwrap_or_default();
        let is_full = open.all.open >= limits.connections
            || of_address.open >= limits.connections_per_address;
        let is_crowded = open.all.unproven >= limits.unproven
            || of_address.unproven >= limits.unproven_per_address;
        if is_full || (unproven && is_crowded) {
            return None;
        }
        open.change(address, |count| {
            count.open += 1;
            count.unproven += usize::from(unproven);
        });
        Some(Permit { admission: Arc::clone(self), address, unproven })
    }

    /// How many connections are open.
    pub(in crate::net) fn open(&self) -> usize {
        self.lock().all.open
    }

    fn lock(&self) -> MutexGuard<'_, Open> {
        self.open.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Open {
    /// Changes the sum and the address's part of it alike.
    fn change(&mut self, address: IpAddr, change: impl Fn(&mut Count)) {
        change(&mut self.all);
        let of_address = self.by_address.entry(address).or_default();
        change(of_address);
        if of_address.open == 0 {
            self.by_address.remove(&address);
        }
    }
}

impl Permit {
    /// The connection gave a whole message.
    pub(super) fn prove(&mut self) {
        if std::mem::take(&mut self.unproven) {
            self.admission.lock().change(self.address, |count| count.unproven -= 1);
        }
    }
}

impl Drop for Permit {
    fn drop(&mut self) {
        let unproven = usize::from(self.unproven);
        self.admission.lock().change(self.address, |count| {
            count.open -= 1;
            count.unproven -= unproven;
        });
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    const A: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 1));
    const B: IpAddr = IpAddr::V4(std::net::Ipv4Addr::new(127, 0, 0, 2));

    #[test]
    fn connections_are_limited_in_all_and_by_address_and_come_back_when_closed() {
        let limits =
            TcpLimits { connections: 3, connections_per_address: 2, ..TcpLimits::default() };
        let admission = Admission::new(limits);
        let first = admission.admit(A, Origin::Theirs).expect("the first of a");
        let _second = admission.admit(A, Origin::Ours).expect("the second of a");
        assert!(admission.admit(A, Origin::Theirs).is_none(), "a has as many as it may");
        let _third = admission.admit(B, Origin::Theirs).expect("the first of b");
        assert!(admission.admit(B, Origin::Ours).is_none(), "as many are open as may be");
        drop(first);
        assert_eq!(admission.open(), 2);
        assert!(admission.admit(A, Origin::Theirs).is_some());
        assert_ne!(admission.next_id(), admission.next_id());
    }

    #[test]
    fn who_has_not_spoken_keeps_newcomers_out_but_nobody_whom_we_dial() {
        let limits = TcpLimits { unproven: 2, unproven_per_address: 1, ..TcpLimits::default() };
        let admission = Admission::new(limits);
        let mut first = admission.admit(A, Origin::Theirs).expect("the first of a");
        assert!(admission.admit(A, Origin::Theirs).is_none(), "one of a is silent");
        assert!(admission.admit(A, Origin::Ours).is_some());
        let _silent = admission.admit(B, Origin::Theirs).expect("the first of b");
        first.prove();
        first.prove();
        let _next = admission.admit(A, Origin::Theirs).expect("the first of a has spoken");
        drop(first);
        assert!(admission.admit(A, Origin::Theirs).is_none());
    }
}
