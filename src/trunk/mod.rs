//! Trunks: other servers with a name, by which calls leave and come.
//!
//! [`Settings`] says what a trunk is; a [`Line`] is how requests to it look. [`Trunks`] are the machines: they register outward,
//! ask by OPTIONS whether the other side is there, and count calls against the limits. They send nothing themselves: their
//! requests are [`Errand`]s that the owner carries out and reports back.

mod account;
mod again;
mod asking;
mod chance;
mod channels;
mod errand;
mod headers;
mod health;
mod identity;
mod line;
mod network;
mod registration;
mod rights;
mod settings;
#[cfg(test)]
mod tests;
mod trunks;

pub use account::{Account, Attempt, Credentials, Unanswerable};
pub use again::{Fresh, Proved, again};
pub use channels::{Channels, Direction, Full, Usage};
pub use errand::{Errand, ErrandId, Outline, Purpose};
pub use headers::{HeaderRule, HeaderRuleError, Headers, NameRule};
pub use identity::{Assert, Identity, Presented, Privacy};
pub use line::{Dress, FromRule, Line};
pub use network::{Network, NetworkError};
pub use rights::{ReferPolicy, TransferRights};
pub use settings::{Called, HealthSettings, Limits, RegistrationSettings, Settings};
pub use trunks::{RegistrationStatus, Status, Trunks};
