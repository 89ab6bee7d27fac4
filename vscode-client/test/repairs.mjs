// Fixes from what people have at hand: the traceback of a script, a type checker's squiggle, a model. Each in a workspace
// of its own, with a server that was just started.
import { strict as assert } from "node:assert";
import { readdir, readFile } from "node:fs/promises";
import { join } from "node:path";
import { Window } from "./page.mjs";
import { Skipped } from "./results.mjs";

const SHOP = `class Item:
    def __init__(self, name: str, price: float) -> None:
        self.name = name
        self.price = price


def total(items: list[Item]) -> float:
    return sum(item.prize for item in items)
`;
/** Seconds for one fix: what a model took on two cores with much else to do, doubled. */
const BUDGET = 120;
const SETTINGS = { "editloop.runCode": "always", "editloop.preview": true, "editloop.budget": BUDGET };

/**
 * folder(name, files, settings): a new workspace. script: without tests, which raises. run(file): what running it printed.
 * checkers: {name: its command}, null where it is not installed. model: of a GGUF file, null where none is here.
 * picture(name): keeps a screenshot.
 */
export function repairs({ page, url, folder, script, initials, run, checkers, model, picture }) {
  const window = new Window(page);
  const squiggle = page.locator(".squiggly-error").first();

  async function workspace(name, files, settings) {
    const path = await folder(name, files, { ...SETTINGS, ...settings });
    await window.goto(url, path);
    await open(Object.keys(files)[0]);
    await window.status(/editloop$/).waitFor();
    return path;
  }

  /** By the Explorer: the search for files begins late. */
  async function open(file) {
    await page.getByRole("treeitem", { name: file }).dblclick();
    await window.tab(file).waitFor();
  }

  /** Waits for the diff, keeps a picture of it, accepts and saves; prints what the fix said, with its seconds. */
  async function accepted(file, said, image) {
    const notification = window.notification(said);
    await notification.waitFor({ timeout: (BUDGET + 30) * 1000 });
    await window.titleButton("Accept Fix").waitFor();
    await page.locator(".notification-fade-in-done").waitFor();
    await page.mouse.move(0, 0);
    if (image) await picture(image);
    console.log(`      ${await notification.locator(".notification-list-item-message").innerText()}`);
    await window.titleButton("Accept Fix").click();
    await window.tab(file).waitFor();
    await window.save(file);
  }

  /** fix: the action for the error; warnings at the same place have actions too. */
  async function withChecker(name, fix, image) {
    const command = checkers[name];
    if (!command) throw new Skipped(`${name} is not installed beside the server`);
    const files = { "shop.py": SHOP };
    const path = await workspace(name, files, { "editloop.model": "none", "typeChecker.command": command });
    await squiggle.waitFor();
    const before = SHOP.slice(0, SHOP.indexOf("prize")).split("\n");
    await window.goToLine(before.length, before.at(-1).length + 2);
    const entry = await window.action(fix);
    await entry.click();
    await accepted("shop.py", new RegExp(`possible fix: .*${name}: its finding is gone`), image);
    await squiggle.waitFor({ state: "detached" });
    assert.equal(await readFile(join(path, "shop.py"), "utf8"), SHOP.replace("prize", "price"));
  }

  /** Fixes the file in front; the id of the model's process, of which there is one. */
  async function withModel(file, image) {
    await window.command("editloop: Fix File");
    await accepted(file, /fixed: 5 examples pass/, image);
    const ids = await processes("editloop.model.process", model);
    assert.equal(ids.length, 1);
    return ids[0];
  }

  return {
    "a script without tests, fixed by the traceback of its run": async () => {
      const path = await workspace("script", { "spending.py": script }, { "editloop.model": "none" });
      await window.command("Terminal: Create New Terminal");
      await page.locator(".terminal.xterm textarea").first().focus();
      await page.keyboard.type("clear; python3 spending.py\n");
      await page.locator(".xterm-rows", { hasText: "ValueError" }).waitFor();
      await window.command("Terminal: Select All");
      await window.command("Terminal: Copy Selection");
      await window.command("Terminal: Clear Selection");
      await window.command("editloop: Fix the Error of the Last Run");
      await accepted("spending.py", /possible fix: .*nothing says what it should print/, "vscode-last-run");
      assert.match(await run(join(path, "spending.py")), /The most at once: 41\.15/);
    },

    "a finding of ty, fixed": () => withChecker("ty", /^Fix: /, "vscode-ty"),

    "a finding of basedpyright, fixed": () => withChecker("basedpyright", /^Fix: Cannot access attribute/),

    "fixes by a model, which is loaded once": async () => {
      if (!model) throw new Skipped("no model is here: editloop models get, or name its file in EDITLOOP_TEST_MODEL");
      // The same work twice, under other names: nothing of the first is known of the second.
      const files = { "initials.py": initials, "monogram.py": initials.replaceAll("initials", "monogram") };
      await workspace("model", files, { "editloop.model": model });
      const first = await withModel("initials.py", "vscode-model");
      await open("monogram.py");
      assert.equal(await withModel("monogram.py"), first);
    },
  };
}

/** The ids of the processes whose command line has all the words. */
async function processes(...words) {
  const ids = (await readdir("/proc")).filter((name) => /^\d+$/.test(name));
  const lines = await Promise.all(ids.map((id) => readFile(`/proc/${id}/cmdline`, "utf8").catch(() => "")));
  return ids.filter((_, at) => words.every((word) => lines[at].includes(word)));
}
