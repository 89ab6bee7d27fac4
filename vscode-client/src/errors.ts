/** What can go wrong, in words for a person. */

/** Its message is one line that says what to do; it is shown as it is. */
export class UserError extends Error {}
