// A table of any length that draws only the rows that are seen. Arrow keys, j and k walk, Enter opens, Home and End jump.

import { useSignal } from "@preact/signals";
import type { ComponentChildren } from "preact";
import { useEffect, useRef } from "preact/hooks";

const ROW = 32;
const SPARE_ROWS = 8;

export interface Column<T> {
  name: string;
  /** A CSS width; without it the column takes what is left. */
  width?: string;
  numeric?: boolean;
  cell: (row: T) => ComponentChildren;
}

interface Props<T> {
  label: string;
  columns: Column<T>[];
  rows: T[];
  id: (row: T) => string;
  /** Where a row leads. */
  href?: (row: T) => string;
  empty: ComponentChildren;
  /** Whether long texts take more than one line. */
  wrap?: boolean;
  /** Whether it takes the height that is left and scrolls by itself. */
  tall?: boolean;
}

export function Table<T>({ label, columns, rows, id, href, empty, tall, wrap }: Props<T>) {
  const box = useRef<HTMLDivElement>(null);
  const top = useSignal(0);
  const height = useSignal(600);
  const chosen = useSignal("");
  useEffect(() => {
    const element = box.current;
    if (!element || !tall) return;
    const observer = new ResizeObserver(() => {
      height.value = element.clientHeight;
    });
    observer.observe(element);
    return () => observer.disconnect();
  }, [tall]);

  if (rows.length === 0) return <p class="empty">{empty}</p>;
  const first = tall ? Math.max(0, Math.floor(top.value / ROW) - SPARE_ROWS) : 0;
  const end = tall ? Math.min(rows.length, first + Math.ceil(height.value / ROW) + 2 * SPARE_ROWS) : rows.length;

  const choose = (index: number) => {
    const row = rows[Math.max(0, Math.min(rows.length - 1, index))];
    const element = box.current;
    if (!row || !element) return;
    const wanted = rows.indexOf(row) * ROW;
    // The head of the table covers its own height.
    if (tall && wanted < element.scrollTop) element.scrollTop = wanted;
    if (tall && wanted + 2 * ROW > element.scrollTop + element.clientHeight) {
      element.scrollTop = wanted + 2 * ROW - element.clientHeight;
    }
    chosen.value = id(row);
  };
  const key = (event: KeyboardEvent) => {
    if (event.target instanceof HTMLButtonElement || event.ctrlKey || event.metaKey || event.altKey) return;
    // Read at each key: two may come between two drawings.
    const at = rows.findIndex((row) => id(row) === chosen.value);
    const steps: Record<string, () => void> = {
      ArrowDown: () => choose(at + 1),
      j: () => choose(at + 1),
      ArrowUp: () => choose(Math.max(0, at - 1)),
      k: () => choose(Math.max(0, at - 1)),
      Home: () => choose(0),
      End: () => choose(rows.length - 1),
      Enter: () => {
        const row = rows[at];
        if (row && href && !(event.target instanceof HTMLAnchorElement)) location.hash = href(row);
      },
    };
    const step = steps[event.key];
    if (!step || (event.key === "Enter" && event.target instanceof HTMLAnchorElement)) return;
    event.preventDefault();
    step();
  };

  return (
    <div
      ref={box}
      class={`table ${tall ? "tall" : ""} ${wrap ? "wrap" : ""}`}
      onScroll={(event) => {
        top.value = event.currentTarget.scrollTop;
      }}
      onKeyDown={key}
      tabIndex={0}
      role="group"
      aria-label={label}
    >
      <table aria-rowcount={rows.length + 1}>
        <caption class="hidden">{label}</caption>
        <colgroup>
          {columns.map((column) => (
            <col key={column.name} style={{ width: column.width ?? "auto" }} />
          ))}
        </colgroup>
        <thead>
          <tr>
            {columns.map((column) => (
              <th key={column.name} scope="col" class={column.numeric ? "numeric" : ""}>
                {column.name}
              </th>
            ))}
          </tr>
        </thead>
        <tbody>
          {first > 0 && <tr class="spacer" aria-hidden="true" style={{ height: `${first * ROW}px` }} />}
          {rows.slice(first, end).map((row, index) => (
            <tr
              key={id(row)}
              data-row={id(row)}
              aria-rowindex={first + index + 2}
              class={id(row) === chosen.value ? "chosen" : ""}
              onClick={(event) => {
                if (href && !(event.target as HTMLElement).closest("a,button")) location.hash = href(row);
              }}
            >
              {columns.map((column) => (
                <td key={column.name} class={column.numeric ? "numeric" : ""}>
                  {column.cell(row)}
                </td>
              ))}
            </tr>
          ))}
          {end < rows.length && (
            <tr class="spacer" aria-hidden="true" style={{ height: `${(rows.length - end) * ROW}px` }} />
          )}
        </tbody>
      </table>
    </div>
  );
}
