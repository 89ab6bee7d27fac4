// Bundles the extension, and with --tests its mocha suite too; `vscode` is the editor's own.
import { build } from "esbuild";

const common = { bundle: true, platform: "node", target: "node20", format: "cjs", external: ["vscode"] };
await build({ ...common, entryPoints: ["src/extension.ts"], outfile: "out/extension.js", minify: true });
if (process.argv.includes("--tests")) {
  await build({ ...common, entryPoints: ["test/host/index.ts"], outfile: "out/test/index.js", external: ["vscode", "mocha"] });
}
