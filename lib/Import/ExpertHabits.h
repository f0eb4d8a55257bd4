//===- ExpertHabits.h - experts by family -----------------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#ifndef ALLOT_LIB_IMPORT_EXPERTHABITS_H
#define ALLOT_LIB_IMPORT_EXPERTHABITS_H

#include "allot/Import/Experts.h"

namespace allot::importer {

extern const ExpertHabits deepseek2Experts, deepseek3Experts, gptOssExperts,
    graniteExperts, jetmoeExperts, longcatExperts, mixtralExperts, olmoeExperts,
    qwen2Experts, qwen3Experts, zayaExperts;

} // namespace allot::importer

#endif // ALLOT_LIB_IMPORT_EXPERTHABITS_H
