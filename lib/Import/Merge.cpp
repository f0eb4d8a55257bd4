//===- Merge.cpp - weights with their adapters merged in --------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/Merge.h"
#include "allot/Archive/Safetensors.h"
#include "allot/Archive/StoredWeights.h"
#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "allot/Reference/ValueProgram.h"
#include "allot/Support/Error.h"
#include "allot/Support/Progress.h"
#include "mlir/Analysis/SliceAnalysis.h"
#include "mlir/Dialect/Linalg/IR/Linalg.h"
#include "mlir/Dialect/MLProgram/IR/MLProgram.h"
#include "mlir/IR/SymbolTable.h"
#include "llvm/ADT/MapVector.h"
#include "llvm/ADT/StringSet.h"
#include <functional>
#include <numeric>

using namespace allot;
using namespace allot::importer;
using mlir::Value;
using mlir::ml_program::GlobalLoadConstOp;
using mlir::ml_program::GlobalOp;

namespace {

/// A matrix or vector to be written.
struct Output {
  std::string name;
  llvm::SmallVector<int64_t> shape;
  /// The shape in the checkpoint, where it is another one.
  llvm::SmallVector<int64_t> storedShape;
  /// One of: a global as it is, a map, a bias.
  GlobalOp global;
  Value map, bias;
  /// The map is the transposed of what the checkpoint stores.
  bool transposed = false;
  /// What is written is part of this tensor, from that byte on; empty: a tensor
  /// of its own.
  std::string whole = "";
  uint64_t offset = 0;
  llvm::StringRef tensor() const { return whole.empty() ? name : whole; }
};

class Merger {
public:
  Merger(mlir::ModuleOp module, llvm::StringRef folder)
      : module(module), symbols(module), folder(folder.str()), weights(folder) {
  }

  llvm::Error collect();
  llvm::Error write(llvm::StringRef path, support::Progress *progress);

private:
  GlobalOp globalOf(Value value);
  void addGlobal(GlobalOp global);
  void nameAsStored(GlobalOp global, Output &output);
  void addMap(llvm::StringRef site, Value map);
  void addBias(llvm::StringRef site, Value bias);
  bool isTransposed(Value map, llvm::StringRef site);
  void addExpression(Value value);

  llvm::Error writeGlobal(const Output &output);
  llvm::Error writeMap(const Output &output);
  llvm::Error writeValues(const Output &output, llvm::ArrayRef<float> values) {
    return writer->write(
        output.tensor(), output.offset,
        llvm::ArrayRef(reinterpret_cast<const uint8_t *>(values.data()),
                       values.size() * sizeof(float)));
  }
  void joinExperts();
  llvm::Error writeTerms(const Output &output, const MapTerms &terms);
  llvm::Expected<std::vector<float>> evaluate(Value value);
  llvm::Error unknown(Value value) {
    return llvm::createStringError(
        "site '" + site + "': operation '" +
        (value.getDefiningOp() ? value.getDefiningOp()->getName().getStringRef()
                               : llvm::StringRef("argument")) +
        "' has no value that could be merged");
  }

  mlir::ModuleOp module;
  mlir::SymbolTable symbols;
  std::string folder;
  archive::StoredWeights weights;
  std::vector<Output> outputs;
  llvm::StringSet<> names;
  /// Tensors that several outputs are written into, and how many.
  llvm::StringMap<int64_t> wholes;
  /// What the expressions of weights and biases are made of.
  mlir::SetVector<mlir::Operation *> inExpressions;
  std::unique_ptr<archive::SafetensorsWriter> writer;
  /// The site being evaluated, for errors.
  std::string site;
};

} // namespace

/// How many numbers are held at once.
static constexpr int64_t chunkElements = 1 << 20;

GlobalOp Merger::globalOf(Value value) {
  auto load = value.getDefiningOp<GlobalLoadConstOp>();
  return load ? symbols.lookup<GlobalOp>(
                    load.getGlobal().getLeafReference().getValue())
              : GlobalOp();
}

/// What importers note where a checkpoint calls a tensor otherwise than its
/// site, or gives it another shape.
void Merger::nameAsStored(GlobalOp global, Output &output) {
  if (auto name = global->getAttrOfType<mlir::StringAttr>(storedNameAttr))
    output.name = name.str();
  auto shape = global->getAttrOfType<mlir::DenseI64ArrayAttr>(storedShapeAttr);
  auto product = [](llvm::ArrayRef<int64_t> sizes) {
    return std::accumulate(sizes.begin(), sizes.end(), int64_t(1),
                           std::multiplies<>());
  };
  if (shape && product(shape.asArrayRef()) == product(output.shape))
    output.storedShape.assign(shape.asArrayRef().begin(),
                              shape.asArrayRef().end());
}

void Merger::addGlobal(GlobalOp global) {
  llvm::StringRef symbol = global.getSymName();
  std::string name = symbol.str();
  if (!symbol.ends_with(".bias") && !symbol.ends_with(".weight"))
    name += ".weight";
  if (!names.insert(name).second)
    return;
  Output output;
  output.name = name;
  output.shape.assign(
      mlir::cast<mlir::RankedTensorType>(global.getType()).getShape().begin(),
      mlir::cast<mlir::RankedTensorType>(global.getType()).getShape().end());
  output.global = global;
  nameAsStored(global, output);
  outputs.push_back(std::move(output));
}

/// Remembers what a value is computed from: its tensors are no weights of
/// their own.
void Merger::addExpression(Value value) {
  mlir::BackwardSliceOptions options;
  options.inclusive = true;
  options.omitUsesFromAbove = false;
  (void)mlir::getBackwardSlice(value, &inExpressions, options);
}

/// Whether the weight of `site` is transposed on its way into the map. The
/// shapes say it, but for a square: there the turns are counted on the way that
/// goes through the first operands, the map before the adapter.
bool Merger::isTransposed(Value map, llvm::StringRef site) {
  auto type = mlir::cast<adapter::MapType>(map.getType());
  llvm::SmallVector<std::pair<Value, bool>> work{{map, false}};
  while (!work.empty()) {
    auto [value, transposed] = work.pop_back_val();
    mlir::Operation *op = value.getDefiningOp();
    if (!op)
      continue;
    if (GlobalOp global = globalOf(value);
        global && (global.getSymName() == site ||
                   global.getSymName() == (site + ".weight").str())) {
      if (type.getOut() == type.getIn())
        return transposed;
      return mlir::cast<mlir::RankedTensorType>(global.getType())
                 .getDimSize(0) != type.getOut();
    }
    bool turns = mlir::isa<adapter::TransposeOp, mlir::linalg::TransposeOp>(op);
    for (Value operand : llvm::reverse(op->getOperands()))
      work.push_back({operand, transposed != turns});
  }
  return false;
}

void Merger::addMap(llvm::StringRef path, Value map) {
  auto interface = map.getDefiningOp<LinearMapOpInterface>();
  MapTerms terms;
  if (interface)
    interface.collectTerms(1.0, terms);
  if (terms.matrices.size() == 1 && terms.matrices[0].scale == 1.0 &&
      terms.factors.empty() && terms.others.empty())
    if (GlobalOp global = globalOf(terms.matrices[0].tensor)) {
      addGlobal(global);
      return;
    }
  Output output;
  output.name = path.str() + ".weight";
  addExpression(map);
  if (!names.insert(output.name).second)
    return;
  auto type = mlir::cast<adapter::MapType>(map.getType());
  output.shape = {type.getOut(), type.getIn()};
  output.map = map;
  output.transposed = isTransposed(map, path);
  if (output.transposed)
    std::swap(output.shape[0], output.shape[1]);
  if (auto global = symbols.lookup<GlobalOp>(path))
    nameAsStored(global, output);
  outputs.push_back(std::move(output));
}

void Merger::addBias(llvm::StringRef path, Value bias) {
  if (auto decode = bias.getDefiningOp<format::DecodeOp>())
    if (globalOf(decode.getSource()))
      return; // Found again among the decoded globals.
  Output output;
  output.name = path.str() + ".bias";
  addExpression(bias);
  if (!names.insert(output.name).second)
    return;
  output.shape = {
      mlir::cast<mlir::RankedTensorType>(bias.getType()).getDimSize(0)};
  output.bias = bias;
  outputs.push_back(std::move(output));
}

llvm::Error Merger::collect() {
  llvm::Error beyond = llvm::Error::success();
  auto refuse = [&](mlir::Operation *op, llvm::StringRef path) {
    if (auto name = op->getAttrOfType<mlir::StringAttr>(beyondMapAttr);
        name && !beyond)
      beyond = llvm::createStringError(
          "site '" + path + "': adapter '" + name.getValue() +
          "' makes it something other than a linear map, which cannot be "
          "merged");
  };
  // A use of a map without a site is a part of some expression.
  module.walk([&](mlir::Operation *op) {
    if (auto apply = mlir::dyn_cast<adapter::ApplyOp>(op);
        apply && apply.getSite()) {
      refuse(op, *apply.getSite());
      if (apply.getIds()) {
        if (!beyond)
          beyond = llvm::createStringError(
              "site '" + *apply.getSite() +
              "': sequences choose their adapter of a bank, of which none can "
              "be merged");
        return;
      }
      addMap(*apply.getSite(), apply.getMap());
      if (apply.getBias())
        addBias(*apply.getSite(), apply.getBias());
    } else if (auto gather = mlir::dyn_cast<adapter::GatherOp>(op);
               gather && gather.getSite()) {
      refuse(op, *gather.getSite());
      addMap(*gather.getSite(), gather.getMap());
    }
  });
  if (beyond)
    return beyond;
  // Norms and plain biases: globals that are decoded for their own sake.
  module.walk([&](format::DecodeOp decode) {
    bool isPart = llvm::all_of(decode->getUsers(), [&](mlir::Operation *user) {
      user = decode->getBlock()->findAncestorOpInBlock(*user);
      return inExpressions.contains(user);
    });
    if (!isPart)
      if (GlobalOp global = globalOf(decode.getSource()))
        addGlobal(global);
  });
  if (outputs.empty())
    return llvm::createStringError("the module has no weights");
  return llvm::Error::success();
}

llvm::Error Merger::writeGlobal(const Output &output) {
  GlobalOp global = output.global;
  auto type = mlir::cast<mlir::RankedTensorType>(global.getType());
  auto [rows, columns] = archive::matrixShape(type);
  int64_t step =
      std::max<int64_t>(1, chunkElements / std::max<int64_t>(columns, 1));
  std::vector<float> values;
  for (int64_t row = 0; row < rows; row += step) {
    int64_t count = std::min(step, rows - row);
    values.resize(count * columns);
    if (llvm::Error e = weights.readRows(global, row, count, values))
      return e;
    if (llvm::Error e = writer->write(
            output.tensor(),
            output.offset + uint64_t(row) * columns * sizeof(float),
            llvm::ArrayRef(reinterpret_cast<const uint8_t *>(values.data()),
                           values.size() * sizeof(float))))
      return e;
  }
  return llvm::Error::success();
}

/// A sum of stored matrices and low-rank products, some rows at a time.
llvm::Error Merger::writeTerms(const Output &output, const MapTerms &terms) {
  int64_t rows = output.shape[0], columns = output.shape[1];
  // The right factors whole, with scale and gate: they are small.
  std::vector<DenseMatrix> rights;
  for (const MapTerms::Factors &factors : terms.factors) {
    auto right = evaluate(factors.a);
    if (!right)
      return right.takeError();
    int64_t rank = right->size() / columns;
    std::vector<float> gate(rank, 1.0f);
    if (factors.gate) {
      auto values = evaluate(factors.gate);
      if (!values)
        return values.takeError();
      gate = std::move(*values);
    }
    DenseMatrix &scaled = rights.emplace_back(rank, columns);
    for (int64_t i = 0; i < rank * columns; ++i)
      scaled.values[i] =
          factors.scale * gate[i / columns] * double((*right)[i]);
  }
  int64_t step = std::max<int64_t>(1, chunkElements / columns);
  std::vector<float> part;
  std::vector<double> sum;
  for (int64_t row = 0; row < rows; row += step) {
    int64_t count = std::min(step, rows - row);
    sum.assign(count * columns, 0.0);
    for (const MapTerms::Matrix &matrix : terms.matrices) {
      GlobalOp global = globalOf(matrix.tensor);
      part.resize(count * columns);
      if (llvm::Error e = weights.readRows(global, row, count, part))
        return e;
      for (int64_t i = 0; i < count * columns; ++i)
        sum[i] += matrix.scale * part[i];
    }
    for (size_t t = 0; t < rights.size(); ++t) {
      const DenseMatrix &right = rights[t];
      part.resize(count * right.rows);
      if (llvm::Error e =
              weights.readRows(globalOf(terms.factors[t].b), row, count, part))
        return e;
      for (int64_t i = 0; i < count; ++i)
        for (int64_t r = 0; r < right.rows; ++r) {
          double factor = part[i * right.rows + r];
          const double *from = right.values.data() + r * columns;
          double *to = sum.data() + i * columns;
          for (int64_t k = 0; k < columns; ++k)
            to[k] += factor * from[k];
        }
    }
    part.assign(sum.begin(), sum.end());
    if (llvm::Error e = writer->write(
            output.tensor(),
            output.offset + uint64_t(row) * columns * sizeof(float),
            llvm::ArrayRef(reinterpret_cast<const uint8_t *>(part.data()),
                           part.size() * sizeof(float))))
      return e;
  }
  return llvm::Error::success();
}

llvm::Error Merger::writeMap(const Output &output) {
  MapTerms terms;
  if (auto interface = output.map.getDefiningOp<LinearMapOpInterface>())
    interface.collectTerms(1.0, terms);
  bool streamed =
      terms.others.empty() && !output.transposed &&
      llvm::all_of(terms.matrices,
                   [&](auto &matrix) { return globalOf(matrix.tensor); }) &&
      llvm::all_of(terms.factors,
                   [&](auto &factors) { return globalOf(factors.b); });
  if (streamed)
    return writeTerms(output, terms);
  auto values = evaluate(output.map);
  if (!values)
    return values.takeError();
  if (output.transposed) {
    int64_t columns = output.shape[0], rows = output.shape[1];
    std::vector<float> turned(values->size());
    for (int64_t r = 0; r < rows; ++r)
      for (int64_t k = 0; k < columns; ++k)
        turned[k * rows + r] = (*values)[r * columns + k];
    values = std::move(turned);
  }
  return writeValues(output, *values);
}

/// The numbers of a tensor or of the matrix of a map, by the reference
/// evaluation.
llvm::Expected<std::vector<float>> Merger::evaluate(Value value) {
  mlir::OwningOpRef<mlir::ModuleOp> program =
      reference::isolateValue(value, symbols);
  if (!program)
    return unknown(value);
  auto numbers = reference::evaluateValue(*program, folder);
  if (!numbers)
    return llvm::createStringError(
        llvm::inconvertibleErrorCode(),
        "site '" + site + "': " + llvm::toString(numbers.takeError()));
  return numbers;
}

/// Matrices of experts go into the parameters that the checkpoint has of them.
void Merger::joinExperts() {
  auto list = module->getAttrOfType<mlir::DictionaryAttr>(expertParametersAttr);
  if (!list)
    return;
  for (mlir::NamedAttribute parameter : list)
    wholes[parameter.getName()] =
        mlir::cast<mlir::IntegerAttr>(parameter.getValue()).getInt();
  for (Output &output : outputs) {
    llvm::StringRef path = output.name;
    path.consume_back(".weight");
    auto [rest, parameter] = path.rsplit('.');
    auto [experts, number] = rest.rsplit('.');
    std::string whole = (experts + "." + parameter).str();
    uint64_t expert, bytes = sizeof(float);
    if (!wholes.count(whole) || number.getAsInteger(10, expert))
      continue;
    for (int64_t size : output.shape)
      bytes *= size;
    output.whole = whole;
    output.offset = expert * bytes;
  }
}

llvm::Error Merger::write(llvm::StringRef path, support::Progress *progress) {
  joinExperts();
  std::vector<archive::TensorSpec> specs;
  for (const Output &output : outputs) {
    if (!output.offset)
      specs.push_back(
          {output.tensor().str(), archive::DType::F32,
           output.storedShape.empty() ? output.shape : output.storedShape});
    // The first of several is where their tensor begins.
    if (!output.whole.empty() && !output.offset)
      specs.back().shape.insert(specs.back().shape.begin(),
                                wholes.lookup(output.whole));
  }
  auto created = archive::SafetensorsWriter::create(path, specs);
  if (!created)
    return created.takeError();
  writer = std::move(*created);
  support::ProgressStep step(progress, "merging", outputs.size());
  for (const Output &output : outputs) {
    site = output.name;
    if (output.global) {
      if (llvm::Error e = writeGlobal(output))
        return e;
    } else if (output.map) {
      if (llvm::Error e = writeMap(output))
        return e;
    } else {
      auto values = evaluate(output.bias);
      if (!values)
        return values.takeError();
      if (llvm::Error e = writeValues(output, *values))
        return e;
    }
    weights.dropPages();
    step.advance(1, output.name);
  }
  return writer->commit();
}

llvm::Error importer::mergeWeights(mlir::ModuleOp module,
                                   llvm::StringRef folder,
                                   llvm::StringRef outputPath,
                                   support::Progress *progress) {
  if (module->hasAttr(layerSourcesAttr))
    return llvm::createStringError(
        "layers of the model are repeated and share their frozen weights, "
        "which a checkpoint cannot say: they cannot be merged");
  Merger merger(module, folder);
  if (llvm::Error e = merger.collect())
    return e;
  return merger.write(outputPath, progress);
}
