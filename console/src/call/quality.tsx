// How each leg sounds: what was lost on the way to us and how unevenly it came, now and over time.

import { useSignal } from "@preact/signals";
import { useEffect } from "preact/hooks";
import { Chart } from "../parts/chart";
import { Panel, Twin } from "../parts/panel";
import { Table } from "../parts/table";
import { State } from "../parts/state";
import { BAD_JITTER_US, BAD_LOSS, lossOf } from "../figures";
import { clock, percent } from "../time";
import { Figure } from "../pages/calls";
import type { Call, Leg } from "../types";

/** Ten minutes, one a second. */
const POINTS = 600;

interface Point {
  at: number;
  /** By leg: jitter in ms, and the share lost since the point before. */
  jitter: Record<number, number>;
  loss: Record<number, number>;
}

const COLOURS = ["--accent", "--good", "--warn", "--bad"];

function dropsOf(leg: Leg): string {
  const dropped = Object.entries(leg.figures?.dropped ?? {}).filter(([, count]) => count > 0);
  return dropped.map(([reason, count]) => `${count} ${reason}`).join(", ") || "none";
}

export function Quality({ call }: { call: Call }) {
  return (
    <Panel title="Legs">
      <Table
        label="Legs"
        rows={call.legs}
        id={(leg) => String(leg.leg)}
        empty="No leg yet."
        columns={[
          { name: "Leg", width: "110px", cell: (leg) => <State of={leg.left ? "left" : leg.held ? "held" : "answered"} word={leg.left ? "left" : leg.held ? "holds" : "here"} /> },
          { name: "Party", cell: (leg) => `${leg.party}${leg.leg === 0 ? " (customer)" : ""}` },
          { name: "Received", width: "90px", numeric: true, cell: (leg) => leg.figures?.received ?? 0 },
          { name: "Sent", width: "80px", numeric: true, cell: (leg) => leg.figures?.sent ?? 0 },
          { name: "Loss", width: "80px", numeric: true, cell: (leg) => <Figure bad={lossOf(leg.figures) > BAD_LOSS}>{percent(lossOf(leg.figures))}</Figure> },
          {
            name: "Jitter",
            width: "80px",
            numeric: true,
            cell: (leg) => <Figure bad={(leg.figures?.jitter_us ?? 0) > BAD_JITTER_US}>{`${((leg.figures?.jitter_us ?? 0) / 1000).toFixed(1)} ms`}</Figure>,
          },
          ...(call.legs.some((leg) => leg.figures?.mos !== undefined)
            ? [{ name: "MOS", width: "70px", numeric: true, cell: (leg: Leg) => leg.figures?.mos?.toFixed(2) ?? "–" }]
            : []),
          { name: "Not passed on", cell: (leg) => dropsOf(leg) },
          { name: "Keys", width: "110px", cell: (leg) => leg.dtmf || <span class="quiet">none</span> },
        ]}
      />
      <History call={call} />
    </Panel>
  );
}

function History({ call }: { call: Call }) {
  const points = useSignal<Point[]>([]);
  const sums = useSignal<Record<number, { received: number; lost: number }>>({});
  useEffect(() => {
    if (call.state === "ended") return;
    const point: Point = { at: Date.now() / 1000, jitter: {}, loss: {} };
    const next: typeof sums.value = {};
    for (const { leg, figures, left } of call.legs) {
      if (!figures || left) continue;
      const before = sums.peek()[leg];
      const received = figures.received - (before?.received ?? 0);
      const lost = Math.max(0, figures.lost - (before?.lost ?? 0));
      point.jitter[leg] = figures.jitter_us / 1000;
      point.loss[leg] = before && received + lost > 0 ? (lost / (received + lost)) * 100 : 0;
      next[leg] = { received: figures.received, lost: figures.lost };
    }
    sums.value = next;
    points.value = [...points.peek(), point].slice(-POINTS);
  }, [call]);
  const legs = call.legs.filter((leg) => points.value.some((point) => leg.leg in point.jitter));
  if (points.value.length < 2 || legs.length === 0) return null;
  const lines = legs.flatMap((leg) => {
    const colour = COLOURS[leg.leg % COLOURS.length] ?? "--accent";
    return [
      { name: `jitter of ${leg.party}, ms`, colour },
      { name: `loss of ${leg.party}, %`, colour, dash: [5, 3] },
    ];
  });
  const data = [
    points.value.map((point) => point.at),
    ...legs.flatMap((leg) => [points.value.map((point) => point.jitter[leg.leg] ?? null), points.value.map((point) => point.loss[leg.leg] ?? null)]),
  ];
  return (
    <Twin
      title="Loss and jitter over time"
      class="bare"
      drawing={() => <Chart label="Loss and jitter over time" unit="" lines={lines} data={data} />}
      table={() => (
        <Table
          label="Loss and jitter over time"
          rows={[...points.value].reverse().slice(0, 60)}
          id={(point) => String(point.at)}
          empty="Nothing yet."
          columns={[
            { name: "Time", cell: (point) => clock(new Date(point.at * 1000).toISOString(), false) },
            ...legs.flatMap((leg) => [
              { name: `Jitter of ${leg.party}`, numeric: true, cell: (point: Point) => `${(point.jitter[leg.leg] ?? 0).toFixed(1)} ms` },
              { name: `Loss of ${leg.party}`, numeric: true, cell: (point: Point) => `${(point.loss[leg.leg] ?? 0).toFixed(1)} %` },
            ]),
          ]}
        />
      )}
    />
  );
}
