//! `sidestream doctor`: what on this machine would keep a server from working, and the mend.

use std::fmt;
use std::net::{SocketAddr, TcpListener, TcpStream, ToSocketAddrs, UdpSocket};
use std::path::Path;
use std::time::{Duration, Instant, SystemTime};

use clap::Args;
use serde_json::json;

/// Descriptors that a server wants: two sockets per leg, two legs per call, a thousand calls, and some room.
const WANTED_FILES: u64 = 8_192;
/// How long a sink may take to accept a connection here.
const SINK_TIME: Duration = Duration::from_secs(2);
/// Real speech for the tests, from the Debian package `pocketsphinx-testdata`.
const SPEECH: &str = "/usr/share/pocketsphinx/test/data";

/// Look for what would keep a server from working here.
#[derive(Debug, Args)]
pub(super) struct DoctorArgs {
    /// Print one JSON object.
    #[arg(long)]
    json: bool,
    /// SIP and HTTP addresses that should be free.
    #[arg(long, value_delimiter = ',', default_values = ["127.0.0.1:5060", "127.0.0.1:8080"])]
    listen: Vec<SocketAddr>,
    /// The first and last media port.
    #[arg(long, num_args = 2, value_names = ["FIRST", "LAST"], default_values = ["20000", "29999"])]
    media_ports: Vec<u16>,
    /// Sinks that should be reachable.
    #[arg(long, value_name = "HOST:PORT")]
    sink: Vec<String>,
}

/// How a check went.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Health {
    Fine,
    /// It works, not well.
    Poor,
    /// It does not work.
    Broken,
}

/// One check with its finding, and the mend when there is something to mend.
#[derive(Debug)]
struct Finding {
    check: String,
    health: Health,
    text: String,
}

/// Runs the command; `false` when something is broken.
pub(super) fn run(args: &DoctorArgs) -> bool {
    let mut findings = Vec::new();
    for address in &args.listen {
        findings.push(udp_port(*address));
        findings.push(tcp_port(*address));
    }
    findings.push(files());
    findings.push(media_ports(&args.media_ports));
    findings.push(clock());
    findings.extend(args.sink.iter().map(|sink| reachable(sink)));
    findings.push(speech());
    let healthy = findings.iter().all(|finding| finding.health != Health::Broken);
    show(&findings, healthy, args.json);
    healthy
}

fn show(findings: &[Finding], healthy: bool, as_json: bool) {
    if as_json {
        let list: Vec<_> = findings
            .iter()
            .map(|finding| json!({"check": finding.check, "health": finding.health.as_str(), "text": finding.text}))
            .collect();
        println!("{}", json!({"ok": healthy, "checks": list}));
        return;
    }
    for finding in findings {
        println!("{finding}");
    }
}

fn finding(check: impl Into<String>, health: Health, text: impl Into<String>) -> Finding {
    Finding { check: check.into(), health, text: text.into() }
}

fn udp_port(address: SocketAddr) -> Finding {
    port(format!("udp {address}"), UdpSocket::bind(address).map(drop))
}

fn tcp_port(address: SocketAddr) -> Finding {
    port(format!("tcp {address}"), TcpListener::bind(address).map(drop))
}

fn port(check: String, bound: std::io::Result<()>) -> Finding {
    match bound {
        Ok(()) => finding(check, Health::Fine, "free"),
        Err(error) => finding(
            check,
            Health::Broken,
            format!("{error}: `ss -lunpt` shows who has it; or choose another port"),
        ),
    }
}

fn files() -> Finding {
    let limit = rustix::process::getrlimit(rustix::process::Resource::Nofile);
    // The server raises its own limit up to the hard one.
    match limit.maximum {
        Some(hard) if hard < WANTED_FILES => {
            let text = format!(
                "{hard} at most, {WANTED_FILES} hold a thousand calls: raise `ulimit -Hn` or LimitNOFILE"
            );
            finding("open files", Health::Poor, text)
        }
        Some(hard) => finding("open files", Health::Fine, format!("up to {hard}")),
        None => finding("open files", Health::Fine, "unlimited"),
    }
}

fn media_ports(range: &[u16]) -> Finding {
    let (Some(first), Some(last)) = (range.first(), range.last()) else {
        return finding("media ports", Health::Broken, "no range");
    };
    let check = format!("media ports {first}-{last}");
    if first >= last {
        return finding(check, Health::Broken, "the last port must be above the first");
    }
    if let Some((low, high)) = ephemeral_ports()
        && *first <= high
        && low <= *last
    {
        let text = format!(
            "the system hands out {low}-{high} to outgoing connections: a call may find its port taken; \
             narrow net.ipv4.ip_local_port_range or reserve the range"
        );
        return finding(check, Health::Poor, text);
    }
    let pairs = (u32::from(*last) - u32::from(*first)).div_ceil(2);
    finding(check, Health::Fine, format!("{} calls of two legs", pairs / 2))
}

/// The ports that the kernel takes for outgoing connections.
fn ephemeral_ports() -> Option<(u16, u16)> {
    let text = std::fs::read_to_string("/proc/sys/net/ipv4/ip_local_port_range").ok()?;
    let mut numbers = text.split_whitespace().map(str::parse);
    Some((numbers.next()?.ok()?, numbers.next()?.ok()?))
}

/// How coarse the clock is, and whether the calendar is plausible.
fn clock() -> Finding {
    let begun = Instant::now();
    let reads = 1_000;
    let distinct = (0..reads)
        .map(|_| Instant::now())
        .fold((begun, 0u32), |(last, distinct), now| (now, distinct + u32::from(now > last)));
    // This program was not written before 2026.
    let calendar = SystemTime::UNIX_EPOCH + Duration::from_secs(1_767_225_600);
    if SystemTime::now() < calendar {
        return finding(
            "clock",
            Health::Broken,
            "the calendar stands before 2026: set the clock (systemd-timesyncd, chrony)",
        );
    }
    let each = begun.elapsed() / reads;
    match distinct.1 > reads / 2 {
        true => finding("clock", Health::Fine, format!("a look takes {} ns", each.as_nanos())),
        false => {
            finding("clock", Health::Poor, "coarse: media delays cannot be measured well here")
        }
    }
}

fn reachable(sink: &str) -> Finding {
    let check = format!("sink {sink}");
    let address = match sink.to_socket_addrs().map(|mut addresses| addresses.next()) {
        Ok(Some(address)) => address,
        Ok(None) => return finding(check, Health::Broken, "the name has no address"),
        Err(error) => return finding(check, Health::Broken, format!("{error}: give HOST:PORT")),
    };
    match TcpStream::connect_timeout(&address, SINK_TIME) {
        Ok(_) => finding(check, Health::Fine, format!("accepts connections on {address}")),
        Err(error) => {
            finding(check, Health::Broken, format!("{address}: {error}: is the sink running?"))
        }
    }
}

fn speech() -> Finding {
    match Path::new(SPEECH).is_dir() {
        true => finding("test speech", Health::Fine, SPEECH),
        false => finding(
            "test speech",
            Health::Poor,
            "not installed; tests want `apt-get install pocketsphinx-testdata`",
        ),
    }
}

impl Health {
    const fn as_str(self) -> &'static str {
        match self {
            Health::Fine => "fine",
            Health::Poor => "poor",
            Health::Broken => "broken",
        }
    }
}

impl fmt::Display for Finding {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:<7} {:<28} {}", self.health.as_str(), self.check, self.text)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_port_that_is_taken_is_broken_and_a_free_one_fine() {
        let taken = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = taken.local_addr().expect("bound");
        assert_eq!(tcp_port(address).health, Health::Broken);
        assert_eq!(udp_port("127.0.0.1:0".parse().expect("an address")).health, Health::Fine);
    }

    #[test]
    fn a_sink_that_nobody_serves_is_broken() {
        let gone = TcpListener::bind("127.0.0.1:0").expect("a free port");
        let address = gone.local_addr().expect("bound").to_string();
        assert_eq!(reachable(&address).health, Health::Fine);
        drop(gone);
        assert_eq!(reachable(&address).health, Health::Broken);
    }

    #[test]
    fn a_range_that_runs_backwards_is_broken() {
        assert_eq!(media_ports(&[300, 200]).health, Health::Broken);
        assert_ne!(media_ports(&[200, 299]).health, Health::Broken);
    }
}
