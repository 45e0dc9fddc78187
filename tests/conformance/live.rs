//! The messages of RFC 4475 and RFC 5118 against the running server, over UDP and over TCP: each gets what its row says, and a
//! plain call goes through right after it.

#[path = "live/server.rs"]
pub(crate) mod server;
#[path = "live/table.rs"]
mod table;

use std::collections::BTreeSet;

use server::{Peer, Server};
use sidestream::sip::Transport;
use table::{Row, TABLE};

use crate::reading::{corpus, corpus_folder};

/// A server that judges messages over one transport.
struct Judge {
    server: Server,
    /// The identifying headers of what it has seen.
    seen: BTreeSet<String>,
}

impl Judge {
    async fn new() -> Judge {
        Judge { server: Server::start().await, seen: BTreeSet::new() }
    }

    /// What the message gets, and whether a call goes through afterwards.
    async fn judge(&mut self, transport: Transport, row: &Row) -> (String, Result<(), String>) {
        let bytes = corpus(row.name);
        // The RFCs use some branches several times: to a server that knows the first, the second is its retransmission.
        if !branches(&bytes).into_iter().all(|branch| self.seen.insert(branch)) {
            self.server.stop().await;
            *self = Judge::new().await;
            self.seen.extend(branches(&bytes));
        }
        let due =
            row.expected(transport).split(' ').filter(|word| word.parse::<u16>().is_ok()).count();
        let got = Peer::new(transport, &self.server).await.provoke(&bytes, due).await;
        (got, Peer::new(transport, &self.server).await.call().await)
    }
}

/// The branches in a message.
fn branches(bytes: &[u8]) -> BTreeSet<String> {
    let text = String::from_utf8_lossy(bytes);
    let values = text.split("branch").skip(1);
    values
        .map(|value| value.split([';', '\r', ',']).next().unwrap_or_default().to_owned())
        .collect()
}

async fn judge_all(transport: Transport) {
    let (mut judge, mut wrong) = (Judge::new().await, Vec::new());
    for row in TABLE {
        let expected = row.expected(transport);
        let (got, call) = judge.judge(transport, row).await;
        if got != expected {
            wrong.push(format!("{}: {got}, not {expected} ({})", row.name, row.why));
        }
        if let Err(what) = call {
            wrong.push(format!("{}: a call afterwards fails: {what}", row.name));
        }
    }
    assert!(wrong.is_empty(), "{} wrong:\n{}", wrong.len(), wrong.join("\n"));
    judge.server.stop().await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_udp_every_message_gets_what_its_row_says_and_a_call_goes_through_afterwards() {
    judge_all(Transport::Udp).await;
}

#[tokio::test(flavor = "multi_thread", worker_threads = 2)]
async fn over_tcp_every_message_gets_what_its_row_says_and_a_call_goes_through_afterwards() {
    judge_all(Transport::Tcp).await;
}

#[test]
fn the_table_has_every_message_of_both_rfcs_once() {
    let mut files: Vec<String> = std::fs::read_dir(corpus_folder())
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").file_name().to_string_lossy().into_owned())
        .filter_map(|name| Some(name.strip_suffix(".sip")?.to_owned()))
        .filter(|name| name.starts_with("rfc4475-") || name.starts_with("rfc5118-"))
        .collect();
    files.sort();
    let mut rows: Vec<&str> = TABLE.iter().map(|row| row.name).collect();
    rows.sort_unstable();
    assert_eq!(rows, files);
    assert_eq!(rows.iter().filter(|name| name.starts_with("rfc4475-")).count(), 49);
}
