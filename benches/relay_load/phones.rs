//! All phones of all calls: the callers on one socket, the called parties on another, each flow at its own times.
//!
//! Two sockets for thousands of phones keep the generator cheaper than what it measures. It never waits for a packet, so that
//! whoever sends to it pays for no wake-up; when a packet came is what the kernel noted.

use std::net::{Ipv4Addr, SocketAddr, UdpSocket};
use std::os::fd::AsRawFd;
use std::time::{Duration, SystemTime, UNIX_EPOCH};

use nix::cmsg_space;
use nix::sys::socket::{
    ControlMessageOwned, MsgFlags, MultiHeaders, recvmmsg, setsockopt, sockopt,
};
use nix::sys::time::TimeSpec;
use serde::Deserialize;
use serde_json::{Value, json};
use std::io::IoSliceMut;

use crate::account::Account;
use crate::delays::Delays;
use crate::packet::{self, BYTES, Stamp};
use crate::{cpu, orders, tell};

/// Between two packets of a flow.
const PACKET_TIME: Duration = Duration::from_millis(20);
/// Packets that leave before those that came are looked at.
const BURST: usize = 16;
const BATCH: usize = 64;
/// The kernel holds what comes while somebody else has the core.
const RECEIVE_BUFFER: usize = 64 << 20;
/// How long packets are waited for after the last one was sent.
const PATIENCE: Duration = Duration::from_millis(500);
/// Shorter waits are spent awake: a sleep ends too late for them.
const SHORT: Duration = Duration::from_micros(150);

/// What the script asks for.
#[derive(Deserialize)]
struct Order {
    /// For each call, where the caller and the called party send to.
    ports: Vec<[u16; 2]>,
    warm_ms: u64,
    ms: u64,
    /// The process that relays.
    pid: u32,
}

/// Measures once for each order.
pub(crate) fn run() -> Result<(), Box<dyn std::error::Error>> {
    let mut phones = Phones::bind()?;
    tell(&json!({
        "a": phones.sides[0].port()?, "b": phones.sides[1].port()?, "copies": phones.copies.port()?
    }))?;
    for line in orders() {
        let order: Order = serde_json::from_str(&line?)?;
        tell(&phones.measure(&order)?)?;
    }
    Ok(())
}

struct Phones {
    /// Of the callers and of the called parties.
    sides: [Mouth; 2],
    /// Where a server sends its copies of what the callers say.
    copies: Mouth,
    /// Packets that each flow has sent in its life.
    sent: Vec<u32>,
    run: u32,
}

/// What one run found.
struct Found {
    account: Account,
    copies: Account,
    delays: Delays,
    lags: Delays,
    sent: u64,
}

impl Phones {
    fn bind() -> Result<Phones, Box<dyn std::error::Error>> {
        Ok(Phones {
            sides: [Mouth::bind()?, Mouth::bind()?],
            copies: Mouth::bind()?,
            sent: Vec::new(),
            run: 0,
        })
    }

    fn measure(&mut self, order: &Order) -> Result<Value, Box<dyn std::error::Error>> {
        let flows = order.ports.len() * 2;
        self.sent.resize(self.sent.len().max(flows), 0);
        self.run += 1;
        let mut found = Found {
            account: Account::new(flows),
            copies: Account::new(flows),
            delays: Delays::new(),
            lags: Delays::new(),
            sent: 0,
        };
        let own = std::process::id();
        self.speak(order, Duration::from_millis(order.warm_ms), false, &mut found)?;
        let before = (cpu::used(order.pid), cpu::used(own));
        let begun = now();
        self.speak(order, Duration::from_millis(order.ms), true, &mut found)?;
        let seconds = (now() - begun).as_secs_f64();
        let after = (cpu::used(order.pid), cpu::used(own));
        let end = now() + PATIENCE;
        while now() < end {
            if !self.listen(&mut found)? {
                std::thread::sleep(Duration::from_millis(1));
            }
        }
        let threads = cpu::between(&before.0, &after.0);
        let own: u64 = cpu::between(&before.1, &after.1).values().map(|used| used.ns).sum();
        let sum = |of: fn(&cpu::Used) -> u64| threads.values().map(of).sum::<u64>() as f64;
        let per_packet = |amount: f64| (amount / found.sent as f64 * 1000.0).round() / 1000.0;
        let by_thread: serde_json::Map<String, Value> = threads
            .iter()
            .map(|(name, used)| (name.clone(), json!(per_packet(used.ns as f64 / 1000.0))))
            .collect();
        Ok(json!({
            "calls": order.ports.len(), "seconds": seconds, "sent": found.sent,
            "lost": found.sent - found.account.received, "duplicated": found.account.duplicated,
            "reordered": found.account.reordered, "copies": found.copies.received,
            "delay_us": found.delays.told(), "lag_us": found.lags.told(),
            "cpu_us": per_packet(sum(|used| used.ns) / 1000.0), "cpu_us_by_thread": by_thread,
            "busy": sum(|used| used.ns) / 1e9 / seconds, "waits": per_packet(sum(|used| used.waits)),
            "generator_busy": own as f64 / 1e9 / seconds,
        }))
    }

    /// Sends for so long. The flows' packets are spread evenly over 20 ms, a call's two directions half of that apart.
    fn speak(
        &mut self,
        order: &Order,
        length: Duration,
        counted: bool,
        found: &mut Found,
    ) -> Result<(), Box<dyn std::error::Error>> {
        let (calls, flows) = (order.ports.len(), order.ports.len() * 2);
        let rounds = (length.as_nanos() / PACKET_TIME.as_nanos()) as usize;
        let begun = now();
        let due = |index: usize| {
            let (round, place) = (index / flows, index % flows);
            begun + PACKET_TIME * round as u32 + PACKET_TIME * place as u32 / flows as u32
        };
        let mut index = 0;
        while index < rounds * flows {
            for _ in 0..BURST {
                let (at, moment) = (due(index), now());
                if at > moment {
                    break;
                }
                let (side, call) = (index % flows / calls, index % calls);
                let (flow, number) = ((call * 2 + side) as u32, (index / flows) as u32);
                let run = if counted { self.run } else { 0 };
                let count = self.sent[flow as usize];
                let stamp = Stamp { run, flow, number, sent_ns: moment.as_nanos() as u64 };
                let sent =
                    self.sides[side].send(&packet::write(stamp, count), order.ports[call][side]);
                self.sent[flow as usize] = count.wrapping_add(1);
                if counted && sent {
                    found.sent += 1;
                    found.lags.add((moment - at).as_nanos() as u64);
                }
                index += 1;
                if index == rounds * flows {
                    break;
                }
            }
            let heard = self.listen(found)?;
            let wait = due(index).saturating_sub(now());
            if !heard && wait > SHORT {
                std::thread::sleep((wait - SHORT).min(Duration::from_millis(1)));
            }
        }
        Ok(())
    }

    /// Takes what has come; whether anything had.
    fn listen(&mut self, found: &mut Found) -> Result<bool, Box<dyn std::error::Error>> {
        let run = self.run;
        let mut heard = false;
        for side in &mut self.sides {
            heard |= side.take(|stamp, came_ns| {
                if stamp.run == run && found.account.count(stamp) {
                    found.delays.add(came_ns.saturating_sub(stamp.sent_ns));
                }
            })?;
        }
        heard |= self.copies.take(|stamp, _| {
            if stamp.run == run {
                found.copies.count(stamp);
            }
        })?;
        Ok(heard)
    }
}

/// One socket.
struct Mouth {
    socket: UdpSocket,
    headers: MultiHeaders<()>,
    buffers: Vec<[u8; 256]>,
}

impl Mouth {
    fn bind() -> Result<Mouth, Box<dyn std::error::Error>> {
        let socket = UdpSocket::bind((Ipv4Addr::LOCALHOST, 0))?;
        socket.set_nonblocking(true)?;
        setsockopt(&socket, sockopt::ReceiveTimestampns, &true)?;
        // Beyond the system's limit where that is allowed, else as much as is.
        if setsockopt(&socket, sockopt::RcvBufForce, &RECEIVE_BUFFER).is_err() {
            setsockopt(&socket, sockopt::RcvBuf, &RECEIVE_BUFFER)?;
        }
        let headers = MultiHeaders::preallocate(BATCH, Some(cmsg_space!(TimeSpec)));
        Ok(Mouth { socket, headers, buffers: vec![[0; 256]; BATCH] })
    }

    fn port(&self) -> std::io::Result<u16> {
        Ok(self.socket.local_addr()?.port())
    }

    /// Whether the kernel took it.
    fn send(&self, packet: &[u8; BYTES], port: u16) -> bool {
        self.socket.send_to(packet, SocketAddr::from((Ipv4Addr::LOCALHOST, port))).is_ok()
    }

    /// Takes at most a batch; each packet of ours is given with the moment at which the kernel had it.
    fn take(
        &mut self,
        mut each: impl FnMut(Stamp, u64),
    ) -> Result<bool, Box<dyn std::error::Error>> {
        let mut slices: Vec<[IoSliceMut<'_>; 1]> =
            self.buffers.iter_mut().map(|buffer| [IoSliceMut::new(buffer)]).collect();
        let flags = MsgFlags::MSG_DONTWAIT;
        let (socket, headers) = (self.socket.as_raw_fd(), &mut self.headers);
        let received = match recvmmsg(socket, headers, slices.iter_mut(), flags, None) {
            Ok(received) => received,
            // Nothing there, or an ICMP answer to something that was sent.
            Err(_) => return Ok(false),
        };
        let mut any = false;
        for message in received {
            any = true;
            let came = message.cmsgs()?.find_map(|note| match note {
                ControlMessageOwned::ScmTimestampns(at) => Some(at),
                _ => None,
            });
            let stamp = message.iovs().next().and_then(packet::read);
            if let (Some(stamp), Some(at)) = (stamp, came) {
                each(stamp, Duration::from(at).as_nanos() as u64);
            }
        }
        Ok(any)
    }
}

/// The time by the clock that the kernel notes packets by.
fn now() -> Duration {
    SystemTime::now().duration_since(UNIX_EPOCH).unwrap_or_default()
}
