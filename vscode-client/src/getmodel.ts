/** The offer of a model: once a window where a fix failed for want of one, and by command. Fetches nothing unasked. */
import * as vscode from "vscode";
import { fetchModel, megabytes, useModel } from "./models";
import { type CatalogueRow, Command } from "./protocol";
import type { Session } from "./session";

const GET = "Get";
const FILE = "Use a File";
const SERVER = "Use a Server";
const NOT_NOW = "Not Now";

export class ModelOffer {
  private made = false;

  /** Whether a failed fix may still be followed by the offer in this window. */
  get open(): boolean {
    return !this.made;
  }

  /** Offers the model that suits this machine, after `lead`: what happened, "" where the person asked for it. */
  async make(session: Session, lead = ""): Promise<void> {
    this.made = true;
    const rows = await session.execute<CatalogueRow[]>(Command.catalogue);
    const row = rows.find(({ suits }) => suits);
    const offer = row ? `${row.title} (${facts(row)}): ${row.good_for}.` : "";
    const message = [lead, "A model may write what is missing.", offer].filter(Boolean).join(" ");
    const ways = [...(row ? [GET] : []), FILE, SERVER, NOT_NOW];
    const way = await vscode.window.showInformationMessage(message, ...ways);
    if (way === GET && row) {
      await fetchModel(session, row.name);
    } else if (way === FILE) {
      await chooseFile(session);
    } else if (way === SERVER) {
      await chooseServer();
    }
  }
}

function facts(row: CatalogueRow): string {
  return `${row.here ? "on this machine" : megabytes(row.bytes)}, ${row.licence}`;
}

async function chooseFile(session: Session): Promise<void> {
  const files = await vscode.window.showOpenDialog({ title: "Model for fixes", filters: { Models: ["gguf"] } });
  if (files?.[0]) {
    await useModel(session, files[0].fsPath);
  }
}

/** The server is asked for, and whether a remote one may get code, with the next fix. */
async function chooseServer(): Promise<void> {
  const settings = vscode.workspace.getConfiguration("editloop");
  const url = await vscode.window.showInputBox({
    title: "Server of a model",
    prompt: "An OpenAI-compatible server (llama-server, vLLM, Ollama, LM Studio): URL, or URL#MODEL",
    value: settings.get<string>("server") || "http://127.0.0.1:8080",
  });
  if (url) {
    await settings.update("server", url, vscode.ConfigurationTarget.Global);
  }
}
