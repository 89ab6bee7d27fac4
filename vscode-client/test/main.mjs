// All tests of the extension in a real VS Code: first as a person at the window, then inside of the extension host.
// node main.mjs --cache FOLDER --server PATH [--results FILE.json] [--images FOLDER] [--only window|host]
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { copyFile, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { delimiter, dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { runHostTests } from "./host.mjs";
import { merge } from "./results.mjs";
import { scenario } from "./ui.mjs";
import { SERVER, withVSCode } from "./vscode.mjs";

const FEATURE_MS = 60_000;
const SIZE = { width: 1200, height: 720 };
const LOOK = {
  "workbench.startupEditor": "none",
  "workbench.colorTheme": "Default Dark Modern",
  "editor.fontSize": 14,
  "editor.minimap.enabled": false,
  "window.commandCenter": false,
  "files.autoSave": "off",
  "files.exclude": { "**/.vscode": true },
  "workbench.secondarySideBar.defaultVisibility": "hidden",
  "chat.disableAIFeatures": true,
  "extensions.autoCheckUpdates": false,
  "workbench.layoutControl.enabled": false,
};
// No edit of a line or two makes this doctest hold.
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

const { values: options } = parseArgs({
  options: {
    cache: { type: "string" },
    server: { type: "string" },
    results: { type: "string" },
    images: { type: "string" },
    only: { type: "string" },
  },
});
const client = dirname(dirname(fileURLToPath(import.meta.url)));
const work = await mkdtemp(join(tmpdir(), "editloop-vscode-"));
const images = options.images ?? join(work, "images");
const outcome = {};

const note = (feature, test, result) => {
  (outcome[feature] ??= {})[test] = result;
  console.log(`${result}  ${feature}`);
};

async function folder(name, files) {
  const path = join(work, name);
  await mkdir(join(path, ".vscode"), { recursive: true });
  for (const [file, text] of Object.entries(files)) await writeFile(join(path, file), text);
  return path;
}

/** Runs a step; late or failed, it leaves a picture of the window and what was wrong. */
async function feature(page, name, step) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${FEATURE_MS / 1000} s`)), FEATURE_MS);
  });
  try {
    await Promise.race([step(), late]);
    note(name, "vscode-client/test/ui.mjs", "pass");
  } catch (error) {
    note(name, "vscode-client/test/ui.mjs", "fail");
    const path = join(work, `${name.replace(/\W+/g, "-")}.png`);
    await page.screenshot({ path });
    console.log(`${error.message}\nthe window then: ${path}`);
  } finally {
    clearTimeout(timer);
  }
}

/** A hub with a model on this machine; `env` has editloop find it. */
async function modelHub() {
  const site = join(work, "site");
  const root = dirname(client);
  const python = join(dirname(options.server), "python");
  const hub = spawn(python, [join(root, "tests", "vscode", "hub.py"), site], {
    env: { ...process.env, PYTHONPATH: [root, join(root, "tests")].join(delimiter) },
    stdio: ["pipe", "pipe", "inherit"],
  });
  const [url] = await once(hub.stdout, "data");
  return { env: { HF_ENDPOINT: String(url).trim(), PYTHONPATH: site }, end: () => hub.stdin.end() };
}

async function atTheWindow(common) {
  const hub = await modelHub();
  const extensions = join(work, "extensions");
  const vsix = join(client, "editloop.vsix");
  const server = join(options.cache, SERVER);
  await promisify(execFile)(process.execPath, [
    server,
    "--install-extension",
    vsix,
    "--extensions-dir",
    extensions,
    "--server-data-dir",
    join(work, "cli"),
  ]);
  // The server is found on the PATH, and can be taken away from there.
  const bin = join(work, "bin");
  await mkdir(bin);
  await symlink(options.server, join(bin, "editloop"));
  const path = process.env.PATH.split(delimiter).filter((one) => one !== dirname(options.server));
  const median = await readFile(join(client, "..", "examples", "median.py"), "utf8");
  const window = {
    ...common,
    home: join(work, "window"),
    extensions,
    settings: LOOK,
    // VSCODE_CLI: the PATH is taken as it is, and not from a login shell.
    env: { ...hub.env, PATH: [bin, ...path].join(delimiter), VSCODE_CLI: "1" },
  };
  await withVSCode(window, async ({ page, url }) => {
    page.setDefaultTimeout(FEATURE_MS / 2);
    const steps = scenario({
      page,
      url,
      folder: await folder("statistics", { "median.py": median, "hard.py": HARD }),
      empty: await folder("empty", { "some.py": "" }),
      hide: () => rm(join(bin, "editloop")),
      picture: async (name) => page.screenshot({ path: join(images, `${name}.png`) }),
    });
    for (const [name, step] of Object.entries(steps)) await feature(page, name, step);
  });
  hub.end();
}

async function insideTheHost(common) {
  const results = join(work, "host.json");
  const settings = { "editloop.path": options.server, "editloop.runCode": "always" };
  const workspace = await folder("workspace", { ".vscode/settings.json": JSON.stringify(settings) });
  const host = {
    ...common,
    home: join(work, "host"),
    extensions: join(work, "none"),
    args: ["--enable-smoke-test-driver", "--disable-workspace-trust"],
    env: { EDITLOOP_TEST_RESULTS: results },
  };
  const passed = await withVSCode(host, ({ page, url }) => runHostTests({ page, url, workspace, extension: client }));
  for (const [name, wrong] of Object.entries(JSON.parse(await readFile(results, "utf8")))) {
    if (name) note(name, "vscode-client/test/host/suite.ts", wrong ? "fail" : "pass");
    if (wrong) console.log(wrong);
  }
  return passed;
}

await mkdir(images, { recursive: true });
const common = { cache: options.cache, node: process.execPath, size: SIZE };
if (options.only !== "host") await atTheWindow(common);
const hostPassed = options.only === "window" || (await insideTheHost(common));
if (options.results) await merge(options.results, outcome);
const all = Object.values(outcome).flatMap((tests) => Object.values(tests));
const failed = all.filter((result) => result === "fail").length;
console.log(`${all.length - failed} passed, ${failed} failed`);
if (failed || !hostPassed) {
  process.exitCode = 1;
} else {
  await rm(work, { recursive: true });
}
