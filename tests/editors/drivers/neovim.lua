-- What the tests do in Neovim, beside the configuration under test. Keys are typed, so that its
-- mappings are used.

T = {}
local wanted, titles

local function given(value)
  return value ~= nil and value ~= vim.NIL
end

vim.ui.select = function(items, options, choose)
  titles = {}
  local choice
  for _, item in ipairs(items) do
    local title = options.format_item(item)
    table.insert(titles, title)
    if choice == nil and wanted and vim.startswith(title, wanted) then
      choice = item
    end
  end
  choose(choice)
end

local progress = 0
local show_progress = vim.lsp.handlers["$/progress"]
vim.lsp.handlers["$/progress"] = function(...)
  progress = progress + 1
  return show_progress(...)
end

function T.open(path)
  vim.cmd("edit " .. vim.fn.fnameescape(path))
  vim.wait(20000, function()
    local _, client = next((vim.lsp.get_clients or vim.lsp.get_active_clients)())
    return client ~= nil and client.initialized and vim.lsp.buf_is_attached(0, client.id)
  end)
end

function T.text()
  return table.concat(vim.api.nvim_buf_get_lines(0, 0, -1, false), "\n")
end

function T.set_line(line, text)
  vim.fn.setline(line, text)
end

function T.save()
  vim.cmd("silent write")
end

function T.undo()
  vim.cmd("silent undo")
end

function T.diagnostics()
  return vim.tbl_map(function(found)
    return { found.lnum + 1, found.message }
  end, vim.diagnostic.get(0))
end

function T.choose(title, line, column, last)
  wanted, titles = title, nil
  vim.api.nvim_win_set_cursor(0, { line, column - 1 })
  vim.api.nvim_input(given(last) and ("V" .. last .. "G\\a") or "\\a")
end

function T.titles()
  return titles or vim.NIL
end

function T.run(command, index)
  vim.cmd("Editloop " .. command .. " " .. (given(index) and index or ""))
end

function T.run_failed(printed)
  vim.fn.setreg("a", printed)
  vim.cmd("Editloop run a")
end

function T.shown()
  for _, window in ipairs(vim.api.nvim_list_wins()) do
    if vim.api.nvim_win_get_config(window).relative ~= "" then
      local lines = vim.api.nvim_buf_get_lines(vim.api.nvim_win_get_buf(window), 0, -1, false)
      return table.concat(lines, "\n")
    end
  end
  return ""
end

function T.status()
  local params = { command = "editloop.status" }
  local answers = vim.lsp.buf_request_sync(0, "workspace/executeCommand", params, 5000)
  for _, answer in pairs(answers or {}) do
    return answer.result
  end
end

function T.progress()
  return progress
end
