//===- JsonTest.cpp - typed JSON -----------------------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Archive/Json.h"
#include "../Support/TestFiles.h"

using namespace allot::archive;
using namespace allot::test;

static std::shared_ptr<const JsonDocument> document(llvm::StringRef text) {
  return take(JsonDocument::parse(text, "config.json"));
}

TEST(Json, TypedAccess) {
  auto doc = document(
      R"({"n": 8, "whole": 8.0, "x": 0.5, "s": "text", "b": true, "z": null,
          "list": [1, 2], "names": ["q", "k"], "in": {"b": 1, "a": [{"c": 3}]},
          "big": 9223372036854775807})");
  EXPECT_EQ(take((*doc)["n"].integer()), 8);
  EXPECT_EQ(take((*doc)["whole"].integer()), 8);
  EXPECT_EQ(take((*doc)["big"].integer()), INT64_MAX);
  EXPECT_EQ(take((*doc)["x"].number()), 0.5);
  EXPECT_EQ(take((*doc)["n"].number()), 8.0);
  EXPECT_EQ(take((*doc)["s"].string()), "text");
  EXPECT_EQ(take((*doc)["b"].boolean()), true);
  EXPECT_EQ(take((*doc)["list"].integers()), (std::vector<int64_t>{1, 2}));
  EXPECT_EQ(take((*doc)["list"].numbers()), (std::vector<double>{1, 2}));
  EXPECT_EQ(take((*doc)["names"].strings()),
            (std::vector<llvm::StringRef>{"q", "k"}));
  EXPECT_EQ(take((*doc)["s"].strings()),
            (std::vector<llvm::StringRef>{"text"}));
  EXPECT_EQ(take(take((*doc)["in"]["a"].elements())[0]["c"].integer()), 3);
  auto members = take((*doc)["in"].members());
  ASSERT_EQ(members.size(), 2u);
  EXPECT_EQ(members[0].first, "a");
  EXPECT_EQ(members[1].second.path(), "in.b");
  EXPECT_TRUE((*doc)["z"].exists());
  EXPECT_TRUE((*doc)["z"].isNull());
  EXPECT_FALSE((*doc)["y"].exists());
  EXPECT_TRUE((*doc)["y"].isNull());
  EXPECT_TRUE((*doc)["y"]["deeper"].isNull());
}

TEST(Json, Defaults) {
  auto doc = document(R"({"n": 8, "z": null})");
  EXPECT_EQ(take((*doc)["n"].integerOr(3)), 8);
  EXPECT_EQ(take((*doc)["z"].integerOr(3)), 3);
  EXPECT_EQ(take((*doc)["y"].numberOr(0.5)), 0.5);
  EXPECT_EQ(take((*doc)["y"].booleanOr(true)), true);
  EXPECT_EQ(take((*doc)["y"].stringOr("s")), "s");
  expectError((*doc)["n"].stringOr("s"), {"config.json", "'n'", "a string"});
  expectError((*doc)["n"].booleanOr(true), {"'n'", "true or false"});
}

TEST(Json, ErrorsNameFileAndField) {
  auto doc = document(R"({"a": {"b": [1, {"c": "x"}]}, "f": 1.5, "n": 5,
                          "huge": 1e300, "edge": 9223372036854775808})");
  EXPECT_EQ(message(take((*doc)["a"]["b"].elements())[1]["c"].integer()),
            "config.json: field 'a.b[1].c': must be an integer, "
            "found a string 'x'");
  EXPECT_EQ(message((*doc)["a"]["q"].integer()),
            "config.json: field 'a.q': is missing");
  expectError((*doc)["f"].integer(), {"'f'", "integer", "1.5"});
  expectError((*doc)["huge"].integer(), {"'huge'", "integer"});
  expectError((*doc)["edge"].integer(), {"'edge'", "integer"});
  EXPECT_EQ(message((*doc)["n"].integer(6)),
            "config.json: field 'n': must be at least 6, found 5");
  expectError((*doc)["n"].integer(0, 4), {"'n'", "in 0 to 4", "5"});
  expectError((*doc)["n"].integerOr(0, 1, 4), {"'n'", "in 1 to 4"});
  expectError((*doc)["n"].elements(), {"'n'", "a list"});
  expectError((*doc)["n"].members(), {"'n'", "an object"});
  expectError((*doc)["n"].strings(), {"'n'", "list of strings"});
  expectError((*doc)["a"]["b"].integers(), {"'a.b[1]'", "integer"});
  expectError(document("[1]")->root().members(), {"config.json: must be"});
}

TEST(Json, RefusesBadText) {
  auto refuse = [](llvm::StringRef text,
                   std::initializer_list<const char *> parts) {
    expectError(JsonDocument::parse(text, "c.json"), {"c.json: "});
    expectError(JsonDocument::parse(text, "c.json"), parts);
  };
  refuse("", {"JSON"});
  refuse("{", {"JSON"});
  refuse("{\"a\": }", {"JSON"});
  refuse("\"\xff\"", {"JSON"});
  refuse("\"unterminated \\", {"JSON"});
  refuse(std::string(100000, '['), {"nested"});
  std::string deep;
  for (int i = 0; i < 100000; ++i)
    deep += "{\"a\":";
  refuse(deep, {"nested"});
  refuse(R"({"a": 1, "b": {"a": 2}, "a": 3})", {"'a' twice"});
  refuse(R"([{"k\n": 1, "k\u000a": 3}])", {"twice"});
}

TEST(Json, ScansStringsForNeitherKeysNorBrackets) {
  auto doc = document(R"({"a": "[[[{\"a\": ", "b": ["a", "a", {"a": "a"}],
                          "c": {"a": 1}, "d": {"a": "b"}})");
  EXPECT_EQ(take((*doc)["a"].string()), "[[[{\"a\": ");
  EXPECT_EQ(message(JsonDocument::parse("\xef\xbb\xbf{}", "bom.json")), "");
}

TEST(Json, OpensFiles) {
  TemporaryFolder folder;
  auto doc = take(JsonDocument::open(folder.write("c.json", "{\"a\": 1}")));
  EXPECT_EQ(take((*doc)["a"].integer()), 1);
  expectError(JsonDocument::open(folder.path("no.json")), {"no.json"});
  expectError(JsonDocument::open(folder.write("x.json", "{")),
              {"x.json", "JSON"});
}
