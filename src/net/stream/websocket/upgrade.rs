//! The upgrade from HTTP, RFC 6455 §4.2 and RFC 7118 §4.1.

use tokio::io::{AsyncRead, AsyncWrite};
use tokio_tungstenite::tungstenite::handshake::server::{
    Callback, ErrorResponse, Request, Response,
};
use tokio_tungstenite::tungstenite::http::header::{ORIGIN, SEC_WEBSOCKET_PROTOCOL};
use tokio_tungstenite::tungstenite::http::{HeaderValue, StatusCode};
use tokio_tungstenite::tungstenite::protocol::WebSocketConfig;
use tokio_tungstenite::{WebSocketStream, accept_hdr_async_with_config};

use super::WebSocketSettings;
use crate::net::stream::carrier::OpenError;
use crate::net::stream::metered::Metered;
use crate::sip::MAX_MESSAGE;

/// The sub-protocol of SIP, RFC 7118 §4.1.
const SUB_PROTOCOL: &str = "sip";

/// A connection's buffer: SIP messages are short, connections are many.
const BUFFER_BYTES: usize = 4 << 10;

/// Takes `stream` over as a WebSocket, if the client asks for SIP on it and comes from where it may.
pub(in crate::net::stream) async fn upgrade<S: AsyncRead + AsyncWrite + Unpin>(
    stream: S,
    settings: &WebSocketSettings,
) -> Result<WebSocketStream<Metered<S>>, OpenError> {
    let config = WebSocketConfig::default()
        .read_buffer_size(BUFFER_BYTES)
        .write_buffer_size(0)
        .max_message_size(Some(MAX_MESSAGE))
        .max_frame_size(Some(MAX_MESSAGE));
    let check = Check { settings };
    accept_hdr_async_with_config(Metered::new(stream), check, Some(config))
        .await
        .map_err(|error| OpenError::Upgrade(Box::new(error)))
}

struct Check<'a> {
    settings: &'a WebSocketSettings,
}

impl Callback for Check<'_> {
    fn on_request(self, request: &Request, response: Response) -> Result<Response, ErrorResponse> {
        judge(request, response, self.settings)
    }
}

#[expect(clippy::result_large_err, reason = "the shape that tungstenite's handshake asks for")]
fn judge(
    request: &Request,
    mut response: Response,
    settings: &WebSocketSettings,
) -> Result<Response, ErrorResponse> {
    let header = |name| request.headers().get_all(name).into_iter();
    let speaks_sip = header(SEC_WEBSOCKET_PROTOCOL)
        .filter_map(|value| value.to_str().ok())
        .flat_map(|value| value.split(','))
        .any(|protocol| protocol.trim().eq_ignore_ascii_case(SUB_PROTOCOL));
    if !speaks_sip {
        return Err(refusal(StatusCode::BAD_REQUEST, "the sub-protocol `sip` is required\n"));
    }
    let is_admitted =
        |value: &HeaderValue| value.to_str().is_ok_and(|origin| settings.origins.admits(origin));
    if !header(ORIGIN).all(is_admitted) {
        return Err(refusal(StatusCode::FORBIDDEN, "this page may not connect here\n"));
    }
    response.headers_mut().insert(SEC_WEBSOCKET_PROTOCOL, HeaderValue::from_static(SUB_PROTOCOL));
    Ok(response)
}

fn refusal(status: StatusCode, why: &str) -> ErrorResponse {
    let mut response = ErrorResponse::new(Some(why.to_owned()));
    *response.status_mut() = status;
    response
}
