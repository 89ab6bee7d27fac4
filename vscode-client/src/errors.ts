/** What can go wrong, in words for a person. */
import { LSPErrorCodes, ResponseError } from "vscode-languageclient/node";

/** Its message is one line that says what to do; it is shown as it is. */
export class UserError extends Error {}

/** What a request that the person cancels comes to: undefined instead of an error. */
export async function orCancelled<R>(request: Promise<R>): Promise<R | undefined> {
  return request.catch((error: unknown) => {
    if (error instanceof ResponseError && error.code === LSPErrorCodes.RequestCancelled) {
      return undefined;
    }
    throw error;
  });
}
