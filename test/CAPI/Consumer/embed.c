/* A C program that embeds Allot: imports a model with an adapter, runs it and compares with what the reference library computed, plans it
   under a budget, applies the plan, runs the result, compiles it to a folder, opens that; and makes every kind of mistake. Leaves the
   logits of the applied program in OUTPUT_FOLDER/applied.bin.

     embed MODEL_FOLDER ADAPTER_FOLDER STATISTICS IDS LOGITS OUTPUT_FOLDER

   IDS and LOGITS are raw i32 [2, T] and f32 [2, T, V].

   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "allot-c/Compile.h"
#include "allot-c/Dialect/Adapter.h"
#include "allot-c/Dialect/Format.h"
#include "allot-c/Dialect/NN.h"
#include "allot-c/Dialect/Plan.h"
#include "allot-c/Import.h"
#include "allot-c/Pipelines.h"
#include "allot-c/Plan.h"
#include "allot-c/Profile.h"
#include "allot-c/Program.h"
#include "allot-c/Registration.h"
#include "mlir-c/BuiltinAttributes.h"
#include "mlir-c/BuiltinTypes.h"
#include "mlir-c/Diagnostics.h"
#include <math.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static int passed, failed;
/* What was reported since the last check that something fails. */
static char reported[8192];

static void check(bool good, const char *what) {
  if (good) {
    ++passed;
  } else {
    ++failed;
    printf("FAILED: %s; reported: %s\n", what, reported);
  }
}

/* A failure with a message that has `part` in it. */
static void checkFails(bool fails, const char *part, const char *what) {
  check(fails, what);
  check(strstr(reported, part) != NULL, part);
  reported[0] = '\0';
}

static void append(MlirStringRef text, void *unused) {
  size_t used = strlen(reported), room = sizeof(reported) - 1 - used;
  (void)unused;
  if (text.length < room)
    room = text.length;
  memcpy(reported + used, text.data, room);
  reported[used + room] = '\0';
}

static MlirLogicalResult handle(MlirDiagnostic diagnostic, void *unused) {
  mlirDiagnosticPrint(diagnostic, append, unused);
  append(mlirStringRefCreateFromCString("\n"), NULL);
  return mlirLogicalResultSuccess();
}

static MlirStringRef str(const char *text) { return mlirStringRefCreateFromCString(text); }

static void *readRaw(const char *path, size_t element, int64_t *count) {
  FILE *file = fopen(path, "rb");
  long size;
  void *data;
  if (!file || fseek(file, 0, SEEK_END) || (size = ftell(file)) <= 0) {
    fprintf(stderr, "%s cannot be read\n", path);
    exit(2);
  }
  rewind(file);
  data = malloc((size_t)size);
  if (!data || fread(data, 1, (size_t)size, file) != (size_t)size)
    exit(2);
  fclose(file);
  *count = size / (long)element;
  return data;
}

static bool same(MlirStringRef text, const char *other) { return mlirStringRefEqual(text, str(other)); }

static void checkName(MlirStringRef name, void *expected) { check(same(name, (const char *)expected), "short name"); }

static void checkTypes(MlirContext context) {
  int64_t shape[3] = {4, 64, 128}, bad[2] = {0, 3}, one[1] = {2};
  MlirType f32 = mlirF32TypeGet(context), f16 = mlirF16TypeGet(context);
  MlirType bank = allotAdapterMapTypeGet(3, shape, f32), map = allotAdapterMapTypeGet(2, shape + 1, f32);
  MlirAttribute int4, packed, half;
  AllotCodeGrid grid;
  uint64_t bytes = 0;
  double bits = 0;
  check(allotTypeIsAAdapterMap(map) && !allotTypeIsAAdapterMap(f32), "map type");
  check(allotAdapterMapTypeGetRank(bank) == 3 && allotAdapterMapTypeGetDimSize(bank, 0) == 4, "bank");
  check(allotAdapterMapTypeGetOut(map) == 64 && allotAdapterMapTypeGetIn(map) == 128, "sizes of a map");
  check(mlirTypeEqual(allotAdapterMapTypeGetElementType(map), f32), "element type");
  check(mlirTypeEqual(map, mlirTypeParseGet(context, str("!adapter.map<64x128, f32>"))), "parsed type");
  checkFails(mlirTypeIsNull(allotAdapterMapTypeGet(2, bad, f32)), "(A1)", "map without rows");
  checkFails(mlirTypeIsNull(allotAdapterMapTypeGet(1, one, f32)), "(A1)", "map of one dimension");
  checkFails(mlirTypeIsNull(allotAdapterMapTypeGet(2, shape + 1, f16)), "(A2)", "map of f16");

  int4 = mlirAttributeParseGet(context, str("#format.int<4, block = [1, 64], scale = f16>"));
  check(!mlirAttributeIsNull(int4) && allotAttributeIsAFormat(int4) && !allotAttributeIsAFormat(mlirTypeAttrGet(f16)), "int format");
  grid = allotFormatGetCodeGrid(int4);
  check(grid.bits == 4 && grid.minCode < grid.maxCode && grid.maxCode == 15 && grid.zeroPoint == 8, "codes");
  check(grid.scale == ALLOT_SCALE_F16 && grid.offset == ALLOT_OFFSET_CONSTANT && mlirTypeIsNull(allotFormatGetElementType(int4)), "scale and offset");
  check(allotFormatGetBlockSize(int4) == 64, "block");
  check(mlirAttributeEqual(int4, allotFormatGetByName(context, str("int4g64"))), "format by name");
  allotFormatGetName(int4, checkName, (void *)"int4g64");
  check(mlirLogicalResultIsSuccess(allotFormatGetStorageBytes(int4, 2, shape + 1, &bytes)) && bytes == 64 * (64 + 2 * 2), "bytes");
  check(mlirLogicalResultIsSuccess(allotFormatGetBitsPerElement(int4, 2, shape + 1, &bits)) && bits == 4.25, "bits per element");
  checkFails(mlirLogicalResultIsFailure(allotFormatGetStorageBytes(int4, 2, bad, &bytes)), "(F11)", "bytes of nothing");
  packed = allotFormatGetPacked(int4, 8);
  check(!mlirAttributeIsNull(packed) && allotAttributeIsAFormat(packed), "packed format");
  check(mlirAttributeIsNull(allotFormatGetPacked(int4, 5)), "tiles of 5 rows");
  grid = allotFormatGetCodeGrid(allotFormatGetByName(context, str("int8g128zs8")));
  check(grid.bits == 8 && grid.scale == ALLOT_SCALE_U8 && grid.offset == ALLOT_OFFSET_ZERO_POINT, "zero points");
  check(allotFormatGetCodeGrid(allotFormatGetByName(context, str("q4_1"))).offset == ALLOT_OFFSET_MINIMUM, "minima");
  checkFails(mlirAttributeIsNull(mlirAttributeParseGet(context, str("#format.int<9, block = [1, 64], scale = f16>"))), "(F2)", "9 bits");
  checkFails(mlirAttributeIsNull(mlirAttributeParseGet(context, str("#format.int<4, block = [1, 48], scale = f16, zero_point>"))), "(F3)", "blocks of 48");
  checkFails(mlirAttributeIsNull(allotFormatGetByName(context, str("int4g63"))), "int4g63", "unknown format");
  half = allotFormatGetByName(context, str("f16"));
  check(allotFormatGetCodeGrid(half).bits == 0 && mlirTypeEqual(allotFormatGetElementType(half), f16), "float format");
  checkFails(mlirAttributeIsNull(mlirAttributeParseGet(context, str("#format.float<i8>"))), "(F1)", "float format of integers");

  check(same(mlirDialectHandleGetNamespace(mlirGetDialectHandle__adapter__()), "adapter"), "adapter dialect");
  check(same(mlirDialectHandleGetNamespace(mlirGetDialectHandle__format__()), "format"), "format dialect");
  check(same(mlirDialectHandleGetNamespace(mlirGetDialectHandle__nn__()), "nn"), "nn dialect");
  check(same(mlirDialectHandleGetNamespace(mlirGetDialectHandle__plan__()), "plan"), "plan dialect");
}

/* The inputs and outputs of the reference. */
typedef struct Case {
  int32_t *ids;
  float *logits;
  int64_t shape[2], numLogits;
} Case;

/* Runs `logits`; the largest difference from `wanted` over the largest magnitude in it, or -1. What came out goes to `copy`. */
static double difference(MlirContext context, AllotProgram program, const Case *c, const float *wanted, float *copy) {
  AllotTensor input = {mlirStringRefCreateFromCString("input_ids"), ALLOT_DTYPE_I32, 2, NULL, NULL}, output;
  AllotResults results;
  double worst = 0, most = 0;
  int64_t i;
  input.shape = c->shape;
  input.data = c->ids;
  results = allotProgramRun(context, program, str("logits"), 1, &input);
  if (allotResultsIsNull(results))
    return -1;
  output = allotResultsFind(results, str("logits"));
  check(allotResultsGetNum(results) == 1 && allotResultsGet(results, 0).data == output.data, "one result");
  check(output.dtype == ALLOT_DTYPE_F32 && output.rank == 3, "type of the logits");
  check(!allotResultsFind(results, str("other")).data, "a result that is not there");
  if (!output.data || output.rank != 3 || output.shape[0] * output.shape[1] * output.shape[2] != c->numLogits) {
    allotResultsDestroy(results);
    return -1;
  }
  for (i = 0; i < c->numLogits; ++i) {
    double got = ((const float *)output.data)[i];
    if (fabs(got - wanted[i]) > worst)
      worst = fabs(got - wanted[i]);
    if (fabs((double)wanted[i]) > most)
      most = fabs((double)wanted[i]);
  }
  if (copy)
    memcpy(copy, output.data, (size_t)c->numLogits * sizeof(float));
  allotResultsDestroy(results);
  return worst / most;
}

static AllotProgram loadLogits(MlirModule module, const char *evaluate, bool reference) {
  AllotProgramOptions options = allotProgramOptionsGet();
  MlirStringRef entries[1];
  entries[0] = str("logits");
  options.numEntries = 1;
  options.entries = entries;
  options.evaluate = str(evaluate);
  options.threads = 2;
  options.reference = reference;
  return allotProgramLoad(module, &options);
}

static void checkRun(MlirContext context, MlirModule model, const Case *c) {
  static const char *const ways[] = {"auto", "factored", "merged"};
  AllotProgram program;
  AllotTensor input, wrong = {mlirStringRefCreateFromCString("input_ids"), ALLOT_DTYPE_I32, 2, NULL, NULL};
  int64_t shape[2] = {1, 1}, negative[2] = {-1, 4};
  int32_t id = 1 << 30;
  int i;
  for (i = 0; i < 3; ++i) {
    double error;
    program = loadLogits(model, ways[i], false);
    check(!allotProgramIsNull(program), ways[i]);
    if (allotProgramIsNull(program))
      return;
    error = difference(context, program, c, c->logits, NULL);
    check(error >= 0 && error < 1e-4, ways[i]);
    if (i < 2)
      allotProgramDestroy(program);
  }
  check(allotProgramGetNumEntries(program) == 1 && same(allotProgramGetEntryName(program, 0), "logits"), "entries");
  check(allotProgramGetNumInputs(program, 0) == 1 && allotProgramGetNumOutputs(program, 0) == 1, "inputs and outputs");
  input = allotProgramGetInput(program, 0, 0);
  check(same(input.name, "input_ids") && input.dtype == ALLOT_DTYPE_I32 && input.rank == 2 && input.shape[0] == mlirShapedTypeGetDynamicSize() && !input.data,
        "description of the input");
  check(allotProgramGetOutput(program, 0, 0).rank == 3, "description of the output");
  check(allotProgramGetWeightBytes(program) > 0, "bytes of the weights");
  wrong.shape = shape;
  wrong.data = &id;
  checkFails(allotResultsIsNull(allotProgramRun(context, program, str("logits"), 1, &wrong)), "1073741824", "id out of range");
  wrong.data = NULL;
  checkFails(allotResultsIsNull(allotProgramRun(context, program, str("logits"), 1, &wrong)), "has no data", "no data");
  wrong.data = &id;
  wrong.shape = negative;
  checkFails(allotResultsIsNull(allotProgramRun(context, program, str("logits"), 1, &wrong)), "impossible shape", "negative size");
  wrong.shape = shape;
  wrong.dtype = ALLOT_DTYPE_F32;
  checkFails(allotResultsIsNull(allotProgramRun(context, program, str("logits"), 1, &wrong)), "input_ids", "wrong type");
  checkFails(allotResultsIsNull(allotProgramRun(context, program, str("logits"), 0, NULL)), "input_ids", "missing input");
  checkFails(allotResultsIsNull(allotProgramRun(context, program, str("encode"), 1, &wrong)), "no entry 'encode'", "unknown entry");
  allotProgramDestroy(program);
  program = loadLogits(model, "auto", true);
  check(!allotProgramIsNull(program), "the reference evaluation");
  if (!allotProgramIsNull(program)) {
    double error = difference(context, program, c, c->logits, NULL);
    check(error >= 0 && error < 1e-4, "result of the reference evaluation");
    allotProgramDestroy(program);
  }
  checkFails(allotProgramIsNull(loadLogits(model, "sideways", false)), "sideways", "unknown evaluation");
}

/* Compiles to FOLDER/small.allot; what that computes is `wanted`, to the bit. */
static void checkCompile(MlirContext context, MlirModule module, const Case *c, const float *wanted, const char *folder) {
  AllotCompileOptions options = allotCompileOptionsGet();
  AllotProgramOptions open = allotProgramOptionsGet();
  AllotProgram program;
  MlirStringRef entries[1];
  char output[4096];
  snprintf(output, sizeof(output), "%s/small.allot", folder);
  options.folder = str(folder);
  entries[0] = str("sing");
  options.entries = entries;
  options.numEntries = 1;
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str(output), &options)), "no entry 'sing'", "compiling an unknown entry");
  entries[0] = str("logits");
  options.cpu = str("abacus");
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str(output), &options)), "abacus", "compiling for an unknown processor");
  options.cpu = str("host");
  options.activations = str("f64");
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str(output), &options)), "f64", "compiling for unknown activations");
  options.activations = str("f32");
  options.name = str("4 ever");
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str(output), &options)), "no C identifier", "a name that is none");
  options.name = str("");
  options.linker = str("no-such-linker");
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str(output), &options)), "no-such-linker", "no linker");
  options.linker = str("");
  options.folder = str("no/such/folder");
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str(output), &options)), "no/such/folder", "weights that are not there");
  options.folder = str(folder);
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str(folder), &options)), folder, "a folder with other files");
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str("no/such/folder/small.allot"), &options)), "no/such/folder", "a folder that cannot be made");
  checkFails(mlirLogicalResultIsFailure(allotCompile(module, str(""), &options)), "empty", "a folder without a name");
  checkFails(allotProgramIsNull(allotProgramOpen(context, str(output), &open)), "small.allot", "a folder that is not there");

  check(mlirLogicalResultIsSuccess(allotCompile(module, str(output), &options)), "compile");
  program = allotProgramOpen(context, str(output), &open);
  check(!allotProgramIsNull(program), "open");
  if (!allotProgramIsNull(program)) {
    check(allotProgramGetNumEntries(program) == 1 && same(allotProgramGetEntryName(program, 0), "logits"), "the entry of the folder");
    check(difference(context, program, c, wanted, NULL) == 0, "the result of the folder");
    allotProgramDestroy(program);
  }
  open.reference = true;
  checkFails(allotProgramIsNull(allotProgramOpen(context, str(output), &open)), "small.allot", "a folder has no reference evaluation");
}

/* Measures the model on the reference's tokens, and on some of its own; a plan takes what is written. */
static void checkProfile(MlirModule model, const Case *c, const char *folder) {
  AllotProfileOptions options = allotProfileOptionsGet();
  AllotPlanOptions budget = allotPlanOptionsGet();
  MlirStringRef formats[1], allow[1];
  MlirModule plan;
  char output[4096];
  snprintf(output, sizeof(output), "%s/stats.safetensors", folder);
  options.sensitivityTokens = 16;
  options.sites = str("lm_head");
  options.tokens.dtype = ALLOT_DTYPE_I32;
  options.tokens.rank = 2;
  options.tokens.shape = c->shape;
  options.tokens.data = c->ids;
  formats[0] = str("int3");
  options.formats = formats;
  options.numFormats = 1;
  checkFails(mlirLogicalResultIsFailure(allotProfile(model, str(output), &options)), "unknown format 'int3'", "rounding to an unknown format");
  formats[0] = str("int3g32");
  options.importance = str("guess");
  checkFails(mlirLogicalResultIsFailure(allotProfile(model, str(output), &options)), "guess", "unknown importance");
  options.importance = str("both");
  options.labels = str("guess");
  checkFails(mlirLogicalResultIsFailure(allotProfile(model, str(output), &options)), "unknown labels 'guess'", "unknown labels");
  options.labels = str("model");
  options.sites = str("[");
  checkFails(mlirLogicalResultIsFailure(allotProfile(model, str(output), &options)), "expression", "no regular expression");
  options.sites = str("lm_head");
  options.tokens.dtype = ALLOT_DTYPE_F32;
  checkFails(mlirLogicalResultIsFailure(allotProfile(model, str(output), &options)), "i32", "tokens that are none");
  options.tokens.dtype = ALLOT_DTYPE_I32;
  checkFails(mlirLogicalResultIsFailure(allotProfile(model, str("no/such/folder/s.safetensors"), &options)), "no/such/folder", "statistics that cannot be written");
  check(mlirLogicalResultIsSuccess(allotProfile(model, str(output), &options)), "profile");

  budget.statistics = str(output);
  budget.budget = str("12bpw");
  formats[0] = str("int8g32");
  budget.formats = formats;
  budget.numFormats = 1;
  allow[0] = str("lm_head=int.*");
  budget.allow = allow;
  budget.numAllow = 1;
  plan = allotPlan(model, &budget);
  check(!mlirModuleIsNull(plan), "a plan with these statistics");
  if (!mlirModuleIsNull(plan))
    mlirModuleDestroy(plan);

  options.tokens.data = NULL;
  options.selfLength = 1;
  checkFails(mlirLogicalResultIsFailure(allotProfile(model, str(output), &options)), "two tokens", "rows of one token");
  options.selfRows = 1;
  options.selfLength = 4;
  options.importance = str("gradients");
  check(mlirLogicalResultIsSuccess(allotProfile(model, str(output), &options)), "profile on tokens of its own");
}

static void writeRaw(const char *path, const void *data, size_t bytes) {
  FILE *file = fopen(path, "wb");
  check(file && fwrite(data, 1, bytes, file) == bytes && !fclose(file), path);
}

static void countChoice(MlirStringRef item, MlirStringRef option, void *data) {
  check(item.length > 0 && option.length > 0, "choice");
  ++*(int *)data;
  if (same(item, "lm_head"))
    check(same(option, "int8g32"), "the pin holds");
}

/* Plans at 7 bits per weight with the head pinned, applies, runs. */
static void checkPlan(MlirContext context, MlirModule model, const char *statistics, const Case *c, const char *folder) {
  AllotPlanOptions options = allotPlanOptionsGet();
  AllotApplyOptions apply;
  MlirStringRef formats[3], pin[1], allow[1];
  MlirModule plan, applied, again;
  MlirOperation solution;
  AllotProgram program;
  int choices = 0;
  float *first = malloc((size_t)c->numLogits * sizeof(float));
  char archive[4096], file[4096];
  double error;
  snprintf(archive, sizeof(archive), "%s/weights.safetensors", folder);
  snprintf(file, sizeof(file), "%s/applied.mlirbc", folder);
  formats[0] = str("int4g32");
  formats[1] = str("int6g32");
  formats[2] = str("int8g32");
  options.formats = formats;
  options.numFormats = 3;
  options.statistics = str(statistics);
  pin[0] = str("lm_head=int8g32");
  options.pins = pin;
  options.numPins = 1;
  allow[0] = str("model.embed_tokens=int.*");
  options.allow = allow;
  options.numAllow = 1;

  options.budget = str("1bpw");
  checkFails(mlirModuleIsNull(allotPlan(model, &options)), "least", "a budget that cannot be met");
  options.budget = str("lots");
  checkFails(mlirModuleIsNull(allotPlan(model, &options)), "lots", "a budget that is none");
  options.budget = str("12bpw, flops=1");
  checkFails(mlirModuleIsNull(allotPlan(model, &options)), "flops", "a second budget that cannot be met");
  options.budget = str("12bpw");
  options.solver = str("abacus");
  checkFails(mlirModuleIsNull(allotPlan(model, &options)), "abacus", "unknown solver");
  options.solver = str("");
  pin[0] = str("lm_head=int7g32");
  checkFails(mlirModuleIsNull(allotPlan(model, &options)), "int7g32", "a pin to an unknown option");
  pin[0] = str("lm_head=int8g32");
  options.statistics = str("none.safetensors");
  checkFails(mlirModuleIsNull(allotPlan(model, &options)), "none.safetensors", "missing statistics");
  options.statistics = str(statistics);

  plan = allotPlan(model, &options);
  check(!mlirModuleIsNull(plan), "plan");
  if (mlirModuleIsNull(plan))
    return;
  solution = allotPlanGetSolution(plan);
  check(!mlirOperationIsNull(solution) && allotOperationIsAPlanSolution(solution), "solution");
  check(allotPlanSolutionGetCost(solution, 0) > 0 && allotPlanSolutionGetCost(solution, 1) == -1, "cost");
  check(allotPlanSolutionGetObjective(solution) >= allotPlanSolutionGetBound(solution), "bound");
  checkFails(mlirOperationIsNull(allotPlanGetSolution(model)), "found 0", "a model has no solution");

  apply = allotApplyOptionsGet(str("no/such/folder/w.safetensors"));
  checkFails(mlirModuleIsNull(allotApply(model, plan, &apply)), "no/such/folder", "an archive that cannot be written");
  apply.archive = str(archive);
  apply.outputFolder = str(folder);
  checkFails(mlirModuleIsNull(allotApply(model, model, &apply)), "expected one plan.solution", "a model is no plan");
  applied = allotApply(model, plan, &apply);
  check(!mlirModuleIsNull(applied), "apply");
  if (mlirModuleIsNull(applied))
    return;
  allotPlanSolutionForEachChoice(solution, countChoice, &choices);
  check(choices > 10, "a choice per matrix");
  check(mlirLogicalResultIsSuccess(allotModuleWrite(applied, str(file))), "write");
  again = allotModuleRead(context, str(file));
  check(!mlirModuleIsNull(again), "read");
  program = loadLogits(again, "auto", false);
  check(!allotProgramIsNull(program), "the applied program");
  if (allotProgramIsNull(program))
    return;
  check((int64_t)allotProgramGetWeightBytes(program) == allotPlanSolutionGetCost(solution, 0), "as many bytes as the plan says");
  error = difference(context, program, c, c->logits, first);
  /* Rounded, but the same model. */
  check(error > 1e-6 && error < 0.2, "result of the applied program");
  allotProgramDestroy(program);
  mlirModuleDestroy(again);
  {
    /* From memory. */
    AllotProgramOptions load = allotProgramOptionsGet();
    load.folder = str(folder);
    program = allotProgramLoad(applied, &load);
    check(!allotProgramIsNull(program), "the applied program from memory");
    if (!allotProgramIsNull(program)) {
      check(difference(context, program, c, first, NULL) == 0, "the same result");
      check(allotProgramGetNumEntries(program) == 3, "logits, prefill and decode");
      allotProgramDestroy(program);
    }
  }
  snprintf(file, sizeof(file), "%s/applied.bin", folder);
  writeRaw(file, first, (size_t)c->numLogits * sizeof(float));
  checkCompile(context, applied, c, first, folder);
  mlirModuleDestroy(applied);
  mlirModuleDestroy(plan);

  options.numPins = 0;
  options.numAllow = 0;
  options.uniform = str("int8g32");
  plan = allotPlan(model, &options);
  check(!mlirModuleIsNull(plan), "uniform plan");
  if (!mlirModuleIsNull(plan))
    mlirModuleDestroy(plan);
  free(first);
}

int main(int argc, char **argv) {
  MlirDialectRegistry registry = mlirDialectRegistryCreate();
  MlirContext context;
  MlirModule model, broken;
  AllotImportOptions import;
  AllotAdapterSource adapter = {{NULL, 0}, {NULL, 0}, 1.0};
  Case c;
  char path[4096];
  if (argc != 7)
    return 2;
  allotRegisterAllDialects(registry);
  allotRegisterAllPasses();
  allotRegisterAllPasses();
  context = mlirContextCreateWithRegistry(registry, false);
  mlirDialectRegistryDestroy(registry);
  mlirContextAttachDiagnosticHandler(context, handle, NULL, NULL);
  c.ids = readRaw(argv[4], sizeof(int32_t), &c.shape[1]);
  c.shape[0] = 2;
  c.shape[1] /= 2;
  c.logits = readRaw(argv[5], sizeof(float), &c.numLogits);
  check(allotVersion().length >= 5, "version");
  checkTypes(context);

  import = allotImportOptionsGet(str(argv[1]));
  adapter.directory = str(argv[2]);
  import.adapters = &adapter;
  import.numAdapters = 1;
  model = allotImport(context, &import);
  check(!mlirModuleIsNull(model), "import");
  if (!mlirModuleIsNull(model)) {
    checkRun(context, model, &c);
    checkProfile(model, &c, argv[6]);
    checkPlan(context, model, argv[3], &c, argv[6]);

    snprintf(path, sizeof(path), "%s/merged.safetensors", argv[6]);
    check(mlirLogicalResultIsSuccess(allotModuleMergeWeights(model, str(""), str(path))), "merge");
    checkFails(mlirLogicalResultIsFailure(allotModuleWrite(model, str("no/such/folder/m.mlir"))), "no/such/folder", "a module that cannot be written");
    checkFails(mlirLogicalResultIsFailure(allotRunPipeline(model, str("builtin.module(no-such-pass)"))), "no-such-pass", "unknown pass");
    checkFails(mlirLogicalResultIsFailure(allotRunPipeline(model, str("func.func(canonicalize)"))), "func.func", "a pipeline for functions");
    check(mlirLogicalResultIsSuccess(allotRunPipeline(model, str("builtin.module(nn-strip-taps,adapter-expand,canonicalize)"))), "pipeline");
    mlirModuleDestroy(model);
  }

  adapter.directory = str("no_adapter");
  broken = allotImport(context, &import);
  checkFails(mlirModuleIsNull(broken), "no_adapter", "missing adapter");
  import.numAdapters = 0;
  import.checkpoint = str("no_model");
  broken = allotImport(context, &import);
  checkFails(mlirModuleIsNull(broken), "no_model", "missing checkpoint");
  broken = allotModuleRead(context, str("none.mlir"));
  checkFails(mlirModuleIsNull(broken), "none.mlir", "missing module");
  check(reported[0] == '\0', "nothing was reported without need");
  mlirContextDestroy(context);
  free(c.ids);
  free(c.logits);
  printf("%d passed, %d failed\n", passed, failed);
  return failed != 0;
}
