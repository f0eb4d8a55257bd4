//===- BenchRows.cpp - samples and how they are told ---------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Bench.h"
#include "llvm/ADT/SmallVectorExtras.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/JSON.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;

double BenchRow::median(llvm::function_ref<double(const Sample &)> get) const {
  return runtime::median(llvm::map_to_vector(samples, get));
}
double BenchRow::seconds() const {
  return median([](const Sample &s) { return s.seconds; });
}
double BenchRow::readGBs() const {
  return median(
      [&](const Sample &s) { return double(bytes) / 1e9 / s.readSeconds; });
}
double BenchRow::peakGFlops() const {
  return median([](const Sample &s) { return s.peak / 1e9; });
}
double BenchRow::ofRead() const {
  return median([](const Sample &s) { return s.readSeconds / s.seconds; });
}
double BenchRow::ofPeak() const {
  return median([&](const Sample &s) { return flops / s.seconds / s.peak; });
}
double BenchRow::spread() const {
  return runtime::relativeSpread(
      llvm::map_to_vector(samples, [](const Sample &s) { return s.seconds; }));
}

std::optional<report::PartTimes> BenchRow::partTimes() const {
  if (parts.empty() || samples.empty())
    return std::nullopt;
  auto sorted =
      llvm::map_to_vector(samples, [](const Sample &s) { return &s; });
  llvm::sort(sorted, [](const Sample *a, const Sample *b) {
    return a->seconds < b->seconds;
  });
  size_t quarter = sorted.size() / 4;
  auto middle = llvm::ArrayRef(sorted).drop_front(quarter).drop_back(quarter);
  report::PartTimes times;
  times.runs = int64_t(middle.size());
  double count = double(times.runs);
  for (const Sample *sample : middle)
    times.seconds += sample->seconds / count;
  times.rest = times.seconds;
  for (auto [i, part] : llvm::enumerate(parts)) {
    report::PartTime time{part.site, part.op, 0};
    for (const Sample *sample : middle)
      time.seconds += 1e-9 * double(sample->parts[i]) / count;
    times.rest -= time.seconds;
    // Some ways are taken with one token alone, or with several.
    if (time.seconds > 0)
      times.parts.push_back(std::move(time));
  }
  return times;
}

llvm::Expected<Sampler> Sampler::create(unsigned threads) {
  auto reads = runtime::ReadProbe::create(threads);
  if (!reads)
    return reads.takeError();
  Sampler sampler(std::move(*reads));
  sampler.threads = threads;
  return sampler;
}

llvm::Error Sampler::sample(BenchRow &row,
                            llvm::function_ref<llvm::Error()> work) {
  uint64_t before = runtime::timesDescheduled();
  double begun = runtime::secondsNow();
  if (llvm::Error error = work())
    return error;
  double seconds = runtime::secondsNow() - begun;
  double read = reads.read(row.bytes);
  bool disturbed = runtime::timesDescheduled() != before;
  row.samples.push_back(
      {seconds, read, runtime::measurePeak(threads), disturbed, {}});
  return llvm::Error::success();
}

llvm::Error Sampler::repeat(llvm::MutableArrayRef<BenchRow *> rows,
                            unsigned wanted, unsigned most,
                            llvm::function_ref<llvm::Error()> round) {
  for (unsigned i = 0; i < warmUp; ++i)
    if (llvm::Error error = round())
      return error;
  for (BenchRow *row : rows)
    row->samples.clear();
  std::vector<bool> clean;
  unsigned numClean = 0;
  // More samples are worth some seconds, no more.
  double until = runtime::secondsNow() + 5;
  while (clean.size() < wanted || (numClean < wanted && clean.size() < most &&
                                   runtime::secondsNow() < until)) {
    if (llvm::Error error = round())
      return error;
    clean.push_back(llvm::none_of(
        rows, [](BenchRow *row) { return row->samples.back().disturbed; }));
    numClean += clean.back();
  }
  if (numClean == clean.size() || 4 * numClean < wanted)
    return llvm::Error::success();
  for (BenchRow *row : rows) {
    std::vector<BenchRow::Sample> kept;
    for (auto [sample, isClean] : llvm::zip_equal(row->samples, clean))
      if (isClean)
        kept.push_back(sample);
    row->dropped = row->samples.size() - kept.size();
    row->samples = std::move(kept);
  }
  return llvm::Error::success();
}

void tool::printJson(llvm::ArrayRef<BenchRow> rows) {
  llvm::json::OStream os(llvm::outs(), 1);
  os.array([&] {
    for (const BenchRow &row : rows)
      os.object([&] {
        os.attribute("name", row.name);
        if (!row.phase.empty())
          os.attribute("phase", row.phase);
        os.attribute("format", row.format);
        os.attribute("activations", row.activations);
        os.attribute("block", row.block);
        os.attribute("m", row.m);
        os.attribute("k", row.k);
        os.attribute("n", row.n);
        os.attribute("rank", row.rank);
        os.attribute("experts", row.experts);
        os.attribute("threads", int64_t(row.threads));
        os.attribute("target", row.target);
        os.attribute("bytes", int64_t(row.bytes));
        os.attribute("flops", row.flops);
        os.attribute("seconds", row.seconds());
        os.attribute("of_read", row.ofRead());
        os.attribute("of_peak", row.ofPeak());
        os.attribute("read_gbs", row.readGBs());
        os.attribute("peak_gflops", row.peakGFlops());
        os.attribute("spread", row.spread());
        os.attribute("samples", int64_t(row.samples.size()));
        os.attribute("dropped", int64_t(row.dropped));
        if (!row.phase.empty())
          os.attribute("tokens_per_second", row.perSecond(double(row.n)));
        if (row.origin)
          printOrigin(os, *row.origin);
        if (row.overPlain)
          os.attribute("over_plain", *row.overPlain);
        if (auto times = row.partTimes())
          os.attributeObject("parts", [&] {
            os.attribute("seconds", times->seconds);
            os.attribute("rest", times->rest);
            os.attribute("runs", int64_t(times->runs));
            os.attributeArray("list", [&] {
              for (const report::PartTime &part : times->parts)
                os.object([&] {
                  os.attribute("site", part.site);
                  os.attribute("op", part.op);
                  os.attribute("seconds", part.seconds);
                });
            });
          });
      });
  });
  llvm::outs() << "\n";
}

void tool::printTable(llvm::ArrayRef<BenchRow> rows) {
  size_t width = 4;
  for (const BenchRow &row : rows)
    width = std::max(width, row.name.size());
  auto cell = [&](const std::string &text, size_t columns) {
    llvm::outs() << std::string(columns - std::min(columns - 1, text.size()),
                                ' ')
                 << text;
  };
  llvm::outs() << "name" << std::string(width - 4, ' ');
  for (llvm::StringRef title :
       {"MB", "ms", "spread", "GB/s", "read", "of read", "GFLOP/s", "peak",
        "of peak", rows.empty() || rows[0].phase.empty() ? "plain" : "tok/s"})
    cell(title.str(), 9);
  llvm::outs() << "\n";
  for (const BenchRow &row : rows) {
    llvm::outs() << row.name << std::string(width - row.name.size(), ' ');
    double bytes = double(row.bytes);
    cell(llvm::formatv("{0:f2}", bytes / 1e6), 9);
    cell(llvm::formatv("{0:f3}", row.seconds() * 1e3), 9);
    cell(llvm::formatv("{0:P1}", row.spread()), 9);
    cell(llvm::formatv("{0:f1}", row.perSecond(bytes / 1e9)), 9);
    cell(llvm::formatv("{0:f1}", row.readGBs()), 9);
    cell(llvm::formatv("{0:P1}", row.ofRead()), 9);
    cell(llvm::formatv("{0:f1}", row.perSecond(row.flops / 1e9)), 9);
    cell(llvm::formatv("{0:f1}", row.peakGFlops()), 9);
    cell(llvm::formatv("{0:P1}", row.ofPeak()), 9);
    if (!row.phase.empty())
      cell(llvm::formatv("{0:f1}", row.perSecond(double(row.n))), 9);
    else
      cell(row.overPlain ? llvm::formatv("{0:f3}", *row.overPlain).str() : "-",
           9);
    llvm::outs() << "\n";
  }
}

void tool::printParts(llvm::ArrayRef<BenchRow> rows) {
  for (const BenchRow &row : rows) {
    std::optional<report::PartTimes> times = row.partTimes();
    if (!times)
      continue;
    llvm::outs() << llvm::formatv("\n{0}: {1:f3} ms, mean of {2} runs\n",
                                  row.name, 1e3 * times->seconds, times->runs);
    size_t width = 4;
    std::vector<report::KindTime> kinds = report::byKind(times->parts);
    for (const report::KindTime &kind : kinds)
      width = std::max(width, kind.kind.size());
    auto line = [&](llvm::StringRef name, double seconds, unsigned parts) {
      llvm::outs() << "  " << llvm::left_justify(name, width)
                   << llvm::formatv(" {0,9:f3} ms {1,7:P1}", 1e3 * seconds,
                                    seconds / times->seconds);
      if (parts)
        llvm::outs() << llvm::formatv(" {0,5} parts", parts);
      llvm::outs() << "\n";
    };
    for (const report::KindTime &kind : kinds)
      line(kind.kind, kind.seconds, kind.parts);
    line("rest", times->rest, 0);
  }
}
