//! The operations on queues and agents: lists by pages, an agent's status, and how everything stands.

use serde::Deserialize;
use serde_json::{Map, Value, json};

use super::contacts::{arn, resource};
use super::{ContactRefusal, invalid, member, read};
use crate::acd::{AgentFigures, AgentView, Presence, QueueFigures};
use crate::control::tables::ContactError;

/// Most items of a page of a list, and of figures.
const LIST_PAGE: usize = 1_000;
const FIGURES_PAGE: usize = 100;

/// Which page is asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Page {
    from: usize,
    most: usize,
}

impl Page {
    /// From the two parameters of a query.
    ///
    /// # Errors
    /// When they are out of their bounds; a token is one of ours.
    pub fn of(max_results: Option<&str>, next_token: Option<&str>) -> Result<Page, ContactRefusal> {
        let most = match max_results {
            Some(text) => text.parse().ok(),
            None => Some(100),
        };
        let most = most.filter(|most| (1..=LIST_PAGE).contains(most));
        let most = most.ok_or_else(|| invalid("MaxResults must be 1 to 1000".to_owned()))?;
        Ok(Page { from: offset(next_token)?, most })
    }

    /// The items of this page, and the token of the next one.
    fn cut(self, mut items: Vec<Value>) -> (Vec<Value>, Option<String>) {
        let end = self.from.saturating_add(self.most);
        let next = (items.len() > end).then(|| format!("p{end}"));
        items.truncate(end);
        items.drain(..self.from.min(items.len()));
        (items, next)
    }
}

fn offset(token: Option<&str>) -> Result<usize, ContactRefusal> {
    let Some(token) = token else { return Ok(0) };
    let offset = token.strip_prefix('p').and_then(|number| number.parse().ok());
    offset.ok_or_else(|| invalid("NextToken is not one that this server gave".to_owned()))
}

/// ListQueues. `kinds` are the wanted QueueTypes; none means all.
///
/// # Errors
/// A kind that is none.
pub fn list_queues(
    queues: &[QueueFigures],
    kinds: &[String],
    page: Page,
) -> Result<Value, ContactRefusal> {
    if kinds.iter().any(|kind| !matches!(kind.as_str(), "STANDARD" | "AGENT")) {
        return Err(invalid("QueueTypes are STANDARD and AGENT".to_owned()));
    }
    let wanted = kinds.is_empty() || kinds.iter().any(|kind| kind == "STANDARD");
    let item = |queue: &QueueFigures| {
        let id = queue.queue.as_str();
        json!({"Id": id, "Arn": arn("queue", id), "Name": id, "QueueType": "STANDARD"})
    };
    let items = if wanted { queues.iter().map(item).collect() } else { Vec::new() };
    Ok(listed("QueueSummaryList", items, page))
}

/// ListUsers.
pub fn list_users(agents: &[AgentView], page: Page) -> Value {
    let item = |agent: &AgentView| {
        let id = agent.agent.as_str();
        json!({"Id": id, "Arn": arn("agent", id), "Username": id})
    };
    listed("UserSummaryList", agents.iter().map(item).collect(), page)
}

fn listed(name: &str, items: Vec<Value>, page: Page) -> Value {
    let (items, next) = page.cut(items);
    let mut body = Map::from_iter([(name.to_owned(), Value::Array(items))]);
    if let Some(next) = next {
        body.insert("NextToken".to_owned(), json!(next));
    }
    Value::Object(body)
}

/// What PutUserStatus asks for: an agent status is named as the agents' states are here.
///
/// # Errors
/// When there is no such state.
pub fn put_user_status(body: &[u8], custom: &[String]) -> Result<Presence, ContactRefusal> {
    #[derive(Default, Deserialize)]
    #[serde(rename_all = "PascalCase", default)]
    struct Sent {
        agent_status_id: Option<String>,
    }
    let sent: Sent = read(body)?;
    let id = resource(member("AgentStatusId", sent.agent_status_id.as_deref(), 256)?);
    if id.eq_ignore_ascii_case("available") {
        return Ok(Presence::Available);
    }
    if id.eq_ignore_ascii_case("offline") {
        return Ok(Presence::Offline);
    }
    match custom.iter().find(|state| *state == id) {
        Some(state) => Ok(Presence::Custom(state.clone())),
        None => Err(ContactRefusal::new(
            ContactError::ResourceNotFound,
            "there is no such status: available, offline, or one of `custom_states` in [acd]",
        )),
    }
}

/// GetCurrentMetricData as it is sent.
#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MetricsSent {
    filters: Option<Filters>,
    groupings: Vec<String>,
    current_metrics: Option<Vec<MetricSent>>,
    next_token: Option<String>,
    max_results: Option<usize>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct Filters {
    queues: Vec<String>,
    channels: Vec<String>,
    routing_profiles: Vec<String>,
}

#[derive(Clone, Debug, Default, Deserialize)]
#[serde(rename_all = "PascalCase", default)]
struct MetricSent {
    name: Option<String>,
    unit: Option<String>,
}

/// A figure that can be asked for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Metric {
    Online,
    Available,
    OnContact,
    NonProductive,
    AfterContact,
    Error,
    Staffed,
    InQueue,
    Oldest,
    Scheduled,
    Active,
    Free,
    Wait,
}

impl Metric {
    fn of(name: &str) -> Option<Metric> {
        Some(match name {
            "AGENTS_ONLINE" => Metric::Online,
            "AGENTS_AVAILABLE" => Metric::Available,
            "AGENTS_ON_CALL" | "AGENTS_ON_CONTACT" => Metric::OnContact,
            "AGENTS_NON_PRODUCTIVE" => Metric::NonProductive,
            "AGENTS_AFTER_CONTACT_WORK" => Metric::AfterContact,
            "AGENTS_ERROR" => Metric::Error,
            "AGENTS_STAFFED" => Metric::Staffed,
            "CONTACTS_IN_QUEUE" => Metric::InQueue,
            "OLDEST_CONTACT_AGE" => Metric::Oldest,
            "CONTACTS_SCHEDULED" => Metric::Scheduled,
            "SLOTS_ACTIVE" => Metric::Active,
            "SLOTS_AVAILABLE" => Metric::Free,
            "ESTIMATED_WAIT_TIME" => Metric::Wait,
            _ => return None,
        })
    }

    fn unit(self) -> &'static str {
        match self {
            Metric::Oldest | Metric::Wait => "SECONDS",
            Metric::Online
            | Metric::Available
            | Metric::OnContact
            | Metric::NonProductive
            | Metric::AfterContact
            | Metric::Error
            | Metric::Staffed
            | Metric::InQueue
            | Metric::Scheduled
            | Metric::Active
            | Metric::Free => "COUNT",
        }
    }

    fn value(self, figures: &QueueFigures) -> Value {
        let agents = &figures.agents;
        match self {
            Metric::Online => json!(agents.online),
            Metric::Available | Metric::Free => json!(agents.available),
            // A phone that rings is on its contact already, in the service that these names come from.
            Metric::OnContact | Metric::Active => json!(agents.on_contact + agents.reserved),
            Metric::NonProductive => json!(agents.custom),
            Metric::AfterContact => json!(agents.after_contact),
            Metric::Error => json!(agents.missed),
            Metric::Staffed => json!(agents.staffed),
            Metric::InQueue => json!(figures.contacts),
            Metric::Oldest => json!(figures.oldest.map_or(0, |age| age.as_secs())),
            Metric::Scheduled => json!(0),
            Metric::Wait => figures.estimated_wait.map_or(Value::Null, |it| json!(it.as_secs())),
        }
    }
}

/// GetCurrentMetricData: figures of the queues that the filter names, one result for each. All contacts are voice contacts.
///
/// # Errors
/// A member out of its bounds, or a queue that is not there.
pub fn current_metrics(
    body: &[u8],
    queues: &[QueueFigures],
    now: f64,
) -> Result<Value, ContactRefusal> {
    let sent: MetricsSent = read(body)?;
    let filters = sent.filters.ok_or_else(|| invalid("Filters is missing".to_owned()))?;
    if !filters.routing_profiles.is_empty() {
        return Err(invalid("figures are told by queue: filter by Queues".to_owned()));
    }
    if filters.queues.is_empty() || filters.queues.len() > 100 {
        return Err(invalid("Filters.Queues must name 1 to 100 queues".to_owned()));
    }
    if filters.channels.iter().any(|it| !["VOICE", "CHAT", "TASK", "EMAIL"].contains(&&**it)) {
        return Err(invalid("Channels are VOICE, CHAT, TASK and EMAIL".to_owned()));
    }
    if sent.groupings.iter().any(|grouping| !["QUEUE", "CHANNEL"].contains(&&**grouping)) {
        return Err(invalid("Groupings are QUEUE and CHANNEL here".to_owned()));
    }
    let metrics = metrics(sent.current_metrics)?;
    let is_voice = filters.channels.is_empty() || filters.channels.iter().any(|it| it == "VOICE");
    let mut found = Vec::new();
    for id in filters.queues.iter().filter(|_| is_voice) {
        let queue = queues.iter().find(|queue| queue.queue.as_str() == resource(id));
        let message = || format!("there is no queue `{}`", resource(id));
        found.push(
            queue.ok_or_else(|| ContactRefusal::new(ContactError::ResourceNotFound, message()))?,
        );
    }
    let by = |grouping: &str| sent.groupings.iter().any(|it| it == grouping);
    let results: Vec<Value> = if by("QUEUE") {
        found.iter().map(|queue| result(queue, Some(queue), by("CHANNEL"), &metrics)).collect()
    } else {
        let sum = summed(&found);
        sum.iter().map(|sum| result(sum, None, by("CHANNEL"), &metrics)).collect()
    };
    let most = sent.max_results.unwrap_or(FIGURES_PAGE);
    if !(1..=FIGURES_PAGE).contains(&most) {
        return Err(invalid("MaxResults must be 1 to 100".to_owned()));
    }
    let count = results.len();
    let page = Page { from: offset(sent.next_token.as_deref())?, most };
    let mut body = listed("MetricResults", results, page);
    body["DataSnapshotTime"] = json!(now);
    body["ApproximateTotalCount"] = json!(count);
    Ok(body)
}

fn metrics(sent: Option<Vec<MetricSent>>) -> Result<Vec<(String, Metric)>, ContactRefusal> {
    let sent = sent.unwrap_or_default();
    if sent.is_empty() {
        return Err(invalid("CurrentMetrics is missing".to_owned()));
    }
    let metric = |metric: MetricSent| {
        let name = metric.name.unwrap_or_default();
        let known = Metric::of(&name);
        let known = known.ok_or_else(|| invalid(format!("there is no metric `{name}`")))?;
        match metric.unit {
            Some(unit) if unit != known.unit() => {
                Err(invalid(format!("{name} is told in {}", known.unit())))
            }
            _ => Ok((name, known)),
        }
    };
    sent.into_iter().map(metric).collect()
}

fn result(
    figures: &QueueFigures,
    queue: Option<&QueueFigures>,
    by_channel: bool,
    metrics: &[(String, Metric)],
) -> Value {
    let mut dimensions = Map::new();
    if let Some(queue) = queue {
        let id = queue.queue.as_str();
        dimensions.insert("Queue".to_owned(), json!({"Id": id, "Arn": arn("queue", id)}));
    }
    if by_channel {
        dimensions.insert("Channel".to_owned(), json!("VOICE"));
    }
    let collection = |(name, metric): &(String, Metric)| json!({"Metric": {"Name": name, "Unit": metric.unit()}, "Value": metric.value(figures)});
    json!({
        "Dimensions": dimensions,
        "Collections": metrics.iter().map(collection).collect::<Vec<_>>(),
    })
}

/// Several queues as one. An agent that serves two of them counts in each.
fn summed(queues: &[&QueueFigures]) -> Option<QueueFigures> {
    let (first, rest) = queues.split_first()?;
    let mut sum = (*first).clone();
    for queue in rest {
        sum.contacts += queue.contacts;
        sum.oldest = sum.oldest.max(queue.oldest);
        sum.estimated_wait = sum.estimated_wait.max(queue.estimated_wait);
        let (all, more) = (&mut sum.agents, &queue.agents);
        *all = AgentFigures {
            online: all.online + more.online,
            staffed: all.staffed + more.staffed,
            available: all.available + more.available,
            reserved: all.reserved + more.reserved,
            on_contact: all.on_contact + more.on_contact,
            after_contact: all.after_contact + more.after_contact,
            missed: all.missed + more.missed,
            custom: all.custom + more.custom,
        };
    }
    Some(sum)
}
