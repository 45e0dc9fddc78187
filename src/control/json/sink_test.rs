//! What came of a sink's test, as it is shown.

use serde::Serialize;

/// A sink that was tested.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SinkTestView {
    /// The sink's name, or its URL where it has none.
    pub sink: String,
    /// Host and port, without path and query, which may hold secrets; absent for a sink inside the server.
    #[serde(skip_serializing_if = "String::is_empty")]
    pub address: String,
    /// Whether no check failed.
    pub ok: bool,
    /// In the order in which they were made.
    pub checks: Vec<SinkCheckView>,
}

/// One check of a sink.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[cfg_attr(feature = "server", derive(utoipa::ToSchema))]
pub struct SinkCheckView {
    /// Its name, like `metadata_first`.
    pub check: &'static str,
    /// `passed`, `failed` or `skipped`.
    pub verdict: &'static str,
    /// What was seen, or why there was nothing to check.
    pub text: String,
    /// What mends it, when it failed.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub mend: Option<String>,
    /// How long it took.
    pub took_ms: u64,
}
