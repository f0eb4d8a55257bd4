//===- Generate.cpp - allot generate ------------------------------*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "Driver.h"
#include "allot/Runtime/Generation.h"
#include "allot/Support/Error.h"
#include "llvm/Support/Format.h"
#include "llvm/Support/raw_ostream.h"
#include <cmath>

using namespace allot;
using namespace allot::tool;
using runtime::Tensor;

namespace {

class GenerateCommand : public Subcommand {
public:
  GenerateCommand() : Subcommand("generate", "Continue prompts") {}

  llvm::Error run() override {
    ProgramFlags::Wanted wanted;
    wanted.entries = {"prefill", "decode"};
    auto printed = flags.printed(program, wanted);
    if (!printed)
      return printed.takeError();
    if (*printed)
      return llvm::Error::success();
    if (outputs.empty())
      return llvm::createStringError("--outputs is missing: the file to write");
    auto file = archive::SafetensorsFile::open(tokens);
    if (!file)
      return file.takeError();
    auto prompts = readTokens(**file);
    if (!prompts)
      return prompts.takeError();
    std::vector<int32_t> lengths(prompts->shape()[0],
                                 int32_t(prompts->shape()[1]));
    if ((*file)->find("lengths")) {
      auto given = (*file)->readInt32("lengths");
      if (!given)
        return given.takeError();
      if (given->size() != lengths.size())
        return support::tensorError(
            (*file)->path(), "lengths",
            "holds " + llvm::Twine(given->size()) + " numbers, there are " +
                llvm::Twine(lengths.size()) + " rows of tokens");
      lengths = *given;
    }
    std::optional<Tensor> begin;
    if ((*file)->find("decoder_input_ids")) {
      auto read =
          Tensor::read(**file, "decoder_input_ids", archive::DType::I32);
      if (!read)
        return read.takeError();
      if (read->shape().size() != 2 || read->numElements() == 0)
        return support::tensorError((*file)->path(), "decoder_input_ids",
                                    "has shape " +
                                        support::shapeString(read->shape()) +
                                        ", wanted [batch, T]");
      begin = std::move(*read);
    }
    auto adapters = readAdapters(**file, prompts->shape()[0]);
    if (!adapters)
      return adapters.takeError();
    support::Progress progress(llvm::errs());
    auto loaded = flags.load(program, wanted, &progress);
    if (!loaded)
      return loaded.takeError();
    runtime::GenerationOptions options;
    options.steps = steps;
    options.adapters = std::move(*adapters);
    options.begin = std::move(begin);
    options.stop = std::vector<int32_t>(stop.begin(), stop.end());
    options.progress = &progress;
    if (temperature < 0 || !std::isfinite(temperature))
      return llvm::createStringError(
          "--temperature: wanted a number of 0 or more");
    if (temperature > 0)
      options.choose = runtime::sampler(temperature, seed);
    auto generated = runtime::generate(**loaded, *prompts, lengths, options);
    if (!generated)
      return generated.takeError();
    if (flags.verbose)
      llvm::errs() << llvm::format("prefill %.3f s, decode %.3f s for %llu "
                                   "steps: %.1f tokens a second\n",
                                   generated->prefillSeconds,
                                   generated->decodeSeconds,
                                   (unsigned long long)generated->decodeSteps,
                                   generated->tokensPerSecond());
    return runtime::writeTensors(outputs,
                                 {generated->tokens, generated->lengths});
  }

private:
  cl::opt<std::string> program{cl::Positional, cl::Required,
                               cl::desc("PROGRAM (.mlir, .mlirbc or a "
                                        "compiled folder)"),
                               cl::sub(command), cl::cat(category)};
  cl::opt<std::string> tokens{
      "tokens",
      cl::Required,
      cl::desc(
          "Prompts: tensor `tokens` or `input_ids` [batch, T] (safetensors); "
          "`lengths` [batch] where prompts differ, the rest "
          "of a row is ignored; of an encoder-decoder what its encoder reads, "
          "and `decoder_input_ids` "
          "[batch, n] what its text begins with (usually the token that the "
          "model says); `adapter` [batch], of a program with a bank "
          "the adapter of each row or -1"),
      cl::value_desc("file"),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<unsigned> steps{"steps",
                          cl::Required,
                          cl::desc("Number of tokens to add"),
                          cl::value_desc("N"),
                          cl::sub(command),
                          cl::cat(category)};
  cl::list<int32_t> stop{"stop",
                         cl::desc("Ids after which a row ends"),
                         cl::value_desc("id,..."),
                         cl::CommaSeparated,
                         cl::sub(command),
                         cl::cat(category)};
  cl::opt<double> temperature{
      "temperature",
      cl::desc("Draw tokens, with logits divided by this (default 0: the most "
               "probable token)"),
      cl::value_desc("number"),
      cl::init(0),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<uint64_t> seed{
      "seed",
      cl::desc("Of the drawing; the same seed gives the same tokens"),
      cl::value_desc("N"),
      cl::init(0),
      cl::sub(command),
      cl::cat(category)};
  cl::opt<std::string> outputs{
      "outputs",
      cl::desc("Output (safetensors): `tokens` [batch, T + N], each row prompt "
               "and continuation and then zeros; `lengths` [batch], "
               "the tokens of each row"),
      cl::value_desc("file"), cl::sub(command), cl::cat(category)};
  ProgramFlags flags{*this};
};

} // namespace

std::unique_ptr<Subcommand> tool::makeGenerateCommand() {
  return std::make_unique<GenerateCommand>();
}
