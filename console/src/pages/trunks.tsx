import { change, may } from "../api";
import { Panel } from "../parts/panel";
import { State } from "../parts/state";
import { Table } from "../parts/table";
import { usePoll } from "../poll";
import { clock } from "../time";
import type { Ban, Phone, Trunk } from "../types";

export function Trunks() {
  const trunks = usePoll<{ trunks: Trunk[] }>("/v1/trunks", 3000).value.value?.trunks ?? [];
  const phones = usePoll<{ phones: Phone[]; registered: number }>("/v1/phones", 3000).value.value;
  const banned = usePoll<{ bans: Ban[] }>("/v1/bans", 5000);
  const bans = banned.value.value?.bans ?? [];
  const lift = async (ban: Ban) => {
    if (await change("DELETE", `/v1/bans/${encodeURIComponent(ban.source)}`)) banned.again();
  };
  return (
    <>
      <header class="page">
        <h1>Trunks and phones</h1>
      </header>
      <div class="scroll">
        <Panel title="Trunks">
          <Table
            label="Trunks"
            wrap
            rows={trunks}
            id={(trunk) => trunk.name}
            empty="No trunk is configured: add [[trunks]] to the configuration."
            columns={[
              { name: "State", width: "90px", cell: (trunk) => <State of={trunk.state} /> },
              { name: "Trunk", width: "140px", cell: (trunk) => trunk.name },
              {
                name: "Registration",
                width: "200px",
                cell: ({ registration }) =>
                  registration ? (
                    <State
                      of={registration.registered ? "up" : "down"}
                      word={registration.registered ? `until ${clock(registration.expires_at ?? "", false)}` : `refused ${registration.failures} times`}
                    />
                  ) : (
                    <span class="quiet">none</span>
                  ),
              },
              { name: "In", width: "60px", numeric: true, cell: (trunk) => trunk.calls_in },
              { name: "Out", width: "60px", numeric: true, cell: (trunk) => trunk.calls_out },
              { name: "Refused", width: "80px", numeric: true, cell: (trunk) => trunk.calls_refused },
              { name: "Last error, and what mends it", cell: (trunk) => <span title={trunk.last_error}>{trunk.last_error ?? "none"}</span> },
            ]}
          />
        </Panel>
        <Panel title={`Phones (${phones?.registered ?? 0})`}>
          <Table
            label="Phones"
            rows={phones?.phones ?? []}
            id={(phone) => `${phone.user} ${phone.contact}`}
            empty="No phone is registered."
            columns={[
              { name: "State", width: "110px", cell: () => <State of="up" word="registered" /> },
              { name: "User", width: "140px", cell: (phone) => phone.user },
              { name: "Contact", cell: (phone) => <code title={phone.contact}>{phone.contact}</code> },
              { name: "Over", width: "70px", cell: (phone) => phone.transport ?? "–" },
              { name: "From", width: "180px", cell: (phone) => phone.address ?? "–" },
              { name: "Until", width: "90px", cell: (phone) => clock(phone.expires_at, false) },
            ]}
          />
        </Panel>
        <Panel title="Banned sources">
          <Table
            label="Banned sources"
            rows={bans}
            id={(ban) => ban.source}
            empty="None. Who fails to authenticate too often is not heard for a while, and listed here."
            columns={[
              { name: "State", width: "110px", cell: () => <State of="refused" word="banned" /> },
              { name: "Source", cell: (ban) => ban.source },
              { name: "Until", width: "90px", cell: (ban) => clock(ban.until, false) },
              {
                name: "Change",
                width: "100px",
                cell: (ban) =>
                  may("admin") ? (
                    <button type="button" onClick={() => void lift(ban)}>
                      Lift
                    </button>
                  ) : (
                    <span class="quiet">admins may</span>
                  ),
              },
            ]}
          />
        </Panel>
      </div>
    </>
  );
}
