//! `sidestream call`: a phone that makes one call from the command line.

use std::io;
use std::net::{IpAddr, Ipv4Addr, Ipv6Addr, SocketAddr};
use std::path::PathBuf;
use std::process::ExitCode;
use std::time::Duration;

use super::Transport;
use super::message::{uri_host, uri_socket};
use super::script::{self, CallOutcome, CallPlan, KeyStep, TimedInfo};

/// Call a number, say and hear something, hang up. Exits with 0 only when the call was answered and something was heard.
#[derive(Clone, Debug, clap::Args)]
pub struct CallArgs {
    /// Whom to call: a SIP URI (sip:9196@127.0.0.1) or a number at the server.
    pub target: String,
    /// The server's SIP address [default: the host of the target, else 127.0.0.1:5060].
    #[arg(long, value_name = "ADDRESS:PORT", env = "SIDESTREAM_SIP")]
    pub server: Option<SocketAddr>,
    /// Use TCP instead of UDP.
    #[arg(long)]
    pub tcp: bool,
    /// Our own number, which is also the digest user name.
    #[arg(long, default_value = "1000", env = "SIDESTREAM_USER")]
    pub user: String,
    /// The digest password.
    #[arg(long, env = "SIDESTREAM_PASSWORD", hide_env_values = true)]
    pub password: Option<String>,
    /// Register before calling.
    #[arg(long)]
    pub register: bool,
    /// What to say: a WAV file of any rate.
    #[arg(long, value_name = "WAV")]
    pub play: Option<PathBuf>,
    /// Where to write what was heard.
    #[arg(long, value_name = "WAV")]
    pub record: Option<PathBuf>,
    /// Keys to press after the answer, and pauses between them: 1,500ms,2#
    #[arg(long, value_name = "KEYS", value_delimiter = ',', value_parser = key_step)]
    pub dtmf: Vec<KeyStep>,
    /// Send an INFO so many milliseconds after the answer: MS:JSON (package media-stream) or MS:Record=on. May be repeated.
    #[arg(long, value_name = "MS:BODY", value_parser = timed_info)]
    pub info: Vec<TimedInfo>,
    /// How long to talk [default: as long as the file, or 5 s].
    #[arg(long, value_name = "SECONDS", value_parser = seconds)]
    pub duration: Option<Duration>,
    /// How long it may ring.
    #[arg(long, value_name = "SECONDS", value_parser = seconds, default_value = "30")]
    pub answer_timeout: Duration,
    /// Print one JSON object.
    #[arg(long)]
    pub json: bool,
}

/// Makes the call and tells what came of it on standard output.
pub async fn run(args: CallArgs) -> ExitCode {
    let json = args.json;
    let outcome = match plan(args).await {
        Ok(plan) => script::run(&plan).await,
        Err(error) => CallOutcome { problem: Some(error.to_string()), ..CallOutcome::default() },
    };
    if json {
        println!("{}", serde_json::to_string(&outcome).expect("plain values always make JSON"));
    } else {
        println!("{}", story(&outcome));
    }
    if outcome.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

impl CallArgs {
    /// The same as a plan.
    ///
    /// # Errors
    /// When the target's host name leads nowhere.
    pub async fn plan(self) -> io::Result<CallPlan> {
        plan(self).await
    }
}

async fn plan(args: CallArgs) -> io::Result<CallPlan> {
    let server = match args.server {
        Some(server) => server,
        None if args.target.starts_with("sip:") => resolve(&args.target).await?,
        None => SocketAddr::new(Ipv4Addr::LOCALHOST.into(), 5060),
    };
    let mut infos = args.info;
    infos.sort_by_key(|info| info.after);
    Ok(CallPlan {
        target: args.target,
        server,
        transport: if args.tcp { Transport::Tcp } else { Transport::Udp },
        local: local_for(server),
        user: args.user,
        password: args.password.unwrap_or_default(),
        register: args.register,
        play: args.play,
        record: args.record,
        keys: args.dtmf,
        infos,
        duration: args.duration,
        answer_timeout: args.answer_timeout,
    })
}

/// The address of a URI's host: a literal, or what the system's resolver says.
async fn resolve(uri: &str) -> io::Result<SocketAddr> {
    if let Some(address) = uri_socket(uri) {
        return Ok(address);
    }
    let host = uri_host(uri);
    let named = if host.contains(':') { host.to_owned() } else { format!("{host}:5060") };
    let unknown = || io::Error::new(io::ErrorKind::NotFound, format!("{host} has no address"));
    tokio::net::lookup_host(named).await?.next().ok_or_else(unknown)
}

/// The address from which the system would reach the server; connecting a datagram socket sends nothing.
fn local_for(server: SocketAddr) -> IpAddr {
    let (any, loopback): (IpAddr, IpAddr) = match server {
        SocketAddr::V4(_) => (Ipv4Addr::UNSPECIFIED.into(), Ipv4Addr::LOCALHOST.into()),
        SocketAddr::V6(_) => (Ipv6Addr::UNSPECIFIED.into(), Ipv6Addr::LOCALHOST.into()),
    };
    let local = std::net::UdpSocket::bind((any, 0)).and_then(|socket| {
        socket.connect(server)?;
        socket.local_addr()
    });
    local.map_or(loopback, |local| local.ip())
}

fn seconds(text: &str) -> Result<Duration, String> {
    let seconds: f64 = text.parse().map_err(|_| format!("`{text}` is not a number of seconds"))?;
    Duration::try_from_secs_f64(seconds).map_err(|error| error.to_string())
}

fn key_step(text: &str) -> Result<KeyStep, String> {
    if let Some(pause) = text.strip_suffix("ms") {
        let pause = pause.parse().map_err(|_| format!("`{text}` is not a pause like 500ms"))?;
        return Ok(KeyStep::Pause(Duration::from_millis(pause)));
    }
    match text.chars().find(|key| super::media::event_code(*key).is_none()) {
        None if !text.is_empty() => Ok(KeyStep::Press(text.to_owned())),
        Some(key) => Err(format!("there is no key `{key}`: 0-9, *, # and A-D can be pressed")),
        None => Err("no key".to_owned()),
    }
}

fn timed_info(text: &str) -> Result<TimedInfo, String> {
    let (after, body) = text.split_once(':').ok_or("an INFO is MS:BODY")?;
    let after =
        after.trim().parse().map_err(|_| format!("`{after}` is not a number of milliseconds"))?;
    let after = Duration::from_millis(after);
    if let Some(value) = body.strip_prefix("Record=") {
        let headers = vec![("Record".to_owned(), value.to_owned())];
        return Ok(TimedInfo { after, headers, body: Vec::new() });
    }
    let headers = [
        ("Info-Package", "media-stream"),
        ("Content-Disposition", "Info-Package"),
        ("Content-Type", "application/media-stream+json"),
    ];
    let headers = headers.map(|(name, value)| (name.to_owned(), value.to_owned())).to_vec();
    Ok(TimedInfo { after, headers, body: body.as_bytes().to_vec() })
}

fn story(outcome: &CallOutcome) -> String {
    let mut lines = Vec::new();
    if outcome.answered {
        let ms = |value: Option<f64>| value.unwrap_or_default();
        lines.push(format!(
            "answered in {:.0} ms, talked {:.1} s, ended by {}",
            ms(outcome.setup_ms),
            ms(outcome.talked_ms) / 1000.0,
            outcome.ended_by.unwrap_or("nobody")
        ));
    }
    if let Some(media) = &outcome.media {
        lines.push(format!(
            "sent {} packets, received {}, lost {}, jitter {:.1} ms, longest gap {:.0} ms",
            media.sent, media.received, media.lost, media.jitter_ms, media.max_gap_ms
        ));
        if !media.digits.is_empty() {
            lines.push(format!("keys heard: {}", media.digits));
        }
    }
    if let Some(heard) = &outcome.heard {
        let level = heard
            .peak_level_db
            .map_or("silence".to_owned(), |level| format!("{level:.0} dB at the loudest"));
        lines.push(format!("heard {:.1} s: {level}", heard.seconds));
    }
    for info in &outcome.infos {
        lines.push(format!("INFO answered {} {}", info.status, info.body));
    }
    match &outcome.problem {
        Some(problem) => lines.push(format!("failed: {problem}")),
        None => lines.push("ok".to_owned()),
    }
    lines.join("\n")
}

#[cfg(test)]
mod tests {
    use clap::Parser;

    use super::*;

    #[derive(Parser)]
    struct Command {
        #[command(flatten)]
        call: CallArgs,
    }

    async fn planned(words: &str) -> Result<CallPlan, clap::Error> {
        let words = std::iter::once("call").chain(words.split(' '));
        let call = Command::try_parse_from(words)?.call;
        Ok(plan(call).await?)
    }

    #[tokio::test]
    async fn a_literal_target_names_the_server_too() {
        let plan = planned("sip:5000@127.0.0.1:5070 --dtmf 1,250ms,2# --duration 1.5")
            .await
            .expect("readable");
        assert_eq!(plan.server, "127.0.0.1:5070".parse().expect("an address"));
        assert_eq!(plan.target, "sip:5000@127.0.0.1:5070");
        let keys = ["1", "2#"].map(|keys| KeyStep::Press(keys.to_owned()));
        let [one, two] = keys;
        assert_eq!(plan.keys, [one, KeyStep::Pause(Duration::from_millis(250)), two]);
        assert_eq!(plan.duration, Some(Duration::from_millis(1500)));
        assert!(plan.local.is_loopback());
    }

    #[tokio::test]
    async fn a_host_name_is_looked_up() {
        let plan = planned("sip:5000@localhost:5070").await.expect("readable");
        assert!(plan.server.ip().is_loopback());
        assert_eq!(plan.server.port(), 5070);
        let unknown = planned("sip:5000@nowhere.invalid").await;
        assert!(unknown.is_err());
    }

    #[tokio::test]
    async fn a_number_is_called_at_the_server() {
        let plan = planned("9196 --server [::1]:5080 --tcp").await.expect("readable");
        assert_eq!(
            (plan.server.to_string().as_str(), plan.target.as_str()),
            ("[::1]:5080", "9196")
        );
        assert_eq!(plan.transport, Transport::Tcp);
    }

    #[tokio::test]
    async fn infos_come_in_the_order_of_their_times() {
        let plan = planned("9196 --info 900:Record=off --info 100:{\"op\":\"pause\"}")
            .await
            .expect("readable");
        assert_eq!(plan.infos[0].body, b"{\"op\":\"pause\"}");
        assert!(
            plan.infos[0].headers.contains(&("Info-Package".to_owned(), "media-stream".to_owned()))
        );
        assert_eq!(plan.infos[1].headers, [("Record".to_owned(), "off".to_owned())]);
    }

    #[tokio::test]
    async fn what_cannot_be_done_is_refused_before_the_call() {
        for words in [
            "9196 --dtmf x",
            "9196 --duration -1",
            "9196 --info now",
            "9196 --server nowhere",
            "9196 --dtmf ms",
        ] {
            assert!(planned(words).await.is_err(), "{words}");
        }
    }
}
