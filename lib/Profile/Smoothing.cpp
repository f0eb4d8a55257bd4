//===- Smoothing.cpp - what is known of members that few rows chose -*- C++
//-*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//
//
// Calibration may show an expert no row, or a few; texts to come may show it
// more. So each member of a bank is believed to be, for a small part, as its
// bank is on average.
//
//===----------------------------------------------------------------------===//

#include "ModelSites.h"
#include "llvm/ADT/MapVector.h"

using namespace allot;
using namespace allot::profile;
using Moment = runtime::InputMoments::Moment;

void profile::smoothMoments(llvm::MutableArrayRef<Moment> moments) {
  llvm::MapVector<llvm::StringRef, std::vector<Moment *>> banks;
  for (Moment &moment : moments)
    if (!moment.input.ids.empty())
      banks[moment.input.output].push_back(&moment);
  for (auto &[output, members] : banks) {
    std::vector<float> prior(members.front()->sum.size(), 0.0f);
    float part = float(kMomentPrior / double(members.size()));
    for (const Moment *member : members)
      for (auto [to, from] : llvm::zip_equal(prior, member->sum))
        to += part * from;
    for (Moment *member : members)
      for (auto [to, from] : llvm::zip_equal(member->sum, prior))
        to += from;
  }
}

void profile::smoothSensitivities(const ModelSites &model, Measured &measured) {
  llvm::StringMap<runtime::Sensitivities::value_type *> bySite;
  for (auto &[site, pairs] : measured.perturbations)
    bySite[site] = &pairs;
  llvm::MapVector<llvm::StringRef, std::vector<llvm::StringRef>> banks;
  for (const analysis::Site &site : model.sites)
    if (!site.banks.empty() && bySite.count(site.name))
      banks[site.banks.front().first].push_back(site.name);
  for (auto &[bank, members] : banks) {
    // Divergence per error of the whole bank, at each format.
    std::vector<std::pair<double, double>> sums;
    for (llvm::StringRef member : members)
      for (auto [i, pair] : llvm::enumerate(*bySite[member])) {
        if (i == sums.size())
          sums.emplace_back(0.0, 0.0);
        sums[i].first += pair.first;
        sums[i].second += pair.second;
      }
    for (llvm::StringRef member : members)
      for (auto [pair, sum] : llvm::zip(*bySite[member], sums))
        if (sum.first > 0)
          pair.second += kSensitivityPrior *
                         (pair.first * sum.second / sum.first - pair.second);
  }
}
