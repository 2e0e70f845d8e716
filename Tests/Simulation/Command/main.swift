import Foundation
import Simulation

guard let campaign = Campaign(arguments: CommandLine.arguments.dropFirst()) else {
  print(
    """
    usage: simulate --seeds A..<B [--fresh N] [--jobs N] [--calm] [--defect NAME]
           simulate --seed N [--trace] [--calm] [--defect NAME]
    defects: \(Defect.allCases.map(\.rawValue).joined(separator: " "))
    """)
  exit(2)
}
exit(campaign.run() ? 0 : 1)
