//! Every fuzz target on stable: its seeds as they are, and mutations of them.
//!
//! Plain, it makes the same mutations each time and takes a few seconds in all. `SIDESTREAM_FUZZ_SECONDS=60` makes each target
//! go on for a minute with mutations that nobody has seen, and keeps an input that fails in `fuzz/artifacts/TARGET`. That
//! is how `scripts/fuzz` works where there is no nightly.

#[path = "fuzz/dictionary.rs"]
mod dictionary;
#[path = "../fuzz/invariants/mod.rs"]
#[allow(unreachable_pub)]
mod invariants;
#[path = "fuzz/mutator.rs"]
mod mutator;

use std::path::{Path, PathBuf};
use std::time::{Duration, Instant, SystemTime};

use mutator::{Chance, mutation};

/// A target, as `fuzz/fuzz_targets` has it too.
struct Target {
    name: &'static str,
    /// The folder of its seeds in `tests/corpus`.
    seeds: &'static str,
    holds: fn(&[u8]),
    /// Words of its grammar in `fuzz/dictionaries`; empty for what has none.
    dictionary: &'static str,
    /// Mutations of a plain run.
    rounds: u64,
}

/// One test per target, and the table of them all.
macro_rules! targets {
    ($($(#[$only:meta])* $name:ident: $seeds:literal, $dictionary:literal, $rounds:literal;)*) => {
        fn targets() -> Vec<Target> {
            vec![$($(#[$only])* Target {
                name: stringify!($name),
                seeds: $seeds,
                holds: invariants::$name,
                dictionary: $dictionary,
                rounds: $rounds,
            }),*]
        }

        $($(#[$only])* #[test]
        fn $name() {
            fuzz(stringify!($name));
        })*
    };
}

targets! {
    sip_message: "sip", "sip", 8_000;
    sip_stream: "sip", "sip", 4_000;
    digest: "digest", "sip", 8_000;
    uri: "uri", "headers", 8_000;
    refer: "refer", "headers", 8_000;
    registrar: "registrar", "headers", 4_000;
    identity: "identity", "headers", 8_000;
    sdp: "sdp", "sdp", 4_000;
    rtp: "rtp", "", 20_000;
    relay: "relay", "", 2_000;
    assembler: "assembler", "", 1_000;
    info: "info", "json", 4_000;
    contact_api: "contact_api", "json", 8_000;
    native_sink: "native_sink", "json", 8_000;
    twilio_sink: "twilio_sink", "json", 8_000;
    telnyx_sink: "telnyx_sink", "json", 4_000;
    jambonz_sink: "jambonz_sink", "json", 4_000;
    audiohook_sink: "audiohook_sink", "json", 2_000;
    switch: "switch", "switch", 1_000;
    strangers: "strangers", "switch", 1_000;
    #[cfg(feature = "server")]
    config: "config", "toml", 4_000;
}

/// How long one input may take: a machine that needs longer for a few hundred bytes is stuck.
const LONGEST: Duration = Duration::from_secs(20);

fn root() -> &'static Path {
    Path::new(env!("CARGO_MANIFEST_DIR"))
}

/// The seeds by path.
fn seeds(target: &Target) -> Vec<(PathBuf, Vec<u8>)> {
    let folder = root().join("tests/corpus").join(target.seeds);
    let mut seeds: Vec<_> = std::fs::read_dir(&folder)
        .unwrap_or_else(|error| panic!("{}: {error}", folder.display()))
        .map(|entry| entry.expect("an entry").path())
        .map(|path| (path.clone(), std::fs::read(&path).expect("a file")))
        .collect();
    seeds.sort();
    assert!(seeds.len() > 3, "{} seeds for {}", seeds.len(), target.name);
    seeds
}

fn fuzz(name: &str) {
    let targets = targets();
    let target = targets.iter().find(|target| target.name == name).expect("a target");
    let seeds = seeds(target);
    for (path, bytes) in &seeds {
        println!("{}", path.display());
        (target.holds)(bytes);
    }
    // The giant is as good once as a thousand times.
    let seeds: Vec<Vec<u8>> =
        seeds.into_iter().map(|(_, bytes)| bytes).filter(|bytes| bytes.len() < 4_000).collect();
    let words = dictionary::words(target.dictionary);
    let seconds = std::env::var("SIDESTREAM_FUZZ_SECONDS").ok().and_then(|s| s.parse().ok());
    let begun = Instant::now();
    let runs = match seconds.map(Duration::from_secs) {
        None => (1..=target.rounds).map(|round| attempt(target, &seeds, &words, round)).count(),
        Some(time) => {
            let first = SystemTime::UNIX_EPOCH.elapsed().map_or(1, |since| since.as_nanos() as u64);
            (first..)
                .take_while(|_| begun.elapsed() < time)
                .map(|round| attempt(target, &seeds, &words, round))
                .count()
        }
    };
    println!("{name}: {runs} mutations in {} s", begun.elapsed().as_secs());
}

/// One mutation; one that fails is kept as a file and told with its number.
fn attempt(target: &Target, seeds: &[Vec<u8>], words: &[Vec<u8>], round: u64) {
    let input = mutation(seeds, words, &mut Chance::new(round));
    let begun = Instant::now();
    let outcome = std::panic::catch_unwind(|| (target.holds)(&input));
    if outcome.is_ok() && begun.elapsed() < LONGEST {
        return;
    }
    let folder = root().join("fuzz/artifacts").join(target.name);
    let file = folder.join(format!("mutation-{round}"));
    let kept = std::fs::create_dir_all(&folder).and_then(|()| std::fs::write(&file, &input));
    let text = String::from_utf8_lossy(&input);
    panic!("{}, mutation {round} ({kept:?} in {}):\n{text}", target.name, file.display());
}

#[test]
fn every_target_of_the_table_is_one_of_the_fuzzer_and_the_other_way_round() {
    let folder = std::fs::read_dir(root().join("fuzz/fuzz_targets")).expect("the targets");
    let mut files: Vec<String> = folder
        .map(|entry| entry.expect("an entry").path())
        .filter_map(|path| Some(path.file_stem()?.to_str()?.to_owned()))
        .filter(|name| cfg!(feature = "server") || name != "config")
        .collect();
    files.sort();
    let mut table: Vec<_> = targets().iter().map(|target| target.name.to_owned()).collect();
    table.sort();
    assert_eq!(files, table);
}
