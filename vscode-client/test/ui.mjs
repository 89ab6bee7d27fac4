// The extension as a person meets it in the window. The features share one window and come in this order.
import { strict as assert } from "node:assert";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Window } from "./page.mjs";

const BROKEN_LINE = 23;
const BROKEN = "    return (ordered[middle] + ordered[middle + 1]) / 2\n";
const FIXED = BROKEN.replace("middle + 1", "middle - 1");
const BUTTON = "a.monaco-button, .monaco-text-button";

/**
 * folder: the open workspace, with median.py (examples/median.py) and hard.py (which no small edit repairs).
 * empty: another workspace. hide(): makes the server unfindable. picture(name): keeps a screenshot.
 */
export function scenario({ page, url, folder, empty, hide, picture }) {
  const window = new Window(page);
  const saved = async (name) => {
    await window.save();
    return readFile(join(folder, name), "utf8");
  };
  const set = (settings) => writeFile(join(folder, ".vscode", "settings.json"), JSON.stringify(settings));

  return {
    "restricted mode runs no code": async () => {
      await window.goto(url, folder);
      await page.getByRole("button", { name: /^No, I don't trust/ }).click();
      await window.open("median.py");
      await window.status(/· [A-F]$/).waitFor();
      await window.command("editloop: Fix File");
      await window.notification(/nothing to fix/).waitFor();
    },

    "trust is passed on, and running code is asked for": async () => {
      await window.command("Workspaces: Manage Workspace Trust");
      await page.getByRole("button", { name: "Trust", exact: true }).click();
      await window.open("median.py");
      await window.save();
      await window.notification(/May it\?/).locator(BUTTON, { hasText: "Run in the sandbox" }).click();
    },

    "failing doctests on save, by the setting runCode": async () => {
      await page.locator(".squiggly-error, .squiggly-warning").first().waitFor();
    },

    "quick fix of an error": async () => {
      await set({ "editloop.preview": true });
      await window.goToLine(BROKEN_LINE);
      const entry = await window.action(/^Fix: /);
      await picture("vscode-lightbulb");
      await entry.click();
      await window.titleButton("Accept Fix").waitFor();
      await picture("vscode-fix");
    },

    "a fix as a diff, accepted": async () => {
      await window.titleButton("Accept Fix").click();
      await window.tab("median.py").waitFor();
      assert.ok((await saved("median.py")).includes(FIXED));
    },

    "one undo takes a fix back": async () => {
      await page.keyboard.press("Control+Z");
      assert.ok((await saved("median.py")).includes(BROKEN));
    },

    alternatives: async () => {
      await window.command("editloop: Pick Another Fix");
      await window.row("+").click();
      await window.titleButton("Reject Fix").click();
      assert.ok((await saved("median.py")).includes(BROKEN));
    },

    report: async () => {
      await window.command("editloop: Show Report of the Last Fix");
      await window.tab("Fix report").waitFor();
      await picture("vscode-report");
      await page.keyboard.press("Control+F4");
    },

    cancel: async () => {
      await set({});
      await window.open("hard.py");
      const before = await readFile(join(folder, "hard.py"), "utf8");
      await window.command("editloop: Fix File");
      const progress = window.notification(/turn \d+, \d+ candidates/);
      await progress.waitFor();
      await picture("vscode-progress");
      await progress.locator(BUTTON, { hasText: "Cancel" }).click();
      await progress.waitFor({ state: "hidden" });
      await window.status(/· [A-F]$/).waitFor();
      assert.equal(await saved("hard.py"), before);
    },

    "models with their metadata": async () => {
      await window.command("editloop: Choose Model");
      await window.row(/M parameters/).waitFor();
      await picture("vscode-models");
      await page.keyboard.press("Escape");
    },

    "walkthrough where no server is found": async () => {
      await hide();
      await window.goto(url, empty);
      await page.getByRole("button", { name: /^Yes, I trust/ }).click();
      await window.open("some.py");
      await page.getByRole("button", { name: "Install editloop" }).first().waitFor();
      await picture("vscode-walkthrough");
    },
  };
}
