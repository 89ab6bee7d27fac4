/** Wires the parts together: one session, its status bar item, the commands, and what restarts or informs the server. */
import * as vscode from "vscode";
import { UserError } from "./errors";
import { Fixes } from "./fixes";
import { ModelOffer } from "./getmodel";
import { getStarted, install, offerOnce } from "./install";
import { LastRun } from "./lastrun";
import { chooseModel, trainOnWorkspace } from "./models";
import { Preview } from "./preview";
import { Command } from "./protocol";
import { copyDebugInformation, Reports } from "./report";
import { onDidSelectPython } from "./server";
import { Session } from "./session";
import { statusBar } from "./status";

type Handler = () => unknown;

export async function activate(context: vscode.ExtensionContext): Promise<void> {
  const log = vscode.window.createOutputChannel("editloop", { log: true });
  const preview = new Preview();
  const modelOffer = new ModelOffer();
  const fixes = new Fixes(preview, modelOffer);
  const lastRun = new LastRun();
  const reports = new Reports();
  const session = new Session(log, (self) => fixes.middleware(self));
  const version = String((context.extension.packageJSON as { version: string }).version);

  const handlers: Record<string, Handler> = {
    "editloop.fixSelection": () => fixes.fix(session, "selection"),
    "editloop.fixFunction": () => fixes.fix(session, "function"),
    "editloop.fixFile": () => fixes.fix(session, "file"),
    "editloop.fixLastRun": () => lastRun.fix(session, fixes),
    "editloop.fixTerminalSelection": () => lastRun.fixSelection(session, fixes),
    "editloop.getModel": () => modelOffer.make(session),
    "editloop.pickAlternative": () => fixes.pickAlternative(),
    "editloop.cancelFixes": () => session.execute(Command.cancel, {}),
    "editloop.showReport": () => reports.show(session),
    "editloop.chooseModel": () => chooseModel(session),
    "editloop.trainWorkspace": () => trainOnWorkspace(session),
    "editloop.restart": () => session.restart(),
    "editloop.showLogs": () => log.show(),
    "editloop.copyDebugInformation": () => copyDebugInformation(session, version),
    "editloop.getStarted": getStarted,
    "editloop.install": async () => (await install()) && session.restart(),
    "editloop.showMenu": () => showMenu(context.extension),
  };
  const commands = Object.entries(handlers).map(([id, handler]) =>
    vscode.commands.registerCommand(id, () => reporting(session, handler)),
  );

  context.subscriptions.push(
    log,
    preview,
    fixes,
    lastRun,
    reports,
    session,
    statusBar(session),
    ...commands,
    session.onDidChange(() => void vscode.commands.executeCommand("setContext", "editloop.server", session.phase)),
    vscode.workspace.onDidGrantWorkspaceTrust(() => (session.server ? session.notifyTrust() : session.restart())),
    vscode.workspace.onDidChangeConfiguration((change) => {
      if (change.affectsConfiguration("editloop.path")) {
        void session.restart();
      }
    }),
  );
  await session.restart();
  if (session.phase === "missing") {
    await offerOnce(context.globalState);
  }
  const selection = await onDidSelectPython(() => void session.restart());
  if (selection) {
    context.subscriptions.push(selection);
  }
}

/** Runs a command; what goes wrong is said in one line, with the rest in the log. */
async function reporting({ log, phase }: Session, handler: Handler): Promise<void> {
  try {
    await handler();
  } catch (error) {
    const message = error instanceof Error ? error.message : String(error);
    if (!(error instanceof UserError)) {
      log.error(error instanceof Error ? error : message);
    }
    const ways = phase === "missing" ? ["Get Started"] : [];
    if (await vscode.window.showErrorMessage(message, ...ways)) {
      await getStarted();
    }
  }
}

/** The palette's commands of this extension as a list, for the click on the status bar. */
async function showMenu(extension: vscode.Extension<unknown>): Promise<void> {
  const { contributes } = extension.packageJSON as {
    contributes: { commands: { command: string; title: string; category?: string }[] };
  };
  const items = contributes.commands
    .filter(({ category }) => category)
    .map(({ command, title }) => ({ label: title, command }));
  const choice = await vscode.window.showQuickPick(items, { title: "editloop" });
  if (choice) {
    await vscode.commands.executeCommand(choice.command);
  }
}
