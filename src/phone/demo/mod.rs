//! The demo: two phones talk through the server, the call is forked to a WebSocket sink, and every claim is measured from
//! outside, through public doors only: SIP, RTP, HTTP and the sink's socket.
//!
//! ```text
//!  caller            server              agent          sink (Ear)
//!    |--- INVITE ------>|---- INVITE ----->|                |
//!    |<-- 200, RTP ---->|<--- 200, RTP --->|                |
//!    |                  |<-- POST …/streams                 |
//!    |                  |---- hello, frames --------------->|
//!    |--- INFO pause -->|                                   |   nothing comes, the clock runs
//!    |--- INFO resume ->|---- frames ---------------------->|
//!    |                  |<-- POST /contact/stop-streaming   |
//!    |                  |---- manifest -------------------->|
//!    |--- BYE --------->|---- BYE -------->|                |
//! ```

mod doors;
mod ear;
mod report;
pub(super) mod speech;
mod verdict;

use std::net::SocketAddr;
use std::process::ExitCode;
use std::sync::Arc;
use std::time::{Duration, Instant};

use tokio::time::{sleep, timeout};

pub use ear::{Ear, EarFrame, EarStream};
pub use report::{DelayMs, DemoReport, TrackReport};

use super::{
    AudioSource, Call, CallOptions, CallReport, Phone, PhoneConfig, PhoneError, Transport,
};
use doors::Doors;
use speech::Speech;

/// What the stream is called.
const LABEL: &str = "demo";
/// Speech before the stream starts.
const BEFORE: Duration = Duration::from_millis(500);
/// Streamed speech before the pause.
const FIRST: Duration = Duration::from_secs(4);
/// The pause.
const PAUSED: Duration = Duration::from_millis(1500);
/// Streamed speech after the pause.
const SECOND: Duration = Duration::from_secs(3);
/// Speech after the stream's end: it must not reach the sink.
const AFTER: Duration = Duration::from_millis(500);
/// How long any single step may take.
const STEP: Duration = Duration::from_secs(5);

/// Who talks at which server.
#[derive(Clone, Debug)]
pub struct DemoPlan {
    /// The server's SIP over UDP.
    pub sip: SocketAddr,
    /// The server's HTTP, without a slash at the end.
    pub http: String,
    /// An API token of the server.
    pub token: String,
    /// The customer's phone.
    pub caller: Account,
    /// The phone that is called.
    pub agent: Account,
    /// The sink's name in the server's configuration; its address is the [`Ear`]'s, in the native dialect at 8000 Hz.
    pub sink: String,
}

/// A phone's account.
#[derive(Clone, Debug)]
pub struct Account {
    /// Number and digest user name.
    pub user: String,
    /// Digest password.
    pub password: String,
}

/// Why the demo could not be carried through.
#[derive(Debug, thiserror::Error)]
pub enum DemoError {
    /// A phone failed.
    #[error("{step}: {source}")]
    Phone {
        /// What was being done.
        step: &'static str,
        /// Why it failed.
        source: PhoneError,
    },
    /// The server's HTTP answered something else than was to be expected.
    #[error("{step}: {what}")]
    Http {
        /// What was being done.
        step: &'static str,
        /// What came.
        what: String,
    },
    /// Something did not happen in time.
    #[error("{0} did not happen in time")]
    Late(&'static str),
    /// The server refused an INFO.
    #[error("INFO {op} was answered {status} {body}")]
    Info {
        /// The operation.
        op: &'static str,
        /// SIP status.
        status: u16,
        /// The answer's body.
        body: String,
    },
}

/// Runs the demo and tells its story; with `json` the story goes to standard error, and the last line of standard output is
/// the report. Exits with 0 only when everything holds.
pub async fn run(plan: DemoPlan, ear: Ear, json: bool) -> ExitCode {
    let tell = |line: &str| {
        if json { eprintln!("{line}") } else { println!("{line}") }
    };
    let report = perform(&plan, ear, &tell).await;
    for line in report.story() {
        tell(&line);
    }
    if json {
        println!("{}", serde_json::to_string(&report).expect("plain values always make JSON"));
    }
    if report.ok { ExitCode::SUCCESS } else { ExitCode::FAILURE }
}

/// Runs the demo; `tell` hears the story while it happens.
pub async fn perform(plan: &DemoPlan, mut ear: Ear, tell: &impl Fn(&str)) -> DemoReport {
    let since = Instant::now();
    let (customer, agent) =
        tokio::task::spawn_blocking(Speech::pair).await.unwrap_or_else(|_| Speech::built_in());
    let result = Performance { plan, customer: &customer, agent: &agent, tell }.run(&mut ear).await;
    let mut report = match result {
        Ok(evidence) => verdict::judge(evidence),
        Err(error) => DemoReport::failed(error.to_string()),
    };
    report.seconds = since.elapsed().as_secs_f64();
    report
}

/// Everything that was seen from outside.
struct Evidence {
    customer: Arc<[i16]>,
    agent: Arc<[i16]>,
    caller_report: CallReport,
    agent_report: CallReport,
    stream: EarStream,
    stop_asked: Instant,
}

/// A demo under way.
struct Performance<'a, T> {
    plan: &'a DemoPlan,
    customer: &'a Speech,
    agent: &'a Speech,
    tell: &'a T,
}

impl<T: Fn(&str)> Performance<'_, T> {
    async fn run(&self, ear: &mut Ear) -> Result<Evidence, DemoError> {
        let plan = self.plan;
        (self.tell)(&format!("caller {} says {}", plan.caller.user, self.customer.origin));
        (self.tell)(&format!("agent {} says {}", plan.agent.user, self.agent.origin));
        let caller = self.phone(&plan.caller).await?;
        let agent = self.phone(&plan.agent).await?;
        (self.tell)("both phones are registered");
        let (caller, agent) = self.talk(&caller, &agent).await?;
        (self.tell)(&format!(
            "answered after {:.0} ms, both talk",
            caller.setup().as_secs_f64() * 1000.0
        ));
        sleep(BEFORE).await;
        let (stream, stop_asked) = self.stream(&caller, ear).await?;
        sleep(AFTER).await;
        let failed = |source| DemoError::Phone { step: "hang up", source };
        let caller_report = caller.hangup().await.map_err(failed)?;
        timeout(STEP, agent.ended())
            .await
            .map_err(|_| DemoError::Late("the agent's end of the call"))?;
        let agent_report = agent.hangup().await.map_err(failed)?;
        (self.tell)("hung up");
        Ok(Evidence {
            customer: Arc::clone(&self.customer.samples),
            agent: Arc::clone(&self.agent.samples),
            caller_report,
            agent_report,
            stream,
            stop_asked,
        })
    }

    async fn phone(&self, account: &Account) -> Result<Phone, DemoError> {
        let step = "register";
        let failed = |source| DemoError::Phone { step, source };
        let config = PhoneConfig {
            server: self.plan.sip,
            transport: Transport::Udp,
            user: account.user.clone(),
            password: account.password.clone(),
            local: self.plan.sip.ip(),
        };
        let phone = Phone::bind(config).await.map_err(failed)?;
        phone.register().await.map_err(failed)?;
        Ok(phone)
    }

    async fn talk(&self, caller: &Phone, agent: &Phone) -> Result<(Call, Call), DemoError> {
        let options = |speech: &Speech| CallOptions {
            play: AudioSource::Samples { samples: Arc::clone(&speech.samples), repeat: true },
            answer_timeout: STEP,
            ..CallOptions::default()
        };
        let answer = async {
            let ringing = timeout(STEP, agent.accept()).await.ok().flatten();
            let ringing = ringing.ok_or(DemoError::Late("the call's arrival at the agent"))?;
            ringing.ring().await;
            let answered = ringing.answer(options(self.agent)).await;
            answered.map_err(|source| DemoError::Phone { step: "answer", source })
        };
        let call = async {
            let placed = caller.call(&self.plan.agent.user, options(self.customer)).await;
            placed.map_err(|source| DemoError::Phone { step: "call", source })
        };
        tokio::try_join!(call, answer)
    }

    /// Starts, pauses, resumes and stops the stream; what the sink got of it, and when the stop was asked for.
    async fn stream(
        &self,
        caller: &Call,
        ear: &mut Ear,
    ) -> Result<(EarStream, Instant), DemoError> {
        let doors = Doors::new(self.plan);
        let contact = doors.find_call().await?;
        let stream = doors.start_stream(&contact, LABEL).await?;
        timeout(STEP, ear.heard_something())
            .await
            .map_err(|_| DemoError::Late("the first frame at the sink"))?;
        (self.tell)(&format!("streaming ON (api) -> sink \"{}\"", self.plan.sink));
        sleep(FIRST).await;
        self.control(caller, "pause").await?;
        (self.tell)("paused (SIP INFO)");
        sleep(PAUSED).await;
        self.control(caller, "resume").await?;
        (self.tell)("resumed (SIP INFO)");
        sleep(SECOND).await;
        let stop_asked = Instant::now();
        doors.stop_stream(&contact, &stream).await?;
        (self.tell)("streaming OFF (contact api)");
        let heard = timeout(STEP, ear.next_stream()).await.ok().flatten();
        Ok((heard.ok_or(DemoError::Late("the end of the sink's connection"))?, stop_asked))
    }

    async fn control(&self, caller: &Call, op: &'static str) -> Result<(), DemoError> {
        let headers = [
            ("Info-Package", "media-stream"),
            ("Content-Disposition", "Info-Package"),
            ("Content-Type", "application/media-stream+json"),
        ];
        let body =
            serde_json::json!({ "v": 1, "op": op, "stream": LABEL, "id": format!("demo-{op}") });
        let answer = caller.info(&headers, body.to_string().as_bytes()).await;
        let answer = answer.map_err(|source| DemoError::Phone { step: "INFO", source })?;
        if answer.status == 200 {
            return Ok(());
        }
        let body = String::from_utf8_lossy(&answer.body).into_owned();
        Err(DemoError::Info { op, status: answer.status, body })
    }
}
