//! One call from beginning to end by a plan, and what came of it as JSON: the engine of `sidestream call`.

use std::net::{IpAddr, SocketAddr};
use std::path::PathBuf;
use std::time::Duration;

use serde::Serialize;
use tokio::time::{Instant, sleep_until, timeout};

use super::{
    Answer, AudioSource, Call, CallOptions, CallReport, Phone, PhoneConfig, PhoneError, Transport,
};

/// A call whose loudest 20 ms are quieter than this was silent.
const SILENCE_DB: f64 = -60.0;
/// How long a plan without audio and without `duration` talks.
const DEFAULT_TALK: Duration = Duration::from_secs(5);

/// What is to be done.
#[derive(Clone, Debug)]
pub struct CallPlan {
    /// A SIP URI, or a user part at the server.
    pub target: String,
    /// Where the INVITE goes.
    pub server: SocketAddr,
    /// How SIP travels.
    pub transport: Transport,
    /// The address to bind.
    pub local: IpAddr,
    /// Our user part and digest user name.
    pub user: String,
    /// The digest password; empty for none.
    pub password: String,
    /// Whether to register before calling.
    pub register: bool,
    /// What to say; `None` is silence.
    pub play: Option<PathBuf>,
    /// Where to write what was heard.
    pub record: Option<PathBuf>,
    /// Keys and pauses, in order, from the answer on.
    pub keys: Vec<KeyStep>,
    /// INFO requests at their times after the answer.
    pub infos: Vec<TimedInfo>,
    /// How long to talk; `None` is as long as the audio, or five seconds.
    pub duration: Option<Duration>,
    /// How long it may ring.
    pub answer_timeout: Duration,
}

/// A step of key pressing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum KeyStep {
    /// Press these keys.
    Press(String),
    /// Wait.
    Pause(Duration),
}

/// An INFO at a time after the answer.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct TimedInfo {
    /// After the answer.
    pub after: Duration,
    /// Header names and values.
    pub headers: Vec<(String, String)>,
    /// The body.
    pub body: Vec<u8>,
}

/// What came of it.
#[derive(Clone, Debug, Default, Serialize)]
pub struct CallOutcome {
    /// Answered, heard, every INFO taken, ended in order.
    pub ok: bool,
    /// What is wrong, for a person; `None` when `ok`.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub problem: Option<String>,
    /// Whether the call was answered.
    pub answered: bool,
    /// The final status of the INVITE; 0 when SIP had no part in the failure.
    pub status: u16,
    /// INVITE to answer.
    pub setup_ms: Option<f64>,
    /// Answer to end.
    pub talked_ms: Option<f64>,
    /// `local`, `remote` or `failure`.
    pub ended_by: Option<&'static str>,
    /// The status of our BYE.
    pub bye_status: Option<u16>,
    /// The answers to the INFO requests, in order.
    pub infos: Vec<InfoOutcome>,
    /// Media figures of an answered call.
    pub media: Option<MediaOutcome>,
    /// What was heard in an answered call.
    pub heard: Option<HeardOutcome>,
}

/// The answer to one INFO.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
pub struct InfoOutcome {
    /// SIP status; 0 when no answer came.
    pub status: u16,
    /// The body as text.
    pub body: String,
}

/// Media figures.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct MediaOutcome {
    /// RTP packets sent.
    pub sent: u64,
    /// RTP packets received.
    pub received: u64,
    /// RTP packets that never came.
    pub lost: u64,
    /// RTP packets that came twice.
    pub duplicates: u64,
    /// RTP packets that came out of order.
    pub reordered: u64,
    /// The longest time between two packets.
    pub max_gap_ms: f64,
    /// Interarrival jitter.
    pub jitter_ms: f64,
    /// Keys heard.
    pub digits: String,
}

/// What was heard.
#[derive(Clone, Debug, PartialEq, Serialize)]
pub struct HeardOutcome {
    /// From the first packet on.
    pub seconds: f64,
    /// The loudest 20 ms in dB below full scale; `None` for digital silence.
    pub peak_level_db: Option<f64>,
    /// Whether nothing audible came.
    pub silent: bool,
}

/// Carries the plan out.
pub async fn run(plan: &CallPlan) -> CallOutcome {
    let played = plan.play.as_deref().map(super::read_wav).transpose();
    let outcome = match played {
        Ok(Some(samples)) => {
            let length =
                Duration::from_secs_f64(samples.len() as f64 / f64::from(super::SAMPLE_RATE));
            let play = AudioSource::Samples { samples: samples.into(), repeat: false };
            attempt(plan, play, Some(length)).await
        }
        Ok(None) => attempt(plan, AudioSource::Silence, None).await,
        Err(error) => Err(error),
    };
    told(outcome)
}

/// Carries the plan out and says `play`, whatever the plan has to play: for many calls that say the same.
pub async fn run_saying(plan: &CallPlan, play: AudioSource) -> CallOutcome {
    told(attempt(plan, play, None).await)
}

fn told(outcome: Result<CallOutcome, PhoneError>) -> CallOutcome {
    outcome.unwrap_or_else(|error| CallOutcome {
        problem: Some(error.to_string()),
        status: error.status(),
        ..CallOutcome::default()
    })
}

async fn attempt(
    plan: &CallPlan,
    play: AudioSource,
    length: Option<Duration>,
) -> Result<CallOutcome, PhoneError> {
    let phone = Phone::bind(PhoneConfig {
        server: plan.server,
        transport: plan.transport,
        user: plan.user.clone(),
        password: plan.password.clone(),
        local: plan.local,
    })
    .await?;
    if plan.register {
        phone.register().await?;
    }
    let options = CallOptions {
        play,
        record: plan.record.clone(),
        answer_timeout: plan.answer_timeout,
        ..CallOptions::default()
    };
    let call = phone.call(&plan.target, options).await?;
    let talk = plan.duration.or(length).unwrap_or(DEFAULT_TALK);
    let infos = converse(&call, plan, talk).await;
    let report = call.hangup().await?;
    if plan.register {
        // The call is what was asked for; a binding that stays behind runs out by itself.
        let _ = phone.unregister().await;
    }
    Ok(judge(&report, infos))
}

/// Keys, INFO requests and the clock, until the time is over or the peer hangs up.
async fn converse(call: &Call, plan: &CallPlan, talk: Duration) -> Vec<InfoOutcome> {
    let answered = Instant::now();
    let keys = async {
        for step in &plan.keys {
            match step {
                KeyStep::Press(keys) => call.dtmf(keys).await,
                KeyStep::Pause(pause) => tokio::time::sleep(*pause).await,
            }
        }
    };
    let infos = async {
        let mut outcomes = Vec::new();
        for info in &plan.infos {
            sleep_until(answered + info.after).await;
            let headers: Vec<_> =
                info.headers.iter().map(|(name, value)| (name.as_str(), value.as_str())).collect();
            outcomes.push(InfoOutcome::from(call.info(&headers, &info.body).await));
        }
        outcomes
    };
    let all = async { tokio::join!(keys, infos, sleep_until(answered + talk)).1 };
    tokio::pin!(all);
    tokio::select! {
        outcomes = &mut all => outcomes,
        _ = call.ended() => {
            // Requests that are on their way get their answers, a refusal at worst.
            timeout(Duration::from_secs(1), all).await.unwrap_or_default()
        }
    }
}

impl From<Result<Answer, PhoneError>> for InfoOutcome {
    fn from(result: Result<Answer, PhoneError>) -> InfoOutcome {
        match result {
            Ok(answer) => InfoOutcome {
                status: answer.status,
                body: String::from_utf8_lossy(&answer.body).into_owned(),
            },
            Err(error) => InfoOutcome { status: error.status(), body: error.to_string() },
        }
    }
}

fn judge(report: &CallReport, infos: Vec<InfoOutcome>) -> CallOutcome {
    let level = report.heard.peak_level_db();
    let heard = HeardOutcome {
        seconds: report.heard.samples.len() as f64 / f64::from(super::SAMPLE_RATE),
        peak_level_db: level,
        silent: level.is_none_or(|level| level < SILENCE_DB),
    };
    let refused = infos.iter().find(|info| !(200..300).contains(&info.status));
    let problem = if heard.silent {
        Some("nothing but silence was heard".to_owned())
    } else if let Some(info) = refused {
        Some(format!("an INFO was answered {}: {}", info.status, info.body))
    } else {
        let bye = report.bye_status.filter(|status| !(200..300).contains(status));
        bye.map(|status| format!("the BYE was answered {status}"))
    };
    let stats = &report.stats;
    CallOutcome {
        ok: problem.is_none(),
        problem,
        answered: true,
        status: report.status,
        setup_ms: Some(milliseconds(report.setup)),
        talked_ms: Some(milliseconds(report.talked)),
        ended_by: Some(report.ended_by.as_str()),
        bye_status: report.bye_status,
        infos,
        media: Some(MediaOutcome {
            sent: stats.sent,
            received: stats.received,
            lost: stats.lost,
            duplicates: stats.duplicates,
            reordered: stats.reordered,
            max_gap_ms: stats.max_gap_ms,
            jitter_ms: stats.jitter_ms,
            digits: stats.digits.clone(),
        }),
        heard: Some(heard),
    }
}

fn milliseconds(duration: Duration) -> f64 {
    (duration.as_secs_f64() * 100_000.0).round() / 100.0
}
