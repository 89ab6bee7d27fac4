// Bundles the extension, and with --tests its mocha suite and an extension for tests too; `vscode` is the editor's own.
import { copyFile, readdir, readFile, writeFile } from "node:fs/promises";
import { join } from "node:path";
import { build } from "esbuild";

const common = { bundle: true, platform: "node", target: "node20", format: "cjs" };

const { metafile } = await build({
  ...common,
  entryPoints: ["src/extension.ts"],
  outfile: "out/extension.js",
  external: ["vscode"],
  minify: true,
  metafile: true,
});
await writeFile("out/ThirdPartyNotices.txt", await notices(Object.keys(metafile.inputs)));

if (process.argv.includes("--tests")) {
  await build({
    ...common,
    entryPoints: ["test/host/index.ts"],
    outfile: "out/test/index.js",
    external: ["vscode", "mocha"],
  });
  await build({
    ...common,
    entryPoints: ["test/checkers/extension.ts"],
    outfile: "out/test/checkers/extension.js",
    external: ["vscode"],
  });
  await copyFile("test/checkers/package.json", "out/test/checkers/package.json");
}

/** The licences of the packages whose files were bundled, which ask to be passed on. */
async function notices(files) {
  const folders = files.map((file) => /^(?:.*\/)?node_modules\/(?:@[^/]+\/)?[^/]+/.exec(file)?.[0]);
  const texts = [...new Set(folders.filter(Boolean))].sort().map(async (folder) => {
    const licence = (await readdir(folder)).find((name) => /^licen[cs]e/i.test(name));
    if (!licence) throw new Error(`${folder} has no licence file`);
    const { name, version } = JSON.parse(await readFile(join(folder, "package.json"), "utf8"));
    return `${name} ${version}\n\n${(await readFile(join(folder, licence), "utf8")).trim()}\n`;
  });
  return (await Promise.all(texts)).join(`\n${"-".repeat(72)}\n\n`);
}
