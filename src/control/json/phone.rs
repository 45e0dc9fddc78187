//! Registered phones as they are shown.

use serde::Serialize;

/// One phone of a user.
#[derive(Clone, Debug, PartialEq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct PhoneView {
    /// Whose it is.
    pub user: String,
    /// The URI that it gave.
    pub contact: String,
    /// `UDP`, `TCP`, `TLS`, `WS` or `WSS`; absent after a restart of ours that has cut its connection.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub transport: Option<&'static str>,
    /// The address that its last REGISTER came from.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub address: Option<String>,
    /// Its own ranking among the user's phones, 0 to 1.
    pub q: f32,
    /// When it is forgotten, unless it registers again.
    pub expires_at: String,
}
