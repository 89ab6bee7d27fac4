/** One language server for the window: its life, its requests and what is known of its state. */
import * as vscode from "vscode";
import {
  ExecuteCommandRequest,
  LanguageClient,
  type Middleware,
  RevealOutputChannelOn,
  State,
  WorkDoneProgress,
  type WorkDoneProgressBegin,
  type WorkDoneProgressEnd,
  type WorkDoneProgressReport,
} from "vscode-languageclient/node";
import { configuration } from "./configuration";
import { UserError } from "./errors";
import { forward } from "./log";
import { type InitializationOptions, type ServerStatus, STATUS_NOTIFICATION, TRUST_NOTIFICATION } from "./protocol";
import { findServer, type Server } from "./server";

/** Progress tokens of this extension. */
const OWN_TOKEN = "vscode-";

/** `missing`: no server was found on this machine. */
export type Phase = "starting" | "running" | "stopped" | "missing";
export type Progress = WorkDoneProgressBegin | WorkDoneProgressReport | WorkDoneProgressEnd;

export class Session implements vscode.Disposable {
  phase: Phase = "stopped";
  server: Server | undefined;
  status: ServerStatus | undefined;

  private client: LanguageClient | undefined;
  private queue: Promise<void> = Promise.resolve();
  private progressTokens = 0;
  private readonly changed = new vscode.EventEmitter<void>();
  /** Fires when phase, server or status changed. */
  readonly onDidChange = this.changed.event;

  constructor(
    readonly log: vscode.LogOutputChannel,
    private readonly middleware: (session: Session) => Middleware,
  ) {}

  /** Stops the server if one runs, looks for it anew and starts it. Calls are carried out one after the other. */
  restart(): Promise<void> {
    this.queue = this.queue.then(async () => {
      await this.stop();
      await this.start();
    });
    return this.queue;
  }

  /** Runs a command of the server. Throws UserError if there is no server. */
  async execute<R>(
    command: string,
    argument?: object,
    token?: vscode.CancellationToken,
    onProgress?: (value: Progress) => void,
  ): Promise<R> {
    const client = this.running();
    const workDoneToken = onProgress && `${OWN_TOKEN}${++this.progressTokens}`;
    const listener = onProgress && client.onProgress(WorkDoneProgress.type, workDoneToken ?? "", onProgress);
    const parameters = { command, arguments: argument ? [argument] : [], ...(workDoneToken && { workDoneToken }) };
    try {
      return (await client.sendRequest(ExecuteCommandRequest.type, parameters, token)) as R;
    } finally {
      listener?.dispose();
    }
  }

  async notifyTrust(): Promise<void> {
    if (this.phase === "running") {
      await this.client?.sendNotification(TRUST_NOTIFICATION, { trusted: vscode.workspace.isTrusted });
    }
  }

  /** The client, for its converters between VS Code's and the protocol's types. Throws UserError without a server. */
  running(): LanguageClient {
    if (!this.client || this.phase !== "running") {
      throw new UserError(
        this.phase === "missing"
          ? "editloop is not installed on this machine."
          : `The editloop server is ${this.phase}.`,
      );
    }
    return this.client;
  }

  dispose(): void {
    void this.client?.dispose();
    this.changed.dispose();
  }

  private async start(): Promise<void> {
    this.set("starting");
    try {
      this.server = await findServer();
      if (!this.server) {
        this.set("missing");
        return;
      }
      this.log.info(`Server: ${this.server.command} ${this.server.args.join(" ")} (${this.server.origin})`);
      this.client = this.newClient(this.server);
      await this.client.start();
    } catch (error) {
      this.set("stopped");
      this.log.error(error instanceof Error ? error : String(error));
      void vscode.window.showErrorMessage(
        error instanceof UserError ? error.message : "The editloop server did not start; see editloop: Show Logs.",
      );
    }
  }

  private async stop(): Promise<void> {
    const client = this.client;
    this.client = undefined;
    this.status = undefined;
    // A server that failed to start cannot be stopped; what it says about that is of no use.
    await client?.dispose().catch((error: unknown) => this.log.debug(String(error)));
    this.set("stopped");
  }

  private newClient(server: Server): LanguageClient {
    const client = new LanguageClient(
      "editloop",
      "editloop",
      { command: server.command, args: [...server.args] },
      {
        documentSelector: [
          { language: "python", scheme: "file" },
          { language: "python", scheme: "untitled" },
        ],
        outputChannel: this.log,
        revealOutputChannelOn: RevealOutputChannelOn.Never,
        stdioOptions: { stdout: forward, stderr: forward },
        initializationOptions: (): InitializationOptions => ({ trusted: vscode.workspace.isTrusted, status: true }),
        middleware: {
          ...this.middleware(this),
          workspace: { configuration },
          // What the server begins on its own is in its status, which the status bar and the notifications show.
          handleWorkDoneProgress: (token, value, next) => {
            if (String(token).startsWith(OWN_TOKEN)) {
              next(token, value);
            }
          },
        },
      },
    );
    client.onNotification(STATUS_NOTIFICATION, (status: ServerStatus) => {
      this.status = status;
      this.changed.fire();
    });
    client.onDidChangeState(({ newState }) => {
      if (client === this.client) {
        this.set(newState === State.Running ? "running" : newState === State.Starting ? "starting" : "stopped");
      }
    });
    return client;
  }

  private set(phase: Phase): void {
    this.phase = phase;
    if (phase !== "running") {
      this.status = undefined;
    }
    this.changed.fire();
  }
}
