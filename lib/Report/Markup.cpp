//===- Markup.cpp - elements of a page, escaped -----------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Report/Markup.h"
#include "allot/Report/Numbers.h"
#include "llvm/Support/JSON.h"

using namespace allot::report;

static constexpr llvm::StringLiteral kReplacement = "\xef\xbf\xbd";

std::string allot::report::escaped(llvm::StringRef given) {
  std::string fixed;
  if (!llvm::json::isUTF8(given)) {
    fixed = llvm::json::fixUTF8(given);
    given = fixed;
  }
  std::string result;
  result.reserve(given.size());
  while (!given.empty()) {
    // U+FFFE and U+FFFF are no characters.
    if (given.starts_with("\xef\xbf\xbe") ||
        given.starts_with("\xef\xbf\xbf")) {
      result += kReplacement;
      given = given.drop_front(3);
      continue;
    }
    char c = given.front();
    given = given.drop_front();
    switch (c) {
    case '&':
      result += "&amp;";
      break;
    case '<':
      result += "&lt;";
      break;
    case '>':
      result += "&gt;";
      break;
    case '"':
      result += "&quot;";
      break;
    case '\'':
      result += "&#39;";
      break;
    default:
      if ((static_cast<unsigned char>(c) < 0x20 && c != '\n' && c != '\t') ||
          c == 0x7f)
        result += kReplacement;
      else
        result += c;
    }
  }
  return result;
}

Attribute::Attribute(llvm::StringRef name, double value)
    : name(name), value(coordinate(value)) {}

void Markup::open(llvm::StringRef tag, Attributes attributes) {
  os << '<' << tag;
  for (const Attribute &attribute : attributes)
    os << ' ' << attribute.name << "=\"" << escaped(attribute.value) << '"';
}

void Markup::element(llvm::StringRef tag, Attributes attributes,
                     llvm::function_ref<void()> body) {
  open(tag, attributes);
  os << '>';
  body();
  os << "</" << tag << '>';
}

void Markup::element(llvm::StringRef tag, Attributes attributes,
                     llvm::StringRef content) {
  element(tag, attributes, [&] { text(content); });
}

void Markup::empty(llvm::StringRef tag, Attributes attributes) {
  open(tag, attributes);
  os << "/>";
}
