//===- BenchModule.cpp - the module around a kernel -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kernel is measured inside a module that is compiled and run as any other:
// one function per copy of the matrix, so that a matrix which was just read is
// not met again before everything in the caches was replaced.
//
//===----------------------------------------------------------------------===//

#include "BenchKernels.h"
#include "allot/Archive/FileDigest.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Support/AtomicFile.h"
#include "allot/Support/Error.h"
#include "mlir/IR/MLIRContext.h"
#include "llvm/Support/FileSystem.h"
#include "llvm/Support/FormatVariadic.h"
#include "llvm/Support/Path.h"
#include "llvm/Support/Signals.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;
using archive::DType;
using runtime::Tensor;

llvm::Expected<BankCase> BankCase::parse(llvm::StringRef text) {
  llvm::StringRef rest = text;
  BankCase bank;
  bool valid = !rest.consumeInteger(10, bank.members) && bank.members >= 1 &&
               bank.members <= 1024;
  if (valid && rest != "rotation") {
    valid = rest.consume_front("r") && !rest.consumeInteger(10, bank.low) &&
            bank.low >= 1;
    bank.high = bank.low;
    if (valid && rest.consume_front("-"))
      valid = !rest.consumeInteger(10, bank.high);
    valid = valid && rest.empty() && bank.high >= bank.low && bank.high <= 4096;
  }
  if (!valid)
    return llvm::createStringError(
        "--banks: %s is no bank: wanted such as 64r4-64 or 64rotation, at most "
        "1024 members of ranks to 4096",
        support::quoted(text).c_str());
  return bank;
}

std::string BankCase::name() const {
  if (!low)
    return llvm::formatv("bank{0}rotation", members);
  if (low == high)
    return llvm::formatv("bank{0}r{1}", members, low);
  return llvm::formatv("bank{0}r{1}-{2}", members, low, high);
}

std::string KernelCase::name() const {
  std::string text =
      llvm::formatv("linear_{0}_{1}x{2}_n{3}", format, m, k, n).str();
  if (bank.members)
    return text + "_" + bank.name();
  return rank ? text + "_r" + std::to_string(rank) : text;
}

llvm::Expected<TemporaryFile> TemporaryFile::create(llvm::StringRef suffix) {
  llvm::SmallString<128> path;
  if (std::error_code code =
          llvm::sys::fs::createTemporaryFile("allot-bench", suffix, path))
    return llvm::createStringError(code,
                                   "no temporary file: " + code.message());
  llvm::sys::RemoveFileOnSignal(path);
  return TemporaryFile(path.str().str());
}

TemporaryFile::~TemporaryFile() {
  if (path.empty())
    return;
  llvm::sys::fs::remove(path);
  llvm::sys::DontRemoveFileOnSignal(path);
}

std::vector<float> tool::randomNumbers(uint64_t count, uint64_t seed) {
  std::vector<float> values(count);
  uint64_t state = seed * 0x9e3779b97f4a7c15u + 1;
  for (float &value : values) {
    state ^= state << 13;
    state ^= state >> 7;
    state ^= state << 17;
    value = float(int32_t(state >> 32)) * 0x1p-31f;
  }
  return values;
}

/// `%bank` of maps that each contain `%dense`.
static void printBank(llvm::raw_ostream &os, const BankCase &bank, int64_t m,
                      llvm::StringRef map,
                      llvm::function_ref<std::string(llvm::StringRef)> typeOf) {
  std::string square = llvm::formatv("!adapter.map<{0}x{0}, f32>", m),
              vector = llvm::formatv("tensor<{0}xf32>", m);
  if (!bank.low) {
    os << "  %swap = adapter.permutation [";
    for (int64_t i = 0; i < m; ++i)
      os << (i ? ", " : "") << (i ^ 1);
    os << "] : " << square << "\n";
  }
  std::string members, types;
  for (int64_t member = 0; member < bank.members; ++member) {
    std::string number = std::to_string(member);
    auto line = [&](llvm::StringRef name, const std::string &text) {
      os << "  %" << name << number << " = " << text << "\n";
    };
    auto of = [&](llvm::StringRef name) { return "%" + name.str() + number; };
    if (bank.low) {
      line("low", "adapter.lowrank " + of("b") + ", " + of("a") + " : " +
                      typeOf("b" + number) + ", " + typeOf("a" + number));
      line("term", "adapter.scale " + of("low") + " by 2.0 : " + map.str());
      line("member", "adapter.sum %dense, " + of("term") + " : " + map.str());
    } else {
      for (llvm::StringRef name : {"c", "s"}) {
        std::string plain = "plain_" + name.str(), diagonal = "d" + name.str();
        line(plain, "format.decode " + of(name) + " : " +
                        typeOf(name.str() + number) + " -> " + vector);
        line(diagonal, "adapter.diagonal " + of(plain) + " : " + vector);
      }
      line("turned", "adapter.compose " + of("ds") + ", %swap : " + square +
                         ", " + square);
      line("rotation",
           "adapter.sum " + of("dc") + ", " + of("turned") + " : " + square);
      line("member", "adapter.compose " + of("rotation") +
                         ", %dense : " + square + ", " + map.str());
    }
    members += (member ? ", " : "") + of("member");
    types += (member ? ", " : "") + map.str();
  }
  os << "  %bank = adapter.bank " << members << " : " << types << "\n";
}

llvm::Expected<LoadedKernel> tool::loadKernel(const KernelCase &c,
                                              unsigned threads,
                                              const ProgramFlags &flags,
                                              mlir::MLIRContext &context) {
  auto formatOf = [&](llvm::StringRef name) {
    return format::getFormatByName(&context, name);
  };
  struct Matrix {
    std::string name, format;
    int64_t rows, columns;
    std::vector<uint8_t> bytes = {};
  };
  std::vector<Matrix> matrices = {{"w", c.format, c.m, c.k}};
  if (c.rank) {
    matrices.push_back({"b", "f16", c.m, c.rank});
    matrices.push_back({"a", "f16", c.rank, c.k});
  }
  const BankCase &bank = c.bank;
  for (int64_t member = 0; member < bank.members; ++member) {
    std::string number = std::to_string(member);
    if (bank.low) {
      matrices.push_back({"b" + number, "f16", c.m, bank.rankOf(member)});
      matrices.push_back({"a" + number, "f16", bank.rankOf(member), c.k});
    } else {
      matrices.push_back({"c" + number, "f32", 1, c.m});
      matrices.push_back({"s" + number, "f32", 1, c.m});
    }
  }
  std::vector<archive::TensorSpec> specs;
  uint64_t bytes = 0;
  for (auto [i, matrix] : llvm::enumerate(matrices)) {
    std::vector<float> values =
        randomNumbers(uint64_t(matrix.rows) * matrix.columns, i + 1);
    auto encoded = codec::encodeRoundToNearest(formatOf(matrix.format), values,
                                               {matrix.rows, matrix.columns});
    if (!encoded)
      return llvm::createStringError(
          "%s: %s", c.name().c_str(),
          llvm::toString(encoded.takeError()).c_str());
    matrix.bytes = std::move(*encoded);
    bytes += matrix.bytes.size();
    specs.push_back({matrix.name, DType::U8, {int64_t(matrix.bytes.size())}});
  }
  auto weights = TemporaryFile::create("safetensors"),
       module = TemporaryFile::create("mlir");
  if (!weights || !module)
    return llvm::joinErrors(weights.takeError(), module.takeError());
  auto writer = archive::SafetensorsWriter::create(weights->path, specs);
  if (!writer)
    return writer.takeError();
  for (const Matrix &matrix : matrices)
    if (llvm::Error error = (*writer)->write(matrix.name, matrix.bytes))
      return std::move(error);
  if (llvm::Error error = (*writer)->commit())
    return std::move(error);
  auto digest = archive::fileDigest(weights->path);
  if (!digest)
    return digest.takeError();

  // A matrix that meets one vector must come from memory. One so small that
  // 128 copies lie in the caches stays there; many vectors reuse it anyway.
  uint64_t copies = llvm::divideCeil(runtime::coldBytes(), bytes) + 1;
  if (c.n > 16 || bytes * 128 < runtime::lastLevelCacheBytes())
    copies = 4;
  copies = std::clamp<uint64_t>(copies, 4, 128);
  std::string text;
  llvm::raw_string_ostream os(text);
  auto typeOf = [&](const Matrix &matrix) {
    std::string type;
    llvm::raw_string_ostream os(type);
    os << "tensor<";
    // A matrix of one row is a vector here.
    if (matrix.rows > 1)
      os << matrix.rows << "x";
    os << matrix.columns << "xf32, " << mlir::Attribute(formatOf(matrix.format))
       << ">";
    return type;
  };
  for (uint64_t copy = 0; copy < copies; ++copy) {
    for (const Matrix &matrix : matrices) {
      const archive::TensorEntry *entry = (*writer)->find(matrix.name);
      os << "ml_program.global private @" << matrix.name << copy
         << "(#format.stored<\"" << llvm::sys::path::filename(weights->path)
         << "\", tensor = \"" << matrix.name << "\", offset = " << entry->offset
         << ", bytes = " << entry->bytes << ", digest = \"" << *digest
         << "\">) : " << typeOf(matrix) << "\n";
    }
    std::string x = llvm::formatv("tensor<?x{0}xf32>", c.k),
                y = llvm::formatv("tensor<?x{0}xf32>", c.m),
                map = llvm::formatv("!adapter.map<{0}x{1}, f32>", c.m, c.k);
    os << "func.func @copy" << copy << "(%x: " << x << " {allot.name = \"x\"}"
       << (bank.members ? ", %ids: tensor<?xi32> {allot.name = \"ids\"}" : "")
       << ") -> (" << y << " {allot.name = \"y\"}) {\n";
    for (const Matrix &matrix : matrices)
      os << "  %" << matrix.name << " = ml_program.global_load_const @"
         << matrix.name << copy << " : " << typeOf(matrix) << "\n";
    os << "  %dense = adapter.dense %w : " << typeOf(matrices[0]) << "\n";
    if (c.rank)
      os << "  %low = adapter.lowrank %b, %a : " << typeOf(matrices[1]) << ", "
         << typeOf(matrices[2])
         << "\n  %term = adapter.scale %low by 2.0 : " << map
         << "\n  %map = adapter.sum %dense, %term : " << map << "\n";
    std::string application =
        (c.rank ? "%map" : "%dense") + std::string(", %x");
    std::string applied = map;
    if (bank.members) {
      printBank(os, bank, c.m, map, [&](llvm::StringRef name) {
        for (const Matrix &matrix : matrices)
          if (matrix.name == name)
            return typeOf(matrix);
        return std::string();
      });
      application =
          "%bank, %x ids(%ids : tensor<?xi32>) otherwise(%dense : " + map + ")";
      applied = llvm::formatv("!adapter.map<{0}x{1}x{2}, f32>", bank.members,
                              c.m, c.k);
    }
    os << "  %y = adapter.apply " << application << " {site = \"copy" << copy
       << "\"} : " << applied << ", " << x << " -> " << y
       << "\n  return %y : " << y << "\n}\n";
  }
  if (llvm::Error error = support::writeFileAtomically(module->path, text))
    return std::move(error);

  auto program = flags.load(module->path, {}, nullptr);
  if (!program)
    return program.takeError();
  LoadedKernel loaded;
  loaded.files.push_back(std::move(*weights));
  loaded.files.push_back(std::move(*module));
  loaded.program = std::move(*program);
  for (uint64_t copy = 0; copy < copies; ++copy) {
    auto entry = loaded.program->get("copy" + std::to_string(copy));
    if (!entry)
      return entry.takeError();
    loaded.entries.push_back(*entry);
  }
  auto x = Tensor::create("x", DType::F32, {c.n, c.k});
  if (!x)
    return x.takeError();
  llvm::copy(randomNumbers(x->numElements(), 7), x->values<float>().begin());
  loaded.inputs.push_back(*x);
  if (bank.members) {
    auto ids = Tensor::create("ids", DType::I32, {c.n});
    if (!ids)
      return ids.takeError();
    for (auto [row, id] : llvm::enumerate(ids->values<int32_t>()))
      id = int32_t(row % bank.members);
    loaded.inputs.push_back(*ids);
  }

  BenchRow &row = loaded.row;
  CodeGrid grid = formatOf(c.format).getCodeGrid();
  row.name = c.name();
  row.format = c.format;
  // What has no codes is met in f32 whatever was asked for.
  row.activations = grid.bits ? activationsName(flags) : "f32";
  row.target = targetName(flags);
  row.block = grid.bits ? grid.block : 1;
  row.m = c.m;
  row.k = c.k;
  row.n = c.n;
  row.rank = std::max(c.rank, bank.high);
  row.experts = bank.members;
  row.threads = threads;
  row.bytes = loaded.program->stats().weightBytes / copies;
  row.flops = 2.0 * double(c.n) *
              (double(c.m) * double(c.k) + double(c.rank) * double(c.m + c.k));
  for (int64_t i = 0; i < (bank.members ? c.n : 0); ++i)
    row.flops += bank.low ? 2.0 * double(bank.rankOf(i % bank.members)) *
                                double(c.m + c.k)
                          : 3.0 * double(c.m);
  return loaded;
}
