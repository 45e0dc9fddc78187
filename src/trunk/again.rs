//! A request that was challenged, once more with credentials: RFC 3261 §22.2.

use bytes::Bytes;

use super::account::{Account, Attempt, Credentials, Unanswerable};
use crate::sip::{Flow, Request, RequestBuilder, Response};

/// A request with credentials.
#[derive(Clone, Debug)]
pub struct Proved {
    /// The request to send.
    pub bytes: Bytes,
    /// Its credentials; the ACK of an INVITE carries the same (RFC 3261 §22.1).
    pub credentials: Credentials,
}

/// What distinguishes the request from the one before it.
#[derive(Clone, Copy, Debug)]
pub struct Fresh<'a> {
    /// Its branch.
    pub branch: &'a str,
    /// Its CSeq.
    pub cseq: u32,
    /// The client's nonce.
    pub cnonce: &'a str,
    /// Where it is sent.
    pub flow: Flow,
}

/// The request that `response` challenged, with credentials. `tries` is how often it was sent with credentials before.
///
/// # Errors
/// When the challenge is not for this account, not understood, or the credentials were refused already.
pub fn again(
    account: &Account,
    request: &Request,
    response: &Response,
    tries: u8,
    fresh: Fresh<'_>,
) -> Result<Proved, Unanswerable> {
    let Fresh { branch, cseq, cnonce, flow } = fresh;
    let method = request.method().as_str();
    let attempt = Attempt { method, uri: request.uri(), tries, cnonce };
    let credentials = account.answer(response, attempt)?;
    let bytes = RequestBuilder::again(request, flow, branch, cseq)
        .header(credentials.0, &credentials.1)
        .build();
    Ok(Proved { bytes, credentials })
}
