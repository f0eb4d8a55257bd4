//===- Run.cpp - allot run ----------------------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "allot/Support/Error.h"
#include "mlir/IR/BuiltinTypes.h"
#include "llvm/ADT/SetVector.h"
#include "llvm/Support/raw_ostream.h"

using namespace allot;
using namespace allot::tool;
using runtime::Entry;
using runtime::Parameter;
using runtime::Tensor;

namespace {

/// Leading dimensions of an input that were folded into its first one.
struct Fold {
  int64_t rows = 0;
  llvm::SmallVector<int64_t> leading;
};

/// Gives `tensor` the rank of `parameter` by folding its leading dimensions
/// into rows, where the first dimension of the parameter takes any size. A
/// tensor without rows at all is one row.
std::optional<Fold> foldLeading(Tensor &tensor, const Parameter &parameter) {
  size_t rank = parameter.shape.size(), given = tensor.shape().size();
  if (rank == 0 || given == rank || given + 1 < rank ||
      !mlir::ShapedType::isDynamic(parameter.shape[0]))
    return std::nullopt;
  Fold fold;
  fold.leading.assign(tensor.shape().begin(),
                      tensor.shape().begin() + (given - (rank - 1)));
  fold.rows = 1;
  for (int64_t d : fold.leading)
    fold.rows *= d;
  llvm::SmallVector<int64_t> shape{fold.rows};
  shape.append(tensor.shape().end() - (rank - 1), tensor.shape().end());
  tensor = tensor.reshaped(shape);
  return fold;
}

class RunCommand : public Subcommand {
public:
  RunCommand() : Subcommand("run", "Run entries of a program on tensors") {}

  llvm::Error run() override {
    auto file = archive::SafetensorsFile::open(inputs);
    if (!file)
      return file.takeError();
    ProgramFlags::Wanted wanted;
    if (llvm::is_contained(outputsAlso, ""))
      return llvm::createStringError("--outputs-also: a name is empty");
    wanted.taps = pipelines::tapsOf(outputsAlso);
    if (!entry.empty())
      wanted.entries.push_back(entry);
    else if (llvm::Error error = functionsOf(**file, wanted.entries))
      return error;
    auto printed = flags.printed(program, wanted);
    if (!printed)
      return printed.takeError();
    if (*printed)
      return llvm::Error::success();
    if (outputs.empty())
      return llvm::createStringError("--outputs is missing: the file to write");
    support::Progress progress(llvm::errs());
    auto loaded = flags.load(program, wanted, &progress);
    if (!loaded)
      return loaded.takeError();
    if (llvm::Error error = checkAlso(**loaded))
      return error;
    std::vector<Tensor> results;
    support::ProgressStep step(&progress, "running", wanted.entries.size());
    for (const std::string &name : wanted.entries) {
      if (llvm::Error error = runEntry(**loaded, name, **file, results))
        return error;
      step.advance(1, name);
    }
    return runtime::writeTensors(outputs, results);
  }

private:
  /// Models without layers of a kind have no such values, which is no error for
  /// the two kinds that every model may be asked for; any other name is a
  /// mistake where nothing begins so.
  llvm::Error checkAlso(const runtime::Program &program) {
    for (const std::string &prefix : outputsAlso) {
      auto begins = [&](const Parameter &output) {
        return llvm::StringRef(output.name).starts_with(prefix);
      };
      if (prefix != pipelines::kHiddenStates && prefix != pipelines::kRouter &&
          llvm::none_of(program.entries(), [&](const Entry &entry) {
            return llvm::any_of(entry.outputs, begins);
          }))
        return support::fileError(
            program.path(), "no inner value has a name that begins with " +
                                support::quoted(prefix));
    }
    return llvm::Error::success();
  }

  /// The functions that tensors called `<function>/<argument>` name, in the
  /// order of the file.
  llvm::Error functionsOf(const archive::SafetensorsFile &file,
                          std::vector<std::string> &functions) {
    llvm::SetVector<llvm::StringRef> names;
    for (const archive::TensorEntry &tensor : file.tensors()) {
      auto [function, argument] = llvm::StringRef(tensor.name).rsplit('/');
      if (function.empty() || argument.empty())
        return support::tensorError(
            file.path(), tensor.name,
            "is not called FUNCTION/ARGUMENT; or give --entry");
      names.insert(function);
    }
    for (llvm::StringRef name : names)
      functions.push_back(name.str());
    if (functions.empty())
      return support::fileError(file.path(), "holds no tensors");
    llvm::sort(functions);
    return llvm::Error::success();
  }

  llvm::Error runEntry(runtime::Program &program, llvm::StringRef name,
                       const archive::SafetensorsFile &file,
                       std::vector<Tensor> &results) {
    auto found = program.get(name);
    if (!found)
      return found.takeError();
    const Entry &target = **found;
    std::string prefix = entry.empty() ? (name + "/").str() : "";
    for (const archive::TensorEntry &tensor : file.tensors())
      if (llvm::StringRef argument = tensor.name;
          argument.consume_front(prefix) && !target.input(argument))
        return support::tensorError(file.path(), tensor.name,
                                    "entry " + support::quoted(name) +
                                        " has no such input" +
                                        inputsOf(target));
    std::vector<Tensor> arguments;
    std::optional<Fold> fold;
    for (const Parameter &parameter : target.inputs) {
      if (parameter.otherwise && !file.find(prefix + parameter.name))
        continue;
      auto tensor =
          Tensor::read(file, prefix + parameter.name, parameter.dtype);
      if (!tensor)
        return tensor.takeError();
      tensor->setName(parameter.name);
      auto folded = foldLeading(*tensor, parameter);
      if (folded && !fold)
        fold = folded;
      arguments.push_back(std::move(*tensor));
    }
    auto values = program.run(target, arguments);
    if (!values)
      return values.takeError();
    for (Tensor &value : *values) {
      if (fold && !value.shape().empty() && value.shape()[0] == fold->rows) {
        llvm::SmallVector<int64_t> shape(fold->leading);
        shape.append(value.shape().begin() + 1, value.shape().end());
        value = value.reshaped(shape);
      }
      value.setName(prefix + value.name().str());
      results.push_back(std::move(value));
    }
    return llvm::Error::success();
  }

  static std::string inputsOf(const Entry &entry) {
    std::string text;
    for (const Parameter &parameter : entry.inputs)
      text += (text.empty() ? " (there are " : ", ") + parameter.name;
    return text.empty() ? text : text + ")";
  }

  cl::opt<std::string> program{cl::Positional, cl::Required,
                               cl::desc("PROGRAM (.mlir, .mlirbc or a "
                                        "compiled folder)"),
                               cl::sub(command), cl::cat(category)};
  cl::opt<std::string> entry{
      "entry",
      cl::desc("Function to run; without it every function that tensors called "
               "FUNCTION/ARGUMENT name, with leading dimensions folded into "
               "rows where it takes rows"),
      cl::value_desc("name"), cl::sub(command), cl::cat(category)};
  cl::opt<std::string> inputs{"inputs",
                              cl::Required,
                              cl::desc("Input tensors (safetensors)"),
                              cl::value_desc("file"),
                              cl::sub(command),
                              cl::cat(category)};
  cl::opt<std::string> outputs{
      "outputs",
      cl::desc("Output tensors (safetensors), written whole or not at all"),
      cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  cl::list<std::string> outputsAlso{
      "outputs-also",
      cl::desc(
          "Also put out the inner values whose names begin so, such as router; "
          "hidden_states stands for those of encoders and decoders "
          "and for last_hidden_state too"),
      cl::value_desc("prefix,..."),
      cl::CommaSeparated,
      cl::sub(command),
      cl::cat(category)};
  ProgramFlags flags{*this};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeRunCommand() {
  return std::make_unique<RunCommand>();
}
