// What happened, in order, each with its cause and who caused it.

import { Panel } from "../parts/panel";
import { Table } from "../parts/table";
import { clock } from "../time";
import type { BusEvent } from "../types";

const COMMON = new Set(["number", "call", "stream", "seq", "at", "media_time_ms", "kind", "cause", "origin", "origin_leg", "tapi", "manifest", "manifests"]);

/** The members that belong to the kind alone. */
function details(event: BusEvent): string {
  const own = Object.entries(event).filter(([name]) => !COMMON.has(name));
  return own.map(([name, value]) => `${name} ${typeof value === "object" ? JSON.stringify(value) : String(value)}`).join(", ");
}

/** `leg 0`, `INFO of leg 1`, `rest`. */
function by(event: BusEvent): string {
  if (event.origin_leg === undefined) return event.origin.replaceAll("_", " ");
  return event.origin === "leg" ? `leg ${event.origin_leg}` : `INFO of leg ${event.origin_leg}`;
}

export function Events({ events, missed }: { events: BusEvent[]; missed: number }) {
  return (
    <Panel title="Events" aside={missed > 0 && <span class="quiet">earlier events are not kept any more</span>}>
      <Table
        label="Events"
        rows={events}
        id={(event) => String(event.seq)}
        empty="The events of this call are not kept any more."
        columns={[
          { name: "No.", width: "50px", numeric: true, cell: (event) => event.seq },
          { name: "Time", width: "110px", cell: (event) => <time dateTime={event.at}>{clock(event.at)}</time> },
          { name: "Event", width: "170px", cell: (event) => event.kind.replaceAll("_", " ") },
          { name: "Cause", width: "130px", cell: (event) => event.cause.replaceAll("_", " ") },
          { name: "By", width: "120px", cell: (event) => by(event) },
          { name: "Media time", width: "100px", numeric: true, cell: (event) => (event.media_time_ms === undefined ? "" : `${(event.media_time_ms / 1000).toFixed(2)} s`) },
          { name: "Details", cell: (event) => <span title={details(event)}>{details(event)}</span> },
          { name: "TAPI", width: "190px", cell: (event) => <span class="quiet">{event.tapi?.event ?? ""}</span> },
        ]}
      />
    </Panel>
  );
}
