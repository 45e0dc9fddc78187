//! One registration as the file has it.

use std::net::SocketAddr;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use serde::{Deserialize, Serialize};

use crate::id::UserName;
use crate::net::Clock;
use crate::registrar::{Outbound, Stored};
use crate::sip::{Flow, Transport};
use crate::time::Instant;

/// A registration, with wall time.
#[derive(Serialize, Deserialize)]
pub(super) struct Record {
    user: String,
    contact: String,
    path: Vec<String>,
    transport: String,
    local: SocketAddr,
    remote: SocketAddr,
    instance: Option<String>,
    reg_id: Option<u32>,
    q: f32,
    expires_unix_ms: u64,
    call_id: String,
    cseq: u32,
}

/// What names a record: a user has a contact once, or once for each phone and flow of RFC 5626.
pub(super) fn key(user: &UserName, contact: &str, outbound: Option<&Outbound>) -> Vec<u8> {
    // None of them holds a line end.
    let mut key = format!("{}\n{contact}", user.as_str());
    if let Some(Outbound { instance, reg_id }) = outbound {
        key += &format!("\n{instance}\n{reg_id}");
    }
    key.into_bytes()
}

impl Record {
    pub(super) fn new(stored: &Stored, clock: Clock) -> Record {
        let expires = clock.unix(stored.expires_at).duration_since(UNIX_EPOCH).unwrap_or_default();
        Record {
            user: stored.user.as_str().to_owned(),
            contact: stored.contact.clone(),
            path: stored.path.clone(),
            transport: stored.flow.transport.as_str().to_owned(),
            local: stored.flow.local,
            remote: stored.flow.remote,
            instance: stored.outbound.as_ref().map(|outbound| outbound.instance.clone()),
            reg_id: stored.outbound.as_ref().map(|outbound| outbound.reg_id),
            q: stored.q,
            expires_unix_ms: u64::try_from(expires.as_millis()).unwrap_or(u64::MAX),
            call_id: stored.call_id.clone(),
            cseq: stored.cseq,
        }
    }

    /// As the registrar takes it back. `None` for a transport that is not spoken here.
    pub(super) fn into_stored(self, clock: Clock) -> Option<Stored> {
        let outbound =
            self.instance.zip(self.reg_id).map(|(instance, reg_id)| Outbound { instance, reg_id });
        Some(Stored {
            user: UserName::new(self.user),
            contact: self.contact,
            path: self.path,
            flow: Flow {
                transport: Transport::from_name(&self.transport)?,
                local: self.local,
                remote: self.remote,
                connection: None,
            },
            outbound,
            q: self.q,
            expires_at: moment(self.expires_unix_ms, clock),
            call_id: self.call_id,
            cseq: self.cseq,
        })
    }
}

/// The moment of a wall time; what is past is the clock's origin, long ago.
fn moment(unix_ms: u64, clock: Clock) -> Instant {
    let now = clock.now();
    let wall: SystemTime = UNIX_EPOCH + Duration::from_millis(unix_ms);
    match wall.duration_since(clock.unix(now)) {
        Ok(left) => now + left,
        Err(_) => Instant::ZERO,
    }
}
