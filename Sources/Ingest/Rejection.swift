/// Why a source's record did not become an event. It goes to the dead-letter topic with this.
package struct Rejection: Error, Equatable, Sendable {
  /// Stable words: they are counted, and headers of dead letters.
  package enum Reason: String, CaseIterable, Sendable {
    /// The record has no value (a tombstone), and its headers do not make it an event.
    case noPayload = "no_payload"
    /// Longer than 1 MiB.
    case tooLarge = "too_large"
    /// Not JSON, or a text in it has a bad escape or a control character.
    case notJson = "not_json"
    /// Not UTF-8.
    case badEncoding = "bad_encoding"
    /// Nested deeper than 64 containers.
    case tooDeep = "too_deep"
    /// A number that no double can hold.
    case numberOutOfRange = "number_out_of_range"
    /// JSON, but not an object.
    case notAnObject = "not_an_object"
    /// Not an event by its format's own rules.
    case notCloudEvent = "not_cloudevent"
    case notSegment = "not_segment"
    /// Several events in one record: they would share one origin, and all but one be dropped as
    /// redelivered.
    case batch
    case noId = "no_id"
    case badId = "bad_id"
    case noCustomer = "no_customer"
    case badCustomer = "bad_customer"
    case noType = "no_type"
    case badType = "bad_type"
    case badSource = "bad_source"
    case noTime = "no_time"
    /// Not a time in the format that the source declares.
    case badTime = "bad_time"
    /// Before 1971: a clock that was never set.
    case timeTooOld = "time_too_old"
    /// More than a minute past the record's append.
    case timeInFuture = "time_in_future"
    /// 2099 or later: a clock that nobody has.
    case timeTooFar = "time_too_far"
    /// The part that playbooks see as `data` is not an object.
    case badData = "bad_data"
    /// Headers that are not text, too many or too large, or contradict themselves.
    case badHeaders = "bad_headers"
    /// A record of the control topic that is no order.
    case control
  }
  package var reason: Reason
  /// One line for a person.
  package var detail: String

  package init(_ reason: Reason, _ detail: String) {
    self.reason = reason
    self.detail = detail
  }
}
