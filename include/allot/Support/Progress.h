//===- Progress.h - a line with the time left ----------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#ifndef ALLOT_SUPPORT_PROGRESS_H
#define ALLOT_SUPPORT_PROGRESS_H

#include "llvm/ADT/StringRef.h"
#include <chrono>
#include <cstdint>
#include <mutex>
#include <string>

namespace llvm {
class raw_ostream;
}

namespace allot::support {

/// Shows `label  37/211 (17 %), 12 s left: detail` on one line that rewrites
/// itself. Libraries take a `Progress *` (null is allowed everywhere and shows
/// nothing); the tool decides on which stream. Silent unless the stream is a
/// terminal (or `force`). Thread-safe. Times are wall-clock.
class Progress {
public:
  explicit Progress(llvm::raw_ostream &os, bool force = false);
  /// Wipes the line.
  ~Progress();
  Progress(const Progress &) = delete;
  Progress &operator=(const Progress &) = delete;

  /// Begins a step of `total` units (0: unknown), replacing the one before.
  void start(llvm::StringRef label, uint64_t total);
  /// `units` more are done.
  void advance(uint64_t units = 1, llvm::StringRef detail = {});
  /// Ends the step and wipes the line.
  void finish();

  bool isActive() const { return active; }

private:
  using Clock = std::chrono::steady_clock;
  void show(Clock::time_point now, llvm::StringRef detail);
  void wipe();

  llvm::raw_ostream &os;
  bool active;
  std::mutex mutex;
  std::string label;
  uint64_t total = 0, done = 0;
  size_t shown = 0;
  Clock::time_point begun, last;
};

/// A step that ends with its scope; does nothing where `progress` is null.
class ProgressStep {
public:
  ProgressStep(Progress *progress, llvm::StringRef label, uint64_t total)
      : progress(progress) {
    if (progress)
      progress->start(label, total);
  }
  ~ProgressStep() {
    if (progress)
      progress->finish();
  }
  ProgressStep(const ProgressStep &) = delete;
  ProgressStep &operator=(const ProgressStep &) = delete;
  void advance(uint64_t units = 1, llvm::StringRef detail = {}) {
    if (progress)
      progress->advance(units, detail);
  }

private:
  Progress *progress;
};

/// `75` seconds as `1 min 15 s`.
std::string durationString(double seconds);

} // namespace allot::support

#endif // ALLOT_SUPPORT_PROGRESS_H
