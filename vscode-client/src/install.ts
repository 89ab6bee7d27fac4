/** What happens where no server is found: the walkthrough, and an installation into the selected environment. */
import * as vscode from "vscode";
import { UserError } from "./errors";
import { selectedPython } from "./server";

const PACKAGE = "editloop";
const WALKTHROUGH = "editloop.editloop#getStarted";
const OFFERED = "walkthroughOffered";

export async function getStarted(): Promise<void> {
  await vscode.commands.executeCommand("workbench.action.openWalkthrough", WALKTHROUGH, false);
}

/** Opens the walkthrough the first time; later the status bar alone says that the server is missing. */
export async function offerOnce(state: vscode.Memento): Promise<void> {
  if (!state.get(OFFERED)) {
    await state.update(OFFERED, true);
    await getStarted();
  }
}

/**
 * Runs `pip install editloop` with the selected interpreter, in a terminal of its own so that everything can be read.
 * True if it ended well. Throws UserError if no environment is selected.
 */
export async function install(): Promise<boolean> {
  const python = await selectedPython();
  if (!python) {
    throw new UserError(
      vscode.workspace.isTrusted
        ? "No Python environment is selected: make one (python -m venv .venv) or choose one, then install again."
        : "Trust this workspace first: an environment of an untrusted one is not used.",
    );
  }
  // A task and not typed text: no shell's quoting rules, and its end and exit code are known.
  const task = new vscode.Task(
    { type: "process", task: "install" },
    vscode.TaskScope.Workspace,
    "pip install editloop",
    "editloop",
    new vscode.ProcessExecution(python, ["-m", "pip", "install", PACKAGE]),
  );
  task.presentationOptions = { reveal: vscode.TaskRevealKind.Always, focus: true };
  const exit = new Promise<number | undefined>((resolve) => {
    const listener = vscode.tasks.onDidEndTaskProcess(({ execution, exitCode }) => {
      if (execution.task.name === task.name && execution.task.source === task.source) {
        listener.dispose();
        resolve(exitCode);
      }
    });
  });
  await vscode.tasks.executeTask(task);
  return (await exit) === 0;
}
