//===- PeftPattern.cpp - regular expressions of adapters --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/AdapterConfig.h"
#include "allot/Support/Error.h"
#include "llvm/ADT/StringExtras.h"
#include <regex>

using namespace allot;
using namespace allot::importer;

struct Pattern::Impl {
  std::regex regex;
};

Pattern::Pattern() : impl(std::make_unique<Impl>()) {}
Pattern::~Pattern() = default;
Pattern::Pattern(Pattern &&) = default;
Pattern &Pattern::operator=(Pattern &&) = default;

/// What makes a pattern too costly to compile or to match, or null. The
/// library recurses over nesting and over the states that repetitions make.
static const char *excess(llvm::StringRef text) {
  if (text.size() > 16384)
    return "is longer than 16384 characters";
  if (text.count('(') > 400)
    return "has more than 400 groups";
  uint64_t states = 1;
  auto digits = [](llvm::StringRef rest) {
    return rest.take_while([](char c) { return llvm::isDigit(c); });
  };
  // Numbers of more digits do not fit the int in which the library has them.
  constexpr size_t maxDigits = 4;
  for (size_t at = 0; at < text.size(); ++at) {
    llvm::StringRef rest = text.substr(at + 1);
    if (text[at] == '\\') {
      if (digits(rest).size() > maxDigits)
        return "refers to a group with a number that is too large";
      ++at;
      continue;
    }
    if (text[at] != '{')
      continue;
    llvm::StringRef low = digits(rest), high = low;
    rest = rest.drop_front(low.size());
    if (rest.consume_front(","))
      high = digits(rest);
    uint64_t times = 1;
    for (llvm::StringRef number : {low, high}) {
      uint64_t value = 0;
      if (number.size() > maxDigits)
        return "repeats too often";
      if (!number.getAsInteger(10, value))
        times = std::max(times, value);
    }
    if (times > 1000 || (states *= times) > 1000)
      return "repeats too often";
  }
  return nullptr;
}

/// Python's groups with names, `(?P<name>...)`, as plain ones. Nobody refers to
/// them by name: `(?P=name)` is left, and refused.
static std::string withoutGroupNames(llvm::StringRef text) {
  std::string result;
  bool inClass = false;
  for (size_t at = 0; at < text.size(); ++at) {
    char c = text[at];
    result += c;
    if (c == '\\' && at + 1 < text.size())
      result += text[++at];
    else if (c == '[' || c == ']')
      inClass = c == '[';
    else if (c == '(' && !inClass && text.substr(at).starts_with("(?P<"))
      if (size_t end = text.find('>', at); end != llvm::StringRef::npos)
        at = end;
  }
  return result;
}

llvm::Expected<Pattern> Pattern::compile(const archive::JsonField &field,
                                         llvm::StringRef text) {
  if (const char *why = excess(text))
    return field.error("regular expression " + support::quoted(text) + " " +
                       why);
  auto flags = std::regex::ECMAScript;
#ifdef __GLIBCXX__
  // Matching in polynomial time, which excludes back references: with them a
  // pattern of a few letters may take forever.
  for (size_t i = 0; i + 1 < text.size(); ++i)
    if (text[i] == '\\' && text[++i] >= '1' && text[i] <= '9')
      return field.error("regular expression " + support::quoted(text) +
                         " has a back reference, which is not supported");
  flags |= std::regex_constants::__polynomial;
#endif
  Pattern pattern;
  try {
    pattern.impl->regex.assign(withoutGroupNames(text), flags);
  } catch (const std::regex_error &error) {
    return field.error("regular expression " + support::quoted(text) +
                       " cannot be read: " + error.what());
  }
  return pattern;
}

bool Pattern::matches(llvm::StringRef text, std::string *group) const {
  std::cmatch found;
  try {
    if (!std::regex_match(text.begin(), text.end(), found, impl->regex))
      return false;
  } catch (const std::regex_error &) {
    // Only the library's own limits on work end here; no module path of a
    // model comes near them.
    return false;
  }
  if (group && found.size() > 1)
    *group = found[1].str();
  return true;
}
