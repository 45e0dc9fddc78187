// The streams of a call: their state, what can be done with them, and their waveforms.

import { useSignal } from "@preact/signals";
import { change, may } from "../api";
import { Dialog } from "../parts/dialog";
import { Panel } from "../parts/panel";
import { State } from "../parts/state";
import { isLive, lagOf, sinksOf } from "../figures";
import { usePoll } from "../poll";
import { duration } from "../time";
import { Waveform, trackName } from "./waveform";
import type { Call, Sink, Stream } from "../types";

interface Props {
  call: Call;
  /** Asks for the call anew. */
  again: () => void;
}

export function Streams({ call, again }: Props) {
  const starting = useSignal(false);
  const sinks = usePoll<{ sinks: Sink[] }>("/v1/sinks", 10_000).value.value?.sinks ?? [];
  const canStart = may("operator") && call.state !== "ended" && sinks.length > 0;
  const streams = [...call.streams].reverse();
  return (
    <Panel
      title="Streams"
      aside={
        canStart && (
          <button type="button" class="main" onClick={() => (starting.value = true)}>
            Start a stream
          </button>
        )
      }
    >
      {streams.length === 0 && <p class="empty">This call is not streamed.</p>}
      {streams.map((stream) => (
        <One key={stream.stream} call={call} stream={stream} sinks={sinks} again={again} />
      ))}
      {starting.value && <Start call={call} sinks={sinks} again={again} close={() => (starting.value = false)} />}
    </Panel>
  );
}

function One({ call, stream, sinks, again }: Props & { stream: Stream; sinks: Sink[] }) {
  const to = async (verb: string, body: unknown = {}) => {
    await change("POST", `/v1/calls/${call.call}/streams/${stream.stream}/${verb}`, body);
    again();
  };
  const scope = sinks.find((sink) => sink.kind === "scope");
  const isShown = stream.terminals.some((terminal) => terminal.sink === scope?.name);
  const figures = stream.terminals.map((terminal) => terminal.figures).find((one) => one !== undefined);
  return (
    <article class="stream" data-stream={stream.stream} aria-label={`Stream to ${sinksOf(stream)}`}>
      <div class="line">
        <State of={stream.state} word={stream.state === "ended" ? `ended (${stream.cause.replaceAll("_", " ")})` : stream.state} />
        <strong>
          {stream.label ? `${stream.label} ` : ""}→ {sinksOf(stream)}
        </strong>
        <span class="quiet">
          {`by ${stream.origin} · ${duration(stream.media_time_ms)} · ${figures?.frames ?? 0} frames`}
          {lagOf(stream) > 0 && ` · ${lagOf(stream)} ms behind`}
          {stream.discarded_samples > 0 && ` · ${stream.discarded_samples} samples given up`}
        </span>
        <span class="grow" />
        {isLive(stream) && may("operator") && (
          <span class="row" role="group" aria-label={`Change the stream to ${sinksOf(stream)}`}>
            {scope && !isShown && (
              <button type="button" onClick={() => void to("select", { sink: scope.name })}>
                Show waveform
              </button>
            )}
            {stream.tracks.map((track) => {
              const isMuted = stream.muted.includes(track);
              return (
                <button key={track} type="button" aria-pressed={isMuted} onClick={() => void to(isMuted ? "unmute" : "mute", { track })}>
                  {isMuted ? "Unmute" : "Mute"} {track === "from_customer" ? "customer" : "what they hear"}
                </button>
              );
            })}
            {stream.state === "paused" ? (
              <button type="button" onClick={() => void to("resume")}>
                Resume
              </button>
            ) : (
              <button type="button" onClick={() => void to("pause")}>
                Pause
              </button>
            )}
            <button type="button" class="danger" onClick={() => void to("stop")}>
              Stop
            </button>
          </span>
        )}
        {stream.has_manifest && (
          <a href={`/v1/streams/${stream.stream}/manifest`} download={`${stream.stream}.json`}>
            manifest
          </a>
        )}
      </div>
      <Waveform stream={stream} />
    </article>
  );
}

function Start({ call, sinks, again, close }: Props & { sinks: Sink[]; close: () => void }) {
  const send = async (event: SubmitEvent) => {
    event.preventDefault();
    const form = new FormData(event.currentTarget as HTMLFormElement);
    const body = { sink: form.get("sink"), tracks: form.getAll("track"), pause_as: form.get("pause_as") };
    close();
    await change("POST", `/v1/calls/${call.call}/streams`, body);
    again();
  };
  return (
    <Dialog title="Start a stream" close={close}>
      <form onSubmit={(event) => void send(event)}>
        <label>
          Sink
          <select name="sink">
            {sinks.map((sink) => (
              <option key={sink.name} value={sink.name}>
                {sink.name} ({sink.kind})
              </option>
            ))}
          </select>
        </label>
        <fieldset>
          <legend>Tracks</legend>
          {["from_customer", "to_customer"].map((track) => (
            <label key={track} class="check">
              <input type="checkbox" name="track" value={track} defaultChecked /> {trackName(track)}
            </label>
          ))}
        </fieldset>
        <label>
          While paused
          <select name="pause_as">
            <option value="omit">nothing is sent</option>
            <option value="silence">silence is sent</option>
          </select>
        </label>
        <div class="row">
          <button type="submit" class="main">
            Start
          </button>
          <button type="button" onClick={close}>
            Cancel
          </button>
        </div>
      </form>
    </Dialog>
  );
}
