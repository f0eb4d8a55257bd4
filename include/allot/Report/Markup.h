//===- Markup.h - elements of a page, escaped -------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_REPORT_MARKUP_H
#define ALLOT_REPORT_MARKUP_H

#include "llvm/ADT/ArrayRef.h"
#include "llvm/ADT/STLFunctionalExtras.h"
#include "llvm/ADT/StringRef.h"
#include "llvm/Support/raw_ostream.h"
#include <string>

namespace allot::report {

/// `text` with everything replaced that means something in markup, and all
/// that may not stand in it: bytes that are not UTF-8 and control characters
/// become U+FFFD.
std::string escaped(llvm::StringRef text);

/// An attribute of an element. Numbers are coordinates: at most two decimals.
struct Attribute {
  Attribute(llvm::StringRef name, llvm::StringRef value)
      : name(name), value(value.str()) {}
  Attribute(llvm::StringRef name, const char *value)
      : name(name), value(value) {}
  Attribute(llvm::StringRef name, const std::string &value)
      : name(name), value(value) {}
  Attribute(llvm::StringRef name, double value);

  llvm::StringRef name;
  std::string value;
};

/// Writes HTML and SVG that are well-formed XML too. What callers give as text
/// or as the value of an attribute is escaped; names are theirs to get right.
class Markup {
public:
  explicit Markup(llvm::raw_ostream &os) : os(os) {}

  using Attributes = llvm::ArrayRef<Attribute>;
  /// An element with what `body` writes inside.
  void element(llvm::StringRef tag, Attributes attributes,
               llvm::function_ref<void()> body);
  /// An element that holds text.
  void element(llvm::StringRef tag, Attributes attributes,
               llvm::StringRef text);
  /// An element without content: `<tag/>`, which HTML takes for its void
  /// elements and in SVG.
  void empty(llvm::StringRef tag, Attributes attributes = {});
  void text(llvm::StringRef text) { os << escaped(text); }
  /// Style sheets and scripts of our own: as they are.
  void raw(llvm::StringRef text) { os << text; }
  void newline() { os << '\n'; }

private:
  void open(llvm::StringRef tag, Attributes attributes);

  llvm::raw_ostream &os;
};

} // namespace allot::report

#endif // ALLOT_REPORT_MARKUP_H
