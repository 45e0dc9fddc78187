//! The durable log: one connection to NATS JetStream for all streams of a sink.
//!
//! ```text
//!  stream's link -- session() --> Hub: the connection that there is, or another one by the sink's Target
//!  stream's link -- publish() --> Session -- acknowledged by the server that keeps it --> stream's link
//! ```
//!
//! The client that we build on would seek its server by itself, where and when it likes. Here it has one address, which was judged, and
//! at its first trouble the whole connection is given up: addresses, patience and back-off are those of every other sink.

mod error;

pub(super) use error::LogError;

use std::net::SocketAddr;
use std::sync::Arc;
use std::time::Duration;

use async_nats::jetstream::context::{ContextBuilder, PublishAckFuture};
use async_nats::jetstream::message::{PublishMessage, StreamMessage};
use async_nats::jetstream::stream::{Config, LastRawMessageError, LastRawMessageErrorKind, Stream};
use async_nats::jetstream::{self, Context};
use async_nats::{ConnectOptions, Event, HeaderMap};
use futures_util::future::try_join_all;
use tokio::sync::Mutex;
use tokio_util::sync::CancellationToken;
use tracing::debug;

use super::settings::{Login, Nats};
use super::target::{ConnectError, Target};
use crate::dialect::jetstream::{Found, Lane, Last, Post};

/// Messages of a stream that were sent and are not acknowledged: 1.6 s of both tracks. As much as a round trip of 50 ms needs for
/// 32 times the speed of life, and less than the shortest usual queue.
pub(super) const WINDOW: usize = 32;

/// A server that has not acknowledged a message for so long is lost.
const ACKNOWLEDGED_WITHIN: Duration = Duration::from_secs(5);

/// How often a silent connection is tried. After three times without an answer it is lost.
const PING_EVERY: Duration = Duration::from_secs(3);

/// The connection of a sink.
pub(super) struct Hub {
    target: Arc<Target>,
    live: Mutex<Option<Arc<Session>>>,
}

/// One connection. What it is asked fails when it is lost.
pub(super) struct Session {
    context: Context,
    log: Stream,
    most: usize,
    /// Which address of the target it is.
    place: usize,
    over: CancellationToken,
}

/// What a connection is made with.
pub(super) struct Dial<'d> {
    pub(super) settings: &'d Nats,
    pub(super) place: usize,
    pub(super) remote: SocketAddr,
    pub(super) tls: Option<rustls::ClientConfig>,
    pub(super) timeout: Duration,
    /// Messages that may be sent and not acknowledged, of all streams.
    pub(super) in_flight: usize,
    /// The longest message that there will be.
    pub(super) longest: usize,
}

impl Hub {
    pub(super) fn new(target: Arc<Target>) -> Hub {
        Hub { target, live: Mutex::default() }
    }

    pub(super) fn target(&self) -> &Arc<Target> {
        &self.target
    }

    /// The connection, made if there is none. Whoever asks meanwhile waits for the same attempt.
    pub(super) async fn session(&self) -> Result<Arc<Session>, ConnectError> {
        let mut live = self.live.lock().await;
        if let Some(session) = live.as_ref().filter(|session| !session.over.is_cancelled()) {
            return Ok(Arc::clone(session));
        }
        // Given up before another one is made.
        *live = None;
        let session = Arc::new(self.target.open_log().await?);
        Ok(Arc::clone(live.insert(session)))
    }

    /// Shows what is wrong with the log, or that nothing is any more.
    pub(super) fn show_trouble(&self, session: &Session, trouble: Option<String>) {
        self.target.show_trouble(session.place, trouble);
    }
}

impl Session {
    /// Connects, and makes sure that the log is there and takes what it will be sent.
    pub(super) async fn begin(dial: Dial<'_>) -> Result<Session, ConnectError> {
        let Dial { settings, remote, timeout, .. } = dial;
        let over = CancellationToken::new();
        let client = options(&dial, over.clone())?.connect(address(&dial)).await;
        let client = client.map_err(|error| error::of_connection(&error, timeout))?;
        let most = client.server_info().max_payload;
        let context = ContextBuilder::new()
            .timeout(ACKNOWLEDGED_WITHIN)
            .max_ack_inflight(dial.in_flight.max(WINDOW))
            .build(client);
        let log = log(&context, settings).await?;
        let config = &log.cached_info().config;
        let most = match usize::try_from(config.max_message_size) {
            Ok(limit) if limit > 0 => most.min(limit),
            Ok(_) | Err(_) => most,
        };
        if most < dial.longest {
            return Err(LogError::Small { have: most, need: dial.longest }.into());
        }
        if config.no_ack {
            return Err(LogError::Mute(config.name.clone()).into());
        }
        if !config.subjects.iter().any(|subject| covers(subject, settings.prefix.as_str())) {
            let (log, prefix) = (config.name.clone(), settings.prefix.as_str().to_owned());
            return Err(LogError::Subjects { log, prefix }.into());
        }
        debug!(%remote, log = config.name, "connected to a log");
        Ok(Session { context, log, most, place: dial.place, over })
    }

    /// Until the connection is lost.
    pub(super) fn over(&self) -> impl Future<Output = ()> + Send + use<> {
        self.over.clone().cancelled_owned()
    }

    /// The connection is of no use: everybody seeks another one.
    pub(super) fn end(&self) {
        self.over.cancel();
    }

    /// The longest message that the server takes, headers included.
    pub(super) fn most(&self) -> usize {
        self.most
    }

    /// Sends a message; the answer acknowledges it.
    pub(super) async fn publish(&self, post: Post) -> Result<PublishAckFuture, LogError> {
        let mut headers = HeaderMap::new();
        for (name, value) in post.headers {
            headers.insert(name, value);
        }
        let message = PublishMessage::build().payload(post.payload).headers(headers);
        let message =
            message.message_id(&post.id).expected_stream(&self.log.cached_info().config.name);
        self.context.send_publish(post.subject, message).await.map_err(LogError::from)
    }

    /// What the log has of a stream, asked of the server that leads it.
    pub(super) async fn find(&self, subjects: Vec<(Lane, String)>) -> Result<Found, ConnectError> {
        let each = subjects
            .into_iter()
            .map(async |(lane, subject)| Ok::<_, LogError>((lane, self.last(&subject).await?)));
        let mut found = Found::default();
        for (lane, last) in try_join_all(each).await? {
            if let Some(slot) = found.0.get_mut(lane.index()) {
                *slot = last;
            }
        }
        Ok(found)
    }

    /// The last message of a subject that all before it are there, too. A server takes messages in their order, but where it refused one.
    async fn last(&self, subject: &str) -> Result<Option<Last>, LogError> {
        let newest = self.log.raw_message_builder().last_by_subject(subject);
        let Some(newest) = one(newest.send().await)? else { return Ok(None) };
        let header = |name: &str| newest.headers.get(name).map(|value| value.as_str());
        let Some(last) = Last::read(newest.sequence, header) else { return Ok(None) };
        let Some(mut whole) = Last::behind(header) else { return Ok(Some(last)) };
        while whole.sequence < last.sequence {
            let next =
                self.log.raw_message_builder().sequence(whole.at + 1).next_by_subject(subject);
            let Some(next) = one(next.send().await)? else { break };
            let header = |name: &str| next.headers.get(name).map(|value| value.as_str());
            match Last::read(next.sequence, header) {
                Some(next) if next.sequence == whole.sequence + 1 => whole = next,
                _ => break,
            }
        }
        Ok(Some(whole))
    }
}

fn one(
    answer: Result<StreamMessage, LastRawMessageError>,
) -> Result<Option<StreamMessage>, LogError> {
    let error = match answer {
        Ok(message) => return Ok(Some(message)),
        Err(error) => error,
    };
    match error.kind() {
        LastRawMessageErrorKind::NoMessageFound => Ok(None),
        LastRawMessageErrorKind::JetStream(_)
        | LastRawMessageErrorKind::InvalidSubject
        | LastRawMessageErrorKind::Other => Err(LogError::Refused(error.to_string())),
    }
}

/// The very address that was judged.
fn address(dial: &Dial<'_>) -> String {
    let scheme = if dial.tls.is_some() { "tls" } else { "nats" };
    format!("{scheme}://{}", dial.remote)
}

fn options(dial: &Dial<'_>, over: CancellationToken) -> Result<ConnectOptions, ConnectError> {
    let options = ConnectOptions::new()
        .name("sidestream")
        .connection_timeout(dial.timeout)
        .request_timeout(Some(ACKNOWLEDGED_WITHIN))
        .ping_interval(PING_EVERY)
        .ignore_discovered_servers()
        // The fewest that there are: it may try its one address once, and finds that nobody waits for it.
        .max_reconnects(1)
        .event_callback(move |event| {
            if matches!(event, Event::Disconnected | Event::Closed) {
                over.cancel();
            }
            std::future::ready(())
        });
    let options = match &dial.tls {
        Some(tls) => options.require_tls(true).tls_client_config(tls.clone()),
        None => options,
    };
    Ok(match dial.settings.login.clone() {
        None => options,
        Some(Login::Token(token)) => options.token(token),
        Some(Login::User(user, password)) => options.user_and_password(user, password),
        Some(Login::Nkey(seed)) => options.nkey(seed),
        Some(Login::Creds(text)) => options.credentials(&text).map_err(|_| LogError::Creds)?,
    })
}

async fn log(context: &Context, settings: &Nats) -> Result<Stream, LogError> {
    let name = settings.stream.as_str();
    let found = match context.get_stream(name).await {
        Ok(found) => return Ok(found),
        Err(error) => error::of_look_up(&error, name, settings.prefix.as_str()),
    };
    let (LogError::Missing { .. }, Some(new)) = (&found, settings.create) else {
        return Err(found);
    };
    let config = Config {
        name: name.to_owned(),
        subjects: vec![format!("{}.>", settings.prefix.as_str())],
        max_age: new.keep,
        max_bytes: i64::try_from(new.bytes).unwrap_or(i64::MAX),
        num_replicas: new.replicas,
        storage: jetstream::stream::StorageType::File,
        ..Config::default()
    };
    // Two streams, or two servers of ours, may do this at once: the same stream is made once.
    let made = context.create_stream(config).await;
    made.map_err(|error| LogError::NotMade { log: name.to_owned(), why: error.to_string() })
}

/// Whether a log that takes `pattern` takes every subject of ours: `prefix` and three tokens.
fn covers(pattern: &str, prefix: &str) -> bool {
    let mut ours = prefix.split('.').map(Some).chain([None; 3]);
    let mut pattern = pattern.split('.');
    loop {
        match (pattern.next(), ours.next()) {
            (Some(">"), Some(_)) | (None, None) => return true,
            (Some("*"), Some(_)) => {}
            (Some(token), Some(Some(ours))) if token == ours => {}
            _ => return false,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_log_takes_our_subjects_when_its_pattern_does() {
        for pattern in [">", "calls.>", "calls.eu.>", "calls.*.>", "*.eu.*.*.*", "calls.eu.*.*.*"] {
            assert!(covers(pattern, "calls.eu"), "{pattern}");
        }
        for pattern in ["calls", "calls.eu", "calls.us.>", "calls.eu.*.*", "calls.eu.*.*.events"] {
            assert!(!covers(pattern, "calls.eu"), "{pattern}");
        }
    }
}
