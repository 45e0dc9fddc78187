//! Every state of [`OfferAnswer`] against every message: each row is stated.

use super::*;

const CARRIERS: [Carrier; 12] = [
    Carrier::Invite,
    Carrier::Progress,
    Carrier::ReliableProgress,
    Carrier::Success,
    Carrier::Failure,
    Carrier::Ack,
    Carrier::Prack,
    Carrier::PrackSuccess,
    Carrier::PrackFailure,
    Carrier::Update,
    Carrier::UpdateSuccess,
    Carrier::UpdateFailure,
];
const PLACES: [Place; 5] =
    [Place::InviteResponse, Place::Ack, Place::Prack, Place::PrackSuccess, Place::UpdateSuccess];
const WAYS: [Way; 2] = [Way::Sent, Way::Received];

fn states() -> Vec<OfferAnswer> {
    let open = |way| PLACES.map(|place| OfferAnswer::Open(way, place));
    let mut states = vec![OfferAnswer::Stable];
    states.extend(WAYS.map(OfferAnswer::Owed));
    states.extend(WAYS.into_iter().flat_map(open));
    states
}

fn name(state: OfferAnswer) -> String {
    match state {
        OfferAnswer::Stable => "stable".to_owned(),
        OfferAnswer::Owed(way) => format!("owed({way:?})"),
        OfferAnswer::Open(way, place) => format!("open({way:?}, {place:?})"),
    }
}

/// What a message does in a state: its role, and the new state if it is another one.
fn outcome(state: OfferAnswer, way: Way, carrier: Carrier, described: bool) -> String {
    let mut next = state;
    match next.take(way, carrier, described) {
        Err(refusal) => {
            assert_eq!(next, state, "a refused offer changes nothing");
            refusal.status().to_string()
        }
        Ok(role) if next == state => format!("{role:?}"),
        Ok(role) => format!("{role:?} -> {}", name(next)),
    }
}

/// For each state: what each message does without and with a description.
fn table() -> String {
    let mut table = String::new();
    for state in states() {
        table += &format!("{}\n", name(state));
        for way in WAYS {
            for carrier in CARRIERS {
                let without = outcome(state, way, carrier, false);
                let with = outcome(state, way, carrier, true);
                table += &format!("  {way:?} {carrier:?}: {without} | {with}\n");
            }
        }
    }
    table
}

#[test]
fn every_message_in_every_state_has_its_row() {
    expect_test::expect_file!["offer_answer_table.txt"].assert_eq(&table());
}

#[test]
fn what_we_send_and_what_the_peer_sends_are_treated_alike() {
    let mirrored =
        table().replace("Sent", "?").replace("Received", "Sent").replace('?', "Received");
    let sorted = |table: &str| {
        let mut states: Vec<Vec<String>> = Vec::new();
        for line in table.lines() {
            match line.starts_with(' ') {
                true => states.last_mut().expect("a state first").push(line.to_owned()),
                false => states.push(vec![line.to_owned()]),
            }
        }
        for state in &mut states {
            state.sort();
        }
        states.sort();
        states
    };
    assert_eq!(sorted(&mirrored), sorted(&table()));
}

/// A message, and what its description should be.
type Message = (Way, Carrier, bool, Role);

/// RFC 6337 table 1: where an offer may be, and where its answer is then.
#[test]
fn the_six_patterns_of_rfc_6337_end_stable() {
    use Carrier::*;
    use Way::{Received, Sent};
    let patterns: [(&str, &[Message]); 6] = [
        ("1", &[(Sent, Invite, true, Role::Offer), (Received, Success, true, Role::Answer)]),
        (
            "2",
            &[
                (Sent, Invite, false, Role::Nothing),
                (Received, Success, true, Role::Offer),
                (Sent, Ack, true, Role::Answer),
            ],
        ),
        (
            "3",
            &[
                (Sent, Invite, true, Role::Offer),
                (Received, ReliableProgress, true, Role::Answer),
                (Sent, Prack, false, Role::Nothing),
                (Received, PrackSuccess, false, Role::Nothing),
                (Received, Success, false, Role::Nothing),
            ],
        ),
        (
            "4",
            &[
                (Sent, Invite, false, Role::Nothing),
                (Received, ReliableProgress, true, Role::Offer),
                (Sent, Prack, true, Role::Answer),
                (Received, Success, false, Role::Nothing),
            ],
        ),
        (
            "5",
            &[
                (Sent, Invite, true, Role::Offer),
                (Received, ReliableProgress, true, Role::Answer),
                (Sent, Prack, true, Role::Offer),
                (Received, PrackSuccess, true, Role::Answer),
            ],
        ),
        (
            "6",
            &[
                (Sent, Invite, true, Role::Offer),
                (Received, ReliableProgress, true, Role::Answer),
                (Received, Update, true, Role::Offer),
                (Sent, UpdateSuccess, true, Role::Answer),
                (Received, Success, true, Role::Repeat),
            ],
        ),
    ];
    for (pattern, messages) in patterns {
        let mut state = OfferAnswer::default();
        for (way, carrier, described, role) in messages {
            assert_eq!(state.take(*way, *carrier, *described), Ok(*role), "{pattern} {carrier:?}");
        }
        assert!(state.is_stable(), "{pattern}");
    }
}
