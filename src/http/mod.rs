//! HTTP: routes without decisions. A request becomes a command for the call's one door, or a look at the board.
//!
//! - `/v1/…`: the native interface, described by `/openapi.json` and shown at `/docs`;
//! - `/contact/…`: the contact API as boto3 sends it, signed (SigV4) or with a token;
//! - `/getMedia` and its like: the stream store as boto3's clients of Kinesis Video Streams read theirs;
//! - `/v1/events`: the bus, over WebSocket or as server-sent events;
//! - `/`: the web console, which is signed in to at `/v1/session`;
//! - `/metrics`, `/healthz`, `/readyz`.
//!
//! Each route names the role that it needs, in [`router`]; what changes something is told by the audit.
//!
//! Every error is JSON. Tokens are compared in constant time. Nothing here can make a call wait.

mod access;
mod audit;
mod bans;
mod calls;
mod console;
mod contact;
mod error;
mod events;
mod manifests;
mod messages;
mod open;
mod password;
mod phones;
mod replays;
mod request;
mod session;
mod sessions;
mod settings;
mod sigv4;
mod sink_tests;
mod streams;
mod tapi;
#[cfg(test)]
mod tests;
mod trunks;
mod video;

pub use password::{BadHash, PasswordHash, Unhashable};
pub use phones::PhoneList;
pub use sessions::Sessions;
pub use settings::{Role, Scope, Secret, Settings, Token, User};
pub use sink_tests::{SinkTest, SinkTester};

use std::net::IpAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::Duration;

use axum::Router;
use axum::extract::DefaultBodyLimit;
use axum::middleware;
use futures_util::future::BoxFuture;
use serde::Serialize;
use tokio::net::TcpListener;
use tokio::sync::Semaphore;
use tokio_util::sync::CancellationToken;
use utoipa::OpenApi as _;
use utoipa_axum::router::OpenApiRouter;
use utoipa_axum::routes;

use crate::acd::{Floor, Presence};
use crate::command::{Accepted, Command, StartStream};
use crate::control::json::{MessagesView, ScopeView, SinkView, SpoolView, Timestamp};
use crate::fragments::StreamStore;
use crate::id::{AgentName, CallId, StreamId};
use crate::net::CommandError;
use crate::notary::Notary;
use crate::notify::Notify;
use audit::Audit;
use contact::operations;
use replays::Replays;

/// How long a request's body may take to arrive.
const BODY_TIME: Duration = Duration::from_secs(10);

/// How long a command may take. The switch answers within milliseconds, so later is as good as never.
const COMMAND_TIME: Duration = Duration::from_secs(5);

/// How many passwords are checked at once.
const SIGN_INS: usize = 2;

/// The call's one door, reached from here.
pub type CommandDoor = Arc<
    dyn Fn(CallId, Command) -> BoxFuture<'static, Result<Accepted, CommandError>> + Send + Sync,
>;

/// Levels of a stream that goes to the built-in scope, from this sample on.
pub type ScopeReader = Arc<dyn Fn(StreamId, u64) -> Option<ScopeView> + Send + Sync>;

/// The configured sinks and how their addresses stand.
pub type SinkReader = Arc<dyn Fn() -> Vec<SinkView> + Send + Sync>;

/// What is kept for sinks.
pub type SpoolReader = Arc<dyn Fn() -> Vec<SpoolView> + Send + Sync>;

/// The SIP messages of a call that the board knows; none when they were not kept.
#[derive(Clone)]
pub struct TraceReader {
    /// As they are shown.
    pub messages: Arc<dyn Fn(CallId) -> MessagesView + Send + Sync>,
    /// As a capture file.
    pub pcap: Arc<dyn Fn(CallId) -> Vec<u8> + Send + Sync>,
}

/// Who is registered; `None` when the switch is gone.
pub type PhoneReader = Arc<dyn Fn() -> BoxFuture<'static, Option<PhoneList>> + Send + Sync>;

/// Who is banned; `None` when the switch is gone.
pub type BanReader = Arc<dyn Fn() -> BoxFuture<'static, Option<Vec<BanView>>> + Send + Sync>;

/// Lifts a ban; tells whether there was one, `None` when the switch is gone.
pub type BanLifter = Arc<dyn Fn(IpAddr) -> BoxFuture<'static, Option<bool>> + Send + Sync>;

/// How queues and agents stand; `None` when the switch is gone.
pub type FloorReader = Arc<dyn Fn() -> BoxFuture<'static, Option<Floor>> + Send + Sync>;

/// Lets an agent be something else; tells whether there is such an agent, `None` when the switch is gone.
pub type PresenceDoor =
    Arc<dyn Fn(AgentName, Presence) -> BoxFuture<'static, Option<bool>> + Send + Sync>;

/// A source that is not heard.
#[derive(Clone, Debug, PartialEq, Serialize, utoipa::ToSchema)]
pub struct BanView {
    /// The IPv4 address, or the first address of the IPv6 /64.
    pub source: String,
    /// When it is heard again, like `2026-11-21T09:30:00.000Z`.
    pub until: String,
}

/// The wall's time.
pub type WallTime = Arc<dyn Fn() -> Timestamp + Send + Sync>;

/// Everything the routes need of the server.
#[derive(Clone)]
pub struct Gateway {
    /// Bus, board and metrics.
    pub notify: Arc<Notify>,
    /// Where the signed manifests come from.
    pub notary: Notary,
    /// Where commands go.
    pub door: CommandDoor,
    /// Where the scope's levels come from.
    pub scope: ScopeReader,
    /// Where the messages of calls come from.
    pub trace: TraceReader,
    /// Where the registered phones come from.
    pub phones: PhoneReader,
    /// Who is signed in to the console.
    pub sessions: Arc<Sessions>,
    /// Where the bans come from.
    pub bans: BanReader,
    /// What lifts a ban.
    pub lift_ban: BanLifter,
    /// Where queues and agents are told.
    pub floor: FloorReader,
    /// What changes an agent's state.
    pub present: PresenceDoor,
    /// The states that agents may have beside the usual ones.
    pub custom_states: Arc<[String]>,
    /// How contacts are recorded, if they are.
    pub recording: Option<StartStream>,
    /// Where the configured sinks come from; `live_streams` is filled in.
    pub sinks: SinkReader,
    /// What tests one of them.
    pub test_sink: SinkTester,
    /// Where what is kept for them is told.
    pub spools: SpoolReader,
    /// The stream stores.
    pub stores: Arc<[StreamStore]>,
    /// The wall's time.
    pub wall: WallTime,
    /// Whether new calls are taken; `/readyz` tells it.
    pub ready: Arc<AtomicBool>,
    /// Ends event streams and the server.
    pub stop: CancellationToken,
    /// Tokens and limits.
    pub settings: Arc<Settings>,
}

/// What the handlers share: the gateway, and what the router adds.
#[derive(Clone)]
struct Shared {
    gateway: Gateway,
    listeners: Arc<Semaphore>,
    sign_ins: Arc<Semaphore>,
    sink_tests: Arc<Semaphore>,
    audit: Arc<Audit>,
    replays: Arc<Replays>,
    openapi: Arc<str>,
}

#[derive(utoipa::OpenApi)]
#[openapi(
    info(
        title = "Sidestream",
        description = "Calls, their streams, sinks and events. Tokens go into `Authorization: Bearer …` or `?key=…`."
    ),
    security(("bearer" = []), ("key" = []))
)]
struct Description;

/// The routes.
pub fn router(gateway: Gateway) -> Router {
    let groups =
        [(Role::Viewer, viewing()), (Role::Operator, operating()), (Role::Admin, administering())];
    let (unguarded, mut description) =
        OpenApiRouter::with_openapi(Description::openapi()).merge(open()).split_for_parts();
    let groups = groups.map(|(role, group)| {
        let (routes, described) = group.split_for_parts();
        description.merge(described);
        (role, routes)
    });
    open::add_security(&mut description);
    let openapi =
        description.to_json().expect("the description holds only text, numbers and lists of them");

    let limit = gateway.settings.max_body_bytes;
    let listeners = Arc::new(Semaphore::new(gateway.settings.max_event_listeners));
    let shared = Shared {
        gateway,
        listeners,
        sign_ins: Arc::new(Semaphore::new(SIGN_INS)),
        sink_tests: Arc::new(Semaphore::new(1)),
        audit: Arc::default(),
        replays: Arc::default(),
        openapi: openapi.into(),
    };
    let guarded = groups.into_iter().fold(Router::new(), |all, (role, routes)| {
        let guard = middleware::from_fn_with_state((shared.clone(), role), access::require);
        all.merge(routes.route_layer(guard))
    });
    guarded
        .merge(unguarded)
        .merge(open::pages())
        .merge(console::pages())
        .fallback(error::no_such_path)
        .layer(DefaultBodyLimit::max(limit))
        .layer(middleware::from_fn_with_state(shared.clone(), error::finish))
        .with_state(shared)
}

/// What every token and session may do: look.
fn viewing() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(calls::list))
        .routes(routes!(calls::show))
        .routes(routes!(calls::flow))
        .routes(routes!(messages::list))
        .routes(routes!(messages::pcap))
        .routes(routes!(streams::list))
        .routes(routes!(streams::show))
        .routes(routes!(manifests::show))
        .routes(routes!(manifests::seals))
        .routes(routes!(streams::scope))
        .routes(routes!(streams::sinks))
        .routes(routes!(streams::spools))
        .routes(routes!(trunks::list))
        .routes(routes!(trunks::show))
        .routes(routes!(phones::list))
        .routes(routes!(bans::list))
        .routes(routes!(events::listen))
        .routes(routes!(open::metrics))
        .routes(routes!(session::show, session::sign_out))
}

/// What changes calls and their streams.
fn operating() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(calls::hang_up))
        .routes(routes!(calls::transfer))
        .routes(routes!(streams::start))
        .routes(routes!(streams::change))
        .routes(routes!(sink_tests::test))
        .routes(routes!(tapi::of_call))
        .routes(routes!(tapi::of_stream))
}

/// What changes the server, and who did it.
fn administering() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(bans::lift))
        .routes(routes!(session::link))
        .routes(routes!(audit::list))
}

/// What needs nothing, or judges by itself who asks: the shapes of AWS are signed.
fn open() -> OpenApiRouter<Shared> {
    OpenApiRouter::new()
        .routes(routes!(contact::start))
        .routes(routes!(contact::stop))
        .routes(routes!(operations::start_recording))
        .routes(routes!(operations::stop_recording))
        .routes(routes!(operations::suspend_recording))
        .routes(routes!(operations::resume_recording))
        .routes(routes!(operations::stop_contact))
        .routes(routes!(operations::transfer))
        .routes(routes!(operations::describe))
        .routes(routes!(operations::update_attributes))
        .routes(routes!(operations::attributes))
        .routes(routes!(operations::list_queues))
        .routes(routes!(operations::list_users))
        .routes(routes!(operations::put_user_status))
        .routes(routes!(operations::current_metrics))
        .routes(routes!(video::data_endpoint))
        .routes(routes!(video::describe))
        .routes(routes!(video::list_streams))
        .routes(routes!(video::list_fragments))
        .routes(routes!(video::get_media))
        .routes(routes!(video::get_fragments))
        .routes(routes!(session::sign_in))
        .routes(routes!(manifests::keys))
        .routes(routes!(open::health))
        .routes(routes!(open::ready))
}

/// Serves the routes until `gateway.stop` is cancelled.
pub async fn serve(listener: TcpListener, gateway: Gateway) -> std::io::Result<()> {
    let stop = gateway.stop.clone();
    axum::serve(listener, router(gateway)).with_graceful_shutdown(stop.cancelled_owned()).await
}

impl Shared {
    /// Asks the call, and waits for its answer as long as is reasonable.
    async fn ask(&self, call: CallId, command: Command) -> Result<Accepted, CommandError> {
        let answer = (self.gateway.door)(call, command);
        tokio::time::timeout(COMMAND_TIME, answer).await.unwrap_or(Err(CommandError::Unanswered))
    }
}
