" What the tests do in Vim, beside the configuration under test. They call these functions over the
" channel that is opened at the end.

set hidden
runtime autoload/ale/util.vim

let s:wanted = ''
let s:titles = v:null
let s:status = v:null

" ALE's question which code action to take.
function! ale#util#Input(message, value, ...) abort
  let s:titles = []
  let l:choice = ''
  for l:line in split(a:message, "\n")[1:-2]
    let [l:number, l:title] = matchlist(l:line, '\v^(\d+)\) (.*)$')[1:2]
    call add(s:titles, l:title)
    if l:choice is# '' && stridx(l:title, s:wanted) == 0
      let l:choice = l:number
    endif
  endfor
  return l:choice
endfunction

function! Open(path) abort
  execute 'silent edit' fnameescape(a:path)
  return 1
endfunction

function! Text() abort
  return join(getline(1, '$'), "\n")
endfunction

function! SetLine(line, text) abort
  call setline(a:line, a:text)
  ALELint
  return 1
endfunction

function! Save() abort
  silent write
  return 1
endfunction

function! Undo() abort
  silent undo
  return 1
endfunction

function! Diagnostics() abort
  return map(getloclist(0), '[v:val.lnum, v:val.text]')
endfunction

function! Choose(title, line, column, last) abort
  let s:wanted = a:title
  let s:titles = v:null
  call cursor(a:line, a:column)
  if a:last is v:null
    ALECodeAction
  else
    execute 'normal! V' . a:last . "G\<Esc>"
    '<,'>ALECodeAction
  endif
  return 1
endfunction

function! Titles() abort
  return s:titles
endfunction

function! Run(command, index) abort
  execute 'Editloop' . toupper(a:command[0]) . a:command[1:] (a:index is v:null ? '' : a:index)
  return 1
endfunction

function! RunFailed(printed) abort
  call setreg('a', a:printed)
  EditloopRun a
  return 1
endfunction

function! Shown() abort
  for l:window in getwininfo()
    if getbufvar(l:window.bufnr, '&filetype') is# 'markdown'
      let l:text = join(getbufline(l:window.bufnr, 1, '$'), "\n")
      call win_execute(l:window.winid, 'close')
      return l:text
    endif
  endfor
  return ''
endfunction

function! s:Keep(response) abort
  let s:status = get(a:response, 'result', v:null)
endfunction

function! Status() abort
  let s:status = v:null
  let l:message = [0, 'workspace/executeCommand', {'command': 'editloop.status', 'arguments': []}]
  call ale#lsp_linter#SendRequest(bufnr(''), 'editloop', l:message, function('s:Keep'))
  let l:start = reltime()
  while s:status is v:null && reltimefloat(reltime(l:start)) < 20
    sleep 5m
  endwhile
  return s:status
endfunction

let g:channel = ch_open('127.0.0.1:' . $EDITORS_PORT)
