//! Wires the rooms, starts them and drains them.
//!
//! ```text
//!   http -- door --> net: driver(Switch) -- SinkCommand --> sink tasks -- SinkEvent --> driver
//!     ^                   |  `-- MediaCommand --> media workers (Relay) -- MediaEvent --> driver
//!     `--- board, bus --- notify <-- Event, Figures
//! ```

mod banner;
mod figures;
mod limits;
mod milestones;
mod recording;
mod runtime_file;
mod stop;
#[cfg(test)]
mod tests;
pub mod views;

use std::net::SocketAddr;
use std::sync::Arc;
use std::sync::atomic::AtomicBool;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use anyhow::Context;
use futures_util::FutureExt;
use rand::RngExt;
use tokio::net::TcpListener;
use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

pub use banner::banner;
pub use runtime_file::{Published, RuntimeFile};

use recording::Recording;

use crate::config::Config;
use crate::control::json::{SinkTestView, Timestamp};
use crate::event;
use crate::functions::{self, Functions};
use crate::http::{
    self, BanView, CommandDoor, Gateway, PhoneList, Role, Sessions, SinkTest, TraceReader,
};
use crate::id::{SinkName, UserName};
use crate::net::{self, Bound, Clock, Feeds, NetHandle, Outlets, Told};
use crate::notary::{self, Notary};
use crate::notify::Notify;
use crate::records::Records;
use crate::registrar::Binding;
use crate::sink::kit::{Check, Subject, examine, say_phrase};
use crate::sink::{self, SinkHandle};
use crate::store::{self, Store};
use crate::switch::{Ban, Figures, Switch};
use crate::time::Instant;

/// Events of all sinks that may wait for the switch; a sink that finds it full waits.
const SINK_EVENTS: usize = 4_096;

/// A server that runs. Dropping it does not stop it: [`shutdown`](Running::shutdown) does.
#[derive(Debug)]
pub struct Running {
    net: NetHandle,
    http: SocketAddr,
    http_stop: CancellationToken,
    ready: Arc<AtomicBool>,
    store: Option<Store>,
    notary: Notary,
    records: Option<Records>,
    sinks: SinkHandle,
    sessions: Arc<Sessions>,
}

/// Binds every port, then starts every room. Nothing runs when it fails.
pub async fn run(mut config: Config) -> anyhow::Result<Running> {
    limits::raise_file_limit();
    let clock = Clock::start();
    let bound = Bound::bind(&config.listen)?;
    config.set_bound(bound.listeners());
    let listen = config.http.listen;
    let web = TcpListener::bind(listen)
        .await
        .with_context(|| format!("cannot listen on {listen} (HTTP)"))?;
    let http_address = web.local_addr()?;

    let (sink_sender, sink_events) = mpsc::channel(SINK_EVENTS);
    let sinks =
        sink::start(config.sinks.clone(), &config.reaching, &config.spool, clock, sink_sender)?;
    let notify = Arc::new(Notify::new(Arc::new(move |at| timestamp(clock.unix(at))), config.board));
    let origin_ms = timestamp(clock.unix(Instant::ZERO)).as_unix_millis();
    let mut chance = rand::rng();
    let mut switch = Switch::new(config.switch.clone(), chance.random(), origin_ms);
    let store = match &config.store {
        Some(settings) => {
            let (store, stored) = store::open(settings, clock)?;
            let restored = switch.restore(stored, clock.now());
            tracing::info!(registrations = restored, "registrations are back");
            Some(store)
        }
        None => None,
    };
    let notary = notary::start(&config.notary)?;
    let recording = config.records.as_ref().map(|it| Recording::start(it, &notify)).transpose()?;
    let records = recording.as_ref().map(|it| it.records().clone());
    let (functions, done) = functions::start(&config.functions)?;
    let outlets = outlets(&sinks, &functions, &notify, notary.clone(), store.clone(), recording);
    let seen = &config.switch.listeners;
    let feeds = Feeds { sinks: sink_events, done };
    let net = net::start(bound, seen, &config.net, switch, clock, chance.random(), feeds, outlets)?;

    figures::attach(&notify.metrics, &net, &sinks);
    figures::attach_functions(&notify.metrics, &functions);
    for flow in config.switch.flows.library.flows() {
        for problem in flow.remarks() {
            tracing::warn!(flow = flow.id(), %problem, "flow");
        }
    }
    figures::attach_stream_stores(&notify.metrics, &sinks);
    figures::attach_notary(&notify.metrics, &notary);
    if let Some(store) = &store {
        figures::attach_store(&notify.metrics, store);
    }
    if let Some(records) = &records {
        figures::attach_records(&notify.metrics, records);
    }
    let (http_stop, ready) = (CancellationToken::new(), Arc::new(AtomicBool::new(true)));
    let sessions = Arc::new(Sessions::default());
    let gateway = Gateway {
        notify,
        notary: notary.clone(),
        door: door(net.clone()),
        scope: {
            let sinks = sinks.clone();
            Arc::new(move |stream, from| views::scope(sinks.scope(), stream, from))
        },
        trace: trace(net.clone(), clock),
        phones: {
            let net = net.clone();
            Arc::new(move || phones(net.clone(), clock).boxed())
        },
        sessions: Arc::clone(&sessions),
        bans: {
            let net = net.clone();
            Arc::new(move || bans(net.clone(), clock).boxed())
        },
        lift_ban: {
            let net = net.clone();
            Arc::new(move |source| {
                let net = net.clone();
                async move { net.lift_ban(source).await }.boxed()
            })
        },
        floor: {
            let net = net.clone();
            Arc::new(move || {
                let net = net.clone();
                async move { net.floor().await }.boxed()
            })
        },
        present: {
            let net = net.clone();
            Arc::new(move |agent, presence| {
                let net = net.clone();
                async move { net.present(agent, presence).await }.boxed()
            })
        },
        custom_states: config.switch.acd.custom_states.clone().into(),
        recording: config.switch.call.streaming.record.clone(),
        sinks: {
            let (sinks, settings) = (sinks.clone(), config.sinks.clone());
            Arc::new(move || {
                let pools = sinks.pools();
                settings.iter().zip(&pools).map(|(each, pool)| views::sink(each, pool)).collect()
            })
        },
        test_sink: {
            let sinks = sinks.clone();
            Arc::new(move |name, test| test_sink(sinks.clone(), name, test).boxed())
        },
        spools: {
            let sinks = sinks.clone();
            Arc::new(move || sinks.spools().into_iter().map(views::spool).collect())
        },
        stores: sinks.stores().into(),
        wall: Arc::new(move || timestamp(clock.unix(clock.now()))),
        ready: Arc::clone(&ready),
        stop: http_stop.clone(),
        settings: Arc::new(config.http.clone()),
    };
    tokio::spawn(async move {
        if let Err(error) = http::serve(web, gateway).await {
            tracing::error!(%error, "http ended");
        }
    });
    Ok(Running {
        net,
        http: http_address,
        http_stop,
        ready,
        store,
        notary,
        records,
        sinks,
        sessions,
    })
}

impl Running {
    /// The SIP addresses over UDP, as bound.
    pub fn udp(&self) -> &[SocketAddr] {
        self.net.udp()
    }

    /// The SIP addresses over TCP, as bound.
    pub fn tcp(&self) -> &[SocketAddr] {
        self.net.tcp()
    }

    /// The SIP addresses over TLS, as bound.
    pub fn tls(&self) -> &[SocketAddr] {
        self.net.tls()
    }

    /// The HTTP address, as bound.
    pub fn http(&self) -> SocketAddr {
        self.http
    }

    /// A link into the console that signs its bearer in once, and may do everything.
    pub fn console_link(&self) -> String {
        format!("http://{}/?key={}", self.http, self.sessions.link("local", Role::Admin))
    }

    /// The way to the switch.
    pub fn net(&self) -> &NetHandle {
        &self.net
    }

    /// Waits until the server has ended without being asked: a bug.
    pub async fn ended(&self) {
        self.net.ended().await;
    }

    /// Takes no new calls, waits `patience` for those that are up to end by themselves, hangs up the rest, ends.
    pub async fn shutdown(&self, patience: Duration) {
        stop::stop(&self.net, &self.ready, &self.http_stop, patience).await;
        // The disk is waited for on a thread that may wait.
        if let Some(store) = self.store.clone() {
            let flushed = tokio::task::spawn_blocking(move || store.flush()).await;
            if !flushed.unwrap_or(false) {
                tracing::warn!("the last registrations are not on disk");
            }
        }
        let sinks = self.sinks.clone();
        let flushed = tokio::task::spawn_blocking(move || sinks.flush_spools()).await;
        if !flushed.unwrap_or(false) {
            tracing::warn!("the last of what sinks are owed is not on disk");
        }
        let notary = self.notary.clone();
        let flushed = tokio::task::spawn_blocking(move || notary.flush()).await;
        if !flushed.unwrap_or(false) {
            tracing::warn!("the last manifests are not signed");
        }
        if let Some(records) = self.records.clone() {
            let flushed = tokio::task::spawn_blocking(move || records.flush()).await;
            if !flushed.unwrap_or(false) {
                tracing::warn!("the last call records are not on disk");
            }
        }
    }
}

/// Where the switch's outputs go.
fn outlets(
    sinks: &SinkHandle,
    functions: &Functions,
    notify: &Arc<Notify>,
    notary: Notary,
    store: Option<Store>,
    mut recording: Option<Recording>,
) -> Outlets {
    let (sinks, functions, notify) = (sinks.clone(), functions.clone(), Arc::clone(notify));
    Outlets {
        turn: sinks.turn(),
        sinks: Box::new(move |command| sinks.send(command)),
        jobs: Box::new(move |id, job| functions.send(id, job)),
        told: Box::new(move |told| match told {
            Told::Event(event) => {
                milestones::log(&event);
                if let event::Kind::StreamEnded { manifests } = &event.kind {
                    let at = notify.wall(event.at);
                    manifests.iter().for_each(|manifest| notary.seal(Arc::clone(manifest), at));
                }
                if let Some(recording) = &mut recording {
                    recording.handle_event(&event);
                }
                notify.handle_event(event);
            }
            Told::Delivery(delivery) => {
                milestones::log_delivery(&delivery);
                if let Some(recording) = &recording {
                    recording.handle_delivery(&delivery);
                }
                notify.handle_delivery(delivery);
            }
            Told::Figures(Figures::Port { call, leg, figures }) => {
                notify.handle_leg_figures(call, leg, views::leg_figures(&figures));
            }
            Told::Figures(Figures::Terminal { terminal, figures }) => {
                notify.handle_terminal_figures(terminal, views::stream_figures(&figures));
            }
            Told::Figures(Figures::Trunk { status, usage }) => {
                let view = views::trunk(&status, usage, timestamp);
                let before = notify.trunks.handle(view.clone());
                milestones::log_trunk(&view, before.as_ref());
            }
            Told::Registration(change) => {
                if let Some(store) = &store {
                    store.keep(change);
                }
            }
        }),
    }
}

/// Tests a sink as HTTP asks for it.
async fn test_sink(
    sinks: SinkHandle,
    name: SinkName,
    test: SinkTest,
) -> Option<Result<SinkTestView, String>> {
    let report = match test {
        SinkTest::Phrase => say_phrase(&sinks, &name).await?,
        SinkTest::Conformance => match Subject::of(&sinks, &name)? {
            Ok(subject) => examine(&subject, &Check::ALL, |_| {}).await,
            Err(error) => return Some(Err(error.to_string())),
        },
    };
    Some(Ok(views::sink_test(report)))
}

/// The one door, as HTTP reaches it.
fn door(net: NetHandle) -> CommandDoor {
    Arc::new(move |call, command| {
        let net = net.clone();
        async move { net.command(call, command).await }.boxed()
    })
}

/// The messages of calls, as HTTP shows them.
fn trace(net: NetHandle, clock: Clock) -> TraceReader {
    let pcap = net.clone();
    TraceReader {
        messages: Arc::new(move |call| {
            views::messages(call, &net.tap().messages(call), |at| timestamp(clock.unix(at)))
        }),
        pcap: Arc::new(move |call| pcap.tap().pcap(call)),
    }
}

async fn phones(net: NetHandle, clock: Clock) -> Option<PhoneList> {
    let registered = net.status().await?.registrations;
    let phones = net.phones().await?;
    let view = |(user, binding): &(UserName, Binding)| {
        views::phone(user, binding, |at| timestamp(clock.unix(at)))
    };
    Some(PhoneList { phones: phones.iter().map(view).collect(), registered })
}

async fn bans(net: NetHandle, clock: Clock) -> Option<Vec<BanView>> {
    let bans = net.bans().await?;
    let view = |ban: Ban| BanView {
        source: ban.source.to_string(),
        until: timestamp(clock.unix(ban.until)).to_string(),
    };
    Some(bans.into_iter().map(view).collect())
}

fn timestamp(at: SystemTime) -> Timestamp {
    let since = at.duration_since(UNIX_EPOCH).unwrap_or_default();
    Timestamp::from_unix_millis(u64::try_from(since.as_millis()).unwrap_or(u64::MAX))
}
