import { Table } from "../parts/table";
import { State } from "../parts/state";
import { usePoll } from "../poll";
import { clock } from "../time";
import type { AuditEntry } from "../types";

export function Audit() {
  const { value } = usePoll<{ audit: AuditEntry[] }>("/v1/audit", 5000);
  return (
    <>
      <header class="page">
        <h1>Audit</h1>
        <span class="quiet">who asked this server for which change; the log has them all</span>
      </header>
      <Table
        label="Changes"
        tall
        rows={value.value?.audit ?? []}
        id={(row) => `${row.at} ${row.path} ${row.who}`}
        empty="Nobody has changed anything yet."
        columns={[
          { name: "Time", width: "110px", cell: (row) => <time dateTime={row.at}>{clock(row.at)}</time> },
          { name: "Who", width: "140px", cell: (row) => row.who },
          { name: "Role", width: "90px", cell: (row) => row.role },
          { name: "By", width: "90px", cell: (row) => row.by },
          { name: "Asked", cell: (row) => <code>{`${row.method} ${row.path}`}</code> },
          {
            name: "Answer",
            width: "120px",
            cell: (row) => <State of={row.status < 400 ? "done" : "refused"} word={`${row.status} ${row.status < 400 ? "done" : "refused"}`} />,
          },
        ]}
      />
    </>
  );
}
