//! The descriptions of the field (`tests/corpus/sdp`) and what becomes of them.

mod negotiating;
mod preferring;
mod reading;
mod relaying;

use super::*;

const LOCAL: LocalMedia =
    LocalMedia { address: IpAddr::V4(std::net::Ipv4Addr::new(198, 18, 0, 1)), port: 20_000 };
const ORIGIN: Origin = Origin { session_id: 4711, version: 3 };

/// Descriptions as phones and servers of many makers write them, by file name; those named `bad-` are none.
fn corpus() -> Vec<(String, Vec<u8>)> {
    let directory = concat!(env!("CARGO_MANIFEST_DIR"), "/tests/corpus/sdp");
    let files = std::fs::read_dir(directory).unwrap().map(|entry| entry.unwrap());
    let mut corpus: Vec<_> = files
        .map(|file| (file.file_name().into_string().unwrap(), std::fs::read(file.path()).unwrap()))
        .collect();
    corpus.sort();
    corpus
}

fn good() -> Vec<(String, Description)> {
    let good = corpus().into_iter().filter(|(name, _)| !name.starts_with("bad-"));
    good.map(|(name, bytes)| (name, Description::parse(&bytes).unwrap())).collect()
}

fn description(name: &str) -> Description {
    good().into_iter().find(|(file, _)| file.strip_suffix(".sdp") == Some(name)).unwrap().1
}

fn parsed(lines: &str) -> Description {
    Description::parse(format!("v=0\nc=IN IP4 192.0.2.1\n{lines}").as_bytes()).unwrap()
}

fn text(description: &Description) -> String {
    String::from_utf8(description.to_bytes()).unwrap().replace("\r\n", "\n")
}
