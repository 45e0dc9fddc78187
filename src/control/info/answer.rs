//! The answer to an INFO.

use serde::Serialize;

use super::{CONTENT_TYPE, InfoError, PACKAGE};
use crate::command::{Accepted, Denied};
use crate::control::json::{ErrorView, StreamStatusView};
use crate::control::tables::{self, RETRY_AFTER_S};

/// What to answer: the caller adds the dialog's headers.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct InfoAnswer {
    /// SIP status.
    pub status: u16,
    /// Headers that belong to the status and to the body.
    pub headers: Vec<(&'static str, String)>,
    /// The body, empty or of the `Content-Type` in `headers`.
    pub body: Vec<u8>,
}

/// Members of the one stream stand at the top; none or several are listed.
#[derive(Serialize)]
struct AcceptedBody {
    v: u8,
    changed: bool,
    #[serde(flatten)]
    stream: Option<StreamStatusView>,
    #[serde(skip_serializing_if = "Option::is_none")]
    streams: Option<Vec<StreamStatusView>>,
}

#[derive(Serialize)]
struct DeniedBody {
    v: u8,
    error: ErrorView,
}

/// The answer to an INFO that was a command.
pub fn answer(result: &Result<Accepted, Denied>) -> InfoAnswer {
    match result {
        Ok(accepted) => InfoAnswer::with_body(200, Vec::new(), &accepted_body(accepted)),
        Err(denied) => {
            let refusal = tables::refusal(denied);
            let mut headers = Vec::new();
            match refusal.sip {
                488 => headers.push(warning(&denied.to_string())),
                503 => headers.push(("Retry-After", RETRY_AFTER_S.to_string())),
                _ => {}
            }
            let error = ErrorView::new(refusal.code, denied.to_string());
            InfoAnswer::with_body(refusal.sip, headers, &DeniedBody { v: 1, error })
        }
    }
}

impl InfoError {
    /// The answer to an INFO that could not be read.
    pub fn answer(&self) -> InfoAnswer {
        let header = match self {
            InfoError::UnknownPackage => ("Recv-Info", PACKAGE.to_owned()),
            InfoError::UnknownContentType => ("Accept", CONTENT_TYPE.to_owned()),
            InfoError::NoPackage | InfoError::Record | InfoError::Dtmf(_) | InfoError::Body(_) => {
                warning(&self.to_string())
            }
        };
        InfoAnswer { status: self.status(), headers: vec![header], body: Vec::new() }
    }
}

impl InfoAnswer {
    fn with_body(
        status: u16,
        mut headers: Vec<(&'static str, String)>,
        body: &impl Serialize,
    ) -> InfoAnswer {
        headers.push(("Content-Type", CONTENT_TYPE.to_owned()));
        let body =
            serde_json::to_vec(body).expect("a view holds only text, numbers and lists of them");
        InfoAnswer { status, headers, body }
    }
}

fn accepted_body(accepted: &Accepted) -> AcceptedBody {
    let mut views: Vec<_> = accepted.streams.iter().map(StreamStatusView::from).collect();
    let stream = if views.len() == 1 { views.pop() } else { None };
    let streams = stream.is_none().then_some(views);
    AcceptedBody { v: 1, changed: accepted.changed, stream, streams }
}

/// RFC 3261 §20.43: 399 is the miscellaneous warning, its text is for a person. What a peer sent may stand in it, so it is
/// kept to one line of plain text.
fn warning(text: &str) -> (&'static str, String) {
    let mut quoted = String::from("399 sidestream \"");
    for character in text.chars().take(200) {
        match character {
            '"' | '\\' => quoted.extend(['\\', character]),
            ' '..='~' => quoted.push(character),
            _ => quoted.push('?'),
        }
    }
    quoted.push('"');
    ("Warning", quoted)
}
