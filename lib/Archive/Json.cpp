//===- Json.cpp - typed access to JSON -----------------------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#include "allot/Archive/Json.h"
#include "allot/Support/Error.h"
#include "allot/Support/MappedFile.h"
#include "llvm/ADT/StringSet.h"
#include <algorithm>
#include <cmath>
#include <optional>

namespace allot::archive {

using support::fileError;
using support::quoted;

//===----------------------------------------------------------------------===//
// Parsing
//===----------------------------------------------------------------------===//

namespace {

/// One walk over the text for what llvm::json does not check: nesting and
/// repeated keys. It trusts nothing: on malformed text it stops quietly and
/// leaves the message to the parser.
class JsonScan {
public:
  explicit JsonScan(llvm::StringRef text) : text(text) {}

  /// What is wrong, or nothing.
  std::optional<std::string> run() {
    bool keyNext = false;
    for (at = 0; at < text.size(); ++at) {
      switch (text[at]) {
      case '{':
      case '[':
        if (levels.size() == maxDepth)
          return "is nested more than " + std::to_string(maxDepth) +
                 " levels deep";
        levels.emplace_back();
        levels.back().object = text[at] == '{';
        keyNext = levels.back().object;
        break;
      case '}':
      case ']':
        if (levels.empty())
          return std::nullopt;
        levels.pop_back();
        keyNext = false;
        break;
      case ',':
        keyNext = !levels.empty() && levels.back().object;
        break;
      case '"': {
        std::optional<llvm::StringRef> token = string();
        if (!token)
          return std::nullopt;
        if (keyNext) {
          std::optional<std::string> key = decode(*token);
          if (!key)
            return std::nullopt;
          if (!levels.back().keys.insert(*key).second)
            return "has the key " + quoted(*key) + " twice";
          keyNext = false;
        }
        break;
      }
      default:
        break;
      }
    }
    return std::nullopt;
  }

private:
  static constexpr size_t maxDepth = 64;

  /// The string that starts at `at`, quotes included; moves to its end.
  std::optional<llvm::StringRef> string() {
    size_t begin = at;
    for (++at; at < text.size(); ++at) {
      if (text[at] == '\\')
        ++at;
      else if (text[at] == '"')
        return text.slice(begin, at + 1);
    }
    return std::nullopt;
  }

  static std::optional<std::string> decode(llvm::StringRef token) {
    if (!token.contains('\\'))
      return token.drop_front().drop_back().str();
    llvm::Expected<llvm::json::Value> value = llvm::json::parse(token);
    if (!value) {
      llvm::consumeError(value.takeError());
      return std::nullopt;
    }
    if (auto string = value->getAsString())
      return string->str();
    return std::nullopt;
  }

  struct Level {
    bool object = false;
    llvm::StringSet<> keys;
  };

  llvm::StringRef text;
  size_t at = 0;
  std::vector<Level> levels;
};

} // namespace

llvm::Expected<llvm::json::Value>
parseJson(llvm::StringRef text, llvm::StringRef file, llvm::StringRef what) {
  std::string subject = what.empty() ? "" : what.str() + " ";
  if (std::optional<std::string> defect = JsonScan(text).run())
    return fileError(file,
                     subject + (what.empty() ? "JSON " : "(JSON) ") + *defect);
  llvm::Expected<llvm::json::Value> value = llvm::json::parse(text);
  if (!value)
    return fileError(
        file, subject +
                  (what.empty() ? "not valid JSON: " : "is not valid JSON: ") +
                  llvm::toString(value.takeError()));
  return value;
}

llvm::Expected<std::shared_ptr<const JsonDocument>>
JsonDocument::open(llvm::StringRef path) {
  auto file = support::MappedFile::open(path);
  if (!file)
    return file.takeError();
  constexpr uint64_t limit = uint64_t(256) << 20;
  if ((*file)->size() > limit)
    return fileError(path, "is too large for JSON: " +
                               llvm::Twine((*file)->size()) + " bytes");
  return parse((*file)->buffer().getBuffer(), path);
}

llvm::Expected<std::shared_ptr<const JsonDocument>>
JsonDocument::parse(llvm::StringRef text, llvm::StringRef file) {
  text.consume_front("\xef\xbb\xbf"); // a byte order mark is allowed before
                                      // JSON by its readers
  llvm::Expected<llvm::json::Value> value = parseJson(text, file);
  if (!value)
    return value.takeError();
  return std::shared_ptr<const JsonDocument>(
      new JsonDocument(file.str(), std::move(*value)));
}

//===----------------------------------------------------------------------===//
// JsonField
//===----------------------------------------------------------------------===//

static llvm::StringRef kindName(const llvm::json::Value &value) {
  switch (value.kind()) {
  case llvm::json::Value::Null:
    return "null";
  case llvm::json::Value::Boolean:
    return "true or false";
  case llvm::json::Value::Number:
    return "a number";
  case llvm::json::Value::String:
    return "a string";
  case llvm::json::Value::Array:
    return "a list";
  case llvm::json::Value::Object:
    return "an object";
  }
  return "a value";
}

llvm::Error JsonField::error(const llvm::Twine &message) const {
  if (where.empty())
    return fileError(fileName, message);
  return support::fieldError(fileName, where, message);
}

llvm::Error JsonField::mismatch(llvm::StringRef wanted) const {
  if (!value)
    return error("is missing");
  std::string found = kindName(*value).str();
  if (auto string = value->getAsString())
    found += " " + quoted(*string, 60);
  else if (auto number = value->getAsNumber())
    found = llvm::formatv("{0}", *value).str();
  return error("must be " + wanted + ", found " + found);
}

JsonField JsonField::operator[](llvm::StringRef key) const {
  std::string path = where.empty() ? key.str() : where + "." + key.str();
  const llvm::json::Object *object = value ? value->getAsObject() : nullptr;
  return JsonField(fileName, std::move(path),
                   object ? object->get(key) : nullptr);
}

/// The number as an integer; nothing where it has a fraction or does not fit.
static std::optional<int64_t> exactInteger(const llvm::json::Value &value) {
  if (std::optional<uint64_t> whole = value.getAsUINT64())
    return *whole <= uint64_t(std::numeric_limits<int64_t>::max())
               ? std::optional<int64_t>(*whole)
               : std::nullopt;
  std::optional<double> number = value.getAsNumber();
  // 2^63 itself must not reach the conversion to int64_t.
  if (!number || !(*number >= -0x1p63 && *number < 0x1p63))
    return std::nullopt;
  return value.getAsInteger();
}

llvm::Expected<int64_t> JsonField::integer(int64_t low, int64_t high) const {
  if (!isNumber())
    return mismatch("an integer");
  std::optional<int64_t> number = exactInteger(*value);
  if (!number)
    return mismatch("an integer");
  if (*number < low || *number > high) {
    std::string range =
        high == std::numeric_limits<int64_t>::max()
            ? "at least " + std::to_string(low)
        : low == std::numeric_limits<int64_t>::min()
            ? "at most " + std::to_string(high)
            : "in " + std::to_string(low) + " to " + std::to_string(high);
    return error("must be " + range + ", found " + llvm::Twine(*number));
  }
  return *number;
}

llvm::Expected<double> JsonField::number() const {
  if (!isNumber())
    return mismatch("a number");
  double result = *value->getAsNumber();
  if (!std::isfinite(result))
    return error("must be a finite number");
  return result;
}

llvm::Expected<bool> JsonField::boolean() const {
  if (!isBool())
    return mismatch("true or false");
  return *value->getAsBoolean();
}

llvm::Expected<llvm::StringRef> JsonField::string() const {
  if (!isString())
    return mismatch("a string");
  return *value->getAsString();
}

llvm::Expected<int64_t> JsonField::integerOr(int64_t missing, int64_t low,
                                             int64_t high) const {
  return isNull() ? llvm::Expected<int64_t>(missing) : integer(low, high);
}

llvm::Expected<double> JsonField::numberOr(double missing) const {
  return isNull() ? llvm::Expected<double>(missing) : number();
}

llvm::Expected<bool> JsonField::booleanOr(bool missing) const {
  return isNull() ? llvm::Expected<bool>(missing) : boolean();
}

llvm::Expected<llvm::StringRef>
JsonField::stringOr(llvm::StringRef missing) const {
  return isNull() ? llvm::Expected<llvm::StringRef>(missing) : string();
}

llvm::Expected<std::vector<JsonField>> JsonField::elements() const {
  if (!isArray())
    return mismatch("a list");
  const llvm::json::Array &array = *value->getAsArray();
  std::vector<JsonField> result;
  result.reserve(array.size());
  for (size_t i = 0; i < array.size(); ++i)
    result.push_back(
        JsonField(fileName, where + "[" + std::to_string(i) + "]", &array[i]));
  return result;
}

llvm::Expected<std::vector<std::pair<llvm::StringRef, JsonField>>>
JsonField::members() const {
  if (!isObject())
    return mismatch("an object");
  std::vector<std::pair<llvm::StringRef, JsonField>> result;
  for (const auto &member : *value->getAsObject()) {
    llvm::StringRef key = member.first;
    result.emplace_back(key, (*this)[key]);
  }
  std::sort(result.begin(), result.end(),
            [](const auto &a, const auto &b) { return a.first < b.first; });
  return result;
}

/// All elements of an array through one accessor.
template <typename T, typename Read>
static llvm::Expected<std::vector<T>> readAll(const JsonField &field,
                                              Read read) {
  llvm::Expected<std::vector<JsonField>> fields = field.elements();
  if (!fields)
    return fields.takeError();
  std::vector<T> result;
  result.reserve(fields->size());
  for (const JsonField &element : *fields) {
    llvm::Expected<T> one = read(element);
    if (!one)
      return one.takeError();
    result.push_back(*one);
  }
  return result;
}

llvm::Expected<std::vector<llvm::StringRef>> JsonField::strings() const {
  if (isString())
    return std::vector<llvm::StringRef>{*value->getAsString()};
  if (!isArray())
    return mismatch("a string or a list of strings");
  return readAll<llvm::StringRef>(
      *this, [](const JsonField &field) { return field.string(); });
}

llvm::Expected<std::vector<int64_t>> JsonField::integers() const {
  return readAll<int64_t>(
      *this, [](const JsonField &field) { return field.integer(); });
}

llvm::Expected<std::vector<double>> JsonField::numbers() const {
  return readAll<double>(*this,
                         [](const JsonField &field) { return field.number(); });
}

} // namespace allot::archive
