//! The flow language: the envelope, the actions, where they lead.

use std::collections::{BTreeMap, BTreeSet};

use serde_json::{Map, Value as Json};

use super::fields::Fields;
use super::problem::{Problem, Problems, Severity};
use super::{ACTIONS, Loading, blocks};
use crate::flow::block::{Action, Block};
use crate::flow::condition::{ActionIndex, Condition, Operator, Transitions};
use crate::flow::kinds::FlowType;

/// The one version that there is.
const VERSION: &str = "2019-10-30";
/// Longest identifier, in characters.
const IDENTIFIER: usize = 50;

/// What a document says.
#[derive(Debug)]
pub(super) struct Read {
    pub(super) name: Option<String>,
    pub(super) description: String,
    pub(super) kind: FlowType,
    pub(super) actions: Vec<Action>,
    pub(super) start: ActionIndex,
    pub(super) remarks: Vec<Problem>,
}

/// Reads a document of the flow language.
pub(super) fn read(json: &Json, loading: &Loading) -> Result<Read, Problems> {
    let mut problems = Vec::new();
    let Some(document) = json.as_object() else {
        let problem =
            Problem::document("", "is no object", "write {\"Version\":\"2019-10-30\",...}");
        return Err(Problems::of(problem));
    };
    version(document, &mut problems);
    let metadata = document.get("Metadata").unwrap_or(&Json::Null);
    let kind = kind(document, metadata, loading, &mut problems);
    let list = actions(document, &mut problems);
    let places = places(&list, &mut problems);
    let read: Vec<Action> =
        list.iter().map(|json| action(json, metadata, &places, loading, &mut problems)).collect();
    let start = start(document, &places, &mut problems);
    if problems.iter().all(|problem| problem.severity == Severity::Warning) {
        judge(&read, start, kind, &mut problems);
    }
    let (errors, remarks): (Vec<_>, Vec<_>) =
        problems.into_iter().partition(|problem| problem.severity == Severity::Error);
    if !errors.is_empty() {
        return Err(Problems(errors));
    }
    let text = |name: &str| metadata.get(name).and_then(Json::as_str).map(str::to_owned);
    Ok(Read {
        name: text("name").filter(|name| !name.is_empty()),
        description: text("description").unwrap_or_default(),
        kind,
        actions: read,
        start,
        remarks,
    })
}

fn version(document: &Map<String, Json>, problems: &mut Vec<Problem>) {
    match document.get("Version").and_then(Json::as_str) {
        Some(VERSION) => {}
        Some(other) => problems.push(Problem::document(
            "Version",
            format!("is {other:?}"),
            "only \"2019-10-30\" is known",
        )),
        None => problems.push(Problem::document("Version", "is missing", "write \"2019-10-30\"")),
    }
}

fn kind(
    document: &Map<String, Json>,
    metadata: &Json,
    loading: &Loading,
    problems: &mut Vec<Problem>,
) -> FlowType {
    let said = metadata.get("type").or_else(|| document.get("Type")).and_then(Json::as_str);
    match (said, loading.kind) {
        (_, Some(kind)) => kind,
        (None, None) => FlowType::Contact,
        (Some(name), None) => FlowType::from_name(name).unwrap_or_else(|| {
            let names: Vec<&str> = FlowType::ALL.iter().map(|kind| kind.as_str()).collect();
            problems.push(Problem::document(
                "Metadata.type",
                format!("{name:?} is no type of flow"),
                format!("write one of {}", names.join(", ")),
            ));
            FlowType::Contact
        }),
    }
}

fn actions<'a>(document: &'a Map<String, Json>, problems: &mut Vec<Problem>) -> Vec<&'a Json> {
    let list = document.get("Actions").and_then(Json::as_array);
    match list {
        Some(list) if (1..=ACTIONS).contains(&list.len()) => list.iter().collect(),
        _ => {
            let mend = format!("write a list of 1 to {ACTIONS} actions");
            problems.push(Problem::document("Actions", "is no list of actions", mend));
            Vec::new()
        }
    }
}

/// The name of an action for a person.
fn identifier(json: &Json) -> &str {
    json.get("Identifier").and_then(Json::as_str).unwrap_or_default()
}

fn places<'a>(list: &[&'a Json], problems: &mut Vec<Problem>) -> BTreeMap<&'a str, ActionIndex> {
    let mut places = BTreeMap::new();
    for (index, json) in list.iter().enumerate() {
        let name = identifier(json);
        if name.is_empty() || name.chars().count() > IDENTIFIER {
            let what = format!("of the action at place {index} is missing or too long");
            let mend = format!("write 1 to {IDENTIFIER} characters");
            problems.push(Problem::of_action(name, "Identifier", what, mend));
        }
        if places.insert(name, index).is_some() {
            problems.push(Problem::of_action(
                name,
                "Identifier",
                "is used twice",
                "give every action a name of its own",
            ));
        }
    }
    places
}

fn start(
    document: &Map<String, Json>,
    places: &BTreeMap<&str, ActionIndex>,
    problems: &mut Vec<Problem>,
) -> ActionIndex {
    let name = document.get("StartAction").and_then(Json::as_str);
    match name.map(|name| (name, places.get(name))) {
        Some((_, Some(place))) => *place,
        Some((name, None)) => {
            let what = format!("names {name:?}, which is none of the actions");
            problems.push(Problem::document("StartAction", what, "name an action's Identifier"));
            0
        }
        None => {
            problems.push(Problem::document("StartAction", "is missing", "name the first action"));
            0
        }
    }
}

fn action(
    json: &Json,
    metadata: &Json,
    places: &BTreeMap<&str, ActionIndex>,
    loading: &Loading,
    problems: &mut Vec<Problem>,
) -> Action {
    let name = identifier(json);
    let empty = Map::new();
    let parameters = match json.get("Parameters") {
        Some(Json::Object(map)) => map,
        None | Some(Json::Null) => &empty,
        Some(_) => {
            problems.push(Problem::of_action(
                name,
                "Parameters",
                "is no object",
                "write an object in braces",
            ));
            &empty
        }
    };
    let shown = metadata.get("ActionMetadata").and_then(|all| all.get(name));
    let kind = json.get("Type").and_then(Json::as_str).unwrap_or_default();
    let mut fields = Fields::new(name, parameters, shown, problems);
    let block = blocks::read(kind, &mut fields, loading);
    let transitions = transitions(name, json.get("Transitions"), places, problems);
    Action { identifier: name.to_owned(), block, transitions }
}

fn transitions(
    action: &str,
    json: Option<&Json>,
    places: &BTreeMap<&str, ActionIndex>,
    problems: &mut Vec<Problem>,
) -> Transitions {
    let json = json.unwrap_or(&Json::Null);
    let list = |name: &str| json.get(name).and_then(Json::as_array).cloned().unwrap_or_default();
    let mut target = |field: String, json: Option<&Json>| -> Option<ActionIndex> {
        let name = json.and_then(Json::as_str).filter(|name| !name.is_empty())?;
        let place = places.get(name).copied();
        if place.is_none() {
            let what = format!("leads to {name:?}, which is none of the actions");
            let mend = "name an action's Identifier";
            problems.push(Problem::of_action(action, &field, what, mend));
        }
        place
    };
    let next = target("Transitions.NextAction".to_owned(), json.get("NextAction"));
    let mut errors = Vec::new();
    for (index, error) in list("Errors").iter().enumerate() {
        let field = format!("Transitions.Errors[{index}].NextAction");
        let kind = error.get("ErrorType").and_then(Json::as_str).unwrap_or_default();
        errors.extend(target(field, error.get("NextAction")).map(|place| (kind.to_owned(), place)));
    }
    let mut conditions = Vec::new();
    for (index, entry) in list("Conditions").iter().enumerate() {
        let field = format!("Transitions.Conditions[{index}]");
        let place = target(format!("{field}.NextAction"), entry.get("NextAction"));
        conditions.push((field, entry.get("Condition").cloned().unwrap_or_default(), place));
    }
    let mut read = Vec::new();
    for (field, json, place) in conditions {
        match (condition(&json), place) {
            (Some(condition), Some(place)) => read.push((condition, place)),
            (Some(_), None) => {}
            (None, _) => problems.push(Problem::of_action(
                action,
                &format!("{field}.Condition"),
                "is no condition",
                "write an Operator (Equals, TextContains, NumberLessThan, ...) and a list of Operands",
            )),
        }
    }
    Transitions { next, conditions: read, errors }
}

fn condition(json: &Json) -> Option<Condition> {
    let operator = Operator::from_name(json.get("Operator")?.as_str()?)?;
    let text = |operand: &Json| match operand {
        Json::String(text) => Some(text.clone()),
        Json::Number(number) => Some(number.to_string()),
        Json::Null | Json::Bool(_) | Json::Array(_) | Json::Object(_) => None,
    };
    let operands: Vec<String> = json.get("Operands")?.as_array()?.iter().filter_map(text).collect();
    (!operands.is_empty()).then_some(Condition { operator, operands })
}

/// What a document that can be run hardly means.
fn judge(actions: &[Action], start: ActionIndex, kind: FlowType, problems: &mut Vec<Problem>) {
    let mut reached = BTreeSet::new();
    let mut ahead = vec![start];
    while let Some(place) = ahead.pop() {
        if reached.insert(place) {
            ahead.extend(actions.get(place).into_iter().flat_map(|it| it.transitions.targets()));
        }
    }
    for (place, action) in actions.iter().enumerate() {
        let mut warn = |field: &str, what: String, mend: &str| {
            let problem = Problem::of_action(&action.identifier, field, what, mend);
            problems.push(problem.into_warning());
        };
        if !reached.contains(&place) {
            warn("", "cannot be reached from StartAction".to_owned(), "connect or remove it");
        }
        if !action.block.works_in(kind) {
            let what = format!("does not work in a {kind} flow");
            warn("Type", what, "it takes its error branch; remove it or change the type");
        }
        let leads_nowhere = action.transitions.targets().next().is_none();
        let is_dead = leads_nowhere && !action.block.is_last();
        if is_dead && !matches!(action.block, Block::ToQueue | Block::ToAgent(_)) {
            let mend = "write a NextAction; the flow ends with an error here";
            warn("Transitions", "leads nowhere".to_owned(), mend);
        }
    }
}
