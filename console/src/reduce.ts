// What an event changes in a call, as the server's own board reduces it.

import type { BusEvent, Call, Stream } from "./types";

/** The call that an event begins, when it is the first one. */
export function begun(event: BusEvent): Call {
  return {
    call: event.call,
    state: "initiated",
    from: text(event.from),
    to: text(event.to),
    started_at: event.at,
    legs: [],
    streams: [],
    seq: event.seq,
  };
}

export function reduce(call: Call, event: BusEvent): void {
  if (event.seq <= call.seq && event.kind !== "call_initiated") return;
  call.seq = event.seq;
  const leg = () => call.legs.find((one) => one.leg === event.leg);
  switch (event.kind) {
    case "call_ringing":
      call.state = "ringing";
      break;
    case "call_early_media":
      call.state = "early-media";
      break;
    case "call_answered":
      call.state = "answered";
      call.answered_at = event.at;
      break;
    case "call_ended":
      call.state = "ended";
      call.ended_at = event.at;
      call.status = Number(event.status);
      call.outcome = text(event.outcome);
      call.cause = event.cause;
      break;
    case "leg_added":
      call.legs.push({ leg: Number(event.leg), party: text(event.party), held: false, left: false, dtmf: "" });
      break;
    case "leg_removed":
    case "leg_held":
    case "leg_resumed": {
      const found = leg();
      if (found && event.kind === "leg_removed") found.left = true;
      else if (found) found.held = event.kind === "leg_held";
      break;
    }
    case "dtmf": {
      const found = leg();
      if (found) found.dtmf = (found.dtmf + text(event.digit)).slice(-64);
      break;
    }
    case "stream_armed":
      call.streams.push(armed(event));
      break;
    default: {
      const stream = call.streams.find((one) => one.stream === event.stream);
      if (stream) reduceStream(stream, event);
    }
  }
}

function armed(event: BusEvent): Stream {
  const sinks = (event.sinks as string[] | undefined) ?? (event.sink ? [text(event.sink)] : []);
  return {
    stream: event.stream ?? "",
    call: event.call,
    label: event.label as string | undefined,
    sink: sinks[0],
    terminals: sinks.map((sink, terminal) => ({ terminal, sink })),
    tracks: event.tracks as string[],
    muted: [],
    state: "armed",
    cause: event.cause,
    origin: event.origin,
    started_at: event.at,
    media_time_ms: 0,
    discarded_samples: 0,
    has_manifest: false,
  };
}

function reduceStream(stream: Stream, event: BusEvent): void {
  if (event.media_time_ms !== undefined) stream.media_time_ms = event.media_time_ms;
  const is = (state: string) => {
    stream.state = state;
    stream.cause = event.cause;
  };
  // RTP or a sink that goes and comes leaves the state as it is: nobody has to resume it.
  const isWeather = event.cause === "media_timeout" || event.cause === "media_recovered";
  switch (event.kind) {
    case "stream_active":
      if (!isWeather) is("active");
      break;
    case "stream_paused":
      if (!isWeather) is("paused");
      break;
    case "stream_resumed":
      is("armed");
      break;
    case "stream_muted":
      if (!stream.muted.includes(text(event.track))) stream.muted.push(text(event.track));
      break;
    case "stream_unmuted":
      stream.muted = stream.muted.filter((track) => track !== event.track);
      break;
    case "stream_discarded":
      stream.discarded_samples += Number(event.samples);
      break;
    case "terminal_selected":
      stream.sink ??= text(event.sink);
      stream.terminals.push({ terminal: Number(event.terminal), sink: text(event.sink) });
      break;
    case "terminal_ended": {
      const ended = stream.terminals.find((one) => one.terminal === event.terminal);
      if (ended) ended.ended = event.cause;
      stream.has_manifest ||= event.manifest !== undefined;
      if (stream.state === "active" && stream.terminals.every((one) => one.ended)) stream.state = "armed";
      break;
    }
    case "stream_ended":
      is("ended");
      stream.ended_at = event.at;
      stream.has_manifest ||= event.manifest !== undefined || event.manifests !== undefined;
      for (const terminal of stream.terminals) terminal.ended ??= event.cause;
      break;
  }
}

const text = (value: unknown): string => (typeof value === "string" ? value : "");
