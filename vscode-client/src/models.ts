/** Models: choosing one by its metadata and scores, and training one on the open workspace. */
import * as vscode from "vscode";
import { UserError } from "./errors";
import { orCancelled } from "./fixes";
import { withPercentProgress } from "./progress";
import { Command, type Model, type TrainRequest, type TrainResult } from "./protocol";
import type { Session } from "./session";

interface ModelItem extends vscode.QuickPickItem {
  readonly model: Model;
}

/** Lets the person choose among the models of this machine. */
export async function chooseModel(session: Session): Promise<void> {
  const models = await session.execute<Model[]>(Command.listModels);
  const choice = await vscode.window.showQuickPick(models.map(modelItem), {
    title: "Model for fixes",
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (choice) {
    await useModel(session, choice.model.name);
  }
}

/** Asks for minutes and a name, then trains on the workspace's own code in the background. */
export async function trainOnWorkspace(session: Session): Promise<void> {
  const folders = vscode.workspace.workspaceFolders ?? [];
  if (folders.length === 0) {
    throw new UserError("Open a folder first: its Python files are what the model is trained on.");
  }
  const folder = folders.length > 1 ? await vscode.window.showWorkspaceFolderPick() : folders[0];
  if (!folder) {
    return;
  }
  const minutes = await vscode.window.showInputBox({
    title: `Train on ${folder.name} (1/2)`,
    prompt: "Minutes of training. Everything stays on this machine.",
    value: "30",
    validateInput: (value) => (Number(value) >= 1 ? undefined : "A number of minutes, 1 or more"),
  });
  const name =
    minutes &&
    (await vscode.window.showInputBox({
      title: `Train on ${folder.name} (2/2)`,
      prompt: "Name of the new model",
      value: folder.name.replace(/[^A-Za-z0-9._-]+/g, "-"),
      validateInput: (value) => (/^[A-Za-z0-9][A-Za-z0-9._-]*$/.test(value) ? undefined : "Letters, digits, . _ and -"),
    }));
  if (!name) {
    return;
  }
  const request: TrainRequest = { folder: folder.uri.fsPath, minutes: Number(minutes), name };
  const result = await withPercentProgress(`Training ${name}`, (token, onProgress) =>
    orCancelled(session.execute<TrainResult>(Command.train, request, token, onProgress)),
  );
  if (!result) {
    void vscode.window.showInformationMessage("Training stopped. The same command takes it up again.");
    return;
  }
  // Any other end is told by the server.
  if (result.exit === 0 && (await vscode.window.showInformationMessage(`Fix with ${name} from now on?`, "Yes"))) {
    await useModel(session, name);
  }
}

/** Makes a model the default of this machine; a setting that names one has to follow, since it comes first. */
async function useModel(session: Session, name: string): Promise<void> {
  await session.execute(Command.useModel, { name });
  const settings = vscode.workspace.getConfiguration("editloop");
  const values = settings.inspect<string>("model");
  if (values?.workspaceValue) {
    await settings.update("model", name, vscode.ConfigurationTarget.Workspace);
  } else if (values?.globalValue) {
    await settings.update("model", name, vscode.ConfigurationTarget.Global);
  }
}

function modelItem(model: Model): ModelItem {
  const facts = [
    model.parameters !== null && `${(model.parameters / 1e6).toFixed(1)} M parameters`,
    model.quantization,
    model.file_size !== null && `${(model.file_size / 2 ** 20).toFixed(1)} MB`,
    model.base_model && `from ${model.base_model}`,
    model.source,
  ];
  return {
    model,
    label: `${model.default ? "$(star-full) " : ""}${model.name}`,
    description: facts.filter(Boolean).join(" · "),
    detail: model.error ? `$(error) ${model.error}` : repairs(model.eval),
  };
}

/** What a model's file says that it repairs, in words; undefined where it says nothing. */
function repairs(scores: Model["eval"]): string | undefined {
  const share = scores["pass@1"];
  return typeof share === "number"
    ? `repairs ${Math.round(100 * share)} of 100 held-out mistakes at its first try`
    : undefined;
}
