//===- InterpreterTest.cpp - functions, weights, taps -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "../Support/TestFiles.h"
#include "ReferenceTest.h"
#include "allot/Archive/FileDigest.h"

using namespace allot;
using namespace allot::test;

namespace {

using InterpreterTest = ReferenceTest;

TEST_F(InterpreterTest, CallsAndTaps) {
  parse(R"(
    func.func private @twice(%x: tensor<?xf32>) -> tensor<?xf32> {
      %y = arith.addf %x, %x : tensor<?xf32>
      %t = nn.tap %y "twice" : tensor<?xf32>
      return %t : tensor<?xf32>
    }
    func.func @f(%x: tensor<?xf32>) -> (tensor<?xf32>, tensor<?xf32>) {
      %t = nn.tap %x "in" : tensor<?xf32>
      %y = func.call @twice(%t) : (tensor<?xf32>) -> tensor<?xf32>
      %z = func.call @twice(%y) : (tensor<?xf32>) -> tensor<?xf32>
      return %y, %z : tensor<?xf32>, tensor<?xf32>
    })");
  std::vector<std::pair<std::string, float>> seen;
  auto results = callAll({floats({1}, {3})},
                         [&](llvm::StringRef name, const RefValue &value) { seen.push_back({name.str(), (*value.floats)[0]}); });
  expectFloats(results[0], {1}, {6});
  expectFloats(results[1], {1}, {12});
  EXPECT_EQ(seen, (std::vector<std::pair<std::string, float>>{{"in", 3}, {"twice", 6}, {"twice", 12}}));
}

TEST_F(InterpreterTest, Errors) {
  expectError("func.func private @f(tensor<1xf32>)", {floats({1}, {1})}, {"has no body"});
  expectError("func.func @g() { return }", {}, {"has no function @f to evaluate"});
  expectError("func.func @f(%x: tensor<2xf32>) { return }", {}, {"is evaluated with 0 arguments, but has 1"});
  expectError("func.func @f(%x: tensor<2xf32>) { return }", {floats({3}, {1, 2, 3})}, {"argument 0 is 3, but its type is 'tensor<2xf32>'"});
  expectError("func.func @f(%x: tensor<2xi32>) { return }", {floats({2}, {1, 2})}, {"argument 0 is a tensor of floats, but its type is"});
  expectError("func.func @f(%x: tensor<2xf32>) { return }", {floats({2}, {1})}, {"argument 0 is 1 numbers"});
  expectError("func.func @f() { func.call @f() : () -> ()\n return }", {}, {"'func.call' op calls are nested more than 64 deep"});
  expectError("ml_program.global private @w(#ml_program.extern<tensor<2xf32>>) : tensor<2xf32>\n func.func @f() -> tensor<2xf32> {\n"
              " %w = ml_program.global_load_const @w : tensor<2xf32>\n return %w : tensor<2xf32> }",
              {}, {"'ml_program.global_load_const' op has no reference evaluation for this attribute"});
  expectError("func.func @f(%c: i1) {\n scf.if %c { }\n return }", {ints({}, {1})}, {"'scf.if' op has no reference evaluation"});
}

TEST_F(InterpreterTest, GlobalsThatCannotBeRead) {
  auto create = [&](llvm::StringRef text) {
    module = mlir::parseSourceString<mlir::ModuleOp>(text, &context);
    EXPECT_TRUE(module) << text.str();
    if (!module)
      return std::string();
    auto created = reference::Interpreter::create(*module, "");
    return created ? std::string() : llvm::toString(created.takeError());
  };
  EXPECT_EQ(create("ml_program.global private @w(dense<1.0> : tensor<2xf32>) : tensor<?xf32>"), "weight @w is no tensor of static shape");
  EXPECT_EQ(create("ml_program.global private @w(dense<1.0> : tensor<2x2xf32>) : tensor<2x2xf32, #format.float<f32>>"),
            "weight @w is encoded, but its value is not #format.stored");
  EXPECT_EQ(create(R"(ml_program.global private @w(#format.stored<"w.safetensors", tensor = "w", offset = 0, bytes = 8, digest = "00">) : tensor<2xf32>)"),
            "weight @w is stored in a file, but its type has no format");
}

struct StoredTest : ReferenceTest {
  void SetUp() override {
    // Four rows of two numbers, f32: row i is (10 i, 10 i + 1).
    std::string header = R"({"w":{"dtype":"F32","shape":[4,2],"data_offsets":[0,32]}})";
    while (header.size() % 8)
      header += ' ';
    std::string bytes(8, '\0');
    bytes[0] = char(header.size());
    bytes += header;
    offset = bytes.size();
    for (int i = 0; i < 4; ++i)
      for (int j = 0; j < 2; ++j) {
        float value = float(10 * i + j);
        bytes.append(reinterpret_cast<const char *>(&value), 4);
      }
    folder.write("w.safetensors", bytes);
    digest = take(archive::fileDigest(folder.path("w.safetensors")));
  }

  std::string moduleOf(const std::string &type, const std::string &more = "") {
    std::string plain = type.substr(0, type.find(',')) + ">";
    return "ml_program.global private @w(#format.stored<\"w.safetensors\", tensor = \"w\", offset = " + std::to_string(offset) +
           ", bytes = 32, digest = \"" + digest + "\"" + more + ">) : " + type + "\nfunc.func @f() -> " + plain +
           " {\n %w = ml_program.global_load_const @w : " + type + "\n %d = format.decode %w : " + type + " -> " + plain + "\n return %d : " + plain +
           "\n}";
  }

  TemporaryFolder folder;
  std::string digest;
  size_t offset = 0;
};

TEST_F(StoredTest, MatricesAndVectors) {
  parse(moduleOf("tensor<4x2xf32, #format.float<f32>>"), folder.path());
  expectFloats(callAll({})[0], {4, 2}, {0, 1, 10, 11, 20, 21, 30, 31});
  parse(moduleOf("tensor<8xf32, #format.float<f32>>"), folder.path());
  expectFloats(callAll({})[0], {8}, {0, 1, 10, 11, 20, 21, 30, 31});
}

TEST_F(StoredTest, RowsInRotaryOrderComeBack) {
  // Heads of four rows: row 2i + s of the file is row 2s + i of the global.
  parse(moduleOf("tensor<4x2xf32, #format.float<f32>>", ", row_interleave = 4"), folder.path());
  expectFloats(callAll({})[0], {4, 2}, {0, 1, 20, 21, 10, 11, 30, 31});
  parse(moduleOf("tensor<8xf32, #format.float<f32>>", ", row_interleave = 4"), folder.path());
  expectFloats(callAll({})[0], {8}, {0, 10, 1, 11, 20, 30, 21, 31});
}

TEST_F(StoredTest, FilesAreChecked) {
  auto errorsOf = [&](const std::string &text, const std::string &where) {
    parse(text, where);
    std::string errors;
    mlir::ScopedDiagnosticHandler handler(&context, [&](mlir::Diagnostic &diagnostic) {
      errors += diagnostic.str();
      return mlir::success();
    });
    llvm::SmallVector<RefValue> results;
    EXPECT_TRUE(mlir::failed(interpreter->call("f", {}, results)));
    return errors;
  };
  std::string text = moduleOf("tensor<4x2xf32, #format.float<f32>>");
  EXPECT_NE(errorsOf(text, folder.path("elsewhere")).find("w.safetensors"), std::string::npos);
  EXPECT_NE(errorsOf(moduleOf("tensor<4x2xf32, #format.float<f16>>"), folder.path()).find("holds 32 bytes, @w takes 16"), std::string::npos);
  digest = "0123456789abcdef";
  EXPECT_NE(errorsOf(moduleOf("tensor<4x2xf32, #format.float<f32>>"), folder.path()).find("the file has changed since the module was made"),
            std::string::npos);
}

} // namespace
