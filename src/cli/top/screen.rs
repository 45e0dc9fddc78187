//! What is on the screen: lines of text, cut to its size.

use serde_json::Value;

use crate::cli::streams;

/// How large a screen is, in characters.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Size {
    pub(super) columns: usize,
    pub(super) rows: usize,
}

/// What the server said.
#[derive(Clone, Debug, Default)]
pub(super) struct Seen {
    pub(super) server: String,
    /// The time of the look, like `2026-11-21T09:30:00.000Z`.
    pub(super) now: String,
    pub(super) calls: Vec<Value>,
    pub(super) sinks: Vec<Value>,
    /// The SIP messages of the chosen call.
    pub(super) messages: Vec<Value>,
    /// Which of the calls is chosen.
    pub(super) place: usize,
}

/// The whole screen.
pub(super) fn draw(seen: &Seen, size: Size) -> Vec<String> {
    let streams = streams::of_calls(&seen.calls, false);
    let mut lines = vec![format!(
        "{}   {} calls   {} streams   {}   {}",
        seen.server,
        seen.calls.len(),
        streams.len(),
        failing(&seen.sinks),
        seen.now.get(11..19).unwrap_or_default()
    )];
    // Half of the rest is for calls, a third of it for the ladder, what is left for streams and sinks.
    let rest = size.rows.saturating_sub(8);
    let (of_calls, of_ladder) = (rest / 3, rest / 3);
    section(&mut lines, "CALLS", calls(seen), of_calls);
    section(&mut lines, &ladder_title(seen), ladder(&seen.messages), of_ladder);
    let left = size.rows.saturating_sub(lines.len() + 5);
    section(&mut lines, "STREAMS", streams.iter().map(stream).collect(), left / 2);
    let left = size.rows.saturating_sub(lines.len() + 3);
    section(&mut lines, "SINKS", seen.sinks.iter().map(sink).collect(), left);
    lines.push("j k choose a call   q ends".to_owned());
    lines.truncate(size.rows);
    lines.into_iter().map(|line| line.chars().take(size.columns).collect()).collect()
}

/// A heading, and as many lines as there is room for; what is left out is counted.
fn section(lines: &mut Vec<String>, title: &str, content: Vec<String>, room: usize) {
    lines.push(String::new());
    let room = room.max(1);
    let hidden = content.len().saturating_sub(room);
    match hidden {
        0 => lines.push(title.to_owned()),
        hidden => lines.push(format!("{title}   {hidden} more")),
    }
    match content.is_empty() {
        true => lines.push("  none".to_owned()),
        false => lines.extend(content.into_iter().take(room)),
    }
}

fn failing(sinks: &[Value]) -> String {
    let is_failing = |sink: &&Value| {
        let mut places = sink["addresses"].as_array().into_iter().flatten();
        places.any(|place| place["circuit"] != "closed")
    };
    match sinks.iter().filter(is_failing).count() {
        0 => format!("{} sinks", sinks.len()),
        failing => format!("{} sinks, {failing} FAILING", sinks.len()),
    }
}

fn calls(seen: &Seen) -> Vec<String> {
    let line = |(place, call): (usize, &Value)| {
        let mark = if place == seen.place { '>' } else { ' ' };
        let legs = call["legs"].as_array().map_or(&[][..], Vec::as_slice);
        let figure = |name: &str| {
            legs.iter().filter_map(|leg| leg["figures"][name].as_u64()).max().unwrap_or_default()
        };
        let lost = legs.iter().map(lost_percent).fold(0.0, f64::max);
        let streams = call["streams"].as_array().into_iter().flatten();
        let live = streams.filter(|stream| stream["state"] != "ended").count();
        format!(
            "{mark} {:<27}{:<12}{:<26}{:>6.1} % lost{:>7.1} ms jitter  {live} streams",
            text(call, "call"),
            text(call, "state"),
            format!("{} → {}", text(call, "from"), text(call, "to")),
            lost,
            figure("jitter_us") as f64 / 1000.0,
        )
    };
    seen.calls.iter().enumerate().map(line).collect()
}

fn lost_percent(leg: &Value) -> f64 {
    let of = |name: &str| leg["figures"][name].as_u64().unwrap_or_default() as f64;
    match of("received") + of("lost") {
        0.0 => 0.0,
        expected => 100.0 * of("lost") / expected,
    }
}

fn ladder_title(seen: &Seen) -> String {
    match seen.calls.get(seen.place) {
        Some(call) => format!("LADDER {} → {}", text(call, "from"), text(call, "to")),
        None => "LADDER".to_owned(),
    }
}

/// The last messages come last, and all of them are shown from the first on.
fn ladder(messages: &[Value]) -> Vec<String> {
    let line = |message: &Value| {
        let first = text(message, "text").lines().next().unwrap_or_default();
        let what = match first.strip_prefix("SIP/2.0 ") {
            Some(status) => status,
            None => first.split(' ').next().unwrap_or_default(),
        };
        let arrow = match text(message, "direction") {
            "received" => format!("{:>21} ──▶", text(message, "remote")),
            _ => format!("{:>21} ◀──", text(message, "remote")),
        };
        let at = text(message, "at").get(11..23).unwrap_or_default();
        format!("  {at}  {arrow}  {what}")
    };
    messages.iter().map(line).collect()
}

fn stream(row: &Value) -> String {
    format!(
        "  {:<10}{:<22}{:<28}{:>10}{:>12}{:>10} behind{:>8} given up",
        text(row, "state"),
        format!("{} → {}", text(row, "from"), text(row, "to")),
        text(row, "sinks"),
        text(row, "clock"),
        text(row, "given"),
        text(row, "behind"),
        row["given_up"].as_u64().unwrap_or_default(),
    )
}

fn sink(sink: &Value) -> String {
    let places = sink["addresses"].as_array().map_or(&[][..], Vec::as_slice);
    let bad = places.iter().find(|place| place["circuit"] != "closed");
    let state = if bad.is_some() { "FAILING" } else { "ok" };
    let failure = bad.map_or("", |place| text(place, "last_failure"));
    format!(
        "  {state:<10}{:<22}{:<28}{:>10}  {failure}",
        text(sink, "name"),
        format!("{} {}", text(sink, "kind"), text(sink, "dialect")),
        format!("{} / {}", sink["live_streams"], sink["max_streams"]),
    )
}

/// A member that peers may have written: control characters could move the cursor.
fn text<'a>(of: &'a Value, member: &str) -> &'a str {
    let text = of[member].as_str().unwrap_or_default();
    let is_plain = |text: &str| !text.chars().any(|c| c.is_control() && c != '\r' && c != '\n');
    if is_plain(text) { text } else { "?" }
}

#[cfg(test)]
mod tests {
    use serde_json::json;

    use super::*;

    fn seen() -> Seen {
        let leg = json!({"leg": 0, "party": "1000", "figures": {"received": 99, "lost": 1, "jitter_us": 2500}});
        let call = |id: &str, from: &str| {
            json!({"call": id, "state": "answered", "from": from, "to": "9000", "legs": [leg], "streams": [
                {"stream": "01S", "state": "active", "media_time_ms": 1000, "tracks": ["from_customer"],
                    "terminals": [{"sink": "asr", "figures": {"bytes": 1000, "lag_ms": 7}}]}]})
        };
        let message = |direction: &str, text: &str| json!({"at": "2026-11-21T06:02:02.936Z", "direction": direction, "remote": "127.0.0.1:5070", "text": text});
        let place = json!({"address": "asr:1", "circuit": "open", "last_failure": "no connection"});
        Seen {
            server: "http://127.0.0.1:8080".into(),
            now: "2026-11-21T06:02:03.000Z".into(),
            calls: vec![call("01A", "1000"), call("01B", "10\u{1b}[2J")],
            sinks: vec![
                json!({"name": "asr", "kind": "websocket", "dialect": "native", "addresses": [place],
                "live_streams": 2, "max_streams": 10}),
            ],
            messages: vec![
                message("received", "INVITE sip:9000@x SIP/2.0\r\n\r\n"),
                message("sent", "SIP/2.0 200 OK\r\n\r\n"),
            ],
            place: 0,
        }
    }

    #[test]
    fn calls_ladder_streams_and_sinks_stand_below_each_other() {
        let screen = draw(&seen(), Size { columns: 140, rows: 40 }).join("\n");
        for shown in [
            "2 calls   2 streams   1 sinks, 1 FAILING   06:02:03",
            "> 01A ",
            "   1.0 % lost    2.5 ms jitter  1 streams",
            "LADDER 1000 → 9000",
            "06:02:02.936         127.0.0.1:5070 ──▶  INVITE\n",
            "127.0.0.1:5070 ◀──  200 OK\n",
            "FAILING   asr",
            "no connection",
            "7 ms behind",
        ] {
            assert!(screen.contains(shown), "{shown:?} is not in\n{screen}");
        }
        assert!(!screen.contains('\u{1b}'), "a caller's name moves the cursor");
    }

    #[test]
    fn no_line_and_no_screen_is_larger_than_the_terminal() {
        let mut many = seen();
        many.calls =
            (0..200).map(|n| json!({"call": format!("{n}"), "state": "ringing"})).collect();
        for size in [
            Size { columns: 40, rows: 12 },
            Size { columns: 200, rows: 60 },
            Size { columns: 1, rows: 1 },
        ] {
            let lines = draw(&many, size);
            assert!(lines.len() <= size.rows, "{}", lines.len());
            assert!(lines.iter().all(|line| line.chars().count() <= size.columns));
        }
        let large = draw(&many, Size { columns: 80, rows: 60 }).join("\n");
        assert!(large.contains("CALLS   183 more"), "{large}");
    }
}
