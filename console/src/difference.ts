// Lines that were added to a document and removed from it.

type Line = ["add" | "remove" | "same", string];

/** By the longest common subsequence of the lines. */
export function difference(before: string, after: string): Line[] {
  const [old, fresh] = [before.split("\n"), after.split("\n")];
  const lengths = Array.from({ length: old.length + 1 }, () => new Array<number>(fresh.length + 1).fill(0));
  const at = (row: number, column: number) => lengths[row]?.[column] ?? 0;
  for (let row = old.length - 1; row >= 0; row--) {
    for (let column = fresh.length - 1; column >= 0; column--) {
      lengths[row]![column] = old[row] === fresh[column] ? at(row + 1, column + 1) + 1 : Math.max(at(row + 1, column), at(row, column + 1));
    }
  }
  const lines: Line[] = [];
  let [row, column] = [0, 0];
  while (row < old.length || column < fresh.length) {
    if (row < old.length && column < fresh.length && old[row] === fresh[column]) {
      lines.push(["same", old[row++] ?? ""]);
      column++;
    } else if (row < old.length && (column >= fresh.length || at(row + 1, column) >= at(row, column + 1))) lines.push(["remove", old[row++] ?? ""]);
    else lines.push(["add", fresh[column++] ?? ""]);
  }
  return lines;
}
