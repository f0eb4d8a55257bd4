//===- Dequantize.cpp - allot dequantize ------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "allot/Archive/GGUF.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Codec/Codec.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Runtime/Tensor.h"
#include "allot/Support/Error.h"
#include "mlir/IR/Diagnostics.h"
#include "mlir/IR/MLIRContext.h"

using namespace allot;
using namespace allot::tool;

namespace {

class DequantizeCommand : public Subcommand {
public:
  DequantizeCommand()
      : Subcommand("dequantize", "Decode raw blocks, tensor `bytes` [rows, "
                                 "bytes of a row], to numbers, tensor `values` "
                                 "[rows, columns]") {}

  llvm::Error run() override {
    const archive::GGMLType *stored = archive::findGGMLType(type);
    mlir::MLIRContext context(registry());
    FormatAttrInterface format =
        stored ? format::getFormatByName(&context,
                                         llvm::StringRef(stored->name).lower())
               : FormatAttrInterface();
    if (!format)
      return llvm::createStringError("--type: " + support::quoted(type) +
                                     " is no storage type that can be read");
    auto file = archive::SafetensorsFile::open(input);
    if (!file)
      return file.takeError();
    auto tensor = (*file)->get("bytes");
    if (!tensor)
      return tensor.takeError();
    const archive::TensorEntry &entry = **tensor;
    auto failed = [&](const llvm::Twine &message) {
      return support::tensorError(input, entry.name, message);
    };
    if (entry.dtype != archive::DType::U8 || entry.shape.size() != 2)
      return failed(
          "holds the raw blocks of rows, U8 of rank 2, but has shape " +
          support::shapeString(entry.shape));
    int64_t rows = entry.shape[0], rowBytes = entry.shape[1];
    if (rows < 1 || rowBytes < 1 || rowBytes % stored->bytesPerBlock)
      return failed("has " + llvm::Twine(rowBytes) +
                    " bytes in a row, which are no whole blocks of " +
                    llvm::Twine(stored->bytesPerBlock) + " bytes");
    llvm::SmallVector<int64_t> shape{rows, rowBytes / stored->bytesPerBlock *
                                               stored->blockSize};
    auto values = codec::decode(format, (*file)->data(entry), shape);
    if (!values)
      return failed(llvm::toString(values.takeError()));
    auto result = runtime::Tensor::create("values", archive::DType::F32, shape);
    if (!result)
      return result.takeError();
    llvm::copy(*values, result->values<float>().begin());
    return runtime::writeTensors(output, *result);
  }

private:
  cl::opt<std::string> input{cl::Positional, cl::Required,
                             cl::desc("<blocks: .safetensors>"),
                             cl::sub(command), cl::cat(category)};
  cl::opt<std::string> type{"type",
                            cl::Required,
                            cl::value_desc("name"),
                            cl::desc("Storage type by its name in GGUF files, "
                                     "such as Q4_0 or MXFP4"),
                            cl::sub(command),
                            cl::cat(category)};
  cl::opt<std::string> output{"o",
                              cl::Required,
                              cl::value_desc("file"),
                              cl::desc("Safetensors file to write"),
                              cl::sub(command),
                              cl::cat(category)};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeDequantizeCommand() {
  return std::make_unique<DequantizeCommand>();
}
