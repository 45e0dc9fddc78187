import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";

/** A part of a page with its heading and what can be done with it. */
export function Panel(props: { title: string; aside?: ComponentChildren; children: ComponentChildren; class?: string }) {
  return (
    <section class={`panel ${props.class ?? ""}`} aria-label={props.title}>
      <header>
        <h2>{props.title}</h2>
        {props.aside && <div class="aside">{props.aside}</div>}
      </header>
      {props.children}
    </section>
  );
}

/** A drawing and the table that says the same; one button changes between them. */
export function Twin(props: { title: string; drawing: () => ComponentChildren; table: () => ComponentChildren; aside?: ComponentChildren; class?: string }) {
  const asTable = useSignal(false);
  return (
    <Panel
      title={props.title}
      class={props.class}
      aside={
        <>
          {props.aside}
          <button type="button" aria-pressed={asTable.value} onClick={() => (asTable.value = !asTable.value)}>
            Table
          </button>
        </>
      }
    >
      {asTable.value ? props.table() : props.drawing()}
    </Panel>
  );
}

export function Facts({ of }: { of: [string, ComponentChildren][] }) {
  return (
    <dl class="facts">
      {of.map(([name, value]) => (
        <div key={name}>
          <dt>{name}</dt>
          <dd>{value}</dd>
        </div>
      ))}
    </dl>
  );
}
