// The shapes of the API as far as the console reads them. `/openapi.json` describes them whole.

export type CallState = "initiated" | "ringing" | "early-media" | "answered" | "ended";

export interface Figures {
  received: number;
  forwarded: number;
  sent: number;
  dropped: Record<string, number>;
  lost: number;
  jitter_us: number;
  mos?: number;
}

export interface Leg {
  leg: number;
  party: string;
  held: boolean;
  left: boolean;
  dtmf: string;
  figures?: Figures;
}

export interface Terminal {
  terminal: number;
  sink: string;
  ended?: string;
  figures?: StreamFigures;
}

export interface StreamFigures {
  frames: number;
  bytes: number;
  samples: number;
  acknowledged?: number;
  reconnects: number;
  discarded_samples: number;
  lag_ms: number;
}

export interface Stream {
  stream: string;
  call: string;
  label?: string;
  sink?: string;
  terminals: Terminal[];
  tracks: string[];
  muted: string[];
  state: string;
  cause: string;
  origin: string;
  started_at: string;
  ended_at?: string;
  media_time_ms: number;
  discarded_samples: number;
  figures?: StreamFigures;
  has_manifest: boolean;
}

export interface Call {
  call: string;
  state: CallState;
  from: string;
  to: string;
  started_at: string;
  answered_at?: string;
  ended_at?: string;
  outcome?: string;
  status?: number;
  cause?: string;
  legs: Leg[];
  streams: Stream[];
  seq: number;
}

/** One event of the bus; what belongs to its kind lies beside the common members. */
export interface BusEvent {
  number: number;
  call: string;
  stream?: string;
  seq: number;
  at: string;
  media_time_ms?: number;
  kind: string;
  cause: string;
  origin: string;
  origin_leg?: number;
  tapi?: { event: string; cause: string };
  missed?: number;
  [member: string]: unknown;
}

export interface Message {
  at: string;
  direction: "received" | "sent";
  transport: string;
  local: string;
  remote: string;
  text: string;
}

export interface SinkAddress {
  address: string;
  circuit: "closed" | "open" | "half_open";
  last_failure?: string;
}

export interface Sink {
  name: string;
  kind: string;
  dialect?: string;
  addresses?: SinkAddress[];
  sample_rate: number;
  encoding: string;
  channels: string;
  max_streams: number;
  live_streams: number;
}

export interface SinkTest {
  sink: string;
  ok: boolean;
  checks: { check: string; verdict: "passed" | "failed" | "skipped"; text: string; mend?: string; took_ms: number }[];
}

export interface Spool {
  call: string;
  stream: string;
  sink: string;
  state: string;
  memory_bytes: number;
  disk_bytes: number;
  pending_samples: number;
  lag_ms: number;
}

export interface Trunk {
  name: string;
  state: "up" | "down";
  registration?: { registered: boolean; expires_at?: string; registrar?: string; failures: number };
  answers_options?: boolean;
  calls_in: number;
  calls_out: number;
  calls_refused: number;
  last_error?: string;
}

export interface Phone {
  user: string;
  contact: string;
  transport?: string;
  address?: string;
  q: number;
  expires_at: string;
}

export interface Ban {
  source: string;
  until: string;
}

export interface AuditEntry {
  at: string;
  who: string;
  role: string;
  by: string;
  method: string;
  path: string;
  status: number;
}

export interface Level {
  kind: string;
  peak: number;
  rms: number;
}

export interface ScopeView {
  stream: string;
  live: boolean;
  sample_rate: number;
  samples_per_level: number;
  tracks: { track: string; start: number; levels: Level[] }[];
}

export interface Manifest {
  sink: string;
  sample_rate: number;
  clock: number;
  holds: boolean;
  tracks: { track: string; spans: { kind: string; start: number; samples: number }[] }[];
}

export type Role = "viewer" | "operator" | "admin";

export interface Session {
  name: string;
  role: Role;
  version: string;
}
