/** Fixes: asked for by a command or taken from the lightbulb, with progress, Cancel and, if wanted, a diff first. */
import * as vscode from "vscode";
import type { Middleware } from "vscode-languageclient/node";
import { Choices } from "./choices";
import { askDifference } from "./differences";
import { orCancelled, UserError } from "./errors";
import type { ModelOffer } from "./getmodel";
import type { Preview } from "./preview";
import { withFixProgress } from "./progress";
import { Command, type FixRequest, type FixResult, type LastReport, type Report } from "./protocol";
import type { Session } from "./session";

const PREVIEW_ACTION = "editloop.previewAction";
/** How long the status bar says what was checked. */
const VERDICT_MS = 8_000;

export class Fixes implements vscode.Disposable {
  private readonly choices = new Choices();
  private readonly parts: vscode.Disposable[];

  constructor(
    private readonly preview: Preview,
    private readonly modelOffer: ModelOffer,
  ) {
    this.parts = [
      vscode.commands.registerCommand(PREVIEW_ACTION, (title: string, verdict: string, edit: vscode.WorkspaceEdit) =>
        this.preview.offer(title, verdict, edit),
      ),
      vscode.workspace.onDidCloseTextDocument(({ uri }) => this.choices.forget(uri)),
    ];
  }

  /** Fixes the selection, the function around the cursor, or the file of the active editor. */
  async fix(session: Session, kind: "selection" | "function" | "file"): Promise<void> {
    const { document, selection } = activePython();
    await this.run(session, `Fix this ${kind}`, {
      uri: document.uri.toString(),
      version: document.version,
      kind,
      range: session.running().code2ProtocolConverter.asRange(selection),
      diagnostic: null,
    });
  }

  /** Fixes what a run of the document printed. */
  async fixRun(session: Session, document: vscode.TextDocument, traceback: string): Promise<void> {
    await this.run(session, "Fix the error of the last run", {
      uri: document.uri.toString(),
      version: document.version,
      kind: "run",
      range: { start: { line: 0, character: 0 }, end: { line: 0, character: 0 } },
      diagnostic: null,
      traceback,
    });
  }

  /** Replaces the fix that was made, or found, by another one that was verified too. */
  async pickAlternative(): Promise<void> {
    const picked = await this.choices.pick(activePython().document);
    if (picked) {
      await this.offer("Another fix", picked.verdict, picked.edit);
    }
  }

  /** How the language client's own paths, the lightbulb's actions and the server's commands, get the same treatment. */
  middleware(session: Session): Middleware {
    return {
      provideCodeActions: async (document, range, context, token, next) => {
        const actions = await next(document, range, context, token);
        return actions?.map((one) => (one instanceof vscode.CodeAction ? previewed(one) : one));
      },
      resolveCodeAction: async (action, outer, next) => {
        const resolved = await withFixProgress(session, action.title, outer, async (token) => next(action, token));
        if (!resolved?.edit) {
          void this.afterNothing(session, action);
          return resolved;
        }
        const { line } = await this.rememberAction(session, action);
        this.compare(session, requestOf(action).uri);
        const edit = takeEdit(resolved);
        if (edit) {
          // Shown here: VS Code drops the command of an action whose menu it has filled anew meanwhile.
          void this.preview.offer(resolved.title, line, edit);
        }
        return resolved;
      },
      executeCommand: async (command, parameters: unknown[], next) => {
        if (command !== Command.fix) {
          return next(command, parameters);
        }
        await this.run(session, "Fix this code", parameters[0] as FixRequest);
      },
    };
  }

  dispose(): void {
    this.parts.forEach((part) => part.dispose());
  }

  private async run(session: Session, title: string, request: FixRequest): Promise<void> {
    const result = await withFixProgress(session, title, undefined, (token) =>
      orCancelled(session.execute<FixResult>(Command.fix, { ...request, apply: false }, token)),
    );
    if (result?.edit) {
      await this.remember(session, request, result);
      const edit = await session.running().protocol2CodeConverter.asWorkspaceEdit(result.edit);
      this.compare(session, request.uri);
      await this.offer(title, result.report.line, edit);
    } else if (result) {
      void this.tellOrOffer(session, result);
    }
  }

  private async tellOrOffer(session: Session, result: FixResult): Promise<void> {
    if (result.report.wants_model && this.modelOffer.open) {
      await this.modelOffer.make(session, result.report.line);
    } else {
      await tell(result);
    }
  }

  /** The server has said why an action brought no edit; its report knows whether a model would help. */
  private async afterNothing(session: Session, action: vscode.CodeAction & { data?: unknown }): Promise<void> {
    const { uri } = requestOf(action);
    const { report } = await session.execute<LastReport>(Command.showLastReport, { uri });
    if (report?.wants_model && this.modelOffer.open) {
      await this.modelOffer.make(session);
    }
  }

  /** An action brings its edit alone; the server still knows the rest, so asking again costs no search. */
  private async rememberAction(session: Session, action: vscode.CodeAction & { data?: unknown }): Promise<Report> {
    const request = requestOf(action);
    const result = await session.execute<FixResult>(Command.fix, { ...request, apply: false });
    await this.remember(session, request, result);
    return result.report;
  }

  private async remember(session: Session, request: FixRequest, result: FixResult): Promise<void> {
    const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(request.uri));
    if (document.version === request.version) {
      await this.choices.remember(session, document, result);
    }
  }

  /** Asks, once it is known, where the fixes of a document differ; the fix itself waits for nothing of it. */
  private compare(session: Session, uri: string): void {
    void askDifference(session, uri, async (fix) => {
      const document = await vscode.workspace.openTextDocument(vscode.Uri.parse(uri));
      const chosen = this.choices.at(document, fix);
      if (chosen) {
        await this.offer("The fix that is right", chosen.verdict, chosen.edit);
      }
    });
  }

  private async offer(title: string, verdict: string, edit: vscode.WorkspaceEdit): Promise<void> {
    if (wantsPreview()) {
      await this.preview.offer(title, verdict, edit);
    } else if (await vscode.workspace.applyEdit(edit)) {
      vscode.window.setStatusBarMessage(verdict, VERDICT_MS);
    }
  }

}

/** The same action, its edit replaced by a command that shows the diff where the person wants to see it first. */
function previewed(action: vscode.CodeAction): vscode.CodeAction {
  const edit = takeEdit(action);
  if (edit) {
    const { title } = action;
    // The title of an action that brings its edit says what was checked.
    action.command = { title, command: PREVIEW_ACTION, arguments: [title, title, edit] };
  }
  return action;
}

/**
 * Takes an action's edit out of it where the person wants to see it first. Fixing all is left as it is: it may be part
 * of saving, which must not wait for an answer.
 */
function takeEdit(action: vscode.CodeAction): vscode.WorkspaceEdit | undefined {
  const { edit, kind } = action;
  if (!wantsPreview() || (kind && vscode.CodeActionKind.SourceFixAll.contains(kind))) {
    return undefined;
  }
  delete action.edit;
  return edit;
}

/** What one of the server's actions asks for. */
function requestOf(action: vscode.CodeAction & { data?: unknown }): FixRequest {
  return action.data as FixRequest;
}

/** The active editor if it shows Python. Throws UserError otherwise. */
export function activePython(): vscode.TextEditor {
  const editor = vscode.window.activeTextEditor;
  if (editor?.document.languageId !== "python") {
    throw new UserError("Open a Python file first.");
  }
  return editor;
}

function wantsPreview(): boolean {
  return vscode.workspace.getConfiguration("editloop").get("preview", false);
}

/** Says why there is no fix; every outcome but a cancelled one is worth a word. */
async function tell({ status, report }: FixResult): Promise<void> {
  const text = report.line;
  if (status === "error") {
    if (await vscode.window.showErrorMessage(text, "Show Logs")) {
      await vscode.commands.executeCommand("editloop.showLogs");
    }
  } else if (status === "not found") {
    if (await vscode.window.showWarningMessage(text, "Show Report")) {
      await vscode.commands.executeCommand("editloop.showReport");
    }
  } else if (status !== "cancelled") {
    void vscode.window.showInformationMessage(text);
  }
}
