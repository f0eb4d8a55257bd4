//===- Manifest.cpp - what a compiled folder says about itself --*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Runtime/Manifest.h"
#include "allot/Archive/Json.h"
#include "allot/Support/Digest.h"
#include "allot/Support/Error.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::runtime;
using archive::JsonField;
using mlir::ShapedType;

static constexpr llvm::StringLiteral kFormat = "allot program";

//===----------------------------------------------------------------------===//
// Writing
//===----------------------------------------------------------------------===//

static llvm::json::Value toJson(const Manifest::File &file) {
  llvm::json::Object object{{"file", file.name},
                            {"bytes", int64_t(file.bytes)}};
  if (!file.digest.empty())
    object["digest"] = file.digest;
  return object;
}

static llvm::json::Object toJson(const Parameter &parameter) {
  llvm::json::Array shape;
  for (int64_t d : parameter.shape)
    if (ShapedType::isDynamic(d))
      shape.push_back(nullptr);
    else
      shape.push_back(d);
  llvm::json::Object object{{"name", parameter.name},
                            {"dtype", archive::dtypeName(parameter.dtype)},
                            {"shape", std::move(shape)}};
  if (parameter.ids > 0)
    object["ids"] = parameter.ids;
  if (parameter.members > 0)
    object["members"] = parameter.members;
  if (!parameter.sizes.empty())
    object["sizes"] = llvm::json::Array(parameter.sizes);
  if (!parameter.limits.empty())
    object["limits"] = llvm::json::Array(parameter.limits);
  if (parameter.otherwise)
    object["default"] = *parameter.otherwise;
  return object;
}

static llvm::json::Value toJson(const Entry &entry) {
  llvm::json::Array inputs, outputs;
  for (const Parameter &input : entry.inputs)
    inputs.push_back(toJson(input));
  for (auto [output, alias] : llvm::zip_equal(entry.outputs, entry.aliases)) {
    llvm::json::Object object = toJson(output);
    if (alias >= 0)
      object["alias"] = entry.inputs[alias].name;
    outputs.push_back(std::move(object));
  }
  return llvm::json::Object{{"name", entry.name},
                            {"takes_weights", entry.takesWeights},
                            {"inputs", std::move(inputs)},
                            {"outputs", std::move(outputs)}};
}

static llvm::json::Object toJson(const ProgramOrigin &origin) {
  llvm::json::Object result{{"model", origin.model}};
  if (origin.plan)
    result["plan"] =
        llvm::json::Object{{"digest", origin.plan->digest},
                           {"solver", origin.plan->solver},
                           {"predicted_loss", origin.plan->predictedLoss}};
  return result;
}

uint64_t Manifest::weightBytes() const {
  uint64_t sum = 0;
  for (const Weight &weight : weights)
    sum += weight.bytes;
  return sum;
}

llvm::json::Value Manifest::program() const {
  llvm::json::Object integers;
  for (const auto &attribute : attributes)
    integers[attribute.first()] = attribute.second;
  llvm::json::Array functions, table;
  for (const Entry &entry : entries)
    functions.push_back(toJson(entry));
  for (const Weight &weight : weights)
    table.push_back(llvm::json::Object{
        {"name", weight.global},
        {"type", weight.type},
        {"offset", int64_t(weight.offset)},
        {"bytes", int64_t(weight.bytes)},
        {"stored_bytes", int64_t(weight.storedBytes)},
        {"digest", weight.digest},
    });
  return llvm::json::Object{
      {"name", name},
      {"allot", allotVersion},
      {"llvm", llvmVersion},
      {"header", toJson(header)},
      {"target",
       llvm::json::Object{{"triple", target.triple},
                          {"cpu", target.cpu},
                          {"features", llvm::json::Array(target.features)},
                          {"kernels", kernels}}},
      {"activations", activations},
      {"evaluate", evaluate},
      {"outputs_also", llvm::json::Array(outputsAlso)},
      {"pipeline", pipeline},
      {"attributes", std::move(integers)},
      {"origin", toJson(origin)},
      {"entries", std::move(functions)},
      {"weights", llvm::json::Object{{"file", weightFile.name},
                                     {"file_bytes", int64_t(weightFile.bytes)},
                                     {"bytes", int64_t(weightBytes())},
                                     {"table", std::move(table)}}},
  };
}

std::string Manifest::programDigest() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  // Members are printed in the order of their keys.
  os << program();
  return support::digestHex(llvm::ArrayRef<uint8_t>(
      reinterpret_cast<const uint8_t *>(text.data()), text.size()));
}

std::string Manifest::text() const {
  std::string text;
  llvm::raw_string_ostream os(text);
  os << llvm::formatv("{0:2}\n", llvm::json::Value(llvm::json::Object{
                                     {"format", kFormat},
                                     {"version", kVersion},
                                     {"library", toJson(library)},
                                     {"program", program()},
                                 }));
  return text;
}

std::string Manifest::pathOf(llvm::StringRef folder, const File &file) {
  llvm::SmallString<256> path(folder);
  llvm::sys::path::append(path, file.name);
  return path.str().str();
}

//===----------------------------------------------------------------------===//
// Reading
//===----------------------------------------------------------------------===//

namespace {

/// Reads fields one after the other; the first error ends it.
class Reader {
public:
  void integer(const JsonField &field, uint64_t &value, int64_t low = 0) {
    take(field.integer(low), value);
  }
  void string(const JsonField &field, std::string &value) {
    take(field.string(), value);
    if (!error && value.find('\0') != std::string::npos)
      fail(field.error("holds a zero byte"));
  }
  void strings(const JsonField &field, std::vector<std::string> &values) {
    for (const JsonField &element : elements(field))
      string(element, values.emplace_back());
  }
  void boolean(const JsonField &field, bool &value) {
    take(field.boolean(), value);
  }
  std::vector<JsonField> elements(const JsonField &field) {
    std::vector<JsonField> result;
    take(field.elements(), result);
    return result;
  }

  /// A file of the folder: no path that leads out of it.
  void fileName(const JsonField &field, std::string &name) {
    string(field, name);
    if (!error && (name.empty() || name == "." || name == ".." ||
                   llvm::sys::path::filename(name) != name))
      fail(field.error("is no name of a file in this folder: " +
                       support::quoted(name)));
  }
  void file(const JsonField &field, Manifest::File &file) {
    fileName(field["file"], file.name);
    integer(field["bytes"], file.bytes);
    string(field["digest"], file.digest);
  }

  void parameter(const JsonField &field, Parameter &parameter) {
    string(field["name"], parameter.name);
    std::string dtype;
    string(field["dtype"], dtype);
    auto type = archive::parseDType(dtype);
    if (!error && !type)
      fail(field["dtype"].error("is no type of elements"));
    parameter.dtype = type.value_or(archive::DType::F32);
    for (const JsonField &size : elements(field["shape"])) {
      int64_t d = ShapedType::kDynamic;
      if (!size.isNull())
        take(size.integer(0), d);
      parameter.shape.push_back(d);
    }
    take(field["ids"].integerOr(0, 0), parameter.ids);
    take(field["members"].integerOr(0, 0), parameter.members);
    // Of each dimension, or none at all.
    auto perDimension = [&](const JsonField &list, size_t count) {
      if (!error && count != 0 && count != parameter.shape.size())
        fail(list.error("has an entry for each dimension"));
    };
    if (field["sizes"].exists())
      for (const JsonField &size : elements(field["sizes"]))
        string(size, parameter.sizes.emplace_back());
    perDimension(field["sizes"], parameter.sizes.size());
    if (field["limits"].exists())
      for (const JsonField &limit : elements(field["limits"]))
        take(limit.integer(0), parameter.limits.emplace_back());
    perDimension(field["limits"], parameter.limits.size());
    if (field["default"].exists()) {
      int64_t number = 0;
      take(field["default"].integer(), number);
      parameter.otherwise = number;
    }
  }

  void entry(const JsonField &field, Entry &entry) {
    string(field["name"], entry.name);
    boolean(field["takes_weights"], entry.takesWeights);
    for (const JsonField &input : elements(field["inputs"]))
      parameter(input, entry.inputs.emplace_back());
    for (const JsonField &output : elements(field["outputs"])) {
      parameter(output, entry.outputs.emplace_back());
      int64_t alias = -1;
      if (output["alias"].exists()) {
        std::string name;
        string(output["alias"], name);
        const Parameter *input = entry.input(name);
        if (!error && !input)
          fail(output["alias"].error("names no input: " +
                                     support::quoted(name)));
        else if (!error)
          alias = input - entry.inputs.data();
      }
      entry.aliases.push_back(alias);
    }
  }

  void origin(const JsonField &field, ProgramOrigin &origin) {
    string(field["model"], origin.model);
    if (!field["plan"].exists())
      return;
    ProgramOrigin::Plan &plan = origin.plan.emplace();
    string(field["plan"]["digest"], plan.digest);
    string(field["plan"]["solver"], plan.solver);
    take(field["plan"]["predicted_loss"].number(), plan.predictedLoss);
  }

  void weights(const JsonField &field, Manifest &manifest) {
    fileName(field["file"], manifest.weightFile.name);
    integer(field["file_bytes"], manifest.weightFile.bytes);
    uint64_t total = manifest.weightFile.bytes, sum = 0;
    for (const JsonField &row : elements(field["table"])) {
      Manifest::Weight &weight = manifest.weights.emplace_back();
      string(row["name"], weight.global);
      string(row["type"], weight.type);
      integer(row["offset"], weight.offset);
      integer(row["bytes"], weight.bytes);
      integer(row["stored_bytes"], weight.storedBytes);
      string(row["digest"], weight.digest);
      if (error)
        return;
      if (weight.offset > total || weight.bytes > total - weight.offset)
        return fail(row["bytes"].error("reaches beyond the end of the file"));
      if (weight.offset % 64)
        return fail(row["offset"].error("is no multiple of 64"));
      sum += weight.bytes;
    }
    uint64_t bytes = 0;
    integer(field["bytes"], bytes);
    if (!error && bytes != sum)
      fail(field["bytes"].error("is not the sum over the table, " +
                                llvm::Twine(sum)));
  }

  void fail(llvm::Error failure) {
    if (error)
      llvm::consumeError(std::move(failure));
    else
      error = std::move(failure);
  }

  llvm::Error error = llvm::Error::success();

private:
  template <typename From, typename To>
  void take(llvm::Expected<From> from, To &to) {
    if (!from)
      return fail(from.takeError());
    if (!error)
      to = To(std::move(*from));
  }
};

} // namespace

llvm::Expected<Manifest> Manifest::read(llvm::StringRef folder) {
  auto document =
      archive::JsonDocument::open(pathOf(folder, {kFileName.str(), 0, ""}));
  if (!document)
    return document.takeError();
  JsonField root = (*document)->root();
  auto format = root["format"].string();
  if (!format)
    return format.takeError();
  if (*format != kFormat)
    return root["format"].error("is not " + support::quoted(kFormat));
  auto version = root["version"].integer();
  if (!version)
    return version.takeError();
  if (*version != kVersion)
    return root["version"].error("is " + llvm::Twine(*version) +
                                 ", this loader takes " +
                                 llvm::Twine(kVersion));
  Manifest manifest;
  Reader reader;
  reader.file(root["library"], manifest.library);
  JsonField program = root["program"];
  reader.string(program["name"], manifest.name);
  reader.string(program["allot"], manifest.allotVersion);
  reader.string(program["llvm"], manifest.llvmVersion);
  reader.file(program["header"], manifest.header);
  JsonField target = program["target"];
  reader.string(target["triple"], manifest.target.triple);
  reader.string(target["cpu"], manifest.target.cpu);
  reader.strings(target["features"], manifest.target.features);
  reader.string(target["kernels"], manifest.kernels);
  reader.string(program["activations"], manifest.activations);
  reader.string(program["evaluate"], manifest.evaluate);
  reader.strings(program["outputs_also"], manifest.outputsAlso);
  reader.string(program["pipeline"], manifest.pipeline);
  auto attributes = program["attributes"].members();
  if (!attributes)
    reader.fail(attributes.takeError());
  else
    for (const auto &[name, field] : *attributes) {
      auto value = field.integer();
      if (!value)
        reader.fail(value.takeError());
      else
        manifest.attributes[name] = *value;
    }
  reader.origin(program["origin"], manifest.origin);
  llvm::StringSet<> names;
  for (const JsonField &field : reader.elements(program["entries"])) {
    Entry &entry = manifest.entries.emplace_back();
    reader.entry(field, entry);
    if (!names.insert(entry.name).second)
      reader.fail(field["name"].error("two entries are called " +
                                      support::quoted(entry.name)));
  }
  reader.weights(program["weights"], manifest);
  if (reader.error)
    return std::move(reader.error);
  return manifest;
}
