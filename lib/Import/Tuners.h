//===- Tuners.h - the kinds of adapters -------------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// A kind of adapter is an entry of a table: the names of its tensors, the
// fields of its configuration, and a function that reads what it does to one
// module. Everything else (which modules, biases, modules saved whole, tensors
// that nothing explains) is common to all.
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_TUNERS_H
#define ALLOT_LIB_IMPORT_TUNERS_H

#include "FormBuilder.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Import/AdapterConfig.h"
#include "llvm/ADT/DenseSet.h"
#include "llvm/ADT/StringMap.h"
#include <any>
#include <optional>

namespace allot::importer {

/// The tensors of an adapter that belong to one module, by the end of their
/// names; or those that belong to all.
using AdapterTensors = llvm::StringMap<const archive::TensorEntry *>;

/// What is read for one module.
class ModuleReader {
public:
  const ModuleInfo &module;
  llvm::ArrayRef<ModuleInfo> modules;
  const AdapterSource &source;
  const AdapterConfig &config;
  const archive::SafetensorsFile &file;
  const AdapterTensors &own, &shared;
  llvm::StringRef digest;
  /// What has been asked for; anything else is an error.
  llvm::DenseSet<const archive::TensorEntry *> &used;
  /// What the kind keeps from one module of an adapter to the next.
  std::any &memory;
  AdapterForm form;
  /// Tensors that stand for the module's own weight and bias.
  const archive::TensorEntry *weight = nullptr, *bias = nullptr;

  /// The tensor whose name ends in `suffix`; an error where there is none.
  llvm::Expected<const archive::TensorEntry *>
  need(llvm::StringRef suffix) const;
  /// The same, or null.
  const archive::TensorEntry *find(llvm::StringRef suffix) const {
    const archive::TensorEntry *entry = own.lookup(suffix);
    used.insert(entry);
    return entry;
  }
  /// A tensor that belongs to the whole adapter.
  llvm::Expected<const archive::TensorEntry *>
  needShared(llvm::StringRef name) const;

  /// Makes a tensor a part of the form, after a check of its shape: -1 stands
  /// for any size. It holds floats, or integers where it is `whole`.
  llvm::Error add(llvm::StringRef part, const archive::TensorEntry &entry,
                  llvm::ArrayRef<int64_t> shape, bool whole = false);
  /// need and add.
  llvm::Expected<const archive::TensorEntry *>
  addNeeded(llvm::StringRef part, llvm::StringRef suffix,
            llvm::ArrayRef<int64_t> shape);
  /// The same of whole numbers, which must be at least 0 and below `limit`.
  llvm::Expected<const archive::TensorEntry *>
  addIndices(llvm::StringRef part, llvm::StringRef suffix,
             llvm::ArrayRef<int64_t> shape, int64_t limit);
  /// addShared where the adapter has such a tensor, else the module's own.
  llvm::Expected<const archive::TensorEntry *>
  addSharedOrNeeded(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);
  llvm::Expected<const archive::TensorEntry *>
  addShared(llvm::StringRef name, llvm::ArrayRef<int64_t> shape);

  /// The numbers of a tensor of integers.
  llvm::Expected<std::vector<int64_t>>
  integers(const archive::TensorEntry &entry) const;

  /// The rank of the module: of `rank_pattern`, or the field.
  llvm::Expected<int64_t> rank(llvm::StringRef field = "r",
                               int64_t missing = 8) const;
  llvm::Expected<double> alpha(llvm::StringRef field, double missing) const;
  /// An error where `rank` is not what the configuration says.
  llvm::Error checkRank(int64_t rank, const archive::TensorEntry &entry,
                        llvm::StringRef field = "r") const;
  /// `source.weight * factor`, which must be finite.
  llvm::Expected<double> scaled(double factor, llvm::StringRef field) const;
  /// An error where the adapter is to be weighted: its map is no sum of the
  /// module's and one of its own.
  llvm::Error unweighted() const;

  /// Adds to the form's key.
  void depends(double number);
  void depends(llvm::StringRef text);

  llvm::Error error(const archive::TensorEntry &entry,
                    const llvm::Twine &what) const;
  llvm::Error fieldError(llvm::StringRef field, const llvm::Twine &what) const;
};

struct Tuner {
  /// `peft_type`.
  llvm::StringLiteral type;
  /// Of the tensors of a module. Longer ones first where one ends another. A
  /// `*` stands for a number.
  llvm::ArrayRef<llvm::StringLiteral> suffixes;
  /// Names of the tensors of all modules.
  llvm::ArrayRef<llvm::StringLiteral> shared;
  /// Fields that `read` reads, or that say nothing about the map.
  llvm::ArrayRef<llvm::StringLiteral> fields;
  /// The kinds of modules that it can be put on.
  llvm::ArrayRef<ModuleKind> kinds;
  /// Fills `form.map`, `form.apply` and `form.bias`, or `weight` and `bias`.
  llvm::Error (*read)(ModuleReader &);
  /// What is done to a module is done to those that share its weight.
  bool keepsTied = false;
  /// Whether it is put on a module of such a kind; null: as the options that
  /// all kinds have say.
  bool (*targets)(const AdapterConfig &, const ModuleInfo &,
                  llvm::ArrayRef<ModuleInfo>) = nullptr;
  /// It is on all modules of its kinds, and its options name none.
  bool everywhere = false;
  /// It can be put on parameters of experts.
  bool onExperts = false;
};

/// Rows of a table by the list in `field`; the tensor with this suffix holds
/// what stands for them.
llvm::Error readTokenRows(ModuleReader &reader, const archive::JsonField &field,
                          llvm::StringRef suffix);

/// What whole models read of an adapter's configuration before its tensors.
inline constexpr llvm::StringLiteral replicationField = "layer_replication";
/// The size n of a skew-symmetric matrix with n (n - 1) / 2 entries above the
/// diagonal, or 0.
int64_t skewSize(int64_t entries);
/// Upper triangles of skew-symmetric matrices K, one a row: those of
/// K min(1, limit / |K|), |K| the Frobenius norm.
mlir::Value limitSkew(FormBuilder &f, mlir::Value triangles, double limit);

/// The kinds that are known, by `peft_type`.
llvm::ArrayRef<const Tuner *> tuners();

/// Kinds of modules, for tables.
inline constexpr ModuleKind matrices[] = {ModuleKind::Linear,
                                          ModuleKind::Conv1D};
inline constexpr ModuleKind matricesAndEmbeddings[] = {
    ModuleKind::Linear, ModuleKind::Conv1D, ModuleKind::Embedding};
inline constexpr ModuleKind norms[] = {ModuleKind::Norm};

// A file for one kind, or for a family.
extern const Tuner loraTuner, adaLoraTuner, tinyLoraTuner;
extern const Tuner ia3Tuner, roadTuner, missTuner;
extern const Tuner veraTuner, pveraTuner, randLoraTuner;
extern const Tuner beftTuner, normTuner;
extern const Tuner vbLoraTuner, uniLoraTuner, tokensTuner;
extern const Tuner lohaTuner, lokrTuner, hiraTuner, gloraTuner;
extern const Tuner oftTuner, boftTuner, hraTuner, c3aTuner;
extern const Tuner shiraTuner, supertuningTuner, fourierTuner, waveletTuner;
extern const Tuner deloraTuner, deftTuner, graLoraTuner;
extern const Tuner peanutTuner, lilyTuner, polyTuner;
extern const Tuner adaptionPromptTuner, promptTuner, pTuner, prefixTuner;
extern const Tuner osfTuner, psoftTuner, frodTuner;

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_TUNERS_H
