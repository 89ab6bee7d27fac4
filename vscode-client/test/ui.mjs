// The extension as a person sees it: lightbulb, progress, Cancel, diff, undo, status bar, pictures.
import { strict as assert } from "node:assert";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { expectText, Window } from "./page.mjs";

const MEDIAN_LINE = 23;
const BROKEN = "    return (ordered[middle] + ordered[middle + 1]) / 2\n";
const FIXED = BROKEN.replace("middle + 1", "middle - 1");

const HARD = `def secret(number):
    """
    >>> secret(1)
    'kqzvx'
    """
    total = 0
    for step in range(number):
        total += step * number
    return total
`;

/**
 * The features in order; they share one window. `picture(name)` keeps a screenshot.
 * folder: the open workspace, with a copy of examples/median.py.
 */
export function scenario({ page, url, folder, picture }) {
  const window = new Window(page);
  const text = (name) => readFile(join(folder, name), "utf8");

  return {
    "restricted mode": async () => {
      await window.goto(url, folder);
      await window.trust();
    },

    "status bar with model and sandbox level": async () => {
      await window.open("median.py");
      await window.status(/· [A-F]$/).waitFor();
    },

    "failing doctests on save, by the setting runCode": async () => {
      await window.save();
      await page.locator(".squiggly-error").first().waitFor();
    },
  };
}
