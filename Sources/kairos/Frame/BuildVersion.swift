/// What `kairos version` and `kairos_build_info` say.
enum BuildVersion {
  static let text = "0.1.0"
}
