/** The server's log in the output channel, each line at its own level. */
import { createInterface } from "node:readline";
import type { Readable } from "node:stream";
import type { LogOutputChannel } from "vscode";

const LINE = /^\S+ \S+ (DEBUG|INFO|WARNING|ERROR|CRITICAL) (.*)$/;

/** Forwards the lines of Python's logging; a line without a level, as in a traceback, has that of the line before. */
export function forward(input: Readable, channel: LogOutputChannel): void {
  let level = "ERROR";
  createInterface({ input }).on("line", (line) => {
    const [, found, rest] = LINE.exec(line) ?? [];
    level = found ?? level;
    write(channel, level, rest ?? line);
  });
}

function write(channel: LogOutputChannel, level: string, text: string): void {
  switch (level) {
    case "DEBUG":
      return channel.debug(text);
    case "INFO":
      return channel.info(text);
    case "WARNING":
      return channel.warn(text);
    default:
      return channel.error(text);
  }
}
