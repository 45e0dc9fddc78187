//! The table: each room, what it may import, whether it is pure, whether it is still to come.

/// What a room may import.
#[derive(Clone, Copy)]
pub(crate) enum Imports {
    /// These rooms and no other.
    Rooms(&'static str),
    /// Every pure room.
    Pure,
    /// Every pure room, and these.
    PureAnd(&'static str),
    /// Every room.
    All,
}

/// One row of the table.
pub(crate) struct Room {
    /// The folder (or file) under `src`.
    pub(crate) name: &'static str,
    /// Whether it compiles without the feature `server`: no runtime, clock, socket or lock.
    pub(crate) pure: bool,
    /// What it may import.
    pub(crate) imports: Imports,
    /// Named in the architecture, not built so far.
    pub(crate) to_come: bool,
}

const fn pure(name: &'static str, rooms: &'static str) -> Room {
    Room { name, pure: true, imports: Imports::Rooms(rooms), to_come: false }
}

const fn shell(name: &'static str, imports: Imports) -> Room {
    Room { name, pure: false, imports, to_come: false }
}

const fn to_come(room: Room) -> Room {
    Room { to_come: true, ..room }
}

/// The rows of `ARCHITECTURE.md`, in the same order.
pub(crate) const ROOMS: &[Room] = &[
    pure("time", ""),
    pure("id", ""),
    pure("command", "id time"),
    pure("event", "id time command"),
    pure("sip", "id time"),
    pure("rtp", "time"),
    pure("codec", ""),
    pure("sdp", "codec"),
    pure("media", "id time event command rtp codec"),
    pure("dialect", "id time event rtp codec media"),
    pure("matroska", "id event"),
    pure("registrar", "id time sip"),
    pure("dialplan", "command time sip"),
    pure("trunk", "id time sip dialplan"),
    pure("trace", "id time sip"),
    pure("locate", "time sip"),
    pure("acd", "id time event"),
    pure("call", "id time command event sip sdp media codec locate trunk"),
    pure("flow", "id time command event"),
    pure("control", "id time command event sip acd"),
    pure("siprec", "id time sip sdp trunk call"),
    Room { name: "switch", pure: true, imports: Imports::Pure, to_come: false },
    shell("net", Imports::Pure),
    shell("functions", Imports::Rooms("id codec media flow switch")),
    shell("store", Imports::Rooms("id time sip registrar net")),
    shell("fragments", Imports::Rooms("id matroska net")),
    shell(
        "sink",
        Imports::Rooms(
            "id time command event sip codec media dialect matroska trunk locate call net fragments",
        ),
    ),
    shell("notary", Imports::Rooms("id event dialect control")),
    shell("records", Imports::Rooms("id event control")),
    shell("notify", Imports::Rooms("id time command event media control call switch")),
    shell("http", Imports::Rooms("id time command event acd control notary notify net fragments")),
    shell(
        "config",
        Imports::PureAnd("net functions store fragments sink notary records notify http"),
    ),
    to_come(shell("cluster", Imports::Rooms("id command event control"))),
    shell("phone", Imports::Rooms("id codec net")),
    shell("server", Imports::All),
    shell("cli", Imports::All),
];

/// The row of a room.
pub(crate) fn room(name: &str) -> Option<&'static Room> {
    ROOMS.iter().find(|room| room.name == name)
}

impl Room {
    /// Whether this room may name `other`.
    pub(crate) fn may_import(&self, other: &str) -> bool {
        let pure = room(other).is_some_and(|room| room.pure);
        let listed = |names: &str| names.split_whitespace().any(|name| name == other);
        match self.imports {
            _ if self.name == other => true,
            Imports::Rooms(names) => listed(names),
            // The switch stands last among the pure rooms: none of them imports it but by a row that says so.
            Imports::Pure => pure && other != self.name,
            Imports::PureAnd(names) => pure || listed(names),
            Imports::All => true,
        }
    }

    /// The third column of the page's row.
    pub(crate) fn imports_text(&self) -> String {
        match self.imports {
            Imports::Rooms("") => "–".to_string(),
            Imports::Rooms(names) => names.to_string(),
            Imports::Pure => "the pure rooms".to_string(),
            Imports::PureAnd(names) => format!("the pure rooms {names}"),
            Imports::All => "all".to_string(),
        }
    }
}
