extension CelFunction {
  /// The value of a function of one address, prefix or text of one; nil if this is none, or takes
  /// no such argument.
  func applyAddress(_ value: CelValue) throws(FunctionFailure) -> CelValue? {
    switch value {
    case .string(let text): return try applyAddress(text)
    case .ip(let address): return applyAddress(address)
    case .cidr(let prefix):
      switch self {
      case .ip: return .ip(prefix.address)
      case .masked: return .cidr(prefix.masked)
      case .prefixLength: return .int(Int64(prefix.length))
      default: return nil
      }
    default: return nil
    }
  }

  private func applyAddress(_ text: String) throws(FunctionFailure) -> CelValue? {
    switch self {
    case .ip: return .ip(try address(text))
    case .cidr: return .cidr(try prefix(text))
    case .isIP: return .bool(InternetAddress(parsing: text) != nil)
    case .isCIDR: return .bool(InternetPrefix(parsing: text) != nil)
    case .isCanonical: return .bool(sameBytes(try address(text).text, text))
    default: return nil
    }
  }

  private func applyAddress(_ address: InternetAddress) -> CelValue? {
    switch self {
    case .family: .int(address.family)
    case .isUnspecified: .bool(address.isUnspecified)
    case .isLoopback: .bool(address.isLoopback)
    case .isGlobalUnicast: .bool(address.isGlobalUnicast)
    case .isLinkLocalMulticast: .bool(address.isLinkLocalMulticast)
    case .isLinkLocalUnicast: .bool(address.isLinkLocalUnicast)
    default: nil
    }
  }

  /// `containsIP` and `containsCIDR`; nil if this is neither, or takes no such arguments.
  func applyPrefix(_ a: CelValue, _ b: CelValue) throws(FunctionFailure) -> CelValue? {
    guard case .cidr(let outer) = a else { return nil }
    switch (self, b) {
    case (.containsIP, .ip(let inner)): return .bool(outer.contains(inner))
    case (.containsIP, .string(let text)): return .bool(outer.contains(try address(text)))
    case (.containsCIDR, .cidr(let inner)): return .bool(outer.contains(inner))
    case (.containsCIDR, .string(let text)): return .bool(outer.contains(try prefix(text)))
    default: return nil
    }
  }

  private func address(_ text: String) throws(FunctionFailure) -> InternetAddress {
    guard let address = InternetAddress(parsing: text) else {
      throw FunctionFailure("'\(text.prefix(60))' is no IP address")
    }
    return address
  }

  private func prefix(_ text: String) throws(FunctionFailure) -> InternetPrefix {
    guard let prefix = InternetPrefix(parsing: text) else {
      throw FunctionFailure("'\(text.prefix(60))' is no network address")
    }
    return prefix
  }
}
