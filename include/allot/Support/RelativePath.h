//===- RelativePath.h - paths as other files name them ------------*- C++
//-*-===//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//===----------------------------------------------------------------------===//

#ifndef ALLOT_SUPPORT_RELATIVEPATH_H
#define ALLOT_SUPPORT_RELATIVEPATH_H

#include "llvm/ADT/StringRef.h"
#include <string>

namespace allot::support {

/// The path from `folder` (empty: the working directory) to the file `path`.
/// Both folders are taken without links, since `..` after a link leads
/// elsewhere; the file itself may be one. Neither has to exist.
std::string relativePath(llvm::StringRef folder, llvm::StringRef path);

} // namespace allot::support

#endif // ALLOT_SUPPORT_RELATIVEPATH_H
