//! The operations beside streaming, each at the path that the model gives it.

use axum::extract::{OriginalUri, RawPathParams, State};
use axum::http::{HeaderMap, Method};
use axum::response::Response;
use serde_json::{Value, json};

use super::{admit, answer, ask};
use crate::acd::{Floor, Presence};
use crate::control::contact::{
    self, ContactErrorView, ContactRefusal, ContactRequest, Page, RECORDING, RecordingChange,
};
use crate::control::json::CallView;
use crate::control::tables::ContactError;
use crate::http::Shared;
use crate::http::error::ApiError;
use crate::http::request::Body;
use crate::http::settings::Scope;
use crate::id::{AgentName, CallId};

/// What an operation comes to: the members that boto3 reads.
type Told = Result<Value, ContactRefusal>;

/// One operation: admitted for its scope, then carried out.
macro_rules! operation {
    ($(#[$doc:meta])* $name:ident, $method:ident, $path:literal, $scope:ident, ($($($part:ident = $shown:literal),+)?), $run:expr) => {
        $(#[$doc])*
        #[utoipa::path($method, path = $path, tag = "contact API",
            $(params($(($shown = String, Path)),+),)?
            responses((status = 200, body = Object), (status = 400, body = ContactErrorView),
                (status = 403, body = ContactErrorView), (status = 404, body = ContactErrorView),
                (status = 500, body = ContactErrorView)))]
        pub(in crate::http) async fn $name(
            State(shared): State<Shared>,
            OriginalUri(uri): OriginalUri,
            method: Method,
            parts: RawPathParams,
            headers: HeaderMap,
            body: Result<Body, ApiError>,
        ) -> Response {
            let carried_out = async {
                let body = admit(&shared, &method, &uri, &headers, body, Scope::$scope)?;
                let parts: Vec<&str> = parts.iter().map(|(_, value)| value).collect();
                let [$($($part),+)?] = parts.as_slice() else {
                    return Err(ContactRefusal::new(ContactError::InvalidRequest, "the path has other parts"));
                };
                let query = uri.query().unwrap_or_default();
                let asked = Asked { shared: &shared, body: &body, query };
                ($run)(asked, $($($part),+)?).await
            };
            answer(carried_out.await)
        }
    };
}

/// A request that may be carried out.
struct Asked<'a> {
    shared: &'a Shared,
    body: &'a [u8],
    query: &'a str,
}

operation! {
    /// Records the contact into the sink of `[streaming.record]`: a stereo WAV file where that sink writes such. Once per contact.
    start_recording, post, "/contact/start-recording", Recordings, (), Asked::start_recording
}
operation! {
    /// Ends the contact's recording. It cannot be started again.
    stop_recording, post, "/contact/stop-recording", Recordings, (), Asked::stop_recording
}
operation! {
    /// Fills the recording with silence from here on.
    suspend_recording, post, "/contact/suspend-recording", Recordings, (), Asked::suspend_recording
}
operation! {
    /// Lets the recording hear again.
    resume_recording, post, "/contact/resume-recording", Recordings, (), Asked::resume_recording
}
operation! {
    /// Ends a contact.
    stop_contact, post, "/contact/stop", Contacts, (), Asked::stop_contact
}
operation! {
    /// Connects the customer with another agent, by the dial plan.
    transfer, post, "/contact/transfer", Contacts, (), Asked::transfer
}
operation! {
    /// What is known of a contact.
    describe, get, "/contacts/{instance}/{contact}", Contacts, (instance = "instance", contact = "contact"), Asked::describe
}
operation! {
    /// Says more of a contact: each name gets its new value, 32 KiB for all of them.
    update_attributes, post, "/contact/attributes", Contacts, (), Asked::update_attributes
}
operation! {
    /// What was said of a contact.
    attributes, get, "/contact/attributes/{instance}/{contact}", Contacts, (instance = "instance", contact = "contact"),
    Asked::attributes
}
operation! {
    /// The queues.
    list_queues, get, "/queues-summary/{instance}", Queues, (instance = "instance"), Asked::list_queues
}
operation! {
    /// The agents.
    list_users, get, "/users-summary/{instance}", Queues, (instance = "instance"), Asked::list_users
}
operation! {
    /// Lets an agent be something else, after its contact if it is on one.
    put_user_status, put, "/users/{instance}/{user}/status", Queues, (instance = "instance", user = "user"),
    Asked::put_user_status
}
operation! {
    /// How queues and agents stand.
    current_metrics, post, "/metrics/current/{instance}", Queues, (instance = "instance"), Asked::current_metrics
}

impl Asked<'_> {
    async fn start_recording(self) -> Told {
        let profile = self.shared.gateway.recording.as_ref();
        let asked = contact::start_recording(self.body, profile)?;
        if self.has_recorded(asked.call) {
            let message = "the contact was recorded before, or is: a recording is started once";
            return Err(ContactRefusal::new(ContactError::InvalidRequest, message));
        }
        self.carry_out(asked).await
    }

    async fn stop_recording(self) -> Told {
        self.change_recording(RecordingChange::Stop).await
    }

    async fn suspend_recording(self) -> Told {
        self.change_recording(RecordingChange::Suspend).await
    }

    async fn resume_recording(self) -> Told {
        self.change_recording(RecordingChange::Resume).await
    }

    async fn change_recording(self, change: RecordingChange) -> Told {
        let asked = contact::change_recording(self.body, change)?;
        self.carry_out(asked).await
    }

    async fn stop_contact(self) -> Told {
        let asked = contact::stop_contact(self.body)?;
        let known = self.shared.gateway.notify.board.call(asked.call);
        if known.is_some_and(|call| call.ended_at.is_some()) {
            let message = "the contact is over";
            return Err(ContactRefusal::new(ContactError::ContactNotFound, message));
        }
        self.carry_out(asked).await
    }

    async fn transfer(self) -> Told {
        let floor = self.floor().await?;
        let phone_of = |agent: &str| {
            let found = floor.agents.iter().find(|view| view.agent.as_str() == agent);
            found.map(|view| view.user.to_string())
        };
        let asked = contact::transfer(self.body, phone_of)?;
        let call = asked.call.to_string();
        self.carry_out(asked).await?;
        // The contact stays the same one: its id outlives a transfer.
        Ok(json!({"ContactId": call}))
    }

    async fn describe(self, instance: &str, id: &str) -> Told {
        Ok(contact::described(&self.known(instance, id)?))
    }

    async fn update_attributes(self) -> Told {
        let asked = contact::update_attributes(self.body)?;
        self.carry_out(asked).await
    }

    async fn attributes(self, instance: &str, id: &str) -> Told {
        Ok(json!({"Attributes": self.known(instance, id)?.attributes}))
    }

    async fn list_queues(self, instance: &str) -> Told {
        contact::instance_in_path(instance)?;
        let kinds = self.parameters("queueTypes");
        contact::list_queues(&self.floor().await?.queues, &kinds, self.page()?)
    }

    async fn list_users(self, instance: &str) -> Told {
        contact::instance_in_path(instance)?;
        Ok(contact::list_users(&self.floor().await?.agents, self.page()?))
    }

    async fn put_user_status(self, instance: &str, user: &str) -> Told {
        contact::instance_in_path(instance)?;
        let gateway = &self.shared.gateway;
        let presence: Presence = contact::put_user_status(self.body, &gateway.custom_states)?;
        let agent = AgentName::new(contact::resource(user));
        match (gateway.present)(agent, presence).await {
            Some(true) => Ok(json!({})),
            Some(false) => Err(ContactRefusal::new(
                ContactError::ResourceNotFound,
                "there is no agent of that UserId",
            )),
            None => Err(gone()),
        }
    }

    async fn current_metrics(self, instance: &str) -> Told {
        contact::instance_in_path(instance)?;
        let now = (self.shared.gateway.wall)().as_unix_millis() as f64 / 1_000.0;
        contact::current_metrics(self.body, &self.floor().await?.queues, now)
    }

    /// Asks the call; the answer has no members.
    async fn carry_out(&self, asked: ContactRequest) -> Told {
        ask(self.shared, asked).await.map(|_| json!({}))
    }

    fn known(&self, instance: &str, id: &str) -> Result<CallView, ContactRefusal> {
        let call = contact::contact_in_path(instance, id)?;
        let known = self.shared.gateway.notify.board.call(call);
        known.ok_or_else(|| crate::command::Denied::NoSuchCall.into())
    }

    fn has_recorded(&self, call: CallId) -> bool {
        let known = self.shared.gateway.notify.board.call(call);
        let is_recording = |label: &Option<String>| label.as_deref() == Some(RECORDING);
        known.is_some_and(|call| call.streams.iter().any(|it| is_recording(&it.label)))
    }

    async fn floor(&self) -> Result<Floor, ContactRefusal> {
        (self.shared.gateway.floor)().await.ok_or_else(gone)
    }

    fn page(&self) -> Result<Page, ContactRefusal> {
        let [most, token] = ["maxResults", "nextToken"].map(|name| self.parameters(name));
        Page::of(most.first().map(String::as_str), token.first().map(String::as_str))
    }

    /// The values of a parameter of the query.
    fn parameters(&self, name: &str) -> Vec<String> {
        let pairs = self.query.split('&').filter_map(|pair| pair.split_once('='));
        pairs
            .filter(|(given, _)| *given == name)
            .map(|(_, value)| crate::http::access::percent_decoded(value))
            .collect()
    }
}

fn gone() -> ContactRefusal {
    ContactRefusal::new(ContactError::InternalService, "the switch did not answer")
}
