//===- Measurements.cpp - what allot eval and allot bench wrote -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Measurements.h"
#include "allot/Archive/Json.h"
#include "allot/Support/Error.h"
#include "llvm/Support/Path.h"

using namespace allot;
using namespace allot::report;
using archive::JsonField;

namespace {

/// Reads fields of an object; the first error is kept and ends it.
class Fields {
public:
  explicit Fields(JsonField object) : object(object) {}
  ~Fields() { llvm::consumeError(std::move(failure)); }

  JsonField operator[](llvm::StringRef key) const { return object[key]; }
  void take(llvm::StringRef key, int64_t &value) {
    set(value, object[key].integer(0));
  }
  void take(llvm::StringRef key, double &value) {
    set(value, notNegative(object[key], object[key].number()));
  }
  void take(llvm::StringRef key, std::string &value) {
    set(value, object[key].string());
  }
  /// Absent where the field is null or missing.
  void take(JsonField field, std::optional<double> &value) {
    if (!field.isNull())
      set(value, notNegative(field, field.number()));
  }
  void takeText(llvm::StringRef key, std::string &value) {
    set(value, object[key].stringOr(""));
  }
  void fail(llvm::Error error) {
    failure = llvm::joinErrors(std::move(failure), std::move(error));
    failed = true;
  }
  bool hasFailed() const { return failed; }
  llvm::Error takeError() {
    return std::exchange(failure, llvm::Error::success());
  }

private:
  template <typename T, typename U>
  void set(T &value, llvm::Expected<U> read) {
    if (failed)
      llvm::consumeError(read.takeError());
    else if (!read)
      fail(read.takeError());
    else
      value = T(*read);
  }
  static llvm::Expected<double> notNegative(const JsonField &field,
                                            llvm::Expected<double> value) {
    if (value && *value < 0)
      return field.error("must not be negative");
    return value;
  }

  JsonField object;
  llvm::Error failure = llvm::Error::success();
  bool failed = false;
};

} // namespace

/// The measurement is of the model of the report.
static llvm::Error checkModel(const JsonField &field, const Subject &subject) {
  if (subject.force || subject.model.empty())
    return llvm::Error::success();
  if (field.isNull())
    return field.error("is missing: the file does not say which model was "
                       "measured (--force takes it all the same)");
  auto model = field.string();
  if (!model)
    return model.takeError();
  if (*model != subject.model)
    return field.error(
        "is " + support::quoted(*model) + ", the plan belongs to model " +
        support::quoted(subject.model) + " (--force takes it all the same)");
  return llvm::Error::success();
}

static bool isSubject(llvm::StringRef plan, const Subject &subject) {
  return !plan.empty() && plan == subject.plan;
}

Agreement allot::report::orderAgreement(llvm::ArrayRef<MeasuredLoss> measured) {
  Agreement agreement;
  for (size_t i = 0; i < measured.size(); ++i)
    for (size_t j = 0; j < i; ++j) {
      const MeasuredLoss &a = measured[i], &b = measured[j];
      if (!a.predicted || !b.predicted || *a.predicted == *b.predicted)
        continue;
      ++agreement.pairs;
      agreement.agreeing +=
          a.divergence != b.divergence &&
          (*a.predicted < *b.predicted) == (a.divergence < b.divergence);
    }
  return agreement;
}

llvm::Expected<MeasuredLoss>
allot::report::readMeasuredLoss(llvm::StringRef path, const Subject &subject) {
  auto document = archive::JsonDocument::open(path);
  if (!document)
    return document.takeError();
  JsonField root = (*document)->root();
  if (!root.isObject())
    return root.error("is not what `allot eval --json` writes: wanted an "
                      "object");
  MeasuredLoss result;
  result.label = llvm::sys::path::stem(path).str();
  if (root["kl"].isNull())
    return root["kl"].error("is missing: measure with `allot eval PROGRAM "
                            "--against MODEL --json`");
  if (llvm::Error error = checkModel(root["model"], subject))
    return std::move(error);
  if (llvm::Error error = checkModel(root["against_model"], subject))
    return std::move(error);
  if (!root["against_plan"].isNull())
    return root["against_plan"].error(
        "is there: the divergence is from a program that is itself allocated");
  Fields fields(root);
  std::string plan;
  fields.take("bytes", result.bytes);
  fields.take("tokens", result.tokens);
  fields.take("kl", result.divergence);
  fields.take(root["bpw"], result.bitsPerWeight);
  fields.take(root["stderr"]["kl"], result.standardError);
  fields.take(root["top1_agreement"], result.agreement);
  fields.take(root["perplexity"], result.perplexity);
  fields.take(root["predicted_loss"], result.predicted);
  fields.takeText("solver", result.solver);
  fields.takeText("plan", plan);
  if (fields.hasFailed())
    return fields.takeError();
  result.isSubject = isSubject(plan, subject);
  return result;
}

static llvm::Expected<PartTimes> readParts(const JsonField &object) {
  PartTimes times;
  Fields fields(object);
  fields.take("seconds", times.seconds);
  fields.take("rest", times.rest);
  fields.take("runs", times.runs);
  if (fields.hasFailed())
    return fields.takeError();
  auto list = object["list"].elements();
  if (!list)
    return list.takeError();
  for (const JsonField &entry : *list) {
    PartTime part;
    Fields of(entry);
    of.take("site", part.site);
    of.take("op", part.op);
    of.take("seconds", part.seconds);
    if (of.hasFailed())
      return of.takeError();
    times.parts.push_back(std::move(part));
  }
  return times;
}

static llvm::Expected<MeasuredTime> readTime(const JsonField &row,
                                             const Subject &subject) {
  if (!row.isObject())
    return row.error("is not what `allot bench program --json` writes: wanted "
                     "objects");
  if (row["phase"].isNull())
    return row["phase"].error("is missing: wanted rows of `allot bench "
                              "program`, not of kernels");
  if (llvm::Error error = checkModel(row["model"], subject))
    return std::move(error);
  MeasuredTime time;
  std::string plan;
  Fields fields(row);
  fields.take("phase", time.phase);
  fields.take("format", time.format);
  fields.take("activations", time.activations);
  fields.take("target", time.target);
  fields.take("n", time.tokens);
  fields.take("bytes", time.bytes);
  fields.take("threads", time.threads);
  fields.take("seconds", time.seconds);
  fields.take("of_read", time.ofRead);
  fields.take("read_gbs", time.readGBs);
  fields.take("tokens_per_second", time.tokensPerSecond);
  fields.takeText("plan", plan);
  if (fields.hasFailed())
    return fields.takeError();
  if (!row["parts"].isNull()) {
    auto parts = readParts(row["parts"]);
    if (!parts)
      return parts.takeError();
    time.parts = std::move(*parts);
  }
  time.isSubject = isSubject(plan, subject);
  return time;
}

llvm::Expected<std::vector<MeasuredTime>>
allot::report::readMeasuredTimes(llvm::StringRef path, const Subject &subject) {
  auto document = archive::JsonDocument::open(path);
  if (!document)
    return document.takeError();
  JsonField root = (*document)->root();
  if (!root.isArray())
    return root.error("is not what `allot bench program --json` writes: "
                      "wanted a list");
  auto rows = root.elements();
  if (!rows)
    return rows.takeError();
  std::vector<MeasuredTime> result;
  for (const JsonField &row : *rows) {
    auto time = readTime(row, subject);
    if (!time)
      return time.takeError();
    time->label = llvm::sys::path::stem(path).str();
    result.push_back(std::move(*time));
  }
  return result;
}
