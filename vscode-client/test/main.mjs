// All tests of the extension in a real VS Code: first as a person at the window, then inside of the extension host.
// node main.mjs --cache FOLDER --server PATH [--results FILE.json] [--images FOLDER]
import { execFile } from "node:child_process";
import { copyFile, mkdir, mkdtemp, readFile, rm, writeFile } from "node:fs/promises";
import { tmpdir } from "node:os";
import { dirname, join } from "node:path";
import { fileURLToPath } from "node:url";
import { parseArgs, promisify } from "node:util";
import { runHostTests } from "./host.mjs";
import { merge } from "./results.mjs";
import { scenario } from "./ui.mjs";
import { SERVER, withVSCode } from "./vscode.mjs";

const FEATURE_MS = 120_000;
const SIZE = { width: 1280, height: 800 };

const { values: options } = parseArgs({
  options: { cache: { type: "string" }, server: { type: "string" }, results: { type: "string" }, images: { type: "string" } },
});
const client = dirname(dirname(fileURLToPath(import.meta.url)));
const work = await mkdtemp(join(tmpdir(), "editloop-vscode-"));
const images = options.images ?? join(work, "images");
const results = {};
