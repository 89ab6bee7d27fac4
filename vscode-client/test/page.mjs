// What a person does in VS Code's window, and sees there.

export class Window {
  constructor(page) {
    this.page = page;
    this.input = page.locator(".quick-input-widget input").first();
  }

  async goto(url, folder) {
    await this.page.goto(`${url}?folder=${encodeURIComponent(folder)}`);
    await this.page.locator(".monaco-workbench .part.statusbar").waitFor();
  }

  async command(title) {
    await this.type("F1", `>${title}`, () => this.row(title).click({ timeout: 5_000 }));
  }

  /** Opens the input box by its key, types, and goes on; a window that is busy may close the box meanwhile. */
  async type(key, text, then) {
    for (let left = 5; ; left--) {
      try {
        await this.page.keyboard.press(key);
        await this.input.fill(text, { timeout: 5_000 });
        return await then();
      } catch (error) {
        if (left === 0) throw error;
        await this.page.keyboard.press("Escape");
      }
    }
  }

  /** Types into the input box that has the title. */
  async answer(title, value) {
    await this.page.locator(".quick-input-widget", { hasText: title }).waitFor();
    await this.input.fill(value);
    await this.page.keyboard.press("Enter");
  }

  async open(name) {
    await this.type("Control+P", name, () => this.row(name).click({ timeout: 5_000 }));
    await this.tab(name).waitFor();
  }

  async goToLine(line, column = 1) {
    await this.type("Control+G", `:${line}:${column}`, () => this.page.keyboard.press("Enter"));
    await this.input.waitFor({ state: "hidden" });
  }

  /** Opens the lightbulb's menu where the cursor is; the entry that has the text. */
  async action(text) {
    const entry = this.page.locator(".action-widget .monaco-list-row.action", { hasText: text }).first();
    // The key does nothing while another request for the menu, by the moved cursor, is under way.
    for (let left = 5; left > 0 && !(await entry.isVisible()); left--) {
      // Where the menu is open without the entry, the key would take another one.
      if (await this.page.locator(".action-widget").first().isVisible()) await this.page.keyboard.press("Escape");
      await this.page.keyboard.press("Control+.");
      await entry.waitFor({ timeout: 5_000 }).catch(() => undefined);
    }
    await entry.waitFor();
    return entry;
  }

  /** Saves the file in front, which has to have changed. */
  async save(name) {
    const dirty = this.page.locator(".tab.active.dirty", { hasText: name });
    await dirty.waitFor();
    await this.page.keyboard.press("Control+S");
    await dirty.waitFor({ state: "hidden" });
  }

  /** An entry of the command palette or of another list that drops from the top. */
  row(text) {
    return this.page.locator(".quick-input-list .monaco-list-row", { hasText: text }).first();
  }

  tab(text) {
    return this.page.locator(".tab.active", { hasText: text }).first();
  }

  notification(text) {
    return this.page.locator(".notifications-toasts .notification-list-item", { hasText: text }).first();
  }

  status(text) {
    return this.page.locator(".statusbar-item", { hasText: text }).first();
  }

  titleButton(name) {
    return this.page.locator(".editor-group-container.active .editor-actions").getByRole("button", { name });
  }
}
