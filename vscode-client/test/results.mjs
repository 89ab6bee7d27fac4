// Which feature works in VS Code, in the format of tests/conformance.py:
// {feature: {editor: {"result": "pass" | "fail" | "skip", "tests": {id: result}}}}
import { readFile, rename, writeFile } from "node:fs/promises";

/** Thrown by a test of what is not there; the message says what is missing. */
export class Skipped extends Error {}

const EDITOR = "VS Code";
const WORST = ["fail", "skip", "pass"];

/** results: {feature: {test id: result}}; what did not run this time stays in the file. */
export async function merge(path, results) {
  const table = await readFile(path, "utf8").then(JSON.parse, (error) => {
    if (error.code === "ENOENT") return {};
    throw error;
  });
  for (const [feature, tests] of Object.entries(results)) {
    const cell = ((table[feature] ??= {})[EDITOR] ??= { tests: {} });
    Object.assign(cell.tests, tests);
    cell.result = WORST.find((result) => Object.values(cell.tests).includes(result));
  }
  await writeFile(`${path}.new`, `${JSON.stringify(table, sorted, 1)}\n`);
  await rename(`${path}.new`, path);
}

/** For JSON.stringify: objects with their keys in order. */
function sorted(_, value) {
  if (value === null || typeof value !== "object" || Array.isArray(value)) return value;
  return Object.fromEntries(Object.entries(value).sort(([a], [b]) => (a < b ? -1 : 1)));
}
