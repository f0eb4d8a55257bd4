//===- StoredWeights.h - the numbers behind weight globals ------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_ARCHIVE_STOREDWEIGHTS_H
#define ALLOT_ARCHIVE_STOREDWEIGHTS_H

#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Support/MappedFile.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/BuiltinOps.h"
#include "llvm/ADT/DenseMap.h"
#include "llvm/ADT/StringMap.h"
#include "llvm/Support/Error.h"
#include <memory>
#include <string>
#include <vector>

namespace allot::archive {

/// Where a file named by `#format.stored` lies: relative names are relative to
/// `folder`, the folder of the module's own file.
std::string resolveStoredPath(llvm::StringRef folder, llvm::StringRef file);

/// The files behind the weight globals of a module, each mapped once and
/// checked against its digest when it is first used. Errors name file and
/// tensor. Not thread-safe.
class StoredWeights {
public:
  explicit StoredWeights(llvm::StringRef folder) : folder(folder.str()) {}
  llvm::StringRef path() const { return folder; }

  /// The bytes of a tensor as they stand in its file; those of one in two parts
  /// are put together in memory, and stay.
  llvm::Expected<llvm::ArrayRef<uint8_t>> bytes(format::StoredAttr stored);
  /// The bytes of a global in its file, checked to be as many as its format
  /// takes.
  llvm::Expected<llvm::ArrayRef<uint8_t>>
  bytes(mlir::ml_program::GlobalOp global);

  /// Decodes rows `[first, first + count)` of a global into `out` (count x
  /// columns, f32), with `row_interleave` undone. A vector has one column.
  llvm::Error readRows(mlir::ml_program::GlobalOp global, int64_t first,
                       int64_t count, llvm::MutableArrayRef<float> out);
  /// The given rows, one after the other.
  llvm::Expected<std::vector<float>>
  readRows(mlir::ml_program::GlobalOp global, llvm::ArrayRef<int64_t> rows);
  /// A whole global, decoded, row-major.
  llvm::Expected<std::vector<float>>
  read(mlir::ml_program::GlobalOp global);

  /// Lets go of the pages of all files (they are read again on demand).
  void dropPages() const;

private:
  struct File {
    std::shared_ptr<const support::MappedFile> mapping;
    std::string digest;
  };
  std::string folder;
  llvm::StringMap<File> files;
  /// Tensors that a file keeps in two parts.
  llvm::DenseMap<mlir::Attribute, std::vector<uint8_t>> joined;
};

/// Whether `path` is a file that weight globals of the module lie in: writing it
/// would destroy them.
bool holdsWeightsOf(mlir::ModuleOp module, llvm::StringRef folder,
                    llvm::StringRef path);

/// Rows and columns of a weight: leading dimensions are folded into rows, a
/// vector is N x 1.
std::pair<int64_t, int64_t> matrixShape(mlir::RankedTensorType type);

/// The folder of the file that a module was parsed from, by its location; empty
/// where it says nothing.
std::string moduleFolder(mlir::ModuleOp module);

} // namespace allot::archive

#endif // ALLOT_ARCHIVE_STOREDWEIGHTS_H
