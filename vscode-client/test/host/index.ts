/** Entry for the extension host: runs the mocha suite and writes each feature's outcome to $EDITLOOP_TEST_RESULTS. */
import { writeFileSync } from "node:fs";
import Mocha from "mocha";

/** Empty where a test passed, else what was wrong; the failure of a hook, which is no feature, has the name "". */
type Outcome = Record<string, string>;

export async function run(): Promise<void> {
  const mocha = new Mocha({ ui: "bdd", timeout: 60_000, reporter: "min" });
  mocha.suite.emit("pre-require", globalThis, "", mocha);
  await import("./suite.js");
  const outcome: Outcome = {};
  const failures = await new Promise<number>((resolve) => {
    const runner = mocha.run(resolve);
    runner.on("pass", (test) => (outcome[test.title] = ""));
    runner.on("fail", (failed, error: Error) => {
      outcome[failed.type === "test" ? failed.title : ""] = error.stack ?? error.message;
    });
  });
  writeFileSync(process.env["EDITLOOP_TEST_RESULTS"] ?? "", JSON.stringify(outcome));
  if (failures > 0) {
    throw new Error(`${failures} failed`);
  }
}
