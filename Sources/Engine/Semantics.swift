/// The number of the fold's rules. A change that would decide an old journal differently gets a new
/// number, and both stand here: which of them is in force says the journal, record by record. So
/// two builds that fold one journal side by side never read the same record differently, and a
/// new number is put in force only once every process knows it.
///
///     1   the first
///     2   in builds with `KAIROS_SEMANTICS_PREVIEW` only, so that an upgrade can be tried with two
///         builds: the reason of a decision whose condition became true says "has become true"
package enum Semantics {
  #if KAIROS_SEMANTICS_PREVIEW
    /// The numbers that this build knows.
    package static let known = 1...2
  #else
    /// The numbers that this build knows.
    package static let known = 1...1
  #endif

  /// In force where a journal says nothing, and in new journals.
  package static let first = 1
}
