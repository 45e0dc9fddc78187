//! `sidestream route-test`: which way a number would go, by the configuration alone.

use std::path::{Path, PathBuf};

use anyhow::{Context, bail};
use clap::Args;
use jiff::Timestamp;
use serde_json::{Value, json};

use super::check;
use crate::config::Config;
use crate::dialplan::{Caller, Misfit};
use crate::switch::{Leg, Preview, Question, preview};

/// Show which way a number would go, and why not the others.
#[derive(Debug, Args)]
pub(super) struct RouteTestArgs {
    /// What is dialled.
    number: String,
    /// Who calls: user:NAME, trunk:NAME or peer:NAME; a bare name is that of a user or a trunk.
    #[arg(long)]
    from: Option<String>,
    /// The caller's number, where it is not the user's name.
    #[arg(long)]
    caller: Option<String>,
    /// When: 2026-12-24T18:30:00+01:00. Without it, now.
    #[arg(long)]
    at: Option<Timestamp>,
    /// The configuration file.
    #[arg(long, default_value = "/etc/sidestream/sidestream.toml", env = "SIDESTREAM_CONFIG")]
    config: PathBuf,
    /// Print JSON.
    #[arg(long)]
    json: bool,
}

/// Runs `route-test`. Fails when the number leads nowhere.
pub(super) fn run(args: &RouteTestArgs) -> anyhow::Result<()> {
    let config = check::load(Path::new(&args.config))?;
    let from = args.from.as_deref();
    let caller = from.map_or(Ok(Caller::User("")), |from| caller(&config, from))?;
    let name = match caller {
        Caller::User(name) | Caller::Trunk(name) | Caller::Peer(name) | Caller::Flow(name) => name,
    };
    let question = Question {
        dialled: &args.number,
        caller,
        number: args.caller.as_deref().unwrap_or(name),
        at: args.at.unwrap_or_else(Timestamp::now),
    };
    let preview = preview(&config.switch, &question);
    if args.json {
        println!("{:#}", to_json(&preview));
    } else {
        print!("{}", to_text(&preview));
    }
    let leads_somewhere = preview.stages.iter().flatten().any(|leg| leg.trouble.is_none());
    if leads_somewhere { Ok(()) } else { bail!("{} leads nowhere", args.number) }
}

fn caller<'a>(config: &Config, from: &'a str) -> anyhow::Result<Caller<'a>> {
    let settings = &config.switch;
    let is_user = |name: &str| settings.users.iter().any(|user| user.name.as_str() == name);
    let is_trunk = |name: &str| settings.trunks.iter().any(|trunk| trunk.name() == name);
    let is_peer = |name: &str| settings.peers.iter().any(|peer| peer.name == name);
    let known = match from.split_once(':') {
        Some(("user", name)) => is_user(name).then_some(Caller::User(name)),
        Some(("trunk", name)) => is_trunk(name).then_some(Caller::Trunk(name)),
        Some(("peer", name)) => is_peer(name).then_some(Caller::Peer(name)),
        _ if is_user(from) => Some(Caller::User(from)),
        _ if is_trunk(from) => Some(Caller::Trunk(from)),
        _ if is_peer(from) => Some(Caller::Peer(from)),
        _ => None,
    };
    known.with_context(|| format!("`{from}` is no user, trunk or peer of the configuration"))
}

fn to_text(preview: &Preview) -> String {
    let mut text = format!("number    {}\n", preview.dialled);
    for (name, misfit) in &preview.routes {
        let why = match misfit {
            None => "taken",
            Some(Misfit::Number) => "not for this number",
            Some(Misfit::Caller) => "not for this caller",
            Some(Misfit::Hours) => "closed at this time",
            Some(Misfit::Later) => "after the one that is taken",
        };
        text += &format!("route     {name}: {why}\n");
    }
    if preview.routes.iter().all(|(_, misfit)| misfit.is_some()) {
        text += "route     none: looked up among the test numbers and users\n";
    }
    if preview.number != preview.dialled {
        text += &format!("rewritten {}\n", preview.number);
    }
    for (index, stage) in preview.stages.iter().enumerate() {
        for leg in stage {
            text += &format!("stage {}   {}\n", index + 1, leg_text(leg));
        }
    }
    if let Some(start) = &preview.start {
        let sink = start.sinks.to_string();
        text += &format!("stream    to {sink}\n");
    }
    text
}

fn leg_text(leg: &Leg) -> String {
    let mut text = leg.goal.clone();
    if let Some(trouble) = leg.trouble {
        text += &format!(": {trouble}");
    }
    if let Some(uri) = &leg.uri {
        text += &format!("\n            INVITE {uri}");
    }
    if let Some(dress) = &leg.dress {
        text += &format!("\n            From: {}", dress.from);
        for (name, value) in &dress.headers {
            text += &format!("\n            {name}: {value}");
        }
    }
    if !leg.codecs.is_empty() {
        text += &format!("\n            codecs: {}", leg.codecs.join(", "));
    }
    text
}

fn to_json(preview: &Preview) -> Value {
    let routes = preview.routes.iter().map(|(name, misfit)| {
        json!({ "route": name, "taken": misfit.is_none(), "misfit": misfit.map(Misfit::as_str) })
    });
    let taken = preview.routes.iter().find(|(_, misfit)| misfit.is_none());
    let stages = preview.stages.iter().map(|stage| stage.iter().map(leg_json).collect::<Vec<_>>());
    json!({
        "dialled": preview.dialled,
        "route": taken.map(|(name, _)| name),
        "routes": routes.collect::<Vec<_>>(),
        "number": preview.number,
        "stages": stages.collect::<Vec<_>>(),
        "stream": preview.start.as_ref().map(|start| {
            json!({ "sinks": start.sinks.to_string(), "label": start.label })
        }),
    })
}

fn leg_json(leg: &Leg) -> Value {
    let headers = leg.dress.iter().flat_map(|dress| &dress.headers);
    json!({
        "to": leg.goal,
        "uri": leg.uri,
        "from": leg.dress.as_ref().map(|dress| &dress.from),
        "headers": headers.map(|(name, value)| format!("{name}: {value}")).collect::<Vec<_>>(),
        "codecs": leg.codecs,
        "trouble": leg.trouble,
    })
}
