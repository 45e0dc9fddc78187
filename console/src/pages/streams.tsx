import { useSignal } from "@preact/signals";
import { ask, may } from "../api";
import { Panel } from "../parts/panel";
import { State } from "../parts/state";
import { Table } from "../parts/table";
import { BAD_LAG_MS, isLive, lagOf, sinkMend, sinksOf } from "../figures";
import { liveCalls, turn } from "../live";
import { usePoll } from "../poll";
import { bytes, duration } from "../time";
import { Figure } from "./calls";
import type { Sink, SinkTest, Spool } from "../types";

export function Streams() {
  void turn.value;
  const sinks = usePoll<{ sinks: Sink[] }>("/v1/sinks", 2000).value.value?.sinks ?? [];
  const spools = usePoll<{ spools: Spool[] }>("/v1/spools", 3000).value.value?.spools ?? [];
  const streams = liveCalls().flatMap((call) => call.streams.filter(isLive).map((stream) => ({ call, stream })));
  const tested = useSignal<SinkTest | undefined>(undefined);
  const testing = useSignal("");
  const sendPhrase = async (sink: string) => {
    testing.value = sink;
    try {
      tested.value = await ask<SinkTest>("POST", `/v1/sinks/${encodeURIComponent(sink)}/test`, { test: "phrase" });
    } catch (error) {
      const text = error instanceof Error ? error.message : String(error);
      tested.value = { sink, ok: false, checks: [{ check: "test", verdict: "failed", text, took_ms: 0 }] };
    }
    testing.value = "";
  };
  const places = sinks.flatMap((sink) => {
    const addresses: { address: string; circuit: string; last_failure?: string }[] = sink.addresses?.length ? sink.addresses : [{ address: "here", circuit: "closed" }];
    return addresses.map((place, index) => ({ sink, place, isFirst: index === 0 }));
  });
  return (
    <>
      <header class="page">
        <h1>Streams and sinks</h1>
      </header>
      <div class="scroll">
        <Panel title="Sinks">
          <Table
            label="Sinks"
            wrap
            rows={places}
            id={({ sink, place }) => `${sink.name} ${place.address}`}
            empty="No sink is configured: add [[sinks]] to the configuration."
            columns={[
              { name: "State", width: "100px", cell: ({ place }) => <State of={place.circuit} /> },
              { name: "Sink", width: "110px", cell: ({ sink }) => sink.name },
              { name: "Kind", width: "130px", cell: ({ sink }) => `${sink.kind}${sink.dialect ? ` · ${sink.dialect}` : ""}` },
              { name: "Where", width: "150px", cell: ({ place }) => place.address },
              { name: "Format", width: "150px", cell: ({ sink }) => `${sink.encoding} ${sink.sample_rate / 1000} kHz ${sink.channels}` },
              { name: "Streams", width: "90px", numeric: true, cell: ({ sink }) => `${sink.live_streams} / ${sink.max_streams}` },
              {
                name: "Test",
                width: "150px",
                cell: ({ sink, isFirst }) =>
                  isFirst && (
                    <button type="button" disabled={!may("operator") || testing.value !== ""} aria-label={`Send test phrase to ${sink.name}`} onClick={() => void sendPhrase(sink.name)}>
                      {testing.value === sink.name ? "Speaking…" : "Send test phrase"}
                    </button>
                  ),
              },
              {
                name: "Last error, and what mends it",
                cell: ({ place }) =>
                  place.last_failure ? (
                    <>
                      {place.last_failure}. Look with <code>{sinkMend(place.address)}</code>
                    </>
                  ) : (
                    <span class="quiet">none</span>
                  ),
              },
            ]}
          />
        </Panel>
        {tested.value && (
          <Panel
            title={`Test of ${tested.value.sink}`}
            aside={
              <button type="button" onClick={() => (tested.value = undefined)}>
                Close
              </button>
            }
          >
            <Table
              label={`Test of ${tested.value.sink}`}
              wrap
              rows={tested.value.checks}
              id={(check) => check.check}
              empty="Nothing was checked."
              columns={[
                { name: "Verdict", width: "100px", cell: (check) => <State of={check.verdict} /> },
                { name: "Check", width: "110px", cell: (check) => check.check },
                { name: "Took", width: "90px", numeric: true, cell: (check) => `${check.took_ms} ms` },
                { name: "What was seen, and what mends it", cell: (check) => (check.mend ? `${check.text}: ${check.mend}` : check.text) },
              ]}
            />
          </Panel>
        )}
        <Panel title="Live streams">
          <Table
            label="Live streams"
            rows={streams}
            id={({ stream }) => stream.stream}
            href={({ call }) => `/calls/${call.call}`}
            empty="No stream runs. Start one on a call's page, or by: sidestream stream start CALL"
            columns={[
              { name: "State", width: "100px", cell: ({ stream }) => <State of={stream.state} /> },
              { name: "Call", cell: ({ call }) => <a href={`#/calls/${call.call}`}>{`${call.from} → ${call.to}`}</a> },
              { name: "Sinks", cell: ({ stream }) => sinksOf(stream) },
              { name: "Tracks", cell: ({ stream }) => stream.tracks.map((track) => (stream.muted.includes(track) ? `${track} (muted)` : track)).join(", ") },
              { name: "By", width: "100px", cell: ({ stream }) => stream.origin },
              { name: "Clock", width: "80px", numeric: true, cell: ({ stream }) => duration(stream.media_time_ms) },
              { name: "Given", width: "90px", numeric: true, cell: ({ stream }) => bytes(stream.figures?.bytes ?? 0) },
              { name: "Behind", width: "90px", numeric: true, cell: ({ stream }) => <Figure bad={lagOf(stream) > BAD_LAG_MS}>{`${lagOf(stream)} ms`}</Figure> },
              { name: "Given up", width: "100px", numeric: true, cell: ({ stream }) => <Figure bad={stream.discarded_samples > 0}>{String(stream.discarded_samples)}</Figure> },
            ]}
          />
        </Panel>
        <Panel title="Owed to sinks">
          <Table
            label="Owed to sinks"
            rows={spools}
            id={(spool) => `${spool.stream} ${spool.sink}`}
            empty="Nothing. Sinks with delivery = “complete” are listed here while they are owed audio."
            columns={[
              { name: "State", width: "110px", cell: (spool) => <State of={spool.state} /> },
              { name: "Sink", cell: (spool) => spool.sink },
              { name: "Stream", cell: (spool) => <code>{spool.stream}</code> },
              { name: "In memory", width: "100px", numeric: true, cell: (spool) => bytes(spool.memory_bytes) },
              { name: "On disk", width: "100px", numeric: true, cell: (spool) => bytes(spool.disk_bytes) },
              { name: "Behind", width: "100px", numeric: true, cell: (spool) => `${(spool.lag_ms / 1000).toFixed(1)} s` },
            ]}
          />
        </Panel>
      </div>
    </>
  );
}
