//! The protocol for machines: a JSON Schema of every text message, and an AsyncAPI document of the whole. Both are made of the
//! types that write and read the messages, and stand in `docs`; the test below holds them equal.
//!
//! `UPDATE_EXPECT=1 cargo nextest run native::schema` writes them anew.

use expect_test::expect_file;
use serde_json::{Map, Value, json};
use utoipa::openapi::RefOr;
use utoipa::openapi::schema::Schema;
use utoipa::{PartialSchema, ToSchema};

use super::{Answer, Telling};

/// Every schema by its name.
fn schemas() -> Map<String, Value> {
    let mut found: Vec<(String, RefOr<Schema>)> = Vec::new();
    for (name, schema) in [("Telling", Telling::schema()), ("Answer", Answer::schema())] {
        found.push((name.to_owned(), schema));
    }
    Telling::schemas(&mut found);
    Answer::schemas(&mut found);
    let value = |schema| serde_json::to_value(schema).expect("a schema is JSON");
    found.into_iter().map(|(name, schema)| (name, value(schema))).collect()
}

/// The messages of one side, by their `type`.
fn messages(schemas: &Map<String, Value>, side: &str) -> Map<String, Value> {
    let variants = schemas[side]["oneOf"].as_array().expect("a choice of messages");
    let named = |variant: &Value| {
        let word = type_of(variant).expect("every message has a type");
        (word, json!({ "contentType": "application/json", "payload": variant }))
    };
    variants.iter().map(named).collect()
}

/// What a variant's `type` must be.
fn type_of(variant: &Value) -> Option<String> {
    let word = &variant["properties"]["type"]["enum"][0];
    let parts = variant["allOf"].as_array();
    word.as_str().map(str::to_owned).or_else(|| parts.into_iter().flatten().find_map(type_of))
}

fn pretty(value: &Value, references: &str) -> String {
    let text = serde_json::to_string_pretty(value).expect("JSON");
    text.replace("#/components/schemas/", references) + "\n"
}

fn json_schema() -> Value {
    json!({
        "$schema": "https://json-schema.org/draft/2020-12/schema",
        "title": "Sidestream's native sink protocol, version 1: text messages",
        "description": "What the switch tells is a Telling, what a sink may say is an Answer. Members that are not named here are to be ignored.",
        "anyOf": [{ "$ref": "#/$defs/Telling" }, { "$ref": "#/$defs/Answer" }],
        "$defs": schemas(),
    })
}

fn async_api() -> Value {
    let schemas = schemas();
    let (told, said) = (messages(&schemas, "Telling"), messages(&schemas, "Answer"));
    let list = |messages: &Map<String, Value>, side: &str| -> Vec<Value> {
        let reference =
            |word: &String| json!({ "$ref": format!("#/channels/stream/messages/{side}_{word}") });
        messages.keys().map(reference).collect()
    };
    let mut all = Map::new();
    for (side, messages) in [("told", &told), ("said", &said)] {
        all.extend(
            messages.iter().map(|(word, message)| (format!("{side}_{word}"), message.clone())),
        );
    }
    all.insert(
        "told_frame".to_owned(),
        json!({
            "contentType": "application/octet-stream",
            "summary": "A frame of one track: a header of 24 bytes, big-endian, and the samples as the hello's encoding says.",
            "payload": { "type": "string", "format": "binary", "minLength": 24 },
        }),
    );
    let mut receives = list(&told, "told");
    receives.push(json!({ "$ref": "#/channels/stream/messages/told_frame" }));
    json!({
        "asyncapi": "3.0.0",
        "info": {
            "title": "Sidestream's native sink protocol",
            "version": "1.0.0",
            "description": "The sink is a WebSocket server; for each stream the switch connects to it. docs/native-protocol.md describes it for people.",
        },
        "defaultContentType": "application/json",
        "channels": {
            "stream": {
                "address": "/",
                "title": "One connection of one stream",
                "messages": all,
                "bindings": { "ws": { "method": "GET" } },
            },
        },
        "operations": {
            "hear": {
                "action": "receive",
                "summary": "What the switch tells a sink: the hello first, the manifest last",
                "channel": { "$ref": "#/channels/stream" },
                "messages": receives,
            },
            "answer": {
                "action": "send",
                "summary": "What a sink may say",
                "channel": { "$ref": "#/channels/stream" },
                "messages": list(&said, "said"),
            },
        },
        "components": { "schemas": schemas },
    })
}

#[test]
fn the_documents_for_machines_are_those_of_the_code() {
    let schema = pretty(&json_schema(), "#/$defs/");
    expect_file!["../../../docs/native-protocol.schema.json"].assert_eq(&schema);
    let document = pretty(&async_api(), "#/components/schemas/");
    expect_file!["../../../docs/native-protocol.asyncapi.json"].assert_eq(&document);
}

#[test]
fn every_message_has_its_place_in_the_documents() {
    let schemas = schemas();
    let told: Vec<String> = messages(&schemas, "Telling").keys().cloned().collect();
    let words = [
        "dtmf", "gap", "held", "hello", "manifest", "mark", "muted", "paused", "refused",
        "resumed", "unheld", "unmuted",
    ];
    assert_eq!(told, words);
    let said: Vec<String> = messages(&schemas, "Answer").keys().cloned().collect();
    assert_eq!(said, ["ack", "mark", "pause", "resume", "stop"]);
    // Every reference leads to a schema.
    let text = json_schema().to_string();
    for reference in text.split("#/components/schemas/").skip(1) {
        let name = reference.split('"').next().unwrap_or_default();
        assert!(schemas.contains_key(name), "{name}");
    }
}
