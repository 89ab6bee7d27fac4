// The extension as a person meets it in the window. The features share one window and come in this order.
import { strict as assert } from "node:assert";
import { readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { Window } from "./page.mjs";

const FAILING_LINE = 9;
const BROKEN = "    return (ordered[middle] + ordered[middle + 1]) / 2\n";
const FIXED = BROKEN.replace("middle + 1", "middle - 1");
const BUTTON = "a.monaco-button, .monaco-text-button";

/**
 * folder: the open workspace, with median.py (examples/median.py) and hard.py (which no small edit repairs).
 * empty: another workspace. hide(): makes the server unfindable. picture(name): keeps a screenshot.
 */
export function scenario({ page, url, folder, empty, hide, picture }) {
  const window = new Window(page);
  const read = (name) => readFile(join(folder, name), "utf8");
  const saved = async (name) => {
    await window.save(name);
    return read(name);
  };
  const set = (settings) => writeFile(join(folder, ".vscode", "settings.json"), JSON.stringify(settings));

  return {
    "restricted mode runs no code": async () => {
      await window.goto(url, folder);
      await window.status("Restricted Mode").waitFor();
      await window.open("median.py");
      await page.keyboard.press("Control+B");
      await window.status(/editloop$/).waitFor();
      await window.command("editloop: Fix File");
      await window.notification(/nothing wrong found/).waitFor();
    },

    "trust is passed on, and running code is asked for": async () => {
      await window.command("Workspaces: Manage Workspace Trust");
      await page.getByRole("button", { name: "Trust", exact: true }).click();
      await window.open("median.py");
      await page.keyboard.press("Control+S");
      await window
        .notification(/May it\?/)
        .locator(BUTTON, { hasText: "Run in the sandbox" })
        .click();
    },

    "failing doctests on save, by the setting runCode": async () => {
      await page.locator(".squiggly-error, .squiggly-warning").first().waitFor();
    },

    "quick fix of an error": async () => {
      await window.command("Notifications: Clear All Notifications");
      await set({ "editloop.preview": true });
      await window.goToLine(FAILING_LINE);
      const entry = await window.action(/^Fix: /);
      await picture("vscode-lightbulb");
      const progress = window.notification("Fix: median").waitFor();
      await entry.click();
      await progress;
      await window.titleButton("Accept Fix").waitFor();
      await window.notification(/fixed: 6 examples pass/).waitFor();
      await page.locator(".notification-fade-in-done").waitFor();
      await page.mouse.move(0, 0);
      await picture("vscode-fix");
    },

    "a fix as a diff, accepted": async () => {
      await window.titleButton("Accept Fix").click();
      await window.tab("median.py").waitFor();
      assert.ok((await saved("median.py")).includes(FIXED));
    },

    "one undo takes a fix back": async () => {
      assert.ok((await read("median.py")).includes(FIXED));
      await page.keyboard.press("Control+Z");
      assert.ok((await saved("median.py")).includes(BROKEN));
    },

    alternatives: async () => {
      await window.command("editloop: Pick Another Fix");
      await window.row("+").click();
      await window.titleButton("Reject Fix").click();
      await window.tab("median.py").waitFor();
      assert.equal(await page.locator(".tab.dirty").count(), 0);
      assert.ok((await read("median.py")).includes(BROKEN));
    },

    report: async () => {
      await window.command("editloop: Show Report of the Last Fix");
      await page
        .frameLocator("iframe.webview")
        .frameLocator("#active-frame")
        .getByText("median.py: fixed")
        .first()
        .waitFor();
      await picture("vscode-report");
      await window.command("View: Close All Editors");
    },

    progress: async () => {
      await set({});
      await window.command("Notifications: Clear All Notifications");
      await window.open("hard.py");
      await window.command("editloop: Fix File");
      await window.notification(/turn \d+, \d+ candidates/).waitFor();
      await picture("vscode-progress");
    },

    cancel: async () => {
      const before = await read("hard.py");
      const progress = window.notification("Fix this file");
      await progress.locator(BUTTON, { hasText: "Cancel" }).click();
      await progress.waitFor({ state: "hidden" });
      await window.status(/editloop$/).waitFor();
      assert.equal(await page.locator(".tab.dirty").count(), 0);
      assert.equal(await read("hard.py"), before);
    },

    "a model is offered where a fix fails for want of one": async () => {
      await set({ "editloop.budget": 3 });
      await window.command("editloop: Fix File");
      const offer = window.notification(/not fixed: .* A model may write what is missing/);
      await offer.filter({ hasText: "Small-Instruct (4 MB, Apache-2.0): trying this out" }).waitFor();
      await picture("vscode-model-offer");
      await offer.locator(BUTTON, { hasText: "Get" }).click();
    },

    "a model fetched from the editor, cancelled and resumed": async () => {
      const progress = window.notification(/Getting small: [1-4] of 4 MB/);
      await progress.waitFor();
      await picture("vscode-model-progress");
      await progress.locator(BUTTON, { hasText: "Cancel" }).click();
      await window.notification(/small: stopped/).waitFor();
      await window.command("Notifications: Clear All Notifications");
      await window.command("editloop: Choose Model");
      await window.row(/Small-Instruct.*of it are here/).click();
      await window.notification("small is here, the default now").waitFor();
    },

    "models with their metadata": async () => {
      await window.command("editloop: Choose Model");
      await window.row(/M parameters/).waitFor();
      await picture("vscode-models");
      await page.keyboard.press("Escape");
    },

    "training on the workspace, cancelled": async () => {
      await window.command("editloop: Train on This Workspace");
      await window.answer("(1/2)", "1");
      await window.answer("(2/2)", "mine");
      // A base has to be fetched first; where it is there, training begins and is stopped.
      const begun = window.notification(/Training mine: \w+ \(\d+ of \d+\)/);
      const refused = window.notification(/no model named 'qwen2.5-coder-0.5b'/);
      await begun.or(refused).first().waitFor({ timeout: 120_000 });
      if (!(await refused.isVisible())) {
        await begun.locator(BUTTON, { hasText: "Cancel" }).click();
        await window.notification(/Training stopped/).waitFor();
      }
      await window.status(/editloop$/).waitFor();
    },

    "walkthrough where no server is found": async () => {
      await hide();
      await window.goto(url, empty);
      await window.open("some.py");
      await page.getByRole("button", { name: "Install the server" }).click();
      const button = page.getByRole("button", { name: "Install editloop" });
      await button.waitFor();
      await button.click();
      await window.notification("Trust this workspace first").waitFor();
    },
  };
}
