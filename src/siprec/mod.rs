//! Recording sessions at session recording servers: RFC 7866, with the metadata of RFC 7865. We are the session recording client.
//!
//! ```text
//!   sink room          switch, this room                 recording server
//!     | ports bound, Begin |                                   |
//!     |------------------->|-- INVITE, Require: siprec ------->|   sdp + complete metadata
//!     |<-- Agreed ---------|<-- 200, sdp ----------------------|
//!     |=========================== RTP of each track =========>|
//!     | Send [no, no]      |                                   |
//!     |------------------->|-- re-INVITE, inactive ----------->|   sdp + partial metadata
//!     | (agent changes)    |-- re-INVITE --------------------->|   the same session goes on
//!     |<-- Ended ----------|<-- BYE ---------------------------|   or: Finished --> BYE
//! ```
//! A [`Recordings`] is a pure machine of its own beside the calls, driven by the switch: a session outlives its call by as much as
//! the last audio takes, and whatever a server does with a session touches no call. The sink room says where a session goes and
//! which tracks are sent; what the other side thinks of it goes back as [`RecordingNews`](crate::call::RecordingNews).

mod answers;
mod body;
mod description;
mod metadata;
mod recordings;
mod session;
mod taking;
#[cfg(test)]
mod tests;
mod timer;

pub use recordings::{Desk, RecordingOutput, Recordings};
