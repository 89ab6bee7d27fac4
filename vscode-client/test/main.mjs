// All tests of the extension in a real VS Code: first as a person at the window, twice, then inside of the extension
// host. node main.mjs --cache FOLDER --server PATH [--results FILE.json] [--images FOLDER] [--only window|repairs|host]
// [--repair TEXT]: of the repairs, which need nothing of each other, those with the text in their name.
import { execFile, spawn } from "node:child_process";
import { once } from "node:events";
import { access, mkdir, mkdtemp, readFile, rm, symlink, writeFile } from "node:fs/promises";
import { homedir, tmpdir } from "node:os";
import { delimiter, dirname, join, resolve } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { runHostTests } from "./host.mjs";
import { repairs } from "./repairs.mjs";
import { merge, Skipped } from "./results.mjs";
import { scenario } from "./ui.mjs";
import { SERVER, withVSCode } from "./vscode.mjs";

const FEATURE_MS = 60_000;
/** For a repair, which has a window, a server and up to two searches of its own. */
const REPAIR_MS = 600_000;
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
    repair: { type: "string", default: "" },
  },
});
const client = dirname(dirname(fileURLToPath(import.meta.url)));
const work = await mkdtemp(join(tmpdir(), "editloop-vscode-"));
const images = options.images ?? join(work, "images");
const outcome = {};
const execute = promisify(execFile);
const example = (name) => readFile(join(client, "..", "examples", name), "utf8");
const exists = (path) => access(path).then(() => true, () => false);
const picture = (page) => (name) => page.screenshot({ path: join(images, `${name}.png`) });

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
async function feature(page, test, name, step, limit) {
  let timer;
  const late = new Promise((_, reject) => {
    timer = setTimeout(() => reject(new Error(`not done in ${limit / 1000} s`)), limit);
  });
  try {
    await Promise.race([step(), late]);
    note(name, test, "pass");
  } catch (error) {
    if (error instanceof Skipped) {
      note(name, test, "skip");
      console.log(`      ${error.message}`);
      return;
    }
    note(name, test, "fail");
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

/** Installs VSIX files into a folder of extensions. */
async function install(extensions, ...files) {
  await execute(process.execPath, [
    join(options.cache, SERVER),
    ...files.flatMap((file) => ["--install-extension", file]),
    ...["--extensions-dir", extensions, "--server-data-dir", join(work, "cli")],
  ]);
}

async function atTheWindow(common) {
  const hub = await modelHub();
  const extensions = join(work, "extensions");
  await install(extensions, join(client, "editloop.vsix"));
  // The server is found on the PATH, and can be taken away from there.
  const bin = join(work, "bin");
  await mkdir(bin);
  await symlink(options.server, join(bin, "editloop"));
  const path = process.env.PATH.split(delimiter).filter((one) => one !== dirname(options.server));
  const median = await example("median.py");
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
      picture: picture(page),
    });
    for (const [name, step] of Object.entries(steps)) {
      await feature(page, "vscode-client/test/ui.mjs", name, step, FEATURE_MS);
    }
  });
  hub.end();
}

/** The model that tests are given, else the small one of the person's store; null where there is none. */
async function smallModel() {
  const store = process.env.XDG_DATA_HOME ?? join(homedir(), ".local", "share");
  const file = process.env.EDITLOOP_TEST_MODEL || join(store, "editloop", "models", "qwen2.5-coder-0.5b.gguf");
  if (!(await exists(file))) return null;
  // By a path of this run, so that its process is told from others.
  const link = join(work, "qwen2.5-coder-0.5b.gguf");
  await symlink(resolve(file), link);
  return link;
}

/** The command of a language server that is installed beside the server under test, else null. */
async function checker(...command) {
  const [program, argument] = command;
  const path = join(dirname(options.server), program);
  return (await exists(path)) ? [path, argument] : null;
}

async function ofWhatIsAtHand(common) {
  const extensions = join(work, "with-checkers");
  await install(extensions, join(client, "editloop.vsix"), join(client, "out", "test", "checkers.vsix"));
  const home = join(work, "repairs");
  const window = {
    ...common,
    home,
    extensions,
    // The terminal's rows as text; no prompt of a person's own.
    settings: { ...LOOK, "editloop.path": options.server, "terminal.integrated.gpuAcceleration": "off" },
    args: ["--disable-workspace-trust"],
    env: { PS1: "$ ", SHELL: "/bin/sh", VSCODE_CLI: "1" },
  };
  await withVSCode(window, async ({ page, url }) => {
    page.setDefaultTimeout(FEATURE_MS);
    const steps = repairs({
      page,
      url,
      folder: (name, files, settings) =>
        folder(`with-${name}`, { ...files, ".vscode/settings.json": JSON.stringify(settings) }),
      script: await readFile(join(client, "test", "files", "spending.py"), "utf8"),
      initials: await example("initials.py"),
      run: async (file) => (await execute("python3", [file])).stdout,
      checkers: {
        ty: await checker("ty", "server"),
        basedpyright: await checker("basedpyright-langserver", "--stdio"),
      },
      model: await smallModel(),
      picture: picture(page),
    });
    for (const [name, step] of Object.entries(steps).filter(([name]) => name.includes(options.repair))) {
      await feature(page, "vscode-client/test/repairs.mjs", name, step, REPAIR_MS);
    }
  });
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
const wanted = (part) => !options.only || options.only === part;
if (wanted("window")) await atTheWindow(common);
if (wanted("repairs")) await ofWhatIsAtHand(common);
const hostPassed = !wanted("host") || (await insideTheHost(common));
if (options.results) await merge(options.results, outcome);
const all = Object.values(outcome).flatMap((tests) => Object.values(tests));
const [passed, failed, skipped] = ["pass", "fail", "skip"].map((one) => all.filter((result) => result === one).length);
console.log(`${passed} passed, ${failed} failed, ${skipped} skipped`);
if (failed || !hostPassed) {
  process.exitCode = 1;
} else {
  await rm(work, { recursive: true });
}
