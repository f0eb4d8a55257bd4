//===- FolderTest.cpp - compiled folders ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Fixture.h"
#include "allot/Runtime/Compile.h"
#include "allot/Runtime/Manifest.h"
#include "llvm/Support/MemoryBuffer.h"
#include <random>
#include <thread>

using namespace allot;

namespace {

/// Functions with names that C does not allow, with results that are one buffer,
/// with and without inputs.
constexpr const char *kModule = R"(
  module attributes {allot.weights = 10 : i64, allot.vocab = -3 : i64} {
    func.func @"a.b"(%x: tensor<?x4xf32> {allot.name = "x"}, %n: tensor<4xf32> {allot.name = "int"}) -> (tensor<?x4xf32> {allot.name = "y*/"}) {
      %c0 = arith.constant 0 : index
      %d = tensor.dim %x, %c0 : tensor<?x4xf32>
      %e = tensor.empty(%d) : tensor<?x4xf32>
      %w = linalg.broadcast ins(%n : tensor<4xf32>) outs(%e : tensor<?x4xf32>) dimensions = [0]
      %s = arith.addf %x, %w : tensor<?x4xf32>
      return %s : tensor<?x4xf32>
    }
    func.func @a_b() -> (tensor<2xi64> {allot.name = "y"}) {
      %c = arith.constant dense<[5, -6]> : tensor<2xi64>
      return %c : tensor<2xi64>
    }
    func.func @open(%x: tensor<3xf32> {allot.name = "x"}) -> (tensor<3xf32> {allot.name = "y"}, tensor<3xf32> {allot.name = "z"}) {
      %y = arith.addf %x, %x : tensor<3xf32>
      return %y, %y : tensor<3xf32>, tensor<3xf32>
    }
  })";

struct FolderTest : RuntimeTest {
  llvm::Error compile(llvm::StringRef text, llvm::StringRef folder,
                      runtime::CompileFolderOptions options = {}) const {
    pipelines::LoweringOptions lowering;
    lowering.target = options.target.kernelTarget();
    options.program.passes = [&](mlir::OpPassManager &pm) {
      pipelines::buildLowerToLLVMPipeline(pm, lowering);
    };
    options.program.threads = 1;
    return runtime::compileToFolder(write("m.mlir", text), path(folder),
                                    registry(), options);
  }
  llvm::Expected<std::unique_ptr<runtime::Program>>
  open(llvm::StringRef folder,
       const runtime::ProgramOptions &options = {}) const {
    return runtime::Program::load(path(folder), registry(), options);
  }
  std::string read(const std::string &file) const {
    auto buffer = llvm::MemoryBuffer::getFile(file);
    return buffer ? (*buffer)->getBuffer().str() : "";
  }
};

TEST_F(FolderTest, RunsWhatItWasCompiledFrom) {
  llvm::Error error = compile(kModule, "p.allot");
  ASSERT_FALSE(bool(error)) << llvm::toString(std::move(error));
  auto program = open("p.allot");
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
  EXPECT_EQ((*program)->stats().numWeights, 10);
  EXPECT_EQ((*program)->integer("allot.vocab"), -3);
  ASSERT_TRUE((*program)->manifest());
  EXPECT_EQ((*program)->manifest()->name, "p");

  auto sum = (*program)->run(
      *(*program)->find("a.b"),
      {floats("x", {2, 4}, {1, 2, 3, 4, 5, 6, 7, 8}),
       floats("int", {4}, {10, 20, 30, 40})});
  ASSERT_TRUE(bool(sum)) << llvm::toString(sum.takeError());
  EXPECT_EQ(sum->front().name(), "y*/");
  EXPECT_EQ(sum->front().values<float>()[7], 48.0f);
  auto constant = (*program)->run(*(*program)->find("a_b"), {});
  ASSERT_TRUE(bool(constant)) << llvm::toString(constant.takeError());
  EXPECT_EQ(constant->front().values<int64_t>()[1], -6);
  auto twice =
      (*program)->run(*(*program)->find("open"), {floats("x", {3}, {1, 2, 3})});
  ASSERT_TRUE(bool(twice)) << llvm::toString(twice.takeError());
  EXPECT_EQ((*twice)[0].values<float>()[2], 6.0f);
  EXPECT_EQ((*twice)[1].values<float>()[2], 6.0f);
}

TEST_F(FolderTest, HeaderHasNamesThatCAllows) {
  ASSERT_FALSE(bool(compile(kModule, "7 of mine.allot")));
  auto manifest = runtime::Manifest::read(path("7 of mine.allot"));
  ASSERT_TRUE(bool(manifest)) << llvm::toString(manifest.takeError());
  EXPECT_EQ(manifest->name, "_7_of_mine");
  std::string header = read(path("7 of mine.allot/_7_of_mine.h"));
  for (const char *wanted :
       {"int _7_of_mine_a_b(", "int _7_of_mine_a_b_2(", "int _7_of_mine_open_2(",
        "const float *int_;", "float *y__;", "*_7_of_mine_open(const char"})
    EXPECT_NE(header.find(wanted), std::string::npos)
        << wanted << "\n" << header;
}

TEST_F(FolderTest, SeveralThreadsRunOneProgram) {
  ASSERT_FALSE(bool(compile(kModule, "p.allot")));
  auto program = open("p.allot");
  ASSERT_TRUE(bool(program)) << llvm::toString(program.takeError());
  const runtime::Entry *entry = (*program)->find("a.b");
  std::vector<std::thread> threads;
  std::vector<int> wrong(4, 0);
  for (int t = 0; t < 4; ++t)
    threads.emplace_back([&, t] {
      for (int i = 0; i < 200; ++i) {
        float x = float(1000 * t + i);
        auto result = (*program)->run(
            *entry, {floats("x", {1, 4}, {x, x, x, x}),
                     floats("int", {4}, {1, 2, 3, 4})});
        wrong[t] += !result || result->front().values<float>()[3] != x + 4;
      }
    });
  for (std::thread &thread : threads)
    thread.join();
  EXPECT_EQ(wrong, std::vector<int>(4, 0));
}

TEST_F(FolderTest, ChecksWhatTheCallerWants) {
  runtime::CompileFolderOptions options;
  options.program.activations = "i8";
  ASSERT_FALSE(bool(compile(kModule, "p.allot", options)));
  runtime::ProgramOptions wanted;
  wanted.activations = "i8";
  wanted.evaluate = "auto";
  wanted.entries = {"a_b"};
  EXPECT_TRUE(bool(open("p.allot", wanted)));
  wanted.activations = "f32";
  EXPECT_NE(messageOf(open("p.allot", wanted)).find("activations i8, not f32"),
            std::string::npos);
}

TEST_F(FolderTest, TargetsByName) {
  runtime::CodeTarget host = runtime::CodeTarget::host();
  EXPECT_EQ(runtime::CodeTarget::missingFeature(host.features), "");
  EXPECT_EQ(runtime::CodeTarget::missingFeature({"no_such"}), "no_such");
  if (!llvm::StringRef(host.triple).starts_with("x86_64"))
    GTEST_SKIP() << "features are those of x86-64";
  auto v3 = runtime::CodeTarget::named("x86-64-v3");
  ASSERT_TRUE(bool(v3)) << llvm::toString(v3.takeError());
  EXPECT_TRUE(v3->has("avx2") && v3->has("fma") && !v3->has("avx512f"));
  EXPECT_EQ(v3->kernelTarget(), "avx2");
  auto base = runtime::CodeTarget::named("x86-64");
  ASSERT_TRUE(bool(base));
  EXPECT_TRUE(base->features.empty());
  EXPECT_EQ(base->kernelTarget(), "generic");
  for (const char *name : {"", "i386", "cortex-a53", "help"})
    EXPECT_NE(messageOf(runtime::CodeTarget::named(name))
                  .find("there is no processor"),
              std::string::npos)
        << name;
}

/// Whatever is written into the manifest, the loader says what is wrong or opens
/// the program that was compiled; it never crashes.
TEST_F(FolderTest, NoManifestIsBelieved) {
  ASSERT_FALSE(bool(compile(kModule, "p.allot")));
  std::string good = read(path("p.allot/manifest.json"));
  std::string digest =
      llvm::cantFail(runtime::Manifest::read(path("p.allot"))).programDigest();
  const char *pieces[] = {"-1",    "0",   "9223372036854775807", "1e300",
                          "null",  "\"\"", "[]",                 "{}",
                          "[null]", "true", "\"../x\"",           "64"};
  std::mt19937 random(7);
  unsigned opened = 0, refused = 0;
  for (unsigned round = 0; round < 400; ++round) {
    std::string text = good;
    unsigned changes = 1 + random() % 2;
    for (unsigned i = 0; i < changes; ++i) {
      size_t at = random() % text.size();
      switch (random() % 4) {
      case 0: // one character
        text[at] = char(random() % 256);
        break;
      case 1: // a part goes
        text.erase(at, random() % 80);
        break;
      case 2: { // a value is exchanged
        size_t colon = text.find(": ", at);
        if (colon == std::string::npos)
          break;
        size_t end = text.find_first_of(",\n", colon);
        text.replace(colon + 2, end - colon - 2,
                     pieces[random() % std::size(pieces)]);
        break;
      }
      default: // the end goes
        text.resize(at);
      }
    }
    write("p.allot/manifest.json", text);
    auto program = open("p.allot");
    if (program) {
      ++opened;
      EXPECT_EQ((*program)->manifest()->programDigest(), digest) << text;
    } else {
      ++refused;
      EXPECT_FALSE(llvm::toString(program.takeError()).empty());
    }
  }
  EXPECT_GT(refused, 300u);
}

} // namespace
