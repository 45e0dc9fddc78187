//! The corpus, and mutations of it, against what holds for every input.

#[path = "../../fuzz/invariants.rs"]
mod invariants;

use crate::reading::corpus_folder;

fn corpus() -> Vec<(String, Vec<u8>)> {
    let mut files: Vec<_> = std::fs::read_dir(corpus_folder())
        .expect("the corpus")
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.display().to_string(), std::fs::read(&path).expect("a file")))
        .collect();
    files.sort();
    files
}

#[test]
fn every_file_of_the_corpus_holds_the_invariants() {
    let files = corpus();
    assert!(files.len() >= 61, "{}", files.len());
    for (name, bytes) in files {
        println!("{name}");
        invariants::message(&bytes);
        invariants::stream(&bytes);
        invariants::digest(&bytes);
    }
}

/// xorshift64*, so that a failure can be repeated from its number.
struct Chance(u64);

impl Chance {
    fn below(&mut self, limit: usize) -> usize {
        self.0 ^= self.0 >> 12;
        self.0 ^= self.0 << 25;
        self.0 ^= self.0 >> 27;
        (self.0.wrapping_mul(0x2545_f491_4f6c_dd1d) >> 33) as usize % limit.max(1)
    }
}

/// Pieces of grammar: what a mutation puts where it does not belong.
const PIECES: [&[u8]; 22] = [
    b"\r\n",
    b"\r\n\r\n",
    b"\r\n ",
    b"\n",
    b"\r",
    b"\0",
    b"\"",
    b"\\",
    b"<",
    b">",
    b";",
    b",",
    b":",
    b"=",
    b"@",
    b"%",
    b" ",
    b"\xff",
    b"SIP/2.0",
    b";tag=",
    b"Content-Length: 5\r\n",
    b"l:0",
];

fn mutate(bytes: &mut Vec<u8>, chance: &mut Chance) {
    for _ in 0..=chance.below(4) {
        let at = chance.below(bytes.len());
        match chance.below(5) {
            0 => {
                bytes.truncate(at);
            }
            1 => {
                let end = (at + chance.below(20)).min(bytes.len());
                bytes.drain(at..end);
            }
            2 => {
                let end = (at + chance.below(200)).min(bytes.len());
                let copy = bytes[at..end].to_vec();
                bytes.splice(at..at, copy);
            }
            3 if !bytes.is_empty() => bytes[at] = chance.below(256) as u8,
            _ => {
                let piece = PIECES[chance.below(PIECES.len())];
                bytes.splice(at..at, piece.iter().copied());
            }
        }
    }
}

#[test]
fn mutations_of_the_corpus_hold_the_invariants() {
    let mut seeds = corpus();
    // The giant is as good once as a thousand times.
    seeds.retain(|(_, bytes)| bytes.len() < 3_000);
    let credentials = b"Digest username=\"alice\", realm=\"pbx\", nonce=\"AAAAAABMS0A\", uri=\"sip:pbx\", response=\"00\", \
        algorithm=SHA-256, qop=auth, nc=00000001, cnonce=\"c\"";
    for round in 1..=20_000 {
        let mut chance = Chance(round);
        let (name, bytes) = &seeds[chance.below(seeds.len())];
        let mut bytes = bytes.clone();
        mutate(&mut bytes, &mut chance);
        let mut authorization = credentials.to_vec();
        mutate(&mut authorization, &mut chance);
        let failed = std::panic::catch_unwind(|| {
            invariants::message(&bytes);
            invariants::stream(&bytes);
            invariants::digest(&authorization);
        });
        assert!(failed.is_ok(), "round {round} of {name}: {:?}", String::from_utf8_lossy(&bytes));
    }
}
