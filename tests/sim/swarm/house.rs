//! Who lives in a swarm's world: pairs that call each other, pairs whose calls last, and members of groups that are hunted.

use std::ops::Range;

use sidestream::call::Redirects;
use sidestream::dialplan::{Pattern, Route, Stage};
use sidestream::sip::dialog::SessionTimerSettings;
use sidestream::switch::Settings;
use sidestream::time::Duration;

use crate::link::Weather;
use crate::phone::SessionHabit;
use crate::sinks::Manners;
use crate::world::{World, route, settings, user};

/// Pairs of a caller and a called phone; the last of them have calls that outlive the interval of a session timer.
pub const PAIRS: usize = 12;
const LASTING: Range<usize> = 10..PAIRS;
/// Phones behind the numbers of groups; the last three are registered as one user.
pub const MEMBERS: Range<usize> = PAIRS * 2..PAIRS * 2 + 6;
pub const REGISTERED: Range<usize> = MEMBERS.start + 3..MEMBERS.end;
/// The user of those.
const GROUP: &str = "400";
/// Three at once, three one after the other, some at once and then a user's phones, and that user.
pub const GROUPS: [&str; 4] = ["700", "701", "702", GROUP];

/// Which pairs' calls are not to be hung up early.
pub fn lasts(pair: usize) -> bool {
    LASTING.contains(&pair)
}

/// Whether a phone with this name is of such a pair.
pub fn is_lasting_caller(name: &str) -> bool {
    name.strip_prefix('p')
        .and_then(|number| number.parse::<usize>().ok())
        .is_some_and(|phone| lasts(phone / 2))
}

/// The settings of the switch in a swarm's world.
fn house_rules(seed: u64) -> Settings {
    let mut settings = settings();
    let number = |pair: usize| format!("{}", 201 + pair);
    let own = (0..PAIRS).map(|pair| route(&number(pair), address(pair * 2 + 1)));
    settings.routes = own.chain(groups()).collect();
    settings.users = vec![user(GROUP, true)];
    settings.reaching.redirects = Redirects::Known;
    settings.call.ring_timeout = Duration::from_secs(5);
    settings.call.session = SessionTimerSettings { session_expires_s: 90, min_se_s: 90 };
    // Half of the worlds let everybody pick up everybody's calls.
    settings.peers[0].transfer.may_pick_up = seed % 2 == 1;
    settings
}

fn groups() -> [Route; 3] {
    let [a, b, c] = [0, 1, 2]
        .map(|member| format!("sip:{{number}}@10.0.1.{}:5060", address(MEMBERS.start + member)));
    let user = format!("user:{GROUP}");
    let group = |number: &str, stages: &[(&[&str], u64)]| {
        let mut route = Route::new(Pattern::parse(number).expect("a pattern"));
        route.stages = stages
            .iter()
            .map(|(goals, ring_ms)| Stage {
                goals: goals.iter().map(|goal| goal.parse().expect("a goal")).collect(),
                ring: Some(Duration::from_millis(*ring_ms)),
            })
            .collect();
        route
    };
    [
        group(GROUPS[0], &[(&[&a, &b, &c], 3_000)]),
        group(GROUPS[1], &[(&[&a], 600), (&[&b], 600), (&[&c], 600)]),
        group(GROUPS[2], &[(&[&a, &b], 800), (&[&user], 1_500)]),
    ]
}

/// The last byte of a phone's address.
fn address(phone: usize) -> u8 {
    u8::try_from(phone + 1).expect("few phones")
}

/// The world with everybody in it.
pub fn furnished(seed: u64, weather: Weather) -> World {
    let mut world = World::new(house_rules(seed), weather, seed);
    world.detailed = false;
    for phone in 0..MEMBERS.end {
        world.phone(&format!("p{phone}"));
    }
    for pair in LASTING {
        for phone in [pair * 2, pair * 2 + 1] {
            // Enough to be heard; a talk of two minutes would be most of the swarm's work else.
            world.phones[phone].pace = Duration::from_secs(1);
            world.phones[phone].session = SessionHabit::Refreshes;
        }
    }
    for phone in REGISTERED {
        world.phones[phone].credentials = Some((GROUP.into(), GROUP.into()));
        world.act(phone, |phone, now| phone.register(now));
    }
    for (sink, manners) in
        [("silent", Manners::Silent), ("dies", Manners::Dies), ("asks", Manners::Asks)]
    {
        world.sinks.manners.insert(sink.into(), manners);
    }
    world
}
