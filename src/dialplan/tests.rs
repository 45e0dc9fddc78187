//! The plan's tables: patterns, rewriting, hours, callers, and which route is taken.

use super::*;
use jiff::tz::TimeZone;

fn pattern(text: &str) -> Pattern {
    Pattern::parse(text).expect("a pattern")
}

fn at(text: &str) -> Timestamp {
    text.parse().expect("a moment")
}

fn hours(zone: &str, days: &[&str], times: &[&str]) -> Hours {
    let owned = |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
    let zone = TimeZone::get(zone).expect("a zone");
    Hours::new(zone, &owned(days), &owned(times)).expect("hours")
}

#[test]
fn a_pattern_is_a_number_a_prefix_or_an_expression_for_the_whole_number() {
    for (text, number, fits) in [
        ("9000", "9000", true),
        ("9000", "90001", false),
        ("90*", "9099", true),
        ("90*", "909", true),
        ("90*", "91", false),
        ("*", "x", true),
        ("/0[1-9].*/", "0301234", true),
        ("/0[1-9].*/", "00301234", false),
        ("/[0-9]{3}/", "123", true),
        ("/[0-9]{3}/", "1234", false),
        ("/1|2/", "1", true),
        ("/1|2/", "12", false),
        (r"/\+49\d+/", "+4930", true),
    ] {
        assert_eq!(pattern(text).matches(number), fits, "{text} {number}");
        assert_eq!(pattern(text).to_string(), text);
    }
    for wrong in ["", "1*2", "**", "/", "/(/", "/1)(2/", "/(?=x)/", "/(a{1000}){1000}/"] {
        assert!(Pattern::parse(wrong).is_err(), "{wrong}");
    }
}

#[test]
fn an_expression_never_looks_at_a_number_without_end() {
    assert!(!pattern("/.*/").matches(&"1".repeat(100_000)));
}

#[test]
fn a_number_is_rewritten_by_the_first_rule_that_fits() {
    let rules = Rewriting::new(vec![
        Rewrite::front(pattern("00*"), 2, "+"),
        Rewrite::expression(r"0(\d+)", "+49$1").expect("a rule"),
        Rewrite::expression("(?<ext>[0-9]{3})", "+4930555${ext}").expect("a rule"),
    ]);
    for (number, written) in [
        ("0044123", "+44123"),
        ("030555", "+4930555"),
        ("123", "+4930555123"),
        ("+33123", "+33123"),
        ("", ""),
    ] {
        assert_eq!(rules.apply(number), written, "{number}");
    }
}

#[test]
fn a_rule_that_would_leave_nothing_leaves_the_number() {
    let rules = Rewriting::new(vec![Rewrite::front(pattern("1*"), 9, "")]);
    assert_eq!(rules.apply("123"), "123");
    let grows =
        Rewriting::new(vec![Rewrite::expression("(.*)", &"$1".repeat(200)).expect("a rule")]);
    assert_eq!(grows.apply("123"), "123");
    assert_eq!(grows.apply("1"), "1".repeat(200));
}

#[test]
fn a_replacement_names_only_captures_that_are_there() {
    assert!(Rewrite::expression("(.*)", "$0$1$$2").is_ok());
    for wrong in ["$2", "${2}", "$1x", "${name}", "$"] {
        assert!(Rewrite::expression("(.*)", wrong).is_err(), "{wrong}");
    }
}

#[test]
fn hours_follow_the_wall_clock_of_their_zone() {
    let office = hours("Europe/Berlin", &["mon-fri"], &["09:00-17:30"]);
    for (moment, open) in [
        // A Wednesday in winter, UTC+1, and one in summer, UTC+2.
        ("2026-01-14T07:59:59Z", false),
        ("2026-01-14T08:00:00Z", true),
        ("2026-01-14T16:29:59Z", true),
        ("2026-01-14T16:30:00Z", false),
        ("2026-07-15T07:00:00Z", true),
        ("2026-07-15T15:30:00Z", false),
        // A Saturday.
        ("2026-01-17T12:00:00Z", false),
    ] {
        assert_eq!(office.contains(at(moment)), open, "{moment}");
    }
}

#[test]
fn a_time_over_midnight_belongs_to_the_day_on_which_it_begins() {
    let night = hours("UTC", &["fri"], &["22:00-06:00"]);
    for (moment, open) in [
        ("2026-01-16T21:59:00Z", false),
        ("2026-01-16T22:00:00Z", true),
        ("2026-01-17T05:59:00Z", true),
        ("2026-01-17T06:00:00Z", false),
        ("2026-01-16T05:00:00Z", false),
        ("2026-01-17T22:00:00Z", false),
    ] {
        assert_eq!(night.contains(at(moment)), open, "{moment}");
    }
    let weekend = hours("UTC", &["sat-mon"], &[]);
    assert!(weekend.contains(at("2026-01-18T23:59:00Z")));
    assert!(weekend.contains(at("2026-01-19T23:59:00Z")));
    assert!(!weekend.contains(at("2026-01-20T00:00:00Z")));
    let evening = hours("UTC", &[], &["18:00-24:00"]);
    assert!(evening.contains(at("2026-01-18T23:59:59Z")));
    assert!(!evening.contains(at("2026-01-18T00:00:00Z")));
}

#[test]
fn days_and_times_that_are_none_are_refused() {
    let new = |days: &[&str], times: &[&str]| {
        let owned =
            |texts: &[&str]| texts.iter().map(|text| (*text).to_owned()).collect::<Vec<_>>();
        Hours::new(TimeZone::UTC, &owned(days), &owned(times)).is_ok()
    };
    assert!(new(&["Mon-FRI", "sun"], &["00:00-24:00"]));
    for days in ["", "monday", "mon-", "mon-fri-sat"] {
        assert!(!new(&[days], &[]), "{days}");
    }
    for times in
        ["", "9:00-17:00", "09:00", "09:00-09:00", "24:00-01:00", "09:60-10:00", "00:00-24:01"]
    {
        assert!(!new(&[], &[times]), "{times}");
    }
}

#[test]
fn the_first_route_whose_number_caller_and_hours_fit_is_taken() {
    let route = |name: &str, number: &str, callers: &[&str], times: &[&str]| Route {
        name: name.into(),
        callers: callers.iter().map(|text| text.parse().expect("a caller")).collect(),
        hours: (!times.is_empty()).then(|| hours("UTC", &[], times)),
        ..Route::new(pattern(number))
    };
    let routes = [
        route("boss", "100", &["user:2"], &[]),
        route("carriers", "1*", &["trunk:*"], &[]),
        route("day", "100", &[], &["08:00-18:00"]),
        route("night", "100", &[], &[]),
    ];
    let noon = at("2026-01-14T12:00:00Z");
    let midnight = at("2026-01-14T00:00:00Z");
    for (dialled, caller, at, expected) in [
        ("100", Caller::User("2"), noon, Some("boss")),
        ("100", Caller::User("3"), noon, Some("day")),
        ("100", Caller::User("3"), midnight, Some("night")),
        ("100", Caller::Trunk("acme"), midnight, Some("carriers")),
        ("100", Caller::Peer("acme"), midnight, Some("night")),
        ("200", Caller::User("2"), noon, None),
    ] {
        let query = Query { dialled, caller, at };
        let found = find(&routes, &query).map(|route| route.name.as_str());
        assert_eq!(found, expected, "{query:?}");
        let taken = explain(&routes, &query).into_iter().find(|(_, misfit)| misfit.is_none());
        assert_eq!(taken.map(|(route, _)| route.name.as_str()), expected, "{query:?}");
    }
    let query = Query { dialled: "100", caller: Caller::User("3"), at: noon };
    let told: Vec<_> = explain(&routes, &query).into_iter().map(|(_, misfit)| misfit).collect();
    assert_eq!(told, [Some(Misfit::Caller), Some(Misfit::Caller), None, Some(Misfit::Later)]);
}

#[test]
fn callers_and_goals_are_read_and_refused() {
    for wrong in ["", "user", "user:", "phone:1", ":1"] {
        assert!(wrong.parse::<CallerRule>().is_err(), "{wrong}");
    }
    for good in ["user:1000", "user:{number}", "trunk:acme", "test:9196", "sip:{number}@gw.example"]
    {
        assert_eq!(good.parse::<Goal>().expect("a goal").to_string(), good);
    }
    for wrong in ["", "user:", "1000", "http://x", "sip:", "sip:{number}@"] {
        assert!(wrong.parse::<Goal>().is_err(), "{wrong}");
    }
}

#[test]
fn a_uri_takes_the_number_and_nothing_else_from_what_was_dialled() {
    let template = UriTemplate::parse("sip:{number}@192.0.2.7;transport=tcp").expect("a URI");
    assert_eq!(template.uri("12@evil"), "sip:12%40evil@192.0.2.7;transport=tcp");
}
