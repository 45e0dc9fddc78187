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
mod inbound;
mod media;
mod socket;
mod tcp;
mod udp;

use std::io;
use std::sync::Arc;
use std::time::Duration;

use tokio::sync::mpsc;
use tokio_util::sync::CancellationToken;

use crate::call::SinkEvent;
use crate::sip::Transport;
use crate::switch::{Listener, Switch};
pub use clock::Clock;
pub use counters::{Counter, Counters};
pub use driver::{Outlets, Told};
pub use handle::{CommandError, NetHandle, Status};
pub use media::MediaSettings;
pub use tcp::TcpLimits;

/// What the shell is built from.
#[derive(Clone, Debug)]
pub struct NetSettings {
    /// The media workers.
    pub media: MediaSettings,
    /// Limits of TCP connections.
    pub tcp: TcpLimits,
    /// How long a command waits for the switch's answer.
    pub command_time: Duration,
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
pub struct Bound {
    udp: Vec<udp::UdpListener>,
    tcp: Vec<tcp::TcpListener>,
}

impl Bound {
    /// Takes every port. Call it inside the runtime. A TCP listener with port 0 takes the number of the UDP listener before
    /// it on the same address, when that is free.
    pub fn bind(listeners: &[Listener]) -> Result<Bound, BindError> {
        let mut bound = Bound {
            udp: Vec::new(),
            tcp: Vec::new(),
        };
        for listener in listeners {
            bound.take(listener).map_err(|error| BindError {
                listener: *listener,
                error,
            })?;
        }
        Ok(bound)
    }

    fn take(&mut self, listener: &Listener) -> io::Result<()> {
        match listener.transport {
            Transport::Udp => self.udp.push(udp::UdpListener::bind(listener.address)?),
            Transport::Tcp => {
                let same = |udp: &&udp::UdpListener| {
                    listener.address.port() == 0 && udp.local.ip() == listener.address.ip()
                };
                let twin = self
                    .udp
                    .iter()
                    .rev()
                    .find(same)
                    .map(|udp| tcp::TcpListener::bind(udp.local));
                self.tcp.push(match twin {
                    Some(Ok(twin)) => twin,
                    Some(Err(_)) | None => tcp::TcpListener::bind(listener.address)?,
                });
            }
        }
        Ok(())
    }

    /// The ports as taken.
    pub fn listeners(&self) -> Vec<Listener> {
        let udp = self.udp.iter().map(|udp| Listener {
            transport: Transport::Udp,
            address: udp.local,
        });
        let tcp = self.tcp.iter().map(|tcp| Listener {
            transport: Transport::Tcp,
            address: tcp.local,
        });
        udp.chain(tcp).collect()
    }
}

/// Sets `switch` on the bound ports. `sinks` is where the sinks' events come from; `seed` feeds the relays' SSRCs.
pub fn start(
    bound: Bound,
    settings: &NetSettings,
    switch: Switch,
    clock: Clock,
    seed: u64,
    sinks: mpsc::Receiver<SinkEvent>,
    outlets: Outlets,
) -> io::Result<NetHandle> {
    let counters = Arc::new(Counters::default());
    let (workers, media) =
        media::Workers::start(&settings.media, clock, Arc::clone(&counters), seed)?;
    let (inbound_sender, inbound) = mpsc::channel(inbound::INBOUND_LIMIT);
    let (asks_sender, asks) = mpsc::channel(handle::ASK_LIMIT);
    let (stop, ended) = (CancellationToken::new(), CancellationToken::new());
    let shell = tcp::Shell {
        inbound: inbound_sender.clone(),
        admission: tcp::Admission::new(settings.tcp),
        limits: settings.tcp,
        counters: Arc::clone(&counters),
    };
    let handle = NetHandle {
        asks: asks_sender,
        udp: bound.udp.iter().map(|udp| udp.local).collect(),
        tcp: bound.tcp.iter().map(|tcp| tcp.local).collect(),
        counters: Arc::clone(&counters),
        admission: Arc::clone(&shell.admission),
        stop: stop.clone(),
        ended: ended.clone(),
    };
    for udp in &bound.udp {
        tokio::spawn(
            udp.clone()
                .run(inbound_sender.clone(), Arc::clone(&counters), stop.clone()),
        );
    }
    for tcp in bound.tcp {
        tokio::spawn(tcp.run(shell.clone(), stop.clone()));
    }
    let driver = driver::Driver {
        switch,
        clock,
        udp: bound.udp,
        connections: tcp::Connections::new(shell),
        workers,
        outlets,
        counters,
        tickets: driver::Tickets::new(settings.command_time),
        _ended: ended.drop_guard(),
    };
    tokio::spawn(driver.run(
        driver::Inputs {
            inbound,
            asks,
            media,
            sinks,
        },
        stop,
    ));
    Ok(handle)
}
