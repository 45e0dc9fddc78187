use expect_test::{Expect, expect};

use super::*;

fn refused(text: &str, expected: Expect) {
    let error = read(text, &[]).expect_err("the file breaks a rule");
    expected.assert_eq(&report(&error));
}

#[test]
fn an_unknown_key_is_told_with_its_line_and_the_nearest_known_one() {
    refused(
        "[sip]\nrealm = \"x\"\nlisen = []\n",
        expect![[r#"
              x test.toml has a problem

            Error:
              x unknown field `lisen`, expected one of `realm`, `digest`, `listen`, `advertise`, `allow_wildcard`, `user_agent`, `test_numbers`,
              | `max_calls`, `ring_timeout_s`, `hop_timeout_ms`, `outbound_proxy`, `redirects`, `redirect_domains`, `reliable_provisional`,
              | `max_call_duration_s`, `session_expires_s`, `min_session_expires_s`, `largest_udp_request`, `dns`, `guard`, `phones`, `registrar`,
              | `tcp`, `tls`, `websocket`, `transfer`
               ,-[test.toml:3:1]
             2 | realm = "x"
             3 | lisen = []
               : ^^^^^
               `----
              help: did you mean `listen`?
        "#]],
    );
    refused(
        "[[sinks]]\nname = \"a\"\nkind = \"websockets\"\n",
        expect![[r#"
              x test.toml has a problem

            Error:
              x unknown variant `websockets`, expected one of `websocket`, `audiosocket`, `rtp`, `siprec`, `nats`, `wav`, `flac`, `matroska`, `store`,
              | `scope`
               ,-[test.toml:3:8]
             2 | name = "a"
             3 | kind = "websockets"
               :        ^^^^^^^^^^^^
               `----
              help: did you mean `websocket`?
        "#]],
    );
}

#[test]
fn a_value_of_the_wrong_kind_is_told_with_its_line() {
    refused(
        "[media]\nfirst_port = \"20000\"\n",
        expect![[r#"
          x test.toml has a problem

        Error:
          x invalid type: string "20000", expected u16
           ,-[test.toml:2:14]
         1 | [media]
         2 | first_port = "20000"
           :              ^^^^^^^
           `----
    "#]],
    );
    refused(
        "[media\n",
        expect![[r#"
          x test.toml has a problem

        Error:
          x unclosed table, expected `]`
           ,-[test.toml:1:7]
         1 | [media
           :       ^
           `----
    "#]],
    );
}

#[test]
fn every_problem_is_told_at_once_each_with_its_line_and_mend() {
    refused(
        r#"
[sip]
listen = ["udp:0.0.0.0:5060", "sctp:127.0.0.1:5060"]
ring_timeout_s = 0

[media]
first_port = 20001
last_port = 20000

[streaming]
default_sink = "asrr"

[[sinks]]
name = "asr"
kind = "websocket"
url = "https://asr.example/"

[[sinks]]
name = "asr"
kind = "scope"
directory = "/tmp"

[[users]]
name = "1000"
password = "1000"
"#,
        expect![[r#"
              x test.toml has 12 problems

            Error:
              x sip.listen[0]: 0.0.0.0 means every interface of this machine
               ,-[test.toml:3:11]
             2 | [sip]
             3 | listen = ["udp:0.0.0.0:5060", "sctp:127.0.0.1:5060"]
               :           ^^^^^^^^^^^^^^^^^^
             4 | ring_timeout_s = 0
               `----
              help: name one address, or set `allow_wildcard = true` in this section

            Error:
              x sip.listen[0]: peers cannot be told to reach us at a wildcard
               ,-[test.toml:3:11]
             2 | [sip]
             3 | listen = ["udp:0.0.0.0:5060", "sctp:127.0.0.1:5060"]
               :           ^^^^^^^^^^^^^^^^^^
             4 | ring_timeout_s = 0
               `----
              help: say in `advertise` which address they see

            Error:
              x sip.listen[1]: `sctp:127.0.0.1:5060` is not a transport and an address
               ,-[test.toml:3:31]
             2 | [sip]
             3 | listen = ["udp:0.0.0.0:5060", "sctp:127.0.0.1:5060"]
               :                               ^^^^^^^^^^^^^^^^^^^^^
             4 | ring_timeout_s = 0
               `----
              help: udp, tcp, tls, ws or wss, and where: udp:127.0.0.1:5060, or tls:[::1]:5061

            Error:
              x sip.ring_timeout_s: 0 is not within 1 to 3600
               ,-[test.toml:4:18]
             3 | listen = ["udp:0.0.0.0:5060", "sctp:127.0.0.1:5060"]
             4 | ring_timeout_s = 0
               :                  ^
             5 |
               `----

            Error:
              x media.first_port: the first port must be even, and 1024 or above
               ,-[test.toml:7:14]
             6 | [media]
             7 | first_port = 20001
               :              ^^^^^
             8 | last_port = 20000
               `----

            Error:
              x media.last_port: the last port must be odd, and above the first
               ,-[test.toml:8:13]
             7 | first_port = 20001
             8 | last_port = 20000
               :             ^^^^^
             9 |
               `----

            Error:
              x streaming.default_sink: there is no sink `asrr`
                ,-[test.toml:11:16]
             10 | [streaming]
             11 | default_sink = "asrr"
                :                ^^^^^^
             12 |
                `----
              help: did you mean `asr`?

            Error:
              x sinks[0].url: a sink's URL begins with ws:// or wss://
                ,-[test.toml:16:7]
             15 | kind = "websocket"
             16 | url = "https://asr.example/"
                :       ^^^^^^^^^^^^^^^^^^^^^^
             17 |
                `----

            Error:
              x sinks[1].name: `asr` stands twice in sinks
                ,-[test.toml:19:8]
             18 | [[sinks]]
             19 | name = "asr"
                :        ^^^^^
             20 | kind = "scope"
                `----

            Error:
              x sinks[1].directory: a sink of this kind has no such key
                ,-[test.toml:21:13]
             20 | kind = "scope"
             21 | directory = "/tmp"
                :             ^^^^^^
             22 |
                `----

            Error:
              x users[0].password: a secret needs at least 12 characters
                ,-[test.toml:25:12]
             24 | name = "1000"
             25 | password = "****"
                :            ^^^^^^
                `----
              help: write it as ${env:NAME} or ${file:PATH}; `openssl rand -hex 16` makes a good one

            Error:
              x http: there is no API token, so nobody could use the API
              help: add [[http.tokens]] with an id and a secret
        "#]],
    );
}

#[test]
fn everybody_may_not_call_through_to_other_servers() {
    let route = "[[routes]]\npattern = \"0*\"\ntarget = \"sip:{number}@192.0.2.7\"\n";
    let peer = "[[peers]]\nname = \"all\"\nnetworks = [\"0.0.0.0/0\"]\n";
    assert!(read(&format!("{LEAST}{peer}"), &[]).is_ok(), "without a route nobody is harmed");
    refused(
        &format!("{LEAST}{route}{peer}"),
        expect![[r#"
          x test.toml has a problem

        Error:
          x peers[0].networks: everybody could call through this server to the targets of the routes
           ,-[test.toml:9:12]
         8 | name = "all"
         9 | networks = ["0.0.0.0/0"]
           :            ^^^^^^^^^^^^^
           `----
          help: name the networks of this peer, or remove the targets
    "#]],
    );
}

#[test]
fn secrets_that_can_be_guessed_are_refused() {
    for (secret, expected) in [
        ("", "a secret is missing"),
        ("short", "a secret needs at least 20 characters"),
        ("changeme-changeme-changeme", "this secret is among the first that anybody tries"),
    ] {
        let text = format!("[[http.tokens]]\nid = \"console\"\nsecret = \"{secret}\"\n");
        let error = read(&text, &[]).expect_err("it can be guessed");
        assert_eq!(error.problems()[0].to_string(), format!("http.tokens[0].secret: {expected}"));
    }
    let error = read("", &[]).expect_err("nobody could use the API");
    assert!(error.problems()[0].to_string().contains("there is no API token"));
}

#[test]
fn a_file_that_is_not_there_says_so() {
    let error = load(Path::new("/nonexistent/sidestream.toml")).expect_err("it is not there");
    assert!(error.problems()[0].to_string().starts_with("the file cannot be read: "));
    assert_eq!(error.to_string(), "/nonexistent/sidestream.toml has a problem");
}

#[test]
fn a_format_that_a_dialect_does_not_speak_is_refused_with_those_that_it_does() {
    refused(
        r#"
[[sinks]]
name = "a"
kind = "websocket"
dialect = "twilio"
url = "wss://a.example/"
sample_rate = 16000
channels = "stereo"

[[sinks]]
name = "b"
kind = "wav"
directory = "/tmp"
encoding = "pcmu"

[[sinks]]
name = "c"
kind = "websocket"
url = "wss://c.example/"
sample_rate = 11025
"#,
        expect![[r#"
              x test.toml has 5 problems

            Error:
              x sinks[0].sample_rate: this sink knows the rates in Hz 8000
               ,-[test.toml:7:15]
             6 | url = "wss://a.example/"
             7 | sample_rate = 16000
               :               ^^^^^
             8 | channels = "stereo"
               `----

            Error:
              x sinks[0].channels: this sink knows the layouts "separate", "mono"
               ,-[test.toml:8:12]
             7 | sample_rate = 16000
             8 | channels = "stereo"
               :            ^^^^^^^^
             9 |
               `----

            Error:
              x sinks[1].encoding: this sink knows the encodings "l16"
                ,-[test.toml:14:12]
             13 | directory = "/tmp"
             14 | encoding = "pcmu"
                :            ^^^^^^
             15 |
                `----

            Error:
              x sinks[2].sample_rate: this sink knows the rates in Hz 8000, 16000, 24000, 48000
                ,-[test.toml:20:15]
             19 | url = "wss://c.example/"
             20 | sample_rate = 11025
                :               ^^^^^
                `----

            Error:
              x http: there is no API token, so nobody could use the API
              help: add [[http.tokens]] with an id and a secret
        "#]],
    );
}

#[test]
fn two_sinks_that_would_write_to_one_directory_are_refused_by_their_names() {
    let sinks = |first: &str, second: &str| {
        format!("{LEAST}[[sinks]]\nname = \"a\"\n{first}\n[[sinks]]\nname = \"b\"\n{second}\n")
    };
    let wav = "kind = \"wav\"\ndirectory = \"/var/lib/recordings\"";
    let flac = "kind = \"flac\"\ndirectory = \"/var/lib/calls/../recordings/.\"";
    refused(
        &sinks(wav, flac),
        expect![[r#"
          x test.toml has a problem

        Error:
          x sinks[1].directory: the sink `a` and the sink `b` would both write to /var/lib/calls/../recordings/.
            ,-[test.toml:11:13]
         10 | kind = "flac"
         11 | directory = "/var/lib/calls/../recordings/."
            :             ^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^^
            `----
          help: give each a directory of its own
    "#]],
    );
    let below = "kind = \"store\"\ndirectory = \"/var/lib/recordings/store\"";
    let store = "kind = \"store\"\ndirectory = \"/var/lib/recordings\"";
    assert!(read(&sinks(store, below), &[]).is_err(), "a store owns what lies below it");
    let wav_below = "kind = \"wav\"\ndirectory = \"/var/lib/recordings/wav\"";
    assert!(read(&sinks(wav_below, store), &[]).is_err(), "in either order");
    let other = "kind = \"flac\"\ndirectory = \"/var/lib/recordings/flac\"";
    assert!(read(&sinks(wav, other), &[]).is_ok(), "files lie beside a directory");
    let spool = format!("{}[spool]\ndirectory = \"/var/lib/recordings\"\n", sinks(wav, other));
    let error = read(&spool, &[]).expect_err("the spool is somebody, too");
    assert_eq!(
        error.problems()[0].to_string(),
        "sinks[0].directory: the spool and the sink `a` would both write to /var/lib/recordings"
    );
}

#[test]
fn queues_agents_and_profiles_name_what_is_there() {
    refused(
        r#"
[acd.star_codes]
"71" = "lunch"

[queues.sales]
overflow = "help"
hours = "office"
limit = 0

[routing_profiles.all]
queues = [{ queue = "sale" }]

[agents.ann]
profile = "al"
"#,
        expect![[r#"
              x test.toml has 9 problems

            Error:
              x acd.star_codes.71: `71` is not a code like *71
               ,-[test.toml:3:8]
             2 | [acd.star_codes]
             3 | "71" = "lunch"
               :        ^^^^^^^
             4 |
               `----

            Error:
              x acd.star_codes.71: there is no state `lunch`
               ,-[test.toml:3:8]
             2 | [acd.star_codes]
             3 | "71" = "lunch"
               :        ^^^^^^^
             4 |
               `----
              help: available, offline, or one of `custom_states` in [acd]

            Error:
              x queues.sales.overflow: there is no queue `help`
               ,-[test.toml:6:12]
             5 | [queues.sales]
             6 | overflow = "help"
               :            ^^^^^^
             7 | hours = "office"
               `----
              help: define it as [queues.help]

            Error:
              x queues.sales.hours: there are no hours `office`
               ,-[test.toml:7:9]
             6 | overflow = "help"
             7 | hours = "office"
               :         ^^^^^^^^
             8 | limit = 0
               `----
              help: define them as [hours.office]

            Error:
              x queues.sales.limit: 0 is not within 1 to 100000
               ,-[test.toml:8:9]
             7 | hours = "office"
             8 | limit = 0
               :         ^
             9 |
               `----

            Error:
              x routing_profiles.all.queues[0].queue: there is no queue `sale`
                ,-[test.toml:11:21]
             10 | [routing_profiles.all]
             11 | queues = [{ queue = "sale" }]
                :                     ^^^^^^
             12 |
                `----
              help: define it as [queues.sale]

            Error:
              x agents.ann.user: there is no user `ann`
                ,-[test.toml:13:1]
             12 |
             13 | [agents.ann]
                : ^^^^^^^^^^^^
             14 | profile = "al"
                `----
              help: name one of the [[users]]

            Error:
              x agents.ann.profile: there is no routing profile `al`
                ,-[test.toml:14:11]
             13 | [agents.ann]
             14 | profile = "al"
                :           ^^^^
                `----
              help: define it as [routing_profiles.al]

            Error:
              x http: there is no API token, so nobody could use the API
              help: add [[http.tokens]] with an id and a secret
        "#]],
    );
}
