/// `kairos demo`: the stories, at a pace that a person can follow.
struct DemoCommand: Command {
  /// Empty: all.
  var stories: [String]
  /// Nil: beside the program, or in the working directory.
  var directory: String?
  /// Events a second.
  var pace: Int64

  static let spec = CommandSpec(
    name: "demo", summary: "play the stories at a visible pace",
    about: [
      "Plays each story's events through its playbook and shows the decisions as they are made, with "
        + "their reasons. It writes nothing and needs nothing."
    ],
    arguments: [
      ArgumentSpec(
        name: "STORY", help: "The name of a story; none: all, one after the other.",
        count: .optional)
    ],
    options: [
      OptionSpec(
        name: "stories", value: "DIR", help: "The folder with the stories.", environment: true,
        completes: .directory),
      OptionSpec(
        name: "pace", value: "N", help: "Events a second; 0: as fast as it goes.", standard: "20"),
    ],
    examples: [
      Example(line: "kairos demo", what: "All stories."),
      Example(line: "kairos demo silent-churn --pace 5", what: "One of them, slowly."),
    ],
    exits: [.noInput])

  init(_ words: Words) throws(UsageError) {
    stories = words.argument(ifGiven: "STORY").map { [$0] } ?? []
    directory = words.given("stories")
    pace = try words.integer("pace", in: 0...1_000_000) ?? 20
  }
}
