/** Models: choosing one by what it is good for, fetching one, and training one on the open workspace. */
import * as vscode from "vscode";
import { orCancelled, UserError } from "./errors";
import { withPercentProgress } from "./progress";
import { type CatalogueRow, Command, type GotModel, type Model, type TrainRequest, type TrainResult } from "./protocol";
import type { Session } from "./session";

interface ModelItem extends vscode.QuickPickItem {
  readonly name: string;
  /** Whether choosing it means to fetch it first. */
  readonly fetch: boolean;
}

const NO_MODEL: ModelItem = {
  name: "none",
  fetch: false,
  label: "No model",
  detail: "fixes by editloop's own edits alone",
};

/** Lets the person choose among the models of this machine and those that can be fetched. */
export async function chooseModel(session: Session): Promise<void> {
  const models = await session.execute<Model[]>(Command.listModels);
  const rows = await session.execute<CatalogueRow[]>(Command.catalogue);
  const here = models.map((model) => modelItem(model, rows.find(({ name }) => name === model.name)));
  const others = rows.filter((row) => !row.here).map(catalogueItem);
  const choice = await vscode.window.showQuickPick([...here, ...others, NO_MODEL], {
    title: "Model for fixes",
    matchOnDescription: true,
    matchOnDetail: true,
  });
  if (choice) {
    await (choice.fetch ? fetchModel : useModel)(session, choice.name);
  }
}

/** Fetches a model of the catalogue under a notification with Cancel, and uses it from then on. */
export async function fetchModel(session: Session, name: string): Promise<void> {
  const got = await withPercentProgress(`Getting ${name}`, (token, onProgress) =>
    orCancelled(session.execute<GotModel>(Command.getModel, { name }, token, onProgress)),
  );
  if (!got) {
    void vscode.window.showInformationMessage(`${name}: stopped. What is there is kept: Get goes on from it.`);
  } else if (got.got) {
    await useModel(session, name);
  } // Any other end is told by the server.
}

export function megabytes(bytes: number): string {
  return `${Math.round(bytes / 1e6).toLocaleString("en")} MB`;
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

/** Makes a model the default of this machine; settings that name a model or a server come first and have to follow. */
export async function useModel(session: Session, name: string): Promise<void> {
  await session.execute(Command.useModel, { name });
  const settings = vscode.workspace.getConfiguration("editloop");
  for (const [setting, value] of [["model", name] as const, ["server", undefined] as const]) {
    const values = settings.inspect<string>(setting);
    if (values?.workspaceValue) {
      await settings.update(setting, value, vscode.ConfigurationTarget.Workspace);
    } else if (values?.globalValue) {
      await settings.update(setting, value, vscode.ConfigurationTarget.Global);
    }
  }
}

function catalogueItem(row: CatalogueRow): ModelItem {
  const begun = row.fetched && `${megabytes(row.fetched)} of it are here`;
  return {
    name: row.name,
    fetch: true,
    label: `$(cloud-download) ${row.title}`,
    description: [`get it: ${megabytes(row.bytes)}`, row.licence, begun].filter(Boolean).join(" · "),
    detail: row.good_for + (row.suits ? " (suits this machine)" : ""),
  };
}

function modelItem(model: Model, row: CatalogueRow | undefined): ModelItem {
  const facts = [
    model.parameters !== null && `${(model.parameters / 1e6).toFixed(1)} M parameters`,
    model.quantization,
    model.file_size !== null && megabytes(model.file_size),
    model.base_model && `from ${model.base_model}`,
    model.source,
  ];
  return {
    name: model.name,
    fetch: false,
    label: `${model.default ? "$(star-full) " : ""}${model.name}`,
    description: facts.filter(Boolean).join(" · "),
    detail: model.error ? `$(error) ${model.error}` : (row?.good_for ?? repairs(model.eval)),
  };
}

/** What a model's file says that it repairs, in words; empty where it says nothing. */
function repairs(scores: Model["eval"]): string {
  const share = scores["pass@1"];
  return typeof share === "number"
    ? `repairs ${Math.round(100 * share)} of 100 held-out mistakes at its first try`
    : "";
}
