//===- SupportTest.cpp - errors, digests, progress -----------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "TestFiles.h"
#include "allot/Support/Digest.h"
#include "allot/Support/Error.h"
#include "allot/Support/Progress.h"
#include "llvm/Support/JSON.h"
#include <thread>

using namespace allot::support;
using namespace allot::test;

TEST(Error, NamesFileAndTensor) {
  EXPECT_EQ(message(fileError("a.bin", "is bad")), "a.bin: is bad");
  EXPECT_EQ(message(tensorError("a.bin", "w", "is bad")),
            "a.bin: tensor 'w': is bad");
  EXPECT_EQ(message(fieldError("c.json", "x.y", "is bad")),
            "c.json: field 'x.y': is bad");
}

TEST(Error, QuotesUntrustedText) {
  EXPECT_EQ(quoted("a\nb\x1b[2J"), "'a\\x0ab\\x1b[2J'");
  EXPECT_EQ(quoted(std::string(1000, 'a'), 3), "'aaa...'");
  EXPECT_TRUE(llvm::json::isUTF8(quoted("\xff\xfe")));
}

TEST(Error, Shapes) {
  EXPECT_EQ(shapeString({2, 3}), "2x3");
  EXPECT_EQ(shapeString({}), "scalar");
  uint64_t count;
  EXPECT_TRUE(elementCount({}, count));
  EXPECT_EQ(count, 1u);
  EXPECT_TRUE(elementCount({3, 0, 5}, count));
  EXPECT_EQ(count, 0u);
  EXPECT_TRUE(elementCount({int64_t(1) << 31, int64_t(1) << 31}, count));
  EXPECT_EQ(count, uint64_t(1) << 62);
  EXPECT_FALSE(elementCount({int64_t(1) << 32, int64_t(1) << 31}, count));
  EXPECT_FALSE(elementCount({int64_t(1) << 33, int64_t(1) << 33}, count));
  EXPECT_FALSE(elementCount({0, int64_t(1) << 33, int64_t(1) << 33}, count));
  EXPECT_FALSE(elementCount({-1}, count));
}

TEST(Digest, IsBlake3) {
  // Test vectors published with BLAKE3: no input, and "abc".
  EXPECT_EQ(digestHex({}, 64), "af1349b9f5f9a1a6a0404dea36dcc9499bcb25c9adc112b"
                               "7cc9a93cae41f3262");
  Digest digest;
  digest.update("a").update("bc");
  EXPECT_EQ(digest.hex(64), "6437b3ac38465133ffb63b75273a8db548c558465d79db03fd"
                            "359c6cd5bd9d85");
  EXPECT_EQ(digest.hex(), "6437b3ac38465133ffb63b75273a8db5");
  EXPECT_NE(Digest().update(uint64_t(1)).hex(),
            Digest().update(uint64_t(256)).hex());
}

TEST(Progress, IsSilentWithoutATerminal) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Progress progress(os);
  EXPECT_FALSE(progress.isActive());
  progress.start("encode", 3);
  progress.advance();
  progress.finish();
  EXPECT_EQ(text, "");
  ProgressStep none(nullptr, "encode", 3);
  none.advance();
}

TEST(Progress, RewritesOneLine) {
  std::string text;
  llvm::raw_string_ostream os(text);
  {
    Progress progress(os, /*force=*/true);
    ProgressStep step(&progress, "encode", 20000);
    EXPECT_EQ(text, "\rencode  0/20000 (0 %)");
    std::this_thread::sleep_for(std::chrono::milliseconds(700));
    step.advance(10000, "layer 1");
    EXPECT_NE(text.find("encode  10000/20000 (50 %), "), std::string::npos)
        << text;
    EXPECT_NE(text.find(" s left: layer 1"), std::string::npos) << text;
    // Most of many small steps are not shown.
    for (int i = 0; i < 10000; ++i)
      step.advance();
    EXPECT_LT(llvm::StringRef(text).count('\r'), 1000u);
  }
  EXPECT_EQ(text.back(), '\r');
  EXPECT_EQ(text.find('\n'), std::string::npos);
}

TEST(Progress, Durations) {
  EXPECT_EQ(durationString(0.2), "1 s");
  EXPECT_EQ(durationString(75), "1 min 15 s");
  EXPECT_EQ(durationString(7260), "2 h 1 min");
}
