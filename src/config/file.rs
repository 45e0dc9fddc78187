//! The shapes of the file. Defaults stand here and, for people, in `config/sidestream.toml`; a test keeps the two equal.

use std::collections::BTreeMap;

use serde::Deserialize;

use super::LogFormat;
pub(super) use super::choices::*;
use crate::switch::GuardSettings;

macro_rules! section {
    ($name:ident { $($field:ident: $type:ty = $default:expr),* $(,)? }) => {
        #[derive(PartialEq, Deserialize)]
        #[serde(default, deny_unknown_fields)]
        pub(super) struct $name {
            $(pub(super) $field: $type,)*
        }

        impl Default for $name {
            fn default() -> Self {
                $name { $($field: $default,)* }
            }
        }
    };
}

section!(File {
    sip: Sip = Sip::default(),
    media: Media = Media::default(),
    streaming: Streaming = Streaming::default(),
    http: Http = Http::default(),
    log: Log = Log::default(),
    trace: Trace = Trace::default(),
    notary: Notary = Notary::default(),
    cdr: Cdr = Cdr::default(),
    users: Vec<User> = Vec::new(),
    peers: Vec<Peer> = Vec::new(),
    trunks: Vec<Trunk> = Vec::new(),
    routes: Vec<Route> = Vec::new(),
    sinks: Vec<Sink> = Vec::new(),
    spool: Spool = Spool::default(),
    acd: Acd = Acd::default(),
    flows: Flows = Flows::default(),
    hours: BTreeMap<String, Hours> = BTreeMap::new(),
    queues: BTreeMap<String, Queue> = BTreeMap::new(),
    routing_profiles: BTreeMap<String, RoutingProfile> = BTreeMap::new(),
    agents: BTreeMap<String, Agent> = BTreeMap::new(),
});

section!(Sip {
    realm: String = "sidestream".into(),
    digest: Vec<String> = vec!["sha-256".into(), "md5".into()],
    listen: Vec<String> = vec!["udp:127.0.0.1:5060".into(), "tcp:127.0.0.1:5060".into()],
    advertise: Vec<String> = Vec::new(),
    allow_wildcard: bool = false,
    user_agent: String = "Sidestream".into(),
    test_numbers: bool = true,
    max_calls: u64 = 20_000,
    ring_timeout_s: u64 = 60,
    hop_timeout_ms: u64 = 4_000,
    outbound_proxy: Option<String> = None,
    redirects: RedirectPolicy = RedirectPolicy::Off,
    redirect_domains: Vec<String> = Vec::new(),
    reliable_provisional: Reliable = Reliable::Supported,
    max_call_duration_s: u64 = 43_200,
    session_expires_s: u64 = 1_800,
    min_session_expires_s: u64 = 90,
    largest_udp_request: u64 = 1_300,
    dns: Dns = Dns::default(),
    guard: Guard = Guard::default(),
    phones: Phones = Phones::default(),
    registrar: Registrar = Registrar::default(),
    tcp: Tcp = Tcp::default(),
    tls: Tls = Tls::default(),
    websocket: WebSocket = WebSocket::default(),
    transfer: Transfer = Transfer::default(),
});

section!(Dns {
    nameservers: Vec<String> = Vec::new(),
    timeout_ms: u64 = 2_000,
    attempts: u64 = 2,
    lookup_time_ms: u64 = 8_000,
    cached_answers: u64 = 8_192,
    max_ttl_s: u64 = 3_600,
    max_negative_ttl_s: u64 = 30,
});

section!(Guard {
    exempt: Vec<String> = vec!["127.0.0.0/8".into(), "::1".into()],
    sources: u64 = 65_536,
    messages_per_s: u64 = 500,
    requests_per_s: u64 = 100,
    invites_per_s: u64 = 5_000,
    invites_per_user_per_s: u64 = 20,
    invites_per_peer_per_s: u64 = 2_000,
    ban_failures: u64 = 20,
    ban_window_s: u64 = 60,
    ban_time_s: u64 = 600,
    scanner_policy: String = "agents".into(),
    scanner_agents: Vec<String> = GuardSettings::default().scanner_agents,
    busy_high_percent: u64 = 95,
    busy_low_percent: u64 = 80,
    lag_high_ms: u64 = 400,
});

section!(Transfer { tone: Tone = Tone::Ringing, recall: bool = false });

section!(Registrar {
    min_expires_s: u64 = 60,
    max_expires_s: u64 = 7_200,
    default_expires_s: u64 = 3_600,
    contacts_per_user: u64 = 10,
    registers_per_minute: u64 = 60,
    path: String = "strict".into(),
    store: Option<String> = None,
    ping_every_s: u64 = 30,
    ping_misses: u64 = 3,
});

section!(Tcp {
    connections: u64 = 10_000,
    connections_per_address: u64 = 2_000,
    unproven: u64 = 1_000,
    unproven_per_address: u64 = 200,
    queued_messages: u64 = 128,
    message_time_s: u64 = 10,
    idle_time_s: u64 = 1_800,
    connect_time_s: u64 = 5,
    handshake_time_s: u64 = 5,
});

section!(Tls {
    certificate: Option<String> = None,
    key: Option<String> = None,
    client_certificates: ClientCertificates = ClientCertificates::Off,
    client_ca: Option<String> = None,
    trust_system: bool = true,
    trusted_ca: Option<String> = None,
    own_certificate: Option<String> = None,
    own_key: Option<String> = None,
    look_every_s: u64 = 5,
    certificates: Vec<Certificate> = Vec::new(),
});

section!(Certificate { certificate: Option<String> = None, key: Option<String> = None });

section!(WebSocket { origins: Vec<String> = Vec::new(), ping_every_s: u64 = 25 });

section!(Media {
    bind: String = "127.0.0.1".into(),
    addresses: Vec<String> = Vec::new(),
    allow_wildcard: bool = false,
    allowed_networks: Vec<String> = Vec::new(),
    first_port: u16 = 20_000,
    last_port: u16 = 29_999,
    workers: u64 = 0,
    latch_packets: u64 = 3,
    inactivity_s: u64 = 20,
    hang_up_on_inactivity: bool = true,
    figures_every_s: u64 = 5,
});

section!(Streaming {
    enabled: bool = true,
    default_sink: Option<String> = None,
    allow: Vec<String> = vec!["*".into()],
    max_streams_per_call: u64 = 8,
    ring_kib: u64 = 64,
    account_timeout_s: u64 = 5,
    record: Option<Start> = None,
});

section!(Start {
    sink: Option<String> = None,
    sinks: Option<Vec<String>> = None,
    tracks: Vec<String> = vec!["from_customer".into(), "to_customer".into()],
    label: Option<String> = None,
    pause_as: Option<String> = None,
    max_duration_s: Option<u64> = None,
    early_media: bool = false,
    redact_dtmf: bool = false,
});

section!(Http {
    listen: String = "127.0.0.1:8080".into(),
    allow_wildcard: bool = false,
    public_metrics: bool = false,
    max_body_bytes: u64 = 65_536,
    max_event_listeners: u64 = 256,
    command_timeout_ms: u64 = 2_000,
    ended_calls: u64 = 1_000,
    ended_age_s: u64 = 3_600,
    tokens: Vec<Token> = Vec::new(),
    users: Vec<ConsoleUser> = Vec::new(),
});

section!(Token {
    id: String = String::new(),
    secret: String = String::new(),
    role: Role = Role::Admin,
    scopes: Vec<String> = vec!["*".into()],
});

section!(ConsoleUser {
    name: String = String::new(),
    password_hash: String = String::new(),
    role: Role = Role::Viewer,
});

section!(Log { level: String = "info".into(), format: LogFormat = LogFormat::Text });

section!(Trace {
    messages_per_call: u64 = 500,
    kib_per_call: u64 = 512,
    total_mib: u64 = 64,
    redact: bool = true,
    hep: Hep = Hep::default(),
});

section!(Hep { collector: Option<String> = None, agent: u64 = 1, key: Option<String> = None });

section!(Cdr {
    path: Option<String> = None,
    rotate_mib: u64 = 64,
    rotate_daily: bool = true,
    keep_files: u64 = 0,
    sync_ms: u64 = 1_000,
    start_records: bool = true,
});

section!(Notary { key: Option<String> = None, ledger: Option<String> = None });

section!(User {
    name: String = String::new(),
    password: String = String::new(),
    may_control_streams: bool = false,
    may_transfer: bool = true,
    may_pick_up: bool = false,
    refer: Refer = Refer::Handle,
});

section!(Peer {
    name: String = String::new(),
    networks: Vec<String> = Vec::new(),
    may_control_streams: bool = false,
    may_transfer: bool = false,
    may_pick_up: bool = false,
    refer: Refer = Refer::Handle,
});

section!(Trunk {
    name: String = String::new(),
    addresses: Vec<String> = Vec::new(),
    networks: Vec<String> = Vec::new(),
    may_control_streams: bool = false,
    may_transfer: bool = false,
    may_pick_up: bool = false,
    refer: Refer = Refer::Handle,
    called: CalledIn = CalledIn::Uri,
    from_user: Option<String> = None,
    from_domain: Option<String> = None,
    trusted: bool = false,
    identity: Assertion = Assertion::None,
    diversion: bool = false,
    history_info: bool = false,
    reason: bool = true,
    pass_headers: Vec<String> = Vec::new(),
    headers: Vec<Header> = Vec::new(),
    codecs: Vec<String> = Vec::new(),
    called_in: Vec<Rewrite> = Vec::new(),
    called_out: Vec<Rewrite> = Vec::new(),
    caller_in: Vec<Rewrite> = Vec::new(),
    caller_out: Vec<Rewrite> = Vec::new(),
    account: Option<Account> = None,
    login: Option<Login> = None,
    register: Option<Register> = None,
    health: Option<Health> = None,
    limits: Limits = Limits::default(),
});

section!(Header {
    name: String = String::new(),
    add: Option<String> = None,
    set: Option<String> = None,
    remove: bool = false,
});

section!(Account {
    user: String = String::new(),
    password: String = String::new(),
    realm: Option<String> = None,
});

section!(Login { user: String = String::new(), password: String = String::new() });

section!(Register {
    aor: Option<String> = None,
    expires_s: u64 = 3_600,
    first_wait_s: u64 = 5,
    longest_wait_s: u64 = 300,
});

section!(Health { every_s: u64 = 30, timeout_s: u64 = 4, failures: u64 = 2, successes: u64 = 2 });

section!(Limits {
    calls: Option<u64> = None,
    calls_in: Option<u64> = None,
    calls_out: Option<u64> = None,
    calls_per_second: Option<u64> = None,
});

section!(Phones {
    trusted: bool = false,
    identity: Assertion = Assertion::None,
    diversion: bool = false,
    history_info: bool = false,
    reason: bool = true,
    pass_headers: Vec<String> = Vec::new(),
});

section!(Route {
    name: Option<String> = None,
    pattern: String = String::new(),
    from: Vec<String> = Vec::new(),
    hours: Option<Hours> = None,
    rewrite: Vec<Rewrite> = Vec::new(),
    target: Option<String> = None,
    targets: Vec<RouteStage> = Vec::new(),
    stream: Option<Start> = None,
});

section!(Hours {
    zone: String = "UTC".into(),
    days: Vec<String> = Vec::new(),
    times: Vec<String> = Vec::new(),
});

section!(RouteStage { to: Vec<String> = Vec::new(), ring_s: Option<u64> = None });

section!(Rewrite {
    pattern: Option<String> = None,
    strip: u64 = 0,
    prefix: Option<String> = None,
    replace: Option<String> = None,
});

section!(Sink {
    name: String = String::new(),
    kind: Option<SinkKind> = None,
    url: Option<String> = None,
    urls: Vec<String> = Vec::new(),
    dialect: Option<Dialect> = None,
    bearer: Option<String> = None,
    basic: Option<Basic> = None,
    signing: Option<Signing> = None,
    twilio_token: Option<String> = None,
    headers: BTreeMap<String, String> = BTreeMap::new(),
    extra_ca: Option<String> = None,
    client_certificate: Option<String> = None,
    client_key: Option<String> = None,
    address: Option<String> = None,
    addresses: Vec<String> = Vec::new(),
    track: Option<HeardTrack> = None,
    payload_type: Option<u64> = None,
    account: Option<Account> = None,
    stream: Option<String> = None,
    subject: Option<String> = None,
    create: Option<NewLog> = None,
    token: Option<String> = None,
    nkey: Option<String> = None,
    creds: Option<String> = None,
    directory: Option<String> = None,
    fragment_ms: Option<u64> = None,
    retention_hours: Option<u64> = None,
    max_mib: Option<u64> = None,
    readers_per_stream: Option<u64> = None,
    sample_rate: u32 = 8_000,
    encoding: Option<Encoding> = None,
    channels: Option<Channels> = None,
    max_streams: u64 = 1_000,
    max_duration_s: Option<u64> = None,
    redact_dtmf: bool = false,
    queue_ms: u64 = 2_000,
    connect_timeout_ms: u64 = 3_000,
    drain_ms: u64 = 500,
    back_channel: Option<Hearers> = None,
    back_channel_ms: u64 = 10_000,
    delivery: Delivery = Delivery::Live,
    spool_memory_kib: u64 = 512,
    spool_disk_mib: u64 = 256,
    spool_hours: u64 = 24,
    catch_up_factor: u64 = 4,
    reconnect: Reconnect = Reconnect::default(),
});

section!(Spool {
    directory: Option<String> = None,
    secret: Option<String> = None,
    old_secrets: Vec<String> = Vec::new(),
    total_mib: u64 = 10_240,
    sync_ms: u64 = 1_000,
});

section!(NewLog { hours: u64 = 24, max_mib: u64 = 10_240, replicas: u64 = 1 });

section!(Basic { user: String = String::new(), password: String = String::new() });

section!(Signing {
    key_id: String = String::new(),
    secret: String = String::new(),
    base64: bool = false,
});

section!(Reconnect {
    attempts: u64 = 8,
    first_delay_ms: u64 = 100,
    max_delay_ms: u64 = 5_000,
    failures: u64 = 5,
    rest_ms: u64 = 2_000,
    connects_per_s: u64 = 200,
});

section!(Flows {
    directory: Option<String> = None,
    prompts: Option<String> = None,
    numbers: BTreeMap<String, String> = BTreeMap::new(),
    streaming: bool = true,
    allow_unsupported: bool = false,
    speech: Option<Speech> = None,
    functions: BTreeMap<String, Function> = BTreeMap::new(),
});

section!(Speech {
    command: Vec<String> = ["espeak-ng", "--stdin", "--stdout"].map(str::to_owned).into(),
    timeout_s: u64 = 10,
    at_once: u64 = 4,
});

section!(Function {
    url: String = String::new(),
    key_id: String = String::new(),
    secret: String = String::new(),
});

section!(Acd {
    custom_states: Vec<String> = Vec::new(),
    missed_rest_s: u64 = 10,
    missed_limit: u64 = 3,
    star_codes: BTreeMap<String, String> = BTreeMap::new(),
});

section!(Queue {
    description: String = String::new(),
    hours: Option<String> = None,
    limit: u64 = 1_000,
    longest_wait_s: Option<u64> = None,
    overflow: Option<String> = None,
    ring_s: u64 = 20,
    handling_s: u64 = 180,
});

section!(RoutingProfile { queues: Vec<Served> = Vec::new() });

section!(Served { queue: String = String::new(), priority: u64 = 1, delay_s: u64 = 0 });

section!(Agent {
    user: Option<String> = None,
    profile: String = String::new(),
    state: String = "offline".into(),
    work_s: u64 = 0,
    work_until_told: bool = false,
});
