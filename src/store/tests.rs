//! The store over real files.

use super::*;
use crate::id::UserName;
use crate::registrar::Outbound;
use crate::sip::{Flow, Transport};

fn stored(user: &str, contact: &str, clock: Clock, seconds: u64) -> Stored {
    Stored {
        user: UserName::new(user),
        contact: contact.to_owned(),
        path: vec!["<sip:edge.example;lr>".to_owned()],
        flow: Flow {
            transport: Transport::Udp,
            local: "192.0.2.1:5060".parse().expect("an address"),
            remote: "[2001:db8::7]:41234".parse().expect("an address"),
            connection: None,
        },
        outbound: Some(Outbound { instance: "<urn:uuid:1>".to_owned(), reg_id: 2 }),
        q: 0.5,
        expires_at: clock.now() + Duration::from_secs(seconds),
        call_id: "call".to_owned(),
        cseq: 7,
    }
}

/// Opens it anew, waiting for the thread of the one before to let go of the file.
fn reopen(settings: &Settings) -> (Store, Vec<Stored>) {
    let deadline = std::time::Instant::now() + Duration::from_secs(10);
    loop {
        match open(settings, Clock::start()) {
            Ok(opened) => return opened,
            Err(OpenError::Taken(_)) if std::time::Instant::now() < deadline => {
                std::thread::yield_now();
            }
            Err(error) => panic!("{error}"),
        }
    }
}

fn forget(user: &str, contact: &str, outbound: Option<Outbound>) -> Change {
    Change::Forget { user: user.into(), contact: contact.to_owned(), outbound }
}

#[test]
fn two_phones_with_one_contact_behind_different_nats_are_kept_and_forgotten_each_for_itself() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = Settings { path: directory.path().join("registrations.redb") };
    let clock = Clock::start();
    let (store, _) = open(&settings, clock).expect("a new store");
    let flow = |reg_id| Some(Outbound { instance: "<urn:uuid:1>".to_owned(), reg_id });
    for reg_id in 1..=3 {
        let phone = stored("alice", "sip:a@192.168.1.7", clock, 60);
        store.keep(Change::Put(Stored { outbound: flow(reg_id), ..phone }));
    }
    store.keep(forget("alice", "sip:a@192.168.1.7", flow(2)));
    assert!(store.flush());
    drop(store);
    let (_store, after) = reopen(&settings);
    let mut left: Vec<_> = after.into_iter().map(|phone| phone.outbound).collect();
    left.sort_by_key(|outbound| outbound.as_ref().map(|outbound| outbound.reg_id));
    assert_eq!(left, [flow(1), flow(3)]);
}

#[test]
fn what_was_kept_is_there_after_a_restart_and_what_was_forgotten_is_not() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = Settings { path: directory.path().join("registrations.redb") };
    let clock = Clock::start();
    let (store, before) = open(&settings, clock).expect("a new store");
    assert!(before.is_empty());
    let alice = stored("alice", "sip:a@192.0.2.7", clock, 60);
    store.keep(Change::Put(alice.clone()));
    store.keep(Change::Put(stored("alice", "sip:b@192.0.2.8", clock, 60)));
    store.keep(Change::Put(stored("bob", "sip:a@192.0.2.7", clock, 60)));
    for (user, contact) in [("bob", "sip:a@192.0.2.7"), ("alice", "sip:b@192.0.2.8")] {
        store.keep(forget(user, contact, alice.outbound.clone()));
    }
    assert!(store.flush());
    assert_eq!((store.figures().written(), store.figures().dropped()), (5, 0));
    drop(store);
    let (_store, after) = reopen(&settings);
    assert_eq!(after.len(), 1);
    assert_eq!(Stored { expires_at: alice.expires_at, ..after[0].clone() }, alice);
    let left = after[0].expires_at.since(Clock::start().now());
    assert!(left > Duration::from_secs(30) && left <= Duration::from_secs(61), "{left:?}");
}

#[test]
fn a_corrupted_store_is_moved_aside_and_a_new_one_begun() {
    let directory = tempfile::tempdir().expect("a directory");
    let path = directory.path().join("registrations.redb");
    let settings = Settings { path: path.clone() };
    let clock = Clock::start();
    // No database at all; one that was cut; one whose content is of another program.
    std::fs::write(&path, "not a database\n".repeat(500)).expect("it can be written");
    for round in 1..=2 {
        let (store, stored_before) = reopen(&settings);
        assert!(stored_before.is_empty(), "round {round}");
        store.keep(Change::Put(stored("alice", "sip:a@192.0.2.7", clock, 60)));
        assert!(store.flush());
        drop(store);
        drop(reopen(&settings));
        let bytes = loop {
            // The writer of the store that was just dropped lets go of the file in its own time.
            if let Ok(database) = Database::create(&path) {
                drop(database);
                break std::fs::read(&path).expect("it is there");
            }
            std::thread::yield_now();
        };
        std::fs::write(&path, &bytes[..bytes.len() / 3]).expect("it can be written");
    }
    drop(reopen(&settings));
    let aside = std::fs::read_dir(directory.path()).expect("it is there").count();
    assert!(aside >= 2, "the corrupted files are kept for whoever wants to look");
}

#[test]
fn a_place_that_cannot_be_written_is_an_error_and_moves_nothing() {
    let directory = tempfile::tempdir().expect("a directory");
    let settings = Settings { path: directory.path().join("missing/registrations.redb") };
    let error = open(&settings, Clock::start()).map(drop).expect_err("the directory is not there");
    assert!(matches!(error, OpenError::Unreachable { .. }), "{error}");
    let settings = Settings { path: directory.path().join("registrations.redb") };
    let (_store, _) = open(&settings, Clock::start()).expect("a new store");
    let second = open(&settings, Clock::start()).map(drop).expect_err("it is taken");
    assert!(matches!(second, OpenError::Taken(_)), "{second}");
}
