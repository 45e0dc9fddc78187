//! The shell around the two machines: the clock, the SIP sockets, the media workers, and the driver of the switch.
//!
//! [`Bound::bind`] takes the sockets, so that the addresses are known (port 0 is any free one); [`start`] sets a switch on
//! them. From then on one task, the driver, owns the switch, and threads of their own own the relays.
//!
//! Limits: every queue between two parties has a fixed size and a rule for the one that comes too much, each counted in
//! [`Counters`]. SIP datagrams are dropped, TCP peers wait, commands are turned away, a media worker that is behind makes
//! signalling wait, and nothing makes a media worker wait.

mod clock;
mod counters;
mod driver;
mod handle;
mod host_names;
mod inbound;
mod load;
mod media;
mod resolver;
mod socket;
mod stream;
mod stun;
mod tap;
pub mod tls;
mod turn;
mod udp;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::call::SinkEvent;
use crate::sip::Transport;
use crate::switch::{Done, JobId, Listener, Switch};
pub use clock::Clock;
pub use counters::{Counter, Counters};
pub use driver::{Outlets, Told};
pub use handle::{CommandError, NetHandle, Status};
pub use host_names::{HostNameError, HostNames};
pub use media::MediaSettings;
pub use resolver::DnsSettings;
pub use stream::{Origins, TcpLimits, WebSocketSettings};
pub use tap::{HepSettings, Tallied, Tap, TapSettings};
use tls::{ServerNames, TlsSettings};
pub use turn::Turn;

/// What the shell is built from.
#[derive(Clone, Debug)]
pub struct NetSettings {
    /// The media workers.
    pub media: MediaSettings,
    /// Limits of connections.
    pub tcp: TcpLimits,
    /// How the DNS is asked.
    pub dns: DnsSettings,
    /// WebSocket connections.
    pub websocket: WebSocketSettings,
    /// Who we are inside TLS, and whom we believe.
    pub tls: TlsSettings,
    /// How long a command waits for the switch's answer.
    pub command_time: Duration,
    /// What is kept of SIP messages, and who gets a copy.
    pub tap: TapSettings,
}

/// A SIP port could not be taken.
#[derive(Debug, thiserror::Error)]
#[error("cannot listen on {address} ({transport}): {error}", address = .listener.address, transport = .listener.transport.as_str())]
pub struct BindError {
    /// The port.
    pub listener: Listener,
    /// Why.
    #[source]
    pub error: io::Error,
}

/// The SIP ports, taken but not served.
#[derive(Debug)]
pub struct Bound(Vec<Port>);

/// One SIP port.
#[derive(Debug)]
enum Port {
    Udp(udp::UdpListener),
    /// And whatever is carried over TCP.
    Tcp(stream::TcpListener),
}

impl Port {
    fn listener(&self) -> Listener {
        match self {
            Port::Udp(udp) => Listener { transport: Transport::Udp, address: udp.local },
            Port::Tcp(tcp) => Listener { transport: tcp.transport, address: tcp.local },
        }
    }
}

impl Bound {
    /// Takes every port. Call it inside the runtime. A TCP listener with port 0 takes the number of a UDP listener before it
    /// on the same address, when that is free.
    pub fn bind(listeners: &[Listener]) -> Result<Bound, BindError> {
        let mut bound = Bound(Vec::new());
        for listener in listeners {
            let port =
                bound.take(listener).map_err(|error| BindError { listener: *listener, error })?;
            bound.0.push(port);
        }
        Ok(bound)
    }

    fn take(&self, listener: &Listener) -> io::Result<Port> {
        let address = listener.address;
        match listener.transport {
            Transport::Udp => udp::UdpListener::bind(address).map(Port::Udp),
            Transport::Tcp => {
                let twin = self.listeners().into_iter().find(|taken| {
                    address.port() == 0
                        && taken.transport == Transport::Udp
                        && taken.address.ip() == address.ip()
                });
                let bound =
                    twin.map(|twin| stream::TcpListener::bind(Transport::Tcp, twin.address));
                match bound {
                    Some(Ok(twin)) => Ok(Port::Tcp(twin)),
                    Some(Err(_)) | None => {
                        stream::TcpListener::bind(Transport::Tcp, address).map(Port::Tcp)
                    }
                }
            }
            transport @ (Transport::Tls | Transport::Ws | Transport::Wss) => {
                stream::TcpListener::bind(transport, address).map(Port::Tcp)
            }
        }
    }

    /// The ports as taken, in the order in which they were asked for.
    pub fn listeners(&self) -> Vec<Listener> {
        self.0.iter().map(Port::listener).collect()
    }

    /// Names the ports as peers see them, in the same order: a flow's own end then has this address.
    fn advertise(&mut self, seen: &[Listener]) {
        for (port, seen) in self.0.iter_mut().zip(seen) {
            match port {
                Port::Udp(udp) => udp.local = seen.address,
                Port::Tcp(tcp) => tcp.local = seen.address,
            }
        }
    }
}

/// What comes to the switch beside the network.
#[derive(Debug)]
pub struct Feeds {
    /// What sinks tell.
    pub sinks: mpsc::Receiver<SinkEvent>,
    /// What was done for flows.
    pub done: mpsc::Receiver<(JobId, Done)>,
}

/// Sets `switch` on the bound ports. `seen` is how peers see them, in the same order; `seed` feeds the relays' SSRCs.
#[expect(
    clippy::too_many_arguments,
    reason = "each is a room's own end; a struct would be built once and taken apart here"
)]
pub fn start(
    mut bound: Bound,
    seen: &[Listener],
    settings: &NetSettings,
    switch: Switch,
    clock: Clock,
    seed: u64,
    feeds: Feeds,
    outlets: Outlets,
) -> io::Result<NetHandle> {
    let counters = Arc::new(Counters::default());
    let (workers, media) =
        media::Workers::start(&settings.media, clock, Arc::clone(&counters), seed)?;
    let tap = Arc::new(Tap::new(&settings.tap, clock, &counters)?);
    let (inbound_sender, inbound) = mpsc::channel(inbound::INBOUND_LIMIT);
    let (asks_sender, asks) = mpsc::channel(handle::ASK_LIMIT);
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let (renewal, tls) = tls::Renewal::begin(settings.tls.clone()).map_err(io::Error::other)?;
    let renewal_asker = renewal.asker();
    tokio::spawn(renewal.run(Arc::clone(&counters), stop.clone()));
    // What the resolver finds, the connections hold certificates to.
    let names = ServerNames::default();
    let shell = stream::Shell {
        inbound: inbound_sender.clone(),
        admission: stream::Admission::new(settings.tcp),
        limits: settings.tcp,
        websocket: Arc::new(settings.websocket.clone()),
        tls,
        names: names.clone(),
        counters: Arc::clone(&counters),
    };
    let addresses = |transport| {
        bound
            .listeners()
            .into_iter()
            .filter(move |port| port.transport == transport)
            .map(|port| port.address)
    };
    let [udp_addresses, tcp_addresses, tls_addresses] =
        [Transport::Udp, Transport::Tcp, Transport::Tls]
            .map(|transport| addresses(transport).collect());
    bound.advertise(seen);
    let handle = NetHandle {
        asks: asks_sender,
        udp: udp_addresses,
        tcp: tcp_addresses,
        tls: tls_addresses,
        counters: Arc::clone(&counters),
        admission: Arc::clone(&shell.admission),
        tap: Arc::clone(&tap),
        renewal: renewal_asker,
        stop: stop.clone(),
        ended: ended.clone(),
    };
    let mut udp = Vec::new();
    for port in bound.0 {
        match port {
            Port::Udp(listener) => {
                tokio::spawn(listener.clone().run(
                    inbound_sender.clone(),
                    Arc::clone(&counters),
                    stop.clone(),
                ));
                udp.push(listener);
            }
            Port::Tcp(listener) => drop(tokio::spawn(listener.run(shell.clone(), stop.clone()))),
        }
    }
    let (located_sender, located) = mpsc::channel(resolver::LOCATED_LIMIT);
    let driver = driver::Driver {
        resolver: resolver::Resolver::new(
            &settings.dns,
            names,
            Arc::clone(&counters),
            located_sender,
        ),
        switch,
        clock,
        udp,
        connections: stream::Connections::new(shell),
        workers,
        outlets,
        counters,
        tap,
        tickets: driver::Tickets::new(settings.command_time),
        load: load::LoadMeter::new(clock.now()),
        _ended: ended.drop_guard(),
    };
    let Feeds { sinks, done } = feeds;
    tokio::spawn(driver.run(driver::Inputs { inbound, asks, media, sinks, done, located }, stop));
    Ok(handle)
}
