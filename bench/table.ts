import type { ServerKind } from "../test/support/servers.ts";
import { FIGURES, type FigureName, type Figures } from "./figures.ts";
import type { Row } from "./row.ts";

/** A row's medians on one server. */
export interface Measured {
  readonly row: Row;
  readonly server: ServerKind;
  readonly figures: Figures;
}

/** One table a group, with a column for each figure that its rows have. */
export function figureTables(all: readonly Measured[]): string {
  const groups = new Map<string, Measured[]>();
  for (const one of all) groups.set(one.row.group, [...(groups.get(one.row.group) ?? []), one]);
  return [...groups].map(([group, rows]) => `${group}\n\n${figureTable(rows)}`).join("\n");
}

function figureTable(rows: readonly Measured[]): string {
  const names = (Object.keys(FIGURES) as FigureName[]).filter((name) =>
    rows.some(({ figures }) => figures[name] !== undefined),
  );
  const head = ["row", "server", ...names.map((name) => FIGURES[name].heading)];
  const body = rows.map(({ row, server, figures }) => [
    row.name,
    server,
    ...names.map((name) => text(name, figures[name])),
  ]);
  return markdown([head, ...body]);
}

/** Our figures beside etcd's, for every figure that has a bar. */
export function ratioTable(all: readonly Measured[], base: ServerKind): string {
  const lines = [["row", "figure", "vedette", base, "ratio", "bar", ""]];
  for (const { row, server, figures } of all) {
    if (server !== "vedette") continue;
    const theirs = all.find((one) => one.row === row && one.server === base)?.figures;
    for (const { figure, times } of row.bars ?? []) {
      const our = figures[figure];
      const their = theirs?.[figure];
      if (our === undefined || their === undefined) continue;
      const isMore = FIGURES[figure].better === "more";
      const ratio = our / their;
      lines.push([
        row.name,
        FIGURES[figure].heading,
        text(figure, our),
        text(figure, their),
        `${ratio.toFixed(2)}x`,
        `${isMore ? "at least" : "at most"} ${times}x`,
        (isMore ? ratio >= times : ratio <= times) ? "met" : "MISSED",
      ]);
    }
  }
  return lines.length === 1 ? "" : markdown(lines);
}

function text(name: FigureName, value: number | undefined): string {
  if (value === undefined) return "";
  const { digits } = FIGURES[name];
  const options = { minimumFractionDigits: digits, maximumFractionDigits: digits };
  return value.toLocaleString("en-US", options);
}

/** A table that reads well as text, too: columns are as wide as their widest cell. */
function markdown(lines: readonly (readonly string[])[]): string {
  const columns = lines[0]?.length ?? 0;
  const widths = Array.from({ length: columns }, (_, i) =>
    Math.max(...lines.map((cells) => cells[i]?.length ?? 0), 3),
  );
  const line = (cells: readonly string[]): string =>
    `| ${cells.map((cell, i) => cell.padEnd(widths[i] ?? 0)).join(" | ")} |`;
  const [head = [], ...body] = lines;
  const rule = widths.map((width) => "-".repeat(width));
  return `${[head, rule, ...body].map(line).join("\n")}\n`;
}
