//===- Way.cpp - how a map is evaluated, part by part -----------*- C++ -*-===//
//
// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
//===----------------------------------------------------------------------===//

#include "allot/Dialect/Adapter/IR/Adapter.h"
#include "mlir/IR/Builders.h"
#include "llvm/ADT/DenseMap.h"

using namespace mlir;
using namespace allot;
using namespace allot::adapter;

// (A60)
LogicalResult WayAttr::verify(function_ref<InFlightDiagnostic()> emitError,
                              WayKind kind, ArrayRef<int64_t> sizes,
                              ArrayRef<Attribute> parts) {
  if (!llvm::all_of(parts, llvm::IsaPred<WayAttr>))
    return emitError() << "the parts of a way are ways (A60)";
  if (llvm::any_of(sizes, [](int64_t size) { return size <= 0; }))
    return emitError() << "the sizes of a way are positive (A60)";
  auto expect = [&](size_t wantedSizes, size_t wantedParts) -> LogicalResult {
    if (sizes.size() == wantedSizes && parts.size() == wantedParts)
      return success();
    return emitError() << "the way `" << stringifyWayKind(kind) << "` has "
                       << wantedSizes << " sizes and " << wantedParts
                       << " parts, but got " << sizes.size() << " and "
                       << parts.size() << " (A60)";
  };
  switch (kind) {
  case WayKind::Merged:
  case WayKind::Pair:
    return expect(0, 0);
  case WayKind::Factored:
  case WayKind::Joined:
    return expect(0, parts.size());
  case WayKind::Split:
    return expect(std::max<size_t>(parts.size(), 1), parts.size());
  case WayKind::Distributed:
    return expect(0, 1);
  case WayKind::Switch:
    return expect(1, 2);
  }
  return emitError() << "unknown kind of way (A60)";
}

WayAttr WayAttr::getPart(unsigned index) {
  return index < getParts().size()
             ? cast<WayAttr>(getParts()[index])
             : WayAttr::get(getContext(), WayKind::Factored);
}

/// `kind sizes [parts]`. Text may be nested deeper than the stack is.
static WayAttr parseWay(AsmParser &parser, unsigned depth) {
  SMLoc loc = parser.getCurrentLocation();
  if (depth > 256) {
    parser.emitError(loc) << "a way has parts at most 256 deep (A60)";
    return {};
  }
  StringRef name;
  if (parser.parseKeyword(&name))
    return {};
  std::optional<WayKind> kind = symbolizeWayKind(name);
  if (!kind) {
    parser.emitError(loc) << "unknown way '" << name
                          << "', expected factored, merged, pair, joined, "
                             "split, distributed or switch";
    return {};
  }
  SmallVector<int64_t> sizes;
  int64_t size;
  OptionalParseResult first = parser.parseOptionalInteger(size);
  if (first.has_value()) {
    if (failed(*first))
      return {};
    sizes.push_back(size);
    while (succeeded(parser.parseOptionalComma())) {
      if (parser.parseInteger(size))
        return {};
      sizes.push_back(size);
    }
  }
  SmallVector<Attribute> parts;
  if (succeeded(parser.parseOptionalLSquare()) &&
      (parser.parseCommaSeparatedList([&]() -> ParseResult {
        WayAttr part = parseWay(parser, depth + 1);
        parts.push_back(part);
        return success(bool(part));
      }) ||
       parser.parseRSquare()))
    return {};
  return WayAttr::getChecked(
      [&] { return parser.emitError(loc); }, parser.getContext(), *kind,
      ArrayRef<int64_t>(sizes), ArrayRef<Attribute>(parts));
}

Attribute WayAttr::parse(AsmParser &parser, Type) {
  if (parser.parseLess())
    return {};
  WayAttr way = parseWay(parser, 0);
  return way && succeeded(parser.parseGreater()) ? way : WayAttr();
}

static void printWay(raw_ostream &os, WayAttr way) {
  os << stringifyWayKind(way.getKind());
  if (!way.getSizes().empty()) {
    os << ' ';
    llvm::interleaveComma(way.getSizes(), os);
  }
  if (way.getParts().empty())
    return;
  os << " [";
  llvm::interleaveComma(way.getParts(), os, [&](Attribute part) {
    printWay(os, cast<WayAttr>(part));
  });
  os << ']';
}

void WayAttr::print(AsmPrinter &printer) const {
  printer << '<';
  printWay(printer.getStream(), *this);
  printer << '>';
}
