//===- MeasurementsTest.cpp - what allot eval and bench wrote - -*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Measurements.h"
#include "../Support/TestFiles.h"

using namespace allot;
using namespace allot::report;

namespace {

struct Measurements : ::testing::Test {
  test::TemporaryFolder folder;
  Subject subject{"cafe", "f00d", false};

  /// `eval` with a part of it replaced.
  std::string eval(llvm::StringRef from = "", llvm::StringRef to = "") {
    std::string text =
        R"({"nll": 2.3, "perplexity": 10.7, "tokens": 2040, "kl": 0.023, "kl_p99": 0.27,
            "top1_agreement": 0.93, "stderr": {"nll": 0.06, "perplexity": 0.6, "kl": 0.001, "top1_agreement": 0.005},
            "bytes": 714, "bpw": 4.25, "model": "cafe", "plan": "f00d", "predicted_loss": 0.013, "solver": "knapsack",
            "against_model": "cafe", "against_plan": null})";
    return write("point.json", std::move(text), from, to);
  }
  std::string bench(llvm::StringRef from = "", llvm::StringRef to = "") {
    std::string text =
        R"([{"name": "p_decode", "phase": "decode", "format": "int4g64", "activations": "i8", "n": 1, "threads": 2, "target": "avx2",
             "bytes": 714, "seconds": 0.003, "of_read": 0.58, "read_gbs": 34.6, "tokens_per_second": 280, "model": "cafe", "plan": null}])";
    return write("speed.json", std::move(text), from, to);
  }
  std::string write(llvm::StringRef name, std::string text,
                    llvm::StringRef from, llvm::StringRef to) {
    size_t at = text.find(from.str());
    EXPECT_NE(at, std::string::npos) << from.str();
    text.replace(at, from.size(), to.str());
    return folder.write(name, text);
  }
  void refuses(llvm::StringRef from, llvm::StringRef to,
               llvm::StringRef message) {
    auto read = readMeasuredLoss(eval(from, to), subject);
    ASSERT_FALSE(bool(read)) << to.str();
    std::string text = llvm::toString(read.takeError());
    EXPECT_NE(text.find("point.json: " + message.str()), std::string::npos)
        << text;
  }
  void refusesTimes(llvm::StringRef from, llvm::StringRef to,
                    llvm::StringRef message) {
    auto read = readMeasuredTimes(bench(from, to), subject);
    ASSERT_FALSE(bool(read)) << to.str();
    std::string text = llvm::toString(read.takeError());
    EXPECT_NE(text.find("speed.json: " + message.str()), std::string::npos)
        << text;
  }
};

} // namespace

TEST_F(Measurements, LossOfThePlanItself) {
  auto read = readMeasuredLoss(eval(), subject);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_EQ(read->label, "point");
  EXPECT_EQ(read->bytes, 714);
  EXPECT_EQ(read->tokens, 2040);
  EXPECT_EQ(read->divergence, 0.023);
  EXPECT_EQ(read->standardError, 0.001);
  EXPECT_EQ(read->predicted, 0.013);
  EXPECT_EQ(read->solver, "knapsack");
  EXPECT_TRUE(read->isSubject);
}

TEST_F(Measurements, WhatIsNullIsAbsent) {
  auto read = readMeasuredLoss(eval("\"kl\": 0.001", "\"kl\": null"), subject);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_FALSE(read->standardError);
  read = readMeasuredLoss(eval("\"plan\": \"f00d\", \"predicted_loss\": 0.013, "
                               "\"solver\": \"knapsack\"",
                               "\"plan\": null, \"predicted_loss\": null, "
                               "\"solver\": null"),
                          subject);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_FALSE(read->predicted);
  EXPECT_FALSE(read->isSubject);
}

TEST_F(Measurements, OfAnotherPlanOfTheModel) {
  subject.plan = "beef";
  auto read = readMeasuredLoss(eval(), subject);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_FALSE(read->isSubject);
}

TEST_F(Measurements, OfAnotherModel) {
  subject.model = "0000";
  refuses("", "",
          "field 'model': is 'cafe', the plan belongs to model '0000' "
          "(--force takes it all the same)");
  refusesTimes("", "", "field '[0].model': is 'cafe'");
  subject.force = true;
  auto read = readMeasuredLoss(eval(), subject);
  EXPECT_TRUE(bool(read)) << llvm::toString(read.takeError());
}

TEST_F(Measurements, BrokenLosses) {
  refuses("\"model\": \"cafe\", ", "", "field 'model': is missing");
  refuses("\"model\": \"cafe\"", "\"model\": 7",
          "field 'model': must be a string");
  refuses("\"against_model\": \"cafe\"", "\"against_model\": \"beef\"",
          "field 'against_model': is 'beef'");
  refuses("\"against_plan\": null", "\"against_plan\": \"f00d\"",
          "field 'against_plan': is there");
  refuses("\"kl\": 0.023", "\"kl\": null", "field 'kl': is missing: measure");
  refuses("\"kl\": 0.023", "\"kl\": \"x\"", "field 'kl': must be a number");
  refuses("\"kl\": 0.023", "\"kl\": -1", "field 'kl': must not be negative");
  refuses("\"kl\": 0.023", "\"kl\": 1e999", "");
  refuses("\"bytes\": 714", "\"bytes\": -714",
          "field 'bytes': must be at least 0");
  refuses("\"bytes\": 714, ", "", "field 'bytes': is missing");
  refuses("\"tokens\": 2040", "\"tokens\": 1.5", "field 'tokens'");
  refuses("\"stderr\": {", "\"stderr\": {\"kl\": 1, ", "");
  refuses("{\"nll\"", "[{\"nll\"", "not valid JSON");
}

TEST_F(Measurements, FilesThatAreSomethingElse) {
  for (llvm::StringRef text : {"", "[]", "7", "{", "\"kl\"", "{}"}) {
    auto read = readMeasuredLoss(folder.write("point.json", text), subject);
    EXPECT_FALSE(bool(read)) << text.str();
    llvm::consumeError(read.takeError());
  }
  for (llvm::StringRef text : {"", "{}", "7", "[7]", "[{}]", "["}) {
    auto read = readMeasuredTimes(folder.write("speed.json", text), subject);
    EXPECT_FALSE(bool(read)) << text.str();
    llvm::consumeError(read.takeError());
  }
  auto none = readMeasuredLoss(folder.path("none.json"), subject);
  EXPECT_FALSE(bool(none));
  llvm::consumeError(none.takeError());
}

TEST_F(Measurements, Times) {
  auto read = readMeasuredTimes(bench(), subject);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  ASSERT_EQ(read->size(), 1u);
  EXPECT_EQ(read->front().phase, "decode");
  EXPECT_EQ(read->front().label, "speed");
  EXPECT_EQ(read->front().tokensPerSecond, 280);
  EXPECT_FALSE(read->front().isSubject);
}

TEST_F(Measurements, BrokenTimes) {
  refusesTimes("\"phase\": \"decode\", ", "",
               "field '[0].phase': is missing: wanted rows of `allot bench "
               "program`");
  refusesTimes("\"seconds\": 0.003", "\"seconds\": -1",
               "field '[0].seconds': must not be negative");
  refusesTimes("\"n\": 1", "\"n\": \"1\"", "field '[0].n': must be an integer");
}

TEST_F(Measurements, PartsOfTimes) {
  const char *parts =
      R"("parts": {"seconds": 0.004, "rest": 0.001, "runs": 5, "list": [{"site": "model.layers.0.q", "op": "adapter.apply", "seconds": 0.003}]}, "plan": null)";
  auto read = readMeasuredTimes(bench("\"plan\": null", parts), subject);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  ASSERT_TRUE(read->front().parts.has_value());
  EXPECT_EQ(read->front().parts->runs, 5);
  EXPECT_EQ(read->front().parts->rest, 0.001);
  ASSERT_EQ(read->front().parts->parts.size(), 1u);
  EXPECT_EQ(read->front().parts->parts[0].op, "adapter.apply");
  read = readMeasuredTimes(bench(), subject);
  ASSERT_TRUE(bool(read)) << llvm::toString(read.takeError());
  EXPECT_FALSE(read->front().parts);
  refusesTimes("\"plan\": null", "\"parts\": {\"seconds\": 1}",
               "field '[0].parts.rest': is missing");
  refusesTimes("\"plan\": null",
               "\"parts\": {\"seconds\": 1, \"rest\": 0, \"runs\": -1}",
               "field '[0].parts.runs'");
}

TEST(PartTimes, KindsByTime) {
  std::vector<PartTime> parts = {{"model.layers.0.q", "adapter.apply", 1},
                                 {"model.layers.1.q", "adapter.apply", 2},
                                 {"", "adapter.apply", 0.5},
                                 {"model.layers.0.q", "nn.rope", 4},
                                 {"lm_head", "adapter.apply", 4},
                                 {"model", "other.op", 0.25}};
  std::vector<KindTime> kinds = byKind(parts);
  ASSERT_EQ(kinds.size(), 5u);
  EXPECT_EQ(kinds[0].kind, "lm_head");
  EXPECT_TRUE(kinds[0].isMatrix);
  EXPECT_EQ(kinds[1].kind, "rotary positions");
  EXPECT_FALSE(kinds[1].isMatrix);
  EXPECT_EQ(kinds[2].kind, "q");
  EXPECT_EQ(kinds[2].seconds, 3);
  EXPECT_EQ(kinds[2].parts, 2u);
  EXPECT_EQ(kinds[3].kind, "matrices without a name");
  EXPECT_EQ(kinds[4].kind, "other.op");
}

TEST(OrderAgreement, CountsPairs) {
  auto make = [](std::optional<double> predicted, double measured) {
    MeasuredLoss loss;
    loss.predicted = predicted;
    loss.divergence = measured;
    return loss;
  };
  std::vector<MeasuredLoss> all = {make(0.1, 0.3), make(0.2, 0.2),
                                   make(0.3, 0.4), make(std::nullopt, 0.1),
                                   make(0.3, 0.5)};
  // 0.1 and 0.2 are the wrong way around; both of 0.3 are no pair.
  EXPECT_EQ(orderAgreement(all).pairs, 5u);
  EXPECT_EQ(orderAgreement(all).agreeing, 4u);
  EXPECT_EQ(orderAgreement({}).pairs, 0u);
}
