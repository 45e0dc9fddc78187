//! Anything in any order: nothing may be left behind.

use rand::rngs::StdRng;
use rand::{RngExt, SeedableRng};

use super::*;

/// One peer and one user who do anything at any time.
fn run(seed: u64) {
    let mut rng = StdRng::seed_from_u64(seed);
    let mut bench = Bench::new();
    let flows = [udp(2), udp(3), tcp(2, Some(1)), tcp(3, None)];
    let mut open = Vec::new();
    let mut clients = Vec::new();
    for _ in 0..200 {
        let flow = flows[rng.random_range(0..flows.len())];
        let n = rng.random_range(0..20);
        match rng.random_range(0..9) {
            0..3 => {
                let method = ["INVITE", "OPTIONS", "CANCEL", "ACK"][rng.random_range(0..4)];
                let branch = ["z9hG4bK", "old"][rng.random_range(0..2)];
                let incoming = request(&format!("{method} {n} {branch}{n}"), &[]);
                match bench.receive(incoming.clone(), flow) {
                    Incoming::New { key, .. } | Incoming::Cancel { key, .. } => {
                        open.push((key, incoming));
                    }
                    Incoming::Ack { .. } | Incoming::Absorbed => {}
                }
            }
            3..5 => {
                let status = [100, 180, 200, 486][rng.random_range(0..4)];
                if let Some((key, incoming)) = open.get(n).cloned() {
                    bench.respond(key, &incoming, status);
                }
            }
            5 => {
                let methods = [Method::Invite, Method::Bye];
                clients.push(bench.send(methods[rng.random_range(0..2)].clone(), flow));
            }
            6 => {
                let status = [100, 180, 200, 486][rng.random_range(0..4)];
                let method = ["INVITE", "BYE", "CANCEL"][rng.random_range(0..3)];
                bench.answer(&format!("{status} {method} z9hG4bKours"), flow);
            }
            7 => {
                if let Some(key) = clients.get(n) {
                    bench.layer.cancel(*key, bench.now);
                }
            }
            _ if rng.random_bool(0.1) => bench.layer.handle_transport_error(&flow, bench.now),
            _ => {
                bench.pass(Duration::from_millis(rng.random_range(0..3_000)));
            }
        }
        bench.drain();
    }
    // The user's two duties: every request is answered, every INVITE of ours is given up.
    for (key, incoming) in open {
        bench.respond(key, &incoming, 487);
    }
    for key in clients {
        bench.layer.cancel(key, bench.now);
    }
    bench.pass(Duration::from_secs(130));
    assert!(bench.is_empty(), "seed {seed}: {:?}", bench.layer.counts());
}

#[test]
fn whatever_happens_nothing_is_left_behind() {
    for seed in 0..300 {
        run(seed);
    }
}
