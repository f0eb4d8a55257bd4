//===- Program.cpp - running programs from C --------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot-c/Program.h"
#include "Common.h"
#include "allot/InitAllDialects.h"
#include "allot/InitAllExtensions.h"
#include "allot/Pipelines/Pipelines.h"
#include "allot/Runtime/CompiledModule.h"
#include "allot/Runtime/Program.h"
#include "allot/Support/Error.h"
#include "mlir/IR/DialectRegistry.h"

using namespace mlir;
using namespace allot;
using archive::DType;
using capi::report;
using capi::text;
using runtime::Entry;
using runtime::Parameter;
using runtime::Program;
using runtime::Tensor;

StringRef capi::nameOf(ModuleOp module) {
  auto location = module.getLoc()->findInstanceOf<FileLineColLoc>();
  return location ? location.getFilename().getValue() : "the module";
}

const DialectRegistry &capi::programRegistry() {
  static const DialectRegistry *all = [] {
    auto *made = new DialectRegistry;
    registerAllDialects(*made);
    registerAllExtensions(*made);
    return made;
  }();
  return *all;
}

/// In the order of AllotDType.
static constexpr DType dtypes[] = {DType::F32, DType::F16, DType::I32,
                                   DType::I64};

static AllotDType wrapDType(DType dtype) {
  return AllotDType(llvm::find(dtypes, dtype) - std::begin(dtypes));
}

static Program *unwrapProgram(AllotProgram program) {
  return static_cast<Program *>(program.ptr);
}
static std::vector<Tensor> *unwrapResults(AllotResults results) {
  return static_cast<std::vector<Tensor> *>(results.ptr);
}

static const Entry &entryOf(AllotProgram program, intptr_t entry) {
  return unwrapProgram(program)->entries()[entry];
}

static AllotTensor describe(const Parameter &parameter) {
  return {wrap(StringRef(parameter.name)), wrapDType(parameter.dtype),
          intptr_t(parameter.shape.size()), parameter.shape.data(), nullptr};
}

static AllotTensor view(const Tensor &tensor) {
  return {wrap(tensor.name()), wrapDType(tensor.dtype()),
          intptr_t(tensor.shape().size()), tensor.shape().data(),
          tensor.bytes().data()};
}

AllotProgramOptions allotProgramOptionsGet(void) {
  AllotProgramOptions options = {};
  options.activations = mlirStringRefCreateFromCString("f32");
  options.evaluate = mlirStringRefCreateFromCString("auto");
  return options;
}

/// The passes that the options ask for, and the other options of a program.
/// `lowering` must live as long as the result.
static runtime::ProgramOptions
programOptions(pipelines::LoweringOptions &lowering,
               const pipelines::ProgramRequest &request,
               const AllotProgramOptions &options) {
  request.configure(lowering);
  lowering.activations = text(options.activations);
  lowering.evaluate = text(options.evaluate);
  lowering.target = runtime::hostKernelTarget();
  runtime::ProgramOptions result;
  result.passes = [&lowering,
                   reference = options.reference](OpPassManager &pm) {
    pipelines::buildProgramPipeline(pm, lowering, reference);
  };
  // The parts of an entry that is cut take its place.
  if (request.splitAt.empty())
    result.entries = request.entries;
  result.reference = options.reference;
  result.threads = options.threads;
  return result;
}

llvm::Expected<std::unique_ptr<Program>>
capi::loadProgram(ModuleOp module, StringRef folder,
                  const pipelines::ProgramRequest &request,
                  const AllotProgramOptions &options) {
  pipelines::LoweringOptions lowering;
  return Program::load(module, nameOf(module), folder, programRegistry(),
                       programOptions(lowering, request, options));
}

static AllotProgram own(MLIRContext *context,
                        llvm::Expected<std::unique_ptr<Program>> program) {
  if (!program) {
    (void)report(context, program.takeError());
    return {nullptr};
  }
  return {program->release()};
}

static pipelines::ProgramRequest requestOf(const AllotProgramOptions &options) {
  pipelines::ProgramRequest request;
  request.entries = capi::texts(options.numEntries, options.entries);
  return request;
}

AllotProgram allotProgramLoad(MlirModule module,
                              const AllotProgramOptions *options) {
  if (mlirModuleIsNull(module))
    return {nullptr};
  ModuleOp op = unwrap(module);
  return own(op.getContext(),
             capi::loadProgram(op, capi::folderOf(op, options->folder),
                               requestOf(*options), *options));
}

AllotProgram allotProgramOpen(MlirContext context, MlirStringRef path,
                              const AllotProgramOptions *options) {
  pipelines::LoweringOptions lowering;
  return own(
      unwrap(context),
      Program::load(unwrap(path), capi::programRegistry(),
                    programOptions(lowering, requestOf(*options), *options)));
}

void allotProgramDestroy(AllotProgram program) {
  delete unwrapProgram(program);
}

intptr_t allotProgramGetNumEntries(AllotProgram program) {
  return unwrapProgram(program)->entries().size();
}
MlirStringRef allotProgramGetEntryName(AllotProgram program, intptr_t entry) {
  return wrap(StringRef(entryOf(program, entry).name));
}
intptr_t allotProgramGetNumInputs(AllotProgram program, intptr_t entry) {
  return entryOf(program, entry).inputs.size();
}
AllotTensor allotProgramGetInput(AllotProgram program, intptr_t entry,
                                 intptr_t input) {
  return describe(entryOf(program, entry).inputs[input]);
}
intptr_t allotProgramGetNumOutputs(AllotProgram program, intptr_t entry) {
  return entryOf(program, entry).outputs.size();
}
AllotTensor allotProgramGetOutput(AllotProgram program, intptr_t entry,
                                  intptr_t output) {
  return describe(entryOf(program, entry).outputs[output]);
}
uint64_t allotProgramGetWeightBytes(AllotProgram program) {
  return unwrapProgram(program)->stats().weightBytes;
}

llvm::Expected<Tensor> capi::borrow(const AllotTensor &given) {
  std::string name = support::quoted(unwrap(given.name));
  if (size_t(given.dtype) >= std::size(dtypes))
    return llvm::createStringError("input %s has an unknown type of elements",
                                   name.c_str());
  ArrayRef<int64_t> shape(given.shape, given.rank);
  uint64_t elements = 0;
  if (!support::elementCount(shape, elements))
    return llvm::createStringError("input %s has an impossible shape %s",
                                   name.c_str(),
                                   support::shapeString(shape).c_str());
  if (elements && !given.data)
    return llvm::createStringError("input %s has no data", name.c_str());
  return Tensor::adopt(unwrap(given.name), dtypes[given.dtype], shape, nullptr,
                       static_cast<uint8_t *>(given.data));
}

static llvm::Expected<std::vector<Tensor>>
runEntry(Program &program, StringRef name, ArrayRef<AllotTensor> given) {
  auto entry = program.get(name);
  if (!entry)
    return entry.takeError();
  std::vector<Tensor> inputs;
  for (const AllotTensor &tensor : given) {
    auto borrowed = capi::borrow(tensor);
    if (!borrowed)
      return borrowed.takeError();
    inputs.push_back(std::move(*borrowed));
  }
  return program.run(**entry, inputs);
}

AllotResults allotProgramRun(MlirContext context, AllotProgram program,
                             MlirStringRef entry, intptr_t numInputs,
                             const AllotTensor *inputs) {
  auto results = runEntry(*unwrapProgram(program), unwrap(entry),
                          ArrayRef<AllotTensor>(inputs, numInputs));
  if (!results) {
    (void)report(unwrap(context), results.takeError());
    return {nullptr};
  }
  return {new std::vector<Tensor>(std::move(*results))};
}

void allotResultsDestroy(AllotResults results) {
  delete unwrapResults(results);
}
intptr_t allotResultsGetNum(AllotResults results) {
  return unwrapResults(results)->size();
}
AllotTensor allotResultsGet(AllotResults results, intptr_t pos) {
  return view((*unwrapResults(results))[pos]);
}
AllotTensor allotResultsFind(AllotResults results, MlirStringRef name) {
  for (const Tensor &tensor : *unwrapResults(results))
    if (tensor.name() == unwrap(name))
      return view(tensor);
  return {name, ALLOT_DTYPE_F32, 0, nullptr, nullptr};
}
