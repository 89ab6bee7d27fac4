/** Entry for the extension host: runs the mocha suite and writes each feature's outcome to $EDITLOOP_TEST_RESULTS. */
import { writeFileSync } from "node:fs";
import Mocha from "mocha";

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", timeout: 60_000, reporter: "spec", color: false });
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  await import("./suite.js");
  const outcome: Record<string, "pass" | "fail"> = {};
  await new Promise<void>((resolve, reject) => {
    const runner = mocha.run((failures) => (failures ? reject(new Error(`${failures} failed`)) : resolve()));
    runner.on("pass", (test) => (outcome[test.title] = "pass"));
    runner.on("fail", (test) => (outcome[test.title] = "fail"));
  }).finally(() => {
    const path = process.env["EDITLOOP_TEST_RESULTS"];
    if (path) {
      writeFileSync(path, JSON.stringify(outcome, null, 2));
    }
  });
}
