//===- Profile.cpp - measuring a model in C ---------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Profile/Profile.h"
#include "Common.h"
#include "allot-c/Profile.h"
#include "allot/Dialect/Format/IR/Format.h"
#include "llvm/ADT/StringSwitch.h"

using namespace mlir;
using namespace allot;
using capi::text;
using profile::Importance;
using runtime::Tensor;

AllotProfileOptions allotProfileOptionsGet(void) {
  profile::ProfileOptions defaults;
  runtime::SampleOptions sample;
  AllotProfileOptions options = {};
  options.selfRows = sample.rows;
  options.selfLength = sample.length;
  options.seed = sample.seed;
  options.importance = mlirStringRefCreateFromCString("perturbation");
  options.labels = mlirStringRefCreateFromCString("text");
  options.sensitivityTokens = defaults.sensitivityTokens;
  return options;
}

static llvm::Expected<profile::ProfileOptions>
convert(MLIRContext *context, const AllotProfileOptions &options) {
  profile::ProfileOptions result;
  auto importance =
      llvm::StringSwitch<std::optional<Importance>>(unwrap(options.importance))
          .Case("perturbation", Importance::Perturbation)
          .Case("gradients", Importance::Gradients)
          .Case("both", Importance::Both)
          .Default(std::nullopt);
  if (!importance)
    return llvm::createStringError("unknown importance '%s'",
                                   text(options.importance).c_str());
  result.importance = *importance;
  auto labels =
      llvm::StringSwitch<std::optional<profile::Labels>>(unwrap(options.labels))
          .Case("text", profile::Labels::Text)
          .Case("model", profile::Labels::Model)
          .Default(std::nullopt);
  if (!labels)
    return llvm::createStringError("unknown labels '%s'",
                                   text(options.labels).c_str());
  result.labels = *labels;
  result.seed = options.seed;
  result.sensitivityTokens = options.sensitivityTokens;
  result.sites = text(options.sites);
  for (const std::string &name :
       capi::texts(options.numFormats, options.formats)) {
    FormatAttrInterface format = format::getFormatByName(context, name);
    if (!format)
      return llvm::createStringError("unknown format '%s'", name.c_str());
    result.formats.push_back(format);
  }
  return result;
}

static llvm::Expected<Tensor> tokensFor(profile::LoadProgram load,
                                        const AllotProfileOptions &options) {
  if (!options.tokens.data) {
    runtime::SampleOptions sample;
    sample.rows = options.selfRows;
    sample.length = options.selfLength;
    sample.seed = options.seed;
    if (sample.rows < 1 || sample.length < 2)
      return llvm::createStringError(
          "at least one row of two tokens must be sampled");
    return profile::sampleTokens(load, sample);
  }
  auto given = capi::borrow(options.tokens);
  if (!given)
    return given.takeError();
  if (given->dtype() != archive::DType::I32 || given->shape().size() != 2)
    return llvm::createStringError("tokens must be i32 [rows, T]");
  return profile::calibrationRows(*given, 0, given->shape()[0]);
}

static llvm::Error measure(ModuleOp model, StringRef output,
                           const AllotProfileOptions &options) {
  if (output.empty())
    return llvm::createStringError("the name of the file to write is empty");
  std::string folder = capi::folderOf(model, options.folder);
  auto profiler = profile::Profiler::create(model, capi::nameOf(model), folder);
  if (!profiler)
    return profiler.takeError();
  auto converted = convert(model.getContext(), options);
  if (!converted)
    return converted.takeError();
  AllotProgramOptions program = allotProgramOptionsGet();
  program.threads = options.threads;
  auto load = [&](const pipelines::ProgramRequest &request) {
    return capi::loadProgram(model, folder, request, program);
  };
  auto tokens = tokensFor(load, options);
  if (!tokens)
    return tokens.takeError();
  return (*profiler)->run(*tokens, output, load, *converted);
}

MlirLogicalResult allotProfile(MlirModule model, MlirStringRef output,
                               const AllotProfileOptions *options) {
  if (mlirModuleIsNull(model))
    return mlirLogicalResultFailure();
  ModuleOp op = unwrap(model);
  return wrap(
      capi::report(op.getContext(), measure(op, unwrap(output), *options)));
}
