//===- Json.h - typed access to JSON, errors name file and field ---*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ARCHIVE_JSON_H
#define ALLOT_ARCHIVE_JSON_H

#include "llvm/ADT/StringRef.h"
#include "llvm/ADT/Twine.h"
#include "llvm/Support/Error.h"
#include "llvm/Support/JSON.h"
#include <cstdint>
#include <limits>
#include <memory>
#include <string>
#include <utility>
#include <vector>

namespace allot::archive {

/// Parses `text`. Unlike llvm::json::parse alone this refuses nesting beyond 64
/// levels (its parser recurses) and keys that occur twice in one object (it
/// keeps one silently). Errors read `FILE: not valid JSON: ...` or name the
/// key. `what` replaces the words after the file name (`header`) when given:
/// `FILE: header is not valid JSON: ...`.
llvm::Expected<llvm::json::Value> parseJson(llvm::StringRef text,
                                            llvm::StringRef file,
                                            llvm::StringRef what = {});

class JsonDocument;

/// A place in a document: a value, or the absence of one. Cheap to copy; valid
/// as long as its document. Every accessor reports `FILE: field 'a.b[2].c':
/// ...`. The `Or` forms give `missing` where the field is absent or null, and
/// an error still where it has another type.
class JsonField {
public:
  bool exists() const { return value; }
  /// Absent, or the literal null.
  bool isNull() const {
    return !value || value->kind() == llvm::json::Value::Null;
  }
  bool isObject() const {
    return value && value->kind() == llvm::json::Value::Object;
  }
  bool isArray() const {
    return value && value->kind() == llvm::json::Value::Array;
  }
  bool isString() const {
    return value && value->kind() == llvm::json::Value::String;
  }
  bool isNumber() const {
    return value && value->kind() == llvm::json::Value::Number;
  }
  bool isBool() const {
    return value && value->kind() == llvm::json::Value::Boolean;
  }

  /// The member `key` of an object; absent where there is none or this is no
  /// object.
  JsonField operator[](llvm::StringRef key) const;

  /// An integer (also written 8.0) in [low, high].
  llvm::Expected<int64_t>
  integer(int64_t low = std::numeric_limits<int64_t>::min(),
          int64_t high = std::numeric_limits<int64_t>::max()) const;
  /// A finite number.
  llvm::Expected<double> number() const;
  llvm::Expected<bool> boolean() const;
  llvm::Expected<llvm::StringRef> string() const;
  llvm::Expected<int64_t>
  integerOr(int64_t missing, int64_t low = std::numeric_limits<int64_t>::min(),
            int64_t high = std::numeric_limits<int64_t>::max()) const;
  llvm::Expected<double> numberOr(double missing) const;
  llvm::Expected<bool> booleanOr(bool missing) const;
  llvm::Expected<llvm::StringRef> stringOr(llvm::StringRef missing) const;

  /// The elements of an array.
  llvm::Expected<std::vector<JsonField>> elements() const;
  /// The members of an object, by key in byte order.
  llvm::Expected<std::vector<std::pair<llvm::StringRef, JsonField>>>
  members() const;
  /// The elements of an array of strings, or one string as a list of one.
  llvm::Expected<std::vector<llvm::StringRef>> strings() const;
  llvm::Expected<std::vector<int64_t>> integers() const;
  llvm::Expected<std::vector<double>> numbers() const;

  /// `FILE: field 'PATH': MESSAGE`, for checks of the caller.
  llvm::Error error(const llvm::Twine &message) const;
  /// `a.b[2].c`; empty for the document itself.
  llvm::StringRef path() const { return where; }
  llvm::StringRef file() const { return fileName; }
  const llvm::json::Value *raw() const { return value; }

private:
  friend class JsonDocument;
  JsonField(llvm::StringRef fileName, std::string where,
            const llvm::json::Value *value)
      : fileName(fileName), where(std::move(where)), value(value) {}
  llvm::Error mismatch(llvm::StringRef wanted) const;

  llvm::StringRef fileName;
  std::string where;
  const llvm::json::Value *value;
};

/// A JSON file in memory.
class JsonDocument {
public:
  /// Reads and parses `path` (at most 256 MiB).
  static llvm::Expected<std::shared_ptr<const JsonDocument>>
  open(llvm::StringRef path);
  static llvm::Expected<std::shared_ptr<const JsonDocument>>
  parse(llvm::StringRef text, llvm::StringRef file);

  JsonField root() const { return JsonField(name, {}, &value); }
  JsonField operator[](llvm::StringRef key) const { return root()[key]; }
  llvm::StringRef path() const { return name; }

private:
  JsonDocument(std::string name, llvm::json::Value value)
      : name(std::move(name)), value(std::move(value)) {}
  std::string name;
  llvm::json::Value value;
};

} // namespace allot::archive

#endif // ALLOT_ARCHIVE_JSON_H
