//===- MarkupTest.cpp - escaping and elements ------------------ -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Markup.h"
#include "gtest/gtest.h"

using namespace allot::report;

static std::string written(llvm::function_ref<void(Markup &)> body) {
  std::string text;
  llvm::raw_string_ostream os(text);
  Markup markup(os);
  body(markup);
  return text;
}

TEST(Markup, EscapesWhatMeansSomething) {
  EXPECT_EQ(escaped("a<b>&\"c\"'"), "a&lt;b&gt;&amp;&quot;c&quot;&#39;");
  EXPECT_EQ(escaped("plain, ± größer\n\t"), "plain, ± größer\n\t");
}

TEST(Markup, ReplacesWhatMayNotStand) {
  EXPECT_EQ(escaped(llvm::StringRef("a\0b\x1b\x7f", 5)),
            "a\xef\xbf\xbd"
            "b\xef\xbf\xbd\xef\xbf\xbd");
  // Bytes that are not UTF-8, and characters that are none.
  EXPECT_EQ(escaped("\xff<"), "\xef\xbf\xbd&lt;");
  EXPECT_EQ(escaped("x\xef\xbf\xbf"), "x\xef\xbf\xbd");
}

TEST(Markup, Elements) {
  EXPECT_EQ(written([](Markup &m) {
              m.element("g", {{"class", "a\"b"}, {"x", 1.25}}, [&] {
                m.empty("br");
                m.element("t", {}, "<&");
              });
            }),
            "<g class=\"a&quot;b\" x=\"1.25\"><br/><t>&lt;&amp;</t></g>");
}
