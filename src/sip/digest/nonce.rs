//! Nonces that need no table until they are used, and the table of those that were.

use std::collections::BTreeMap;
use std::net::IpAddr;

use base64::Engine as _;
use base64::engine::general_purpose::URL_SAFE_NO_PAD;
use hmac::{Hmac, KeyInit as _, Mac as _};
use sha2::Sha256;
use subtle::ConstantTimeEq as _;

use super::Asked;
use crate::id::UserName;
use crate::time::{Duration, Instant};

/// Half of HMAC-SHA-256, which RFC 2104 §5 allows.
const MAC: usize = 16;

/// When a nonce was issued, and the MAC that shows that we issued it.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub(super) struct Nonce {
    pub(super) issued: Instant,
    mac: [u8; MAC],
}

impl Nonce {
    /// The nonce for a request at a moment.
    pub(super) fn issue(key: &[u8; 32], realm: &str, asked: &Asked<'_>, now: Instant) -> Nonce {
        let mut hmac = Hmac::<Sha256>::new_from_slice(key).expect("HMAC takes keys of any length");
        hmac.update(&now.as_nanos().to_be_bytes());
        match asked.source.to_canonical() {
            IpAddr::V4(ip) => hmac.update(&ip.octets()),
            IpAddr::V6(ip) => hmac.update(&ip.octets()),
        }
        // No part can be mistaken for the next: a method is a token, and a realm holds no line end.
        hmac.update(asked.method.as_bytes());
        hmac.update(b" ");
        hmac.update(asked.resource().as_bytes());
        hmac.update(b"\n");
        hmac.update(realm.as_bytes());
        let mut mac = [0; MAC];
        for (byte, full) in mac.iter_mut().zip(hmac.finalize().into_bytes()) {
            *byte = full;
        }
        Nonce { issued: now, mac }
    }

    /// Reads a nonce, if `key` made it for this realm and request.
    pub(super) fn open(
        text: &str,
        key: &[u8; 32],
        realm: &str,
        asked: &Asked<'_>,
    ) -> Option<Nonce> {
        let bytes = URL_SAFE_NO_PAD.decode(text).ok()?;
        let (issued, mac) = bytes.split_first_chunk::<8>()?;
        let issued = Instant::from_nanos(u64::from_be_bytes(*issued));
        let ours = Nonce::issue(key, realm, asked, issued);
        bool::from(ours.mac.ct_eq(mac)).then_some(ours)
    }

    /// The nonce on the wire.
    pub(super) fn to_text(self) -> String {
        let mut bytes = [0; 8 + MAC];
        let (issued, mac) = bytes.split_at_mut(8);
        issued.copy_from_slice(&self.issued.as_nanos().to_be_bytes());
        mac.copy_from_slice(&self.mac);
        URL_SAFE_NO_PAD.encode(bytes)
    }
}

/// The counts of used nonces. A user's request enters only after its password was right, so strangers cannot fill it.
#[derive(Debug)]
pub(super) struct UsedNonces {
    counts: BTreeMap<(Nonce, UserName), u32>,
    limit: usize,
    /// Nonces issued up to here may have been forgotten: they count as used.
    forgotten: Option<Instant>,
}

impl UsedNonces {
    pub(super) fn new(limit: usize) -> Self {
        UsedNonces { counts: BTreeMap::new(), limit, forgotten: None }
    }

    /// Records a use; false when this count, or a later one, was used before (RFC 7616 §3.4, `nc`).
    pub(super) fn use_once(&mut self, nonce: Nonce, user: UserName, count: u32) -> bool {
        let key = (nonce, user);
        if let Some(last) = self.counts.get_mut(&key) {
            let grows = count > *last;
            *last = count.max(*last);
            return grows;
        }
        if self.forgotten.is_some_and(|until| nonce.issued <= until) {
            return false;
        }
        self.counts.insert(key, count);
        if self.counts.len() > self.limit
            && let Some(((oldest, _), _)) = self.counts.pop_first()
        {
            self.forgotten = self.forgotten.max(Some(oldest.issued));
        }
        true
    }

    /// Forgets nonces that are too old to be taken anyway.
    pub(super) fn expire(&mut self, lifetime: Duration, now: Instant) {
        while let Some(entry) = self.counts.first_entry()
            && now.since(entry.key().0.issued) > lifetime
        {
            entry.remove();
        }
    }

    pub(super) fn len(&self) -> usize {
        self.counts.len()
    }
}
