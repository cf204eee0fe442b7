/** The scripts that teach a shell to ask `mocker __complete` (complete.ts says what that answers). */

const bash = `# Completion of mocker for bash. Once for this shell:  source <(mocker completion bash)
_mocker() {
  local reply program=\${COMP_WORDS[0]/#\\~/$HOME}
  type -P -- "$program" >/dev/null || program=mocker
  mapfile -t reply < <("$program" __complete bash "$COMP_TYPE" "$COMP_WORDBREAKS" "\${COLUMNS:-80}" \\
    "\${COMP_LINE:0:COMP_POINT}" </dev/null 2>/dev/null)
  COMPREPLY=("\${reply[@]:1}")
  case \${reply[0]-} in
    nospace) compopt -o nospace ;;
    files) compopt -o default ;;
    directories) compopt -o dirnames ;;
  esac
}
complete -F _mocker mocker
`;

const zsh = `#compdef mocker
# Completion of mocker for zsh. Once for this shell:  source <(mocker completion zsh)
_mocker() {
  local -a reply described
  local line text program=\${\${(Q)words[1]}/#\\~/$HOME}
  whence -p -- "$program" >/dev/null || program=mocker
  reply=("\${(@f)$("$program" __complete zsh "\${(@Q)words[2,CURRENT-1]}" "\${(Q)PREFIX}" </dev/null 2>/dev/null)}")
  for line in "\${(@)reply[2,-1]}"; do
    text=\${line%%$'\\t'*}
    described+=("\${text//:/\\\\:}\${\${line#"$text"}/#$'\\t'/:}")
  done
  case $reply[1] in
    files | directories)
      [[ $PREFIX == --*=* ]] && compset -P '*='
      if [[ $reply[1] == files ]]; then _files; else _files -/; fi
      ;;
    nospace) _describe mocker described -S '' ;;
    space) _describe mocker described ;;
  esac
}
# In a file of $fpath this is the function's first call; sourced, it is to be known first.
if [[ \${funcstack[1]} == _mocker ]]; then _mocker; else compdef _mocker mocker; fi
`;

const fish = `# Completion of mocker for fish. Once for this shell:  mocker completion fish | source
function __mocker_complete
    set -l words (commandline -opc)
    set -l program $words[1]
    type -q $program; or set program mocker
    set -e words[1]
    set -l reply ($program __complete fish $words (commandline -ct | string collect) </dev/null 2>/dev/null)
    switch "$reply[1]"
        case files
            __fish_complete_path (commandline -ct)
        case directories
            __fish_complete_directories (commandline -ct)
        case '*'
            set -e reply[1]
            test (count $reply) -gt 0; and printf '%s\\n' $reply
    end
end
complete -c mocker -f -a '(__mocker_complete)'
`;

export const completionScripts = { bash, fish, zsh } as const;
