//! `/v1/events`: the bus, as server-sent events or over WebSocket.

use std::convert::Infallible;
use std::time::Duration;

use axum::extract::ws::rejection::WebSocketUpgradeRejection;
use axum::extract::ws::{CloseFrame, Message, WebSocket, WebSocketUpgrade, close_code};
use axum::extract::{Query, State};
use axum::http::HeaderMap;
use axum::http::header::{ACCEPT, UPGRADE};
use axum::response::sse::{Event as SseEvent, KeepAlive, Sse};
use axum::response::{IntoResponse, Response};
use futures_util::Stream;
use serde::{Deserialize, Serialize};
use tokio::sync::OwnedSemaphorePermit;
use tokio::time::{interval, timeout};
use tokio_util::sync::CancellationToken;
use utoipa::ToSchema;

use super::error::{ApiError, ErrorBody};
use super::{Shared, request};
use crate::control::json::{DeliveryView, EventView};
use crate::id::CallId;
use crate::notify::{Heard, News, Subscription};

/// How often a silent connection is proven alive.
const KEEP_ALIVE: Duration = Duration::from_secs(15);

/// How long one message may take to leave; a listener that does not read is let go.
const SEND_TIME: Duration = Duration::from_secs(10);
/// How long a listener may take to answer our close frame.
const FAREWELL_TIME: Duration = Duration::from_secs(1);

/// Longest message that a listener may send; there is nothing to say.
const LISTENER_BYTES: usize = 4096;

/// The query of the events.
#[derive(Debug, Default, Deserialize)]
pub(super) struct EventQuery {
    /// Begin after the event of this number, as far as events are kept. The header Last-Event-ID says the same.
    since: Option<u64>,
    /// Only events of the call with this id.
    call: Option<String>,
}

/// Told in place of events that were missed: the listener was too slow, or `since` is further back than events are kept.
#[derive(Debug, Serialize, ToSchema)]
struct Missed {
    /// Always `missed`.
    kind: &'static str,
    /// How many events of all calls.
    missed: u64,
}

/// Events as they happen: server-sent events, or WebSocket text messages when the request is a WebSocket handshake.
#[utoipa::path(get, path = "/v1/events", tag = "events", 
    params(("since" = Option<u64>, Query, description = "Begin after the event of this number, as far as events are kept"),
        ("call" = Option<String>, Query, description = "Only events of the call with this id"),
        ("Last-Event-ID" = Option<u64>, Header, description = "As since, sent by browsers that reconnect")),
    responses((status = 200, body = EventView, content_type = "text/event-stream"), (status = 101, description = "WebSocket"),
        (status = 400, body = ErrorBody), (status = 401, body = ErrorBody), (status = 406, body = ErrorBody),
        (status = 503, body = ErrorBody)))]
pub(super) async fn listen(
    State(shared): State<Shared>,
    Query(query): Query<EventQuery>,
    headers: HeaderMap,
    upgrade: Result<WebSocketUpgrade, WebSocketUpgradeRejection>,
) -> Result<Response, ApiError> {
    let feed = Feed::open(&shared, &query, &headers)?;
    if headers.contains_key(UPGRADE) {
        return Ok(match upgrade {
            Ok(upgrade) => upgrade
                .max_message_size(LISTENER_BYTES)
                .on_upgrade(|socket| feed.over_websocket(socket)),
            Err(rejection) => rejection.into_response(),
        });
    }
    if !accepts_events(&headers) {
        return Err(ApiError::NotAcceptable);
    }
    let keep_alive = KeepAlive::new().interval(KEEP_ALIVE);
    Ok(Sse::new(feed.into_stream()).keep_alive(keep_alive).into_response())
}

fn accepts_events(headers: &HeaderMap) -> bool {
    let accept = headers.get(ACCEPT).and_then(|value| value.to_str().ok());
    accept.is_none_or(|accept| {
        ["text/event-stream", "text/*", "*/*"].iter().any(|kind| accept.contains(kind))
    })
}

/// One listener's share of the bus.
struct Feed {
    subscription: Subscription,
    call: Option<CallId>,
    stop: CancellationToken,
    _listener: OwnedSemaphorePermit,
}

/// What a listener is told next.
enum Line {
    Event(Box<EventView>),
    Delivery(Box<DeliveryView>),
    Missed(u64),
}

impl Feed {
    fn open(shared: &Shared, query: &EventQuery, headers: &HeaderMap) -> Result<Feed, ApiError> {
        let call = query.call.as_deref().map(request::call).transpose()?;
        // A browser that reconnects sends the number it last saw with the address it began with.
        let last_seen =
            headers.get("last-event-id").and_then(|value| value.to_str().ok()?.parse().ok());
        let permit =
            shared.listeners.clone().try_acquire_owned().map_err(|_| ApiError::TooManyListeners)?;
        let subscription = shared.gateway.notify.bus.subscribe(last_seen.or(query.since));
        Ok(Feed { subscription, call, stop: shared.gateway.stop.clone(), _listener: permit })
    }

    /// What comes next; `None` when the server stops.
    async fn next(&mut self) -> Option<Line> {
        loop {
            let heard = tokio::select! {
                heard = self.subscription.next() => heard?,
                () = self.stop.cancelled() => return None,
            };
            match heard {
                Heard::Missed(missed) => return Some(Line::Missed(missed)),
                Heard::Event(told) if self.call.is_none_or(|call| call == told.news.call()) => {
                    let (number, at) = (told.number, told.at);
                    return Some(match &told.news {
                        News::Event(event) => {
                            Line::Event(Box::new(EventView::new(number, at, event)))
                        }
                        News::Delivery(delivery) => {
                            Line::Delivery(Box::new(DeliveryView::new(number, at, delivery)))
                        }
                    });
                }
                Heard::Event(_) => {}
            }
        }
    }

    fn into_stream(self) -> impl Stream<Item = Result<SseEvent, Infallible>> {
        futures_util::stream::unfold(self, |mut feed| async move {
            let line = feed.next().await?;
            Some((Ok(line.to_sse()), feed))
        })
    }

    async fn over_websocket(mut self, mut socket: WebSocket) {
        let mut keep_alive = interval(KEEP_ALIVE);
        loop {
            let message = tokio::select! {
                line = self.next() => match line {
                    Some(line) => Message::text(line.to_json()),
                    None => break,
                },
                _ = keep_alive.tick() => Message::Ping(axum::body::Bytes::new()),
                said = socket.recv() => match said {
                    // Answers to pings, or words that nobody asked for.
                    Some(Ok(Message::Text(_) | Message::Binary(_) | Message::Ping(_) | Message::Pong(_))) => continue,
                    Some(Ok(Message::Close(_)) | Err(_)) | None => return,
                },
            };
            if !matches!(timeout(SEND_TIME, socket.send(message)).await, Ok(Ok(()))) {
                return;
            }
        }
        let going = CloseFrame { code: close_code::AWAY, reason: "the server is stopping".into() };
        let _ = timeout(SEND_TIME, socket.send(Message::Close(Some(going)))).await;
        // RFC 6455 §7.1.1: whoever closes with words of the peer unread resets the connection, and the close frame with it.
        let rest = async { while let Some(Ok(_)) = socket.recv().await {} };
        let _ = timeout(FAREWELL_TIME, rest).await;
    }
}

impl Line {
    fn to_json(&self) -> String {
        let json = match self {
            Line::Event(event) => serde_json::to_string(event),
            Line::Delivery(delivery) => serde_json::to_string(delivery),
            Line::Missed(missed) => {
                serde_json::to_string(&Missed { kind: "missed", missed: *missed })
            }
        };
        json.expect("a view holds only text, numbers and lists of them")
    }

    fn to_sse(&self) -> SseEvent {
        let event = SseEvent::default().data(self.to_json());
        match self {
            Line::Event(view) => event.event(view.kind.name()).id(view.number.to_string()),
            Line::Delivery(view) => event.event(view.kind).id(view.number.to_string()),
            Line::Missed(_) => event.event("missed"),
        }
    }
}
