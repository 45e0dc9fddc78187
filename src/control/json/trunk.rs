//! Trunks as they are shown.

use serde::Serialize;

/// A trunk: whether it is there, and what it carries.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TrunkView {
    /// The name that the dial plan uses.
    pub name: String,
    /// `up` or `down`. Calls pass over a trunk that is down.
    pub state: &'static str,
    /// Our registration there, if one is configured.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registration: Option<TrunkRegistrationView>,
    /// Whether it answers OPTIONS, if it is asked.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub answers_options: Option<bool>,
    /// Calls from it.
    pub calls_in: u32,
    /// Calls to it.
    pub calls_out: u32,
    /// Calls since the start that found a limit reached.
    pub calls_refused: u64,
    /// What went wrong last and how to mend it; missing when nothing is wrong.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub last_error: Option<String>,
}

/// Our registration at a trunk.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct TrunkRegistrationView {
    /// Whether the trunk knows us.
    pub registered: bool,
    /// Until when, unless it is refreshed before.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub expires_at: Option<String>,
    /// Address and port of the registrar that took it.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub registrar: Option<String>,
    /// How many attempts in a row came to nothing.
    pub failures: u32,
}
