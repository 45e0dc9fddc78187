//! Older exports of the console: `modules` with `branches` and a list of `parameters`, turned into the flow language.
//!
//! They are still found in the wild; the shape is read off published exports.

use serde_json::{Map, Value as Json, json};

use super::problem::{Problem, Problems};

/// Whether a document is such an export.
pub(super) fn is_export(json: &Json) -> bool {
    json.get("modules").is_some_and(Json::is_array) && json.get("Actions").is_none()
}

/// The same document in the flow language.
pub(super) fn convert(json: &Json) -> Result<Json, Problems> {
    let modules = json.get("modules").and_then(Json::as_array).map(Vec::as_slice);
    let mut shown = Map::new();
    let mut actions = Vec::new();
    for module in modules.unwrap_or_default() {
        let module = Module::read(module)?;
        shown.insert(module.id.to_owned(), json!({"parameters": module.shown_names()}));
        actions.push(module.action());
    }
    let metadata = json.get("metadata").unwrap_or(&Json::Null);
    let kind = json.get("type").or_else(|| metadata.get("type"));
    let mut about = Map::new();
    for (name, value) in [
        ("name", metadata.get("name")),
        ("description", metadata.get("description")),
        ("type", kind),
    ] {
        about.extend(value.map(|value| (name.to_owned(), value.clone())));
    }
    about.insert("ActionMetadata".to_owned(), Json::Object(shown));
    Ok(json!({
        "Version": "2019-10-30",
        "StartAction": json.get("start"),
        "Metadata": about,
        "Actions": actions,
    }))
}

/// One module of an export.
struct Module<'a> {
    id: &'a str,
    kind: &'a str,
    target: &'a str,
    parameters: Vec<&'a Json>,
    branches: Vec<&'a Json>,
}

/// What a block of the flow language is called and given.
type Converted = (&'static str, Json);

impl<'a> Module<'a> {
    fn read(json: &'a Json) -> Result<Self, Problems> {
        let text = |name: &str| json.get(name).and_then(Json::as_str);
        let list =
            |name: &str| json.get(name).and_then(Json::as_array).map(|list| list.iter().collect());
        match (text("id"), text("type")) {
            (Some(id), Some(kind)) => Ok(Module {
                id,
                kind,
                target: text("target").unwrap_or_default(),
                parameters: list("parameters").unwrap_or_default(),
                branches: list("branches").unwrap_or_default(),
            }),
            (id, _) => Err(Problems::of(Problem::of_action(
                id.unwrap_or_default(),
                "",
                "is a module without id or type",
                "export the flow again",
            ))),
        }
    }

    fn named(&self, name: &str) -> Vec<&'a Json> {
        let is_it = |json: &&&Json| json.get("name").and_then(Json::as_str) == Some(name);
        self.parameters.iter().filter(is_it).copied().collect()
    }

    fn text(&self, name: &str) -> Option<String> {
        self.named(name).first().map(|json| reference(json))
    }

    /// The names of resources that the editor showed.
    fn shown_names(&self) -> Json {
        let mut shown = Map::new();
        for parameter in &self.parameters {
            let name = parameter.get("name").and_then(Json::as_str).map(new_name);
            let shown_name = parameter.get("resourceName").and_then(Json::as_str);
            if let (Some(name), Some(resource)) = (name, shown_name) {
                shown.insert(name.to_owned(), json!({"displayName": resource}));
            }
        }
        Json::Object(shown)
    }

    fn action(&self) -> Json {
        let (kind, parameters) = self.converted();
        let kind = if kind.is_empty() { self.kind } else { kind };
        json!({
            "Identifier": self.id,
            "Type": kind,
            "Parameters": parameters,
            "Transitions": self.transitions(kind),
        })
    }

    fn converted(&self) -> Converted {
        match (self.kind, self.target) {
            ("StartMediaStreaming", _) => self.streaming("Enabled"),
            ("StopMediaStreaming", _) => self.streaming("Disabled"),
            ("PlayPrompt", _) => ("MessageParticipant", Json::Object(self.message())),
            ("LoopPrompts", _) => self.loop_prompts(),
            ("GetUserInput", "Digits" | "") => self.get_input(),
            ("GetUserInput", _) => ("ConnectParticipantWithLexBot", json!({})),
            ("StoreUserInput", _) => self.store_input(),
            ("Wait", _) => ("Wait", self.taken(&[("TimeLimitSeconds", "Timeout")])),
            ("CheckAttribute", _) => {
                ("Compare", json!({"ComparisonValue": self.text("Attribute")}))
            }
            ("CheckHoursOfOperation", _) => {
                ("CheckHoursOfOperation", self.taken(&[("HoursOfOperationId", "Hours")]))
            }
            ("SetAttributes", _) => {
                ("UpdateContactAttributes", json!({"Attributes": self.keyed("Attribute")}))
            }
            ("SetQueue", _) => (
                "UpdateContactTargetQueue",
                self.taken(&[("QueueId", "Queue"), ("AgentId", "Agent")]),
            ),
            ("SetCallbackNumber", _) => (
                "UpdateContactCallbackNumber",
                self.taken(&[("CallbackNumber", "CallBackNumber"), ("CallbackNumber", "Number")]),
            ),
            ("SetEventHook", _) => self.hook(),
            ("Transfer", "Queue") => ("TransferContactToQueue", json!({})),
            ("Transfer", "Agent") => ("TransferContactToAgent", json!({})),
            ("Transfer", "Flow") => {
                ("TransferToFlow", self.taken(&[("ContactFlowId", "ContactFlowId")]))
            }
            ("Transfer", "PhoneNumber") => self.third_party(),
            ("InvokeExternalResource", _) => self.invoke(),
            ("SetRecordingBehavior", _) => self.recording(),
            ("SetVoice", _) => (
                "UpdateContactTextToSpeechVoice",
                self.taken(&[("TextToSpeechVoice", "GlobalVoice"), ("TextToSpeechVoice", "Voice")]),
            ),
            ("SetLoggingBehavior", _) => ("UpdateFlowLoggingBehavior", json!({})),
            ("Distribute" | "DistributeByPercentage", _) => ("DistributeByPercentage", json!({})),
            ("Loop", _) => ("Loop", self.taken(&[("LoopCount", "LoopCount")])),
            ("Disconnect", _) => ("DisconnectParticipant", json!({})),
            ("EndFlowExecution" | "ResumeContact", _) => ("EndFlowExecution", json!({})),
            _ => ("", json!({})),
        }
    }

    /// Parameters under their new names; the first that is there wins.
    fn taken(&self, names: &[(&str, &str)]) -> Json {
        let mut taken = Map::new();
        for (new, old) in names {
            if let Some(text) = self.text(old) {
                taken.entry((*new).to_owned()).or_insert(json!(text));
            }
        }
        Json::Object(taken)
    }

    /// Parameters with a key.
    fn keyed(&self, name: &str) -> Json {
        let mut keyed = Map::new();
        for parameter in self.named(name) {
            if let Some(key) = parameter.get("key").and_then(Json::as_str) {
                keyed.insert(key.to_owned(), json!(reference(parameter)));
            }
        }
        Json::Object(keyed)
    }

    fn streaming(&self, state: &str) -> Converted {
        let mut directions: Vec<&str> = Vec::new();
        for track in self.named("Track") {
            match track.get("value").and_then(Json::as_str) {
                Some("FromCustomer") => directions.push("From"),
                Some("ToCustomer") => directions.push("To"),
                _ => {}
            }
        }
        if directions.is_empty() && state == "Disabled" {
            directions = vec!["From", "To"];
        }
        let customer = json!([{"ParticipantType": "Customer", "MediaDirections": directions}]);
        let parameters = json!({
            "MediaStreamingState": state,
            "Participants": customer,
            "MediaStreamType": "Audio",
        });
        ("UpdateContactMediaStreamingBehavior", parameters)
    }

    fn message(&self) -> Map<String, Json> {
        let is_ssml = self.text("TextToSpeechType").as_deref() == Some("ssml");
        let mut message = Map::new();
        if let Some(prompt) = self.text("AudioPrompt") {
            message.insert("PromptId".to_owned(), json!(prompt));
        } else if let Some(text) = self.text("Text") {
            message.insert(if is_ssml { "SSML" } else { "Text" }.to_owned(), json!(text));
        }
        message
    }

    fn loop_prompts(&self) -> Converted {
        let message = |parameter: &&Json| {
            let name = match parameter.get("name").and_then(Json::as_str)? {
                "AudioPrompt" => "PromptId",
                "Text" => "Text",
                _ => return None,
            };
            Some(json!({name: reference(parameter)}))
        };
        let messages: Vec<Json> = self.parameters.iter().filter_map(message).collect();
        let mut parameters = json!({"Messages": messages});
        if let Some(seconds) = self.text("InterruptFrequencySeconds") {
            parameters["InterruptFrequencySeconds"] = json!(seconds);
        }
        ("MessageParticipantIteratively", parameters)
    }

    fn get_input(&self) -> Converted {
        let mut parameters = self.message();
        parameters.insert("StoreInput".to_owned(), json!("False"));
        if let Some(seconds) = self.text("Timeout") {
            parameters.insert("InputTimeLimitSeconds".to_owned(), json!(seconds));
        }
        ("GetParticipantInput", Json::Object(parameters))
    }

    fn store_input(&self) -> Converted {
        let mut parameters = self.message();
        parameters.insert("StoreInput".to_owned(), json!("True"));
        if let Some(seconds) = self.text("Timeout") {
            parameters.insert("InputTimeLimitSeconds".to_owned(), json!(seconds));
        }
        let is_phone = self.text("CustomerInputType").as_deref() == Some("PhoneNumber");
        let validation = if is_phone {
            json!({"PhoneNumberValidation": {"NumberFormat": "E164"}})
        } else {
            let keys = self.text("MaxDigits").unwrap_or_else(|| "20".to_owned());
            json!({"CustomValidation": {"MaximumLength": keys}})
        };
        parameters.insert("InputValidation".to_owned(), validation);
        if self.text("EncryptEntry").is_some_and(|text| text.eq_ignore_ascii_case("true")) {
            parameters.insert("InputEncryption".to_owned(), json!({}));
        }
        let mut keys = Map::new();
        if let Some(terminator) = self.text("TerminatorDigits") {
            keys.insert("InputTerminationSequence".to_owned(), json!(terminator));
        }
        if let Some(disabled) = self.text("DisableCancel") {
            keys.insert("DisableCancelKey".to_owned(), json!(disabled));
        }
        parameters.insert("DTMFConfiguration".to_owned(), Json::Object(keys));
        ("GetParticipantInput", Json::Object(parameters))
    }

    fn hook(&self) -> Converted {
        let event = self.text("Type").unwrap_or_default();
        let flow = self.text("ContactFlowId");
        ("UpdateContactEventHooks", json!({"EventHooks": {event: flow}}))
    }

    fn third_party(&self) -> Converted {
        let mut parameters = self.taken(&[
            ("ThirdPartyPhoneNumber", "PhoneNumber"),
            ("ThirdPartyConnectionTimeLimitSeconds", "TimeLimit"),
            ("ThirdPartyDTMFDigits", "SendDTMF"),
        ]);
        let is_blind = self.text("BlindTransfer").is_some_and(|text| text == "true");
        parameters["ContinueFlowExecution"] = json!(if is_blind { "False" } else { "True" });
        ("TransferParticipantToThirdParty", parameters)
    }

    fn invoke(&self) -> Converted {
        let mut parameters = self.taken(&[
            ("LambdaFunctionARN", "FunctionArn"),
            ("InvocationTimeLimitSeconds", "TimeLimit"),
        ]);
        parameters["LambdaInvocationAttributes"] = self.keyed("Parameter");
        ("InvokeLambdaFunction", parameters)
    }

    fn recording(&self) -> Converted {
        let is_on = self.text("RecordingBehaviorOption").as_deref() == Some("Enable");
        let who = match self.text("RecordingParticipantOption").as_deref() {
            _ if !is_on => json!([]),
            Some("Agent") => json!(["Agent"]),
            Some("Customer") => json!(["Customer"]),
            _ => json!(["Agent", "Customer"]),
        };
        (
            "UpdateContactRecordingBehavior",
            json!({"RecordingBehavior": {"RecordedParticipants": who}}),
        )
    }

    fn transitions(&self, kind: &str) -> Json {
        let mut next = Json::Null;
        let mut errors = Vec::new();
        let mut conditions = Vec::new();
        for branch in &self.branches {
            let to = branch.get("transition").cloned().unwrap_or_default();
            let named = branch.get("condition").and_then(Json::as_str).unwrap_or_default();
            match way(kind, named, branch) {
                Way::Next => next = to,
                Way::Error(error) => errors.push(json!({"NextAction": to, "ErrorType": error})),
                Way::Condition(operator, operand) => conditions.push(json!({
                    "NextAction": to,
                    "Condition": {"Operator": operator, "Operands": [operand]},
                })),
            }
        }
        json!({"NextAction": next, "Errors": errors, "Conditions": conditions})
    }
}

/// What a branch of an export is in the flow language.
enum Way {
    Next,
    Error(&'static str),
    Condition(String, String),
}

fn way(kind: &str, named: &str, branch: &Json) -> Way {
    let equals = |operand: &str| Way::Condition("Equals".to_owned(), operand.to_owned());
    match (kind, named) {
        ("MessageParticipantIteratively", "Timeout") => equals("MessagesInterrupted"),
        ("Wait", "Timeout" | "TimeExpired") => equals("WaitCompleted"),
        ("TransferParticipantToThirdParty", "Timeout") => Way::Error("ConnectionTimeLimitExceeded"),
        (_, "Timeout") => Way::Error("InputTimeLimitExceeded"),
        (_, "Error") => Way::Error("NoMatchingError"),
        (_, "NoMatch") => Way::Error("NoMatchingCondition"),
        (_, "AtCapacity") => Way::Error("QueueAtCapacity"),
        (_, "CallFailure") => Way::Error("CallFailed"),
        (_, "InvalidNumber") => Way::Error("InvalidPhoneNumber"),
        (_, "True" | "False") => equals(named),
        (_, "Looping") => equals("ContinueLooping"),
        (_, "Complete") => equals("DoneLooping"),
        (_, "Evaluate") => {
            let operator = branch.get("conditionType").and_then(Json::as_str).unwrap_or_default();
            let operand = branch.get("conditionValue").map(plain).unwrap_or_default();
            Way::Condition(operator_name(operator).to_owned(), operand)
        }
        _ => Way::Next,
    }
}

fn operator_name(old: &str) -> &str {
    match old {
        "StartsWith" => "TextStartsWith",
        "EndsWith" => "TextEndsWith",
        "Contains" => "TextContains",
        "GreaterThan" | "GT" => "NumberGreaterThan",
        "GreaterThanOrEqualTo" | "GTE" => "NumberGreaterOrEqualTo",
        "LessThan" | "LT" => "NumberLessThan",
        "LessThanOrEqualTo" | "LTE" => "NumberLessOrEqualTo",
        other => other,
    }
}

fn new_name(old: &str) -> &str {
    match old {
        "AudioPrompt" => "PromptId",
        "Queue" => "QueueId",
        "Agent" => "AgentId",
        "Hours" => "HoursOfOperationId",
        "FunctionArn" => "LambdaFunctionARN",
        other => other,
    }
}

/// The value of a parameter: a text, or what its namespace makes of it.
fn reference(parameter: &Json) -> String {
    let text = parameter.get("value").map(plain).unwrap_or_default();
    match parameter.get("namespace").and_then(Json::as_str) {
        None | Some("") => text,
        Some("External") => format!("$['External']['{text}']"),
        Some("User Defined") => format!("$['Attributes']['{text}']"),
        Some("System") => match text.as_str() {
            "Customer Number" => "$.CustomerEndpoint.Address".to_owned(),
            "Dialed Number" => "$.SystemEndpoint.Address".to_owned(),
            "Stored customer input" => "$.StoredCustomerInput".to_owned(),
            "Customer callback number" => "$.CustomerCallbackNumber".to_owned(),
            "Queue.Name" | "Queue.ARN" | "Channel" => format!("$.{text}"),
            "Contact id" => "$.ContactId".to_owned(),
            _ => format!("$.{}", text.replace(' ', "")),
        },
        Some("MediaStreams") => format!("$.MediaStreams.{text}"),
        Some(other) => format!("$['{other}']['{text}']"),
    }
}

fn plain(json: &Json) -> String {
    match json {
        Json::String(text) => text.clone(),
        Json::Null => String::new(),
        Json::Bool(_) | Json::Number(_) | Json::Array(_) | Json::Object(_) => json.to_string(),
    }
}
