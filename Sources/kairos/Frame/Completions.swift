/// Completion scripts for shells, written from the table. They need nothing but the shell.
enum Completions {
  enum Shell: String, CaseIterable { case bash, zsh }

  static func script(_ shell: Shell, _ commands: [CommandSpec]) -> String {
    switch shell {
    case .bash: bash(commands)
    case .zsh: zsh(commands)
    }
  }

  // MARK: bash

  private static func bash(_ commands: [CommandSpec]) -> String {
    let names = commands.map(\.name).joined(separator: " ")
    var text = """
      # bash completion for kairos: eval "$(kairos completions bash)"
      _kairos() {
        local current=${COMP_WORDS[COMP_CWORD]} previous=${COMP_WORDS[COMP_CWORD-1]}
        local command=${COMP_WORDS[1]} words= files=
        COMPREPLY=()
        if [ "$COMP_CWORD" -eq 1 ]; then
          mapfile -t COMPREPLY < <(compgen -W '\(names) --help --version' -- "$current")
          return
        fi
        case "$command:$previous" in

      """
    for command in commands {
      for option in command.options where option.value != nil {
        let pattern = ([option.short.map { "-\($0)" }, "--\(option.name)"] as [String?])
          .compactMap { $0 }.map { "\(command.name):\($0)" }.joined(separator: "|")
        text += "    \(pattern)) \(bashValue(option.choices, option.completes)) ;;\n"
      }
    }
    text += "    *)\n      case \"$command\" in\n"
    for command in commands {
      let options = (command.options + [Words.help]).map { "--\($0.name)" }
      let choices = command.arguments.flatMap(\.choices)
      let commands = command.arguments.contains { $0.completes == .command } ? [names] : []
      let wantsFile = command.arguments.contains { $0.completes == .file }
      let files = wantsFile ? " files=-f" : ""
      let words = (options + choices + commands).joined(separator: " ")
      text += "        \(command.name)) words='\(words)'\(files) ;;\n"
    }
    text += """
          esac ;;
        esac
        mapfile -t COMPREPLY < <(compgen $files -W "$words" -- "$current")
      }
      complete -o filenames -F _kairos kairos

      """
    return text
  }

  private static func bashValue(_ choices: [String], _ completes: Completion) -> String {
    if !choices.isEmpty { return "words='\(choices.joined(separator: " "))'" }
    switch completes {
    case .nothing, .command: return "return"
    case .file: return "files=-f"
    case .directory: return "files=-d"
    }
  }

  // MARK: zsh

  private static func zsh(_ commands: [CommandSpec]) -> String {
    var text = """
      #compdef kairos
      # zsh completion for kairos: kairos completions zsh > "${fpath[1]}/_kairos"
      _kairos() {
        local -a commands
        commands=(

      """
    for command in commands {
      text += "    \(quoted("\(command.name):\(command.summary)"))\n"
    }
    text += """
        )
        if (( CURRENT == 2 )); then
          _describe command commands
          _arguments '--help[Show help]' '--version[Show the version]'
          return
        fi
        local command=$words[2]
        shift words
        (( CURRENT-- ))
        case $command in

      """
    for command in commands {
      var specs: [String] = []
      for option in command.options + [Words.help] { specs += zshOption(option) }
      for argument in command.arguments {
        let many = [.oneOrMore, .any].contains(argument.count) ? "*" : ""
        let optional = argument.count == .optional ? ":" : ""
        specs.append(
          "\(many):\(optional)\(argument.name):\(zshValue(argument.choices, argument.completes))")
      }
      let lines = specs.map { "      \(quoted($0))" }.joined(separator: " \\\n")
      text += "    \(command.name)) _arguments \\\n\(lines) ;;\n"
    }
    return text + "  esac\n}\n_kairos \"$@\"\n"
  }

  private static func zshOption(_ option: OptionSpec) -> [String] {
    let help = option.help.flatMap { "[]:\\".contains($0) ? "\\\($0)" : String($0) }
    let tail =
      "[\(String(help))]"
      + (option.value.map { ":\($0):\(zshValue(option.choices, option.completes))" } ?? "")
    let many = option.repeats ? "*" : ""
    let long = "\(many)--\(option.name)\(option.value == nil ? "" : "=")\(tail)"
    guard let short = option.short else { return [long] }
    return [long, "\(many)-\(short)\(option.value == nil ? "" : "+")\(tail)"]
  }

  private static func zshValue(_ choices: [String], _ completes: Completion) -> String {
    if !choices.isEmpty { return "(\(choices.joined(separator: " ")))" }
    switch completes {
    case .nothing: return " "
    case .command: return "(\(CommandTable.specs.map(\.name).joined(separator: " ")))"
    case .file: return "_files"
    case .directory: return "_files -/"
    }
  }

  private static func quoted(_ text: String) -> String {
    "'" + text.split(separator: "'", omittingEmptySubsequences: false).joined(separator: "'\\''")
      + "'"
  }
}
