//===- Interfaces.cpp - what ops and formats answer -------------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Interfaces/FormatInterfaces.h"
#include "allot/Interfaces/LinearMapInterfaces.h"
#include "allot/Interfaces/ReferenceInterfaces.h"
#include "allot/Interfaces/RoutingInterfaces.h"
#include "allot/Interfaces/VJPInterfaces.h"

#include "allot/Interfaces/FormatAttrInterfaces.cpp.inc"
#include "allot/Interfaces/LinearMapInterfaces.cpp.inc"
#include "allot/Interfaces/ReferenceInterfaces.cpp.inc"
#include "allot/Interfaces/RoutingAttrInterfaces.cpp.inc"
#include "allot/Interfaces/VJPInterfaces.cpp.inc"
