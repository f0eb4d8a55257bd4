//===- Progress.cpp - a line with the time left -------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Support/Progress.h"
#include "llvm/Support/Process.h"
#include "llvm/Support/raw_ostream.h"
#include <algorithm>
#include <cmath>

namespace allot::support {

std::string durationString(double seconds) {
  auto whole = uint64_t(std::max(0.0, std::ceil(seconds)));
  if (whole < 60)
    return std::to_string(whole) + " s";
  if (whole < 3600)
    return std::to_string(whole / 60) + " min " + std::to_string(whole % 60) +
           " s";
  return std::to_string(whole / 3600) + " h " +
         std::to_string(whole % 3600 / 60) + " min";
}

Progress::Progress(llvm::raw_ostream &os, bool force)
    : os(os), active(force || os.is_displayed()) {}

Progress::~Progress() { finish(); }

void Progress::start(llvm::StringRef newLabel, uint64_t newTotal) {
  if (!active)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  label = newLabel.str();
  total = newTotal;
  done = 0;
  begun = Clock::now();
  show(begun, {});
}

void Progress::advance(uint64_t units, llvm::StringRef detail) {
  if (!active)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  done += units;
  Clock::time_point now = Clock::now();
  // Ten times a second is as fast as one reads; more would cost time in tight
  // loops.
  if (now - last >= std::chrono::milliseconds(100))
    show(now, detail);
}

void Progress::finish() {
  if (!active)
    return;
  std::lock_guard<std::mutex> lock(mutex);
  wipe();
}

void Progress::show(Clock::time_point now, llvm::StringRef detail) {
  last = now;
  std::string line = label;
  if (total) {
    line += "  " + std::to_string(done) + "/" + std::to_string(total) + " (" +
            std::to_string(unsigned(100.0 * double(std::min(done, total)) /
                                    double(total))) +
            " %)";
    double elapsed = std::chrono::duration<double>(now - begun).count();
    if (done && done < total && elapsed > 0.5)
      line += ", " +
              durationString(elapsed * double(total - done) / double(done)) +
              " left";
  } else if (done) {
    line += "  " + std::to_string(done);
  }
  if (!detail.empty())
    line += ": " + detail.str();
  // A line that wraps could not be rewritten.
  unsigned columns = llvm::sys::Process::StandardErrColumns();
  line.resize(std::min<size_t>(line.size(), columns > 1 ? columns - 1 : 79));
  size_t length = line.size();
  if (shown > length)
    line.append(shown - length, ' ');
  os << '\r' << line;
  os.flush();
  shown = length;
}

void Progress::wipe() {
  if (!shown)
    return;
  os << '\r' << std::string(shown, ' ') << '\r';
  os.flush();
  shown = 0;
}

} // namespace allot::support
