//===- CHeader.cpp - the header of a compiled program -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "CInterface.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/StringExtras.h"
#include "llvm/ADT/StringSet.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::runtime;
using archive::DType;
using mlir::ShapedType;

std::string runtime::cIdentifier(llvm::StringRef name) {
  // Of C and C++, as far as they may be names of tensors.
  static const llvm::StringSet<> keywords = {
      "auto",   "bool",   "break",  "case",     "catch",    "char",
      "class",  "const",  "delete", "default",  "do",       "double",
      "else",   "enum",   "extern", "float",    "for",      "goto",
      "if",     "inline", "int",    "long",     "new",      "operator",
      "not",    "or",     "and",    "private",  "public",   "register",
      "return", "short",  "signed", "sizeof",   "static",   "struct",
      "switch", "this",   "throw",  "template", "typedef",  "union",
      "using",  "void",   "while",  "volatile", "unsigned", "virtual"};
  std::string result;
  for (char c : name)
    result += llvm::isAlnum(c) ? c : '_';
  if (result.empty() || llvm::isDigit(result[0]))
    result.insert(result.begin(), '_');
  return keywords.contains(result) ? result + "_" : result;
}

/// `wanted`, or with a number behind it what is not taken yet.
static std::string unique(llvm::StringSet<> &taken, std::string wanted) {
  std::string name = wanted;
  for (unsigned n = 2; !taken.insert(name).second; ++n)
    name = wanted + "_" + std::to_string(n);
  return name;
}

CNames::CNames(const Manifest &manifest) : prefix(manifest.name) {
  llvm::StringSet<> functions;
  for (llvm::StringRef name :
       {"open", "close", "set_threads", "cache_bytes", "program"})
    functions.insert(of(name));
  for (const Entry &entry : manifest.entries) {
    EntryNames &names = entries.emplace_back();
    names.function = unique(functions, of(cIdentifier(entry.name)));
    functions.insert(names.function + "_free");
    functions.insert(names.function + "_args");
    llvm::StringSet<> fields;
    fields.insert("owned");
    for (const Parameter &input : entry.inputs) {
      names.inputs.push_back(unique(fields, cIdentifier(input.name)));
      fields.insert(names.inputs.back() + "_size");
    }
    for (auto [output, alias] : llvm::zip_equal(entry.outputs, entry.aliases)) {
      names.outputs.push_back(alias >= 0
                                  ? names.inputs[alias]
                                  : unique(fields, cIdentifier(output.name)));
      fields.insert(names.outputs.back() + "_size");
    }
  }
}

std::string CNames::of(llvm::StringRef function) const {
  return prefix + "_" + function.str();
}

std::string CNames::descriptionSymbol(llvm::StringRef name) {
  return (name + "_allot_description").str();
}

bool runtime::hasCache(const Entry &entry) {
  auto is = [&](llvm::StringRef name, DType dtype, size_t rank) {
    const Parameter *input = entry.input(name);
    return input && input->dtype == dtype && input->shape.size() == rank;
  };
  if (!is("tokens", DType::I32, 2) || !is("count", DType::I32, 1) ||
      !is("past", DType::I32, 1) || !is("cache", DType::F32, 6))
    return false;
  const Parameter *cache = entry.input("cache");
  for (size_t d = 0; d < 6; ++d)
    if (ShapedType::isDynamic(cache->shape[d]) != (d == 2 || d == 3))
      return false;
  return true;
}

static llvm::StringRef cType(DType dtype) {
  switch (dtype) {
  case DType::F32:
    return "float";
  case DType::I32:
    return "int32_t";
  case DType::I64:
    return "int64_t";
  default:
    return "uint16_t";
  }
}

/// What a comment says about a tensor.
static std::string describe(const Parameter &parameter) {
  std::string text = "[";
  for (auto [d, size] : llvm::enumerate(parameter.shape))
    text += (d ? ", " : "") +
            (ShapedType::isDynamic(size) ? "any" : std::to_string(size));
  text += "]";
  if (parameter.dtype == DType::F16)
    text += ", half precision";
  if (parameter.ids > 0)
    text += ", 0 to " + std::to_string(parameter.ids - 1);
  for (auto [d, limit] : llvm::enumerate(parameter.limits))
    if (limit > 0)
      text +=
          ", size " + std::to_string(d) + " at most " + std::to_string(limit);
  if (parameter.otherwise)
    text += ", usually " + std::to_string(*parameter.otherwise);
  if (parameter.members > 0)
    text +=
        ", 0 to " + std::to_string(parameter.members - 1) + ", or -1 for none";
  return text;
}

static void declareField(llvm::raw_ostream &os, llvm::StringRef qualifier,
                         const Parameter &parameter, llvm::StringRef name,
                         llvm::StringRef note) {
  os << "  " << qualifier << cType(parameter.dtype) << " *" << name << ";";
  // The name in a model may be anything; nothing of it may end the comment.
  os << " /* " << note << describe(parameter) << " */\n";
  if (!parameter.shape.empty())
    os << "  int64_t " << name << "_size[" << parameter.shape.size() << "];\n";
}

static void declareEntry(llvm::raw_ostream &os, const Entry &entry,
                         const CNames::EntryNames &names,
                         llvm::StringRef program) {
  const std::string &f = names.function;
  os << "\ntypedef struct " << f << "_args {\n";
  for (auto [i, input] : llvm::enumerate(entry.inputs)) {
    bool updated = llvm::is_contained(entry.aliases, int64_t(i));
    declareField(os, updated ? "" : "const ", input, names.inputs[i],
                 updated ? "in and out: " : "in: ");
  }
  unsigned results = 0;
  for (auto [i, output] : llvm::enumerate(entry.outputs))
    if (entry.aliases[i] < 0) {
      declareField(os, "", output, names.outputs[i], "out: ");
      ++results;
    }
  if (results)
    os << "  void *owned[" << results << "]; /* freed by " << f << "_free */\n";
  else if (entry.inputs.empty())
    os << "  void *unused;\n";
  os << "} " << f << "_args;\n"
     << "int " << f << "(const " << program << " *program, " << f
     << "_args *args, char *message, size_t message_size);\n";
  if (results)
    os << "/* Frees what the call put out. */\n"
       << "void " << f << "_free(" << f << "_args *args);\n";
}

std::string runtime::cHeader(const Manifest &manifest, const CNames &names) {
  std::string text;
  llvm::raw_string_ostream os(text);
  std::string guard =
      llvm::StringRef(cIdentifier(manifest.name)).upper() + "_ALLOT_H";
  std::string program = names.of("program");
  os << "/* " << manifest.header.name << " - a program compiled by Allot "
     << manifest.allotVersion << "\n"
     << R"( *
 * Link with the library beside this file. Tensors are dense and row-major; of
 * each the caller gives a pointer and its sizes. Results are put into new
 * memory, which the caller has freed. Functions that return int give 0, or -1
 * with a message. A message is cut to message_size bytes and may be NULL.
 *
 * A program is constant once it is open: several threads may run it at the same
 * time, each with arguments (and a cache) of its own.
 */
)" << "#ifndef "
     << guard << "\n#define " << guard << "\n"
     << R"(
#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

)" << "typedef struct "
     << program << " " << program << ";\n\n"
     << R"(/* Checks that this processor has what the code needs, maps the weights and
 * checks that they are those of this code. `folder` is where they lie; NULL: where
 * this library lies. NULL, with a message, where that fails. */
)" << program
     << " *" << names.of("open")
     << "(const char *folder, char *message, size_t message_size);\n"
     << "void " << names.of("close") << "(" << program << " *program);\n"
     << "/* Threads of each run from now on, not to be called during one; 0: "
        "one "
        "per\n * processor, as it is at first. */\n"
     << "void " << names.of("set_threads") << "(" << program
     << " *program, int threads);\n";
  if (llvm::any_of(manifest.entries, hasCache))
    os << "/* Bytes of the cache for `batch` rows of `capacity` tokens, sizes "
          "[.., "
          ".., batch,\n * capacity, .., ..]; it begins as zeros. -1 where that "
          "is "
          "no possible size. */\n"
       << "int64_t " << names.of("cache_bytes")
       << "(int64_t batch, int64_t capacity);\n";
  for (auto [entry, entryNames] :
       llvm::zip_equal(manifest.entries, names.entries))
    declareEntry(os, entry, entryNames, program);
  os << R"(
#ifdef __cplusplus
}
#endif

#endif
)";
  return text;
}
