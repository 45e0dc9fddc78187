// Lines over time, by uPlot, in the colours of the theme.

import { useEffect, useRef } from "preact/hooks";
import uPlot from "uplot";
import "uplot/dist/uPlot.min.css";
import { look } from "../theme";
import { clock } from "../time";

export interface Line {
  name: string;
  colour: string;
  dash?: number[];
}

interface Props {
  label: string;
  lines: Line[];
  /** Seconds since 1970, then one list per line. */
  data: (number | null)[][];
  unit: string;
}

export const colour = (name: string) => getComputedStyle(document.documentElement).getPropertyValue(name).trim();

export function Chart({ label, lines, data, unit }: Props) {
  const box = useRef<HTMLDivElement>(null);
  const chart = useRef<uPlot | null>(null);
  const shape = lines.map((line) => line.name).join();
  const seen = look.value;
  useEffect(() => {
    const element = box.current;
    if (!element) return;
    const axis = {
      stroke: colour("--quiet"),
      grid: { stroke: colour("--line"), width: 1 },
      ticks: { show: false },
      font: "11px system-ui, sans-serif",
    };
    const made = new uPlot(
      {
        width: Math.max(200, element.clientWidth),
        height: 130,
        cursor: { y: false, drag: { x: false, y: false } },
        legend: { show: false },
        scales: { y: { range: (_, least, most) => [Math.min(0, least), Math.max(1, most * 1.1)] } },
        axes: [
          { ...axis, space: 80, size: 26, values: (_, ticks) => ticks.map((tick) => clock(new Date(tick * 1000).toISOString(), false)) },
          { ...axis, size: 56, values: (_, ticks) => ticks.map((tick) => `${tick} ${unit}`.trim()) },
        ],
        series: [
          {},
          ...lines.map((line) => ({
            label: line.name,
            stroke: colour(line.colour),
            width: 1.5,
            dash: line.dash,
            points: { show: false },
          })),
        ],
      },
      data as uPlot.AlignedData,
      element,
    );
    chart.current = made;
    const observer = new ResizeObserver(() => made.setSize({ width: Math.max(200, element.clientWidth), height: 130 }));
    observer.observe(element);
    return () => {
      observer.disconnect();
      made.destroy();
      chart.current = null;
    };
  }, [shape, seen]);
  useEffect(() => chart.current?.setData(data as uPlot.AlignedData), [data]);
  return (
    <figure class="chart">
      <figcaption>
        {lines.map((line) => (
          <span key={line.name} class="key">
            <svg width="18" height="8" aria-hidden="true">
              <line x1="0" y1="4" x2="18" y2="4" class={`line ${line.colour.slice(2)}`} stroke-dasharray={line.dash?.join(" ")} />
            </svg>
            {line.name}
          </span>
        ))}
      </figcaption>
      <div ref={box} role="img" aria-label={`${label}; the table says the same`} />
    </figure>
  );
}
