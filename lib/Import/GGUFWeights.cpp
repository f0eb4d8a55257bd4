//===- GGUFWeights.cpp - the tensors of a GGUF file -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Archive/FileDigest.h"
#include "allot/Import/WeightSource.h"
#include "allot/Support/Error.h"

using namespace allot;
using namespace allot::importer;

// Names of modules outside the blocks, and of those inside (after
// `blk.N.` / `model.layers.N.`).
static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral>
    outerNames[] = {{"token_embd", "model.embed_tokens"},
                    {"output_norm", "model.norm"},
                    {"output", "lm_head"}};
static constexpr std::pair<llvm::StringLiteral, llvm::StringLiteral>
    blockNames[] = {{"attn_norm", "input_layernorm"},
                    {"ffn_norm", "post_attention_layernorm"},
                    {"attn_q", "self_attn.q_proj"},
                    {"attn_k", "self_attn.k_proj"},
                    {"attn_v", "self_attn.v_proj"},
                    {"attn_output", "self_attn.o_proj"},
                    {"attn_q_norm", "self_attn.q_norm"},
                    {"attn_k_norm", "self_attn.k_norm"},
                    {"ffn_gate", "mlp.gate_proj"},
                    {"ffn_up", "mlp.up_proj"},
                    {"ffn_down", "mlp.down_proj"},
                    {"ffn_gate_inp", "mlp.gate"},
                    {"ffn_gate_exps", "mlp.experts.gate_proj"},
                    {"ffn_up_exps", "mlp.experts.up_proj"},
                    {"ffn_down_exps", "mlp.experts.down_proj"},
                    {"ffn_gate_inp_shexp", "mlp.shared_expert_gate"},
                    {"ffn_gate_shexp", "mlp.shared_expert.gate_proj"},
                    {"ffn_up_shexp", "mlp.shared_expert.up_proj"},
                    {"ffn_down_shexp", "mlp.shared_expert.down_proj"},
                    // Mixtral's names for the same.
                    {"ffn_gate_inp", "block_sparse_moe.gate"},
                    {"ffn_gate_exps", "block_sparse_moe.experts.w1"},
                    {"ffn_up_exps", "block_sparse_moe.experts.w3"},
                    {"ffn_down_exps", "block_sparse_moe.experts.w2"}};

/// Rewrites `PREFIX.MODULE.PARAMETER`; `forward`: GGUF to Hugging Face.
static std::string translate(llvm::StringRef name, bool forward) {
  auto [path, parameter] = name.rsplit('.');
  if (parameter != "weight" && parameter != "bias")
    return {};
  llvm::StringRef from = forward ? "blk." : "model.layers.";
  llvm::StringRef to = forward ? "model.layers." : "blk.";
  llvm::StringRef block;
  bool inner = false;
  if (llvm::StringRef rest = path; rest.consume_front(from)) {
    std::tie(block, path) = rest.split('.');
    unsigned number;
    if (block.getAsInteger(10, number))
      return {};
    inner = true;
  }
  auto names = inner ? llvm::ArrayRef(blockNames) : llvm::ArrayRef(outerNames);
  for (auto &[gguf, huggingFace] : names) {
    if (path != (forward ? gguf : huggingFace))
      continue;
    std::string module = (forward ? huggingFace : gguf).str();
    return (inner ? (to + block + "." + module) : llvm::Twine(module)).str() +
           "." + parameter.str();
  }
  return {};
}

std::string importer::huggingFaceName(llvm::StringRef name) {
  return translate(name, /*forward=*/true);
}
std::string importer::ggufName(llvm::StringRef name) {
  return translate(name, /*forward=*/false);
}

namespace {

class GGUFWeights : public WeightSource {
public:
  GGUFWeights(std::shared_ptr<const archive::GGUFFile> file, int64_t headDim,
              std::function<bool(llvm::StringRef)> permuted)
      : file(std::move(file)), digest(archive::fileDigest(*this->file)),
        headDim(headDim), permuted(std::move(permuted)) {}

  bool has(llvm::StringRef name) const override {
    std::string own = ggufName(name);
    return !own.empty() && file->find(own);
  }

  llvm::Error checkAllUsed(
      llvm::function_ref<bool(llvm::StringRef)> ignore) const override {
    llvm::StringSet<> read;
    for (const auto &name : used)
      read.insert(ggufName(name.getKey()));
    for (const archive::GGUFTensor &tensor : file->tensors()) {
      std::string name = huggingFaceName(tensor.name);
      // The frequencies have been read with the configuration.
      if (tensor.name == "rope_freqs.weight" || read.contains(tensor.name) ||
          (!name.empty() && ignore(name)))
        continue;
      return support::tensorError(file->path(), tensor.name,
                                  "the model has no such parameter");
    }
    return llvm::Error::success();
  }

  llvm::Expected<StoredTensor> find(llvm::StringRef name) override {
    std::string own = ggufName(name);
    if (own.empty())
      return support::tensorError(file->path(), name,
                                  "has no counterpart in GGUF files");
    auto tensor = file->get(own);
    if (!tensor)
      return tensor.takeError();
    StoredTensor stored;
    stored.path = file->path().str();
    stored.digest = digest;
    stored.tensor = own;
    stored.type = (*tensor)->type->name;
    stored.shape = (*tensor)->shape;
    stored.offset = (*tensor)->offset;
    stored.bytes = (*tensor)->bytes;
    stored.rowInterleave = permuted(name) ? headDim : 0;
    return stored;
  }

private:
  std::shared_ptr<const archive::GGUFFile> file;
  std::string digest;
  int64_t headDim;
  std::function<bool(llvm::StringRef)> permuted;
};

} // namespace

std::unique_ptr<WeightSource>
importer::openGGUFWeights(std::shared_ptr<const archive::GGUFFile> file,
                          int64_t headDim,
                          std::function<bool(llvm::StringRef)> permuted) {
  return std::make_unique<GGUFWeights>(std::move(file), headDim,
                                       std::move(permuted));
}
