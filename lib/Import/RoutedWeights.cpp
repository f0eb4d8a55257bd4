//===- RoutedWeights.cpp - the weights of each expert -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Import/Experts.h"
#include "allot/Import/ModelConfig.h"
#include "allot/Support/Error.h"

using namespace allot;
using namespace allot::importer;

namespace {

class SeparateExperts : public WeightSource {
public:
  SeparateExperts(std::unique_ptr<WeightSource> weights,
                  const ModelConfig &config, llvm::StringRef expectedBy)
      : weights(std::move(weights)), e(config.experts), hidden(config.hidden),
        expectedBy(expectedBy.str()) {}

  bool has(llvm::StringRef name) const override {
    if (weights->has(name))
      return true;
    std::optional<Part> part = partOf(name);
    return part && weights->has(part->whole);
  }

  llvm::Error checkAllUsed(
      llvm::function_ref<bool(llvm::StringRef)> ignore) const override {
    return weights->checkAllUsed(ignore);
  }

  llvm::Expected<StoredTensor> find(llvm::StringRef name) override {
    std::optional<Part> part = partOf(name);
    if (!part || weights->has(name)) {
      weights->remember(name);
      return weights->find(name);
    }
    auto stored = slice(*part);
    if (!stored || part->rest.empty())
      return stored;
    // Codes, then scales: each a tensor of bytes.
    Part restPart = *part;
    restPart.whole = part->rest;
    restPart.shape.pop_back();
    auto rest = slice(restPart);
    if (!rest)
      return rest.takeError();
    for (const StoredTensor *half : {&*stored, &*rest})
      if (half->type != "U8")
        return support::tensorError(half->path, half->tensor,
                                    "is stored as " + half->type +
                                        ", must be bytes");
    if (rest->path != stored->path)
      return support::tensorError(rest->path, rest->tensor,
                                  "is in another file than its codes");
    stored->type = "mxfp4<split>";
    stored->shape = {part->rows, part->shape[2] * mxBlock};
    stored->restBytes = rest->bytes;
    stored->restOffset = rest->offset;
    return stored;
  }

private:
  static constexpr int64_t mxBlock = 32;

  /// Rows of a tensor of all experts.
  struct Part {
    std::string whole;
    llvm::SmallVector<int64_t> shape;
    int64_t first = 0, rows = 0;
    bool isVectors = false;
    /// Of weights in two tensors the second one, without the last dimension.
    std::string rest = "";
  };

  llvm::Expected<StoredTensor> slice(const Part &part) {
    auto whole = weights->get(part.whole, part.shape, expectedBy);
    if (!whole)
      return whole.takeError();
    // Blocks never cross rows, so rows of all formats are bytes on their own.
    uint64_t rows =
        uint64_t(part.shape[0]) * (part.shape.size() > 2 ? part.shape[1] : 1);
    if (rows == 0 || whole->bytes % rows)
      return support::tensorError(whole->path, whole->tensor,
                                  "has rows that are no whole bytes");
    uint64_t perRow = whole->bytes / rows;
    StoredTensor stored = *whole;
    stored.offset += part.first * perRow;
    stored.bytes = part.rows * perRow;
    stored.shape = {part.rows, part.shape.back()};
    if (part.isVectors)
      stored.shape = {part.shape.back()};
    return stored;
  }

  /// Where `PREFIX.experts.N.PROJECTION.PARAMETER` is in such a tensor.
  std::optional<Part> partOf(llvm::StringRef name) const {
    const ExpertHabits &habits = *e.habits;
    auto [path, parameter] = name.rsplit('.');
    auto [rest, projection] = path.rsplit('.');
    auto [list, number] = rest.rsplit('.');
    int64_t expert;
    llvm::StringRef prefix = list;
    if (number.getAsInteger(10, expert) || expert < 0 || expert >= e.count ||
        !prefix.consume_back(".experts"))
      return std::nullopt;
    Part part;
    auto stands = [&](llvm::StringRef tensor) {
      for (llvm::StringRef end : {"", ".weight"})
        if (std::string whole = (prefix + "." + tensor + end).str();
            weights->has(whole)) {
          part.whole = whole;
          return true;
        }
      return false;
    };
    if (habits.columns) {
      bool isDown = projection == habits.down;
      llvm::StringRef tensor = isDown ? habits.allDown : habits.allGateUp;
      int64_t in = isDown ? e.width : hidden;
      int64_t out = isDown ? hidden : 2 * e.width;
      if (parameter == "bias") {
        part.whole = (prefix + "." + tensor + "_bias").str();
        part.shape = {e.count, out};
        part.first = expert;
        part.rows = 1;
        part.isVectors = true;
        return part;
      }
      if (e.packed) {
        part.whole = (prefix + "." + tensor + "_blocks").str();
        part.rest = (prefix + "." + tensor + "_scales").str();
        part.shape = {e.count, out, in / mxBlock, mxBlock / 2};
        part.first = expert * out;
        part.rows = out;
        return part;
      }
      part.whole = (prefix + "." + tensor).str();
      part.shape = {e.count, in, out};
      part.first = expert * in;
      part.rows = in;
      return part;
    }
    if (e.queries && prefix.ends_with(".self_attention")) {
      bool isInput = projection == "input_linear";
      part.rows = isInput ? e.queries : hidden;
      part.shape = {e.count, part.rows, isInput ? hidden : e.queries};
      part.first = expert * part.rows;
      if (stands(("experts." + projection).str()))
        return part;
      return std::nullopt;
    }
    bool isUp = projection == habits.up;
    if (projection == habits.down) {
      part.shape = {e.count, hidden, e.width};
      part.first = expert * hidden;
      part.rows = hidden;
      // GGUF files call it after the projection.
      if (stands(habits.allDown) || stands(("experts." + projection).str()))
        return part;
      return std::nullopt;
    }
    if (!isUp && projection != habits.gate)
      return std::nullopt;
    part.rows = e.width;
    if (stands(habits.allGateUp)) {
      part.shape = {e.count + e.identities, 2 * e.width, hidden};
      part.first = (2 * expert + isUp) * e.width;
      return part;
    }
    part.shape = {e.count, e.width, hidden};
    part.first = expert * e.width;
    if (stands(("experts." + projection).str()))
      return part;
    return std::nullopt;
  }

  std::unique_ptr<WeightSource> weights;
  Experts e;
  int64_t hidden;
  std::string expectedBy;
};

} // namespace

std::unique_ptr<WeightSource>
importer::separateExperts(std::unique_ptr<WeightSource> weights,
                          const ModelConfig &config,
                          llvm::StringRef expectedBy) {
  if (!config.experts.habits)
    return weights;
  return std::make_unique<SeparateExperts>(std::move(weights), config,
                                           expectedBy);
}
