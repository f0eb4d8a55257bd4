/*===- Loader.c - opens and runs a compiled program -------------*- C -*-===*
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===--------------------------------------------------------------------===*
 *
 * Linked into the library of every compiled folder, as an object that runs on
 * the first generation of its architecture. It needs the C library and OpenMP.
 *
 *===--------------------------------------------------------------------===*/

#ifndef _GNU_SOURCE
#define _GNU_SOURCE
#endif
#include "Loader.h"
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>
#if defined(__x86_64__)
#include <cpuid.h>
#endif

/* Of OpenMP's runtime; its header need not be there. */
extern int omp_get_max_threads(void);
extern int omp_get_num_procs(void);
extern void omp_set_num_threads(int);

/* A memref<?xi8> as compiled code sees it. */
typedef struct {
  const uint8_t *allocated, *aligned;
  int64_t offset, size, stride;
} byte_memref;

typedef struct {
  const allot_description *program;
  const uint8_t *mapping;
  size_t mapped;
  byte_memref *table;
  int threads;
} handle_type;

/* Writes a message and returns -1. */
static int fail(char *message, size_t size, const char *format, ...) {
  if (message && size) {
    va_list arguments;
    va_start(arguments, format);
    vsnprintf(message, size, format, arguments);
    va_end(arguments);
  }
  return -1;
}

/*===--------------------------------------------------------------------===*
 * Processor features
 *===--------------------------------------------------------------------===*/

typedef struct {
  const char *name;
  uint32_t leaf, subleaf;
  int reg;
  uint32_t bit;
  int state;
} feature_type;

#if defined(__x86_64__)
enum { EAX, EBX, ECX, EDX };

static const feature_type known_features[] = {
#define ALLOT_FEATURE(NAME, LEAF, SUBLEAF, REGISTER, BIT, STATE)               \
  {NAME, LEAF, SUBLEAF, REGISTER, BIT, STATE},
#include "Features.def"
#undef ALLOT_FEATURE
};

/* Which registers the system saves: 0: xmm, 1: ymm, 2: zmm. */
static int saved_state(void) {
  uint32_t a, b, c, d;
  if (!__get_cpuid(1, &a, &b, &c, &d) || !(c & (1u << 27)))
    return 0;
  __asm__ volatile("xgetbv" : "=a"(a), "=d"(d) : "c"(0));
  return (a & 0xe6) == 0xe6 ? 2 : (a & 6) == 6 ? 1 : 0;
}

static int has_feature(const char *name) {
  for (size_t i = 0; i < sizeof known_features / sizeof *known_features; ++i) {
    const feature_type *feature = &known_features[i];
    if (strcmp(feature->name, name) != 0)
      continue;
    uint32_t r[4] = {0, 0, 0, 0}, most;
    if (feature->subleaf) {
      if (!__get_cpuid_count(feature->leaf, 0, &most, &r[1], &r[2], &r[3]) ||
          most < feature->subleaf)
        return 0;
    }
    return __get_cpuid_count(feature->leaf, feature->subleaf, &r[0], &r[1],
                             &r[2], &r[3]) &&
           ((r[feature->reg] >> feature->bit) & 1) &&
           saved_state() >= feature->state;
  }
  return 0;
}
#else
static int has_feature(const char *name) {
  (void)name;
  return 0;
}
#endif

/*===--------------------------------------------------------------------===*
 * Weights
 *===--------------------------------------------------------------------===*/

/* One of four lanes that read 8 bytes in turn. The constants are odd numbers
 * near multiples of the golden ratio, as in multiplicative hashing (Knuth, The
 * Art of Computer Programming 3, 6.4). */
static uint64_t mix(uint64_t state, uint64_t word) {
  state = (state ^ word) * 0x9e3779b97f4a7c15u;
  return state ^ (state >> 29);
}

/* A multiplication does not let any change of one word vanish, so what is
 * exchanged, cut or overwritten is seen; against forgery it does not help. */
uint64_t allot_checksum(const void *bytes, uint64_t size) {
  const uint8_t *p = (const uint8_t *)bytes;
  uint64_t lanes[4] = {1, 2, 3, 4}, words[4], left = size;
  for (; left >= 32; left -= 32, p += 32) {
    memcpy(words, p, 32);
    for (int i = 0; i < 4; ++i)
      lanes[i] = mix(lanes[i], words[i]);
  }
  memset(words, 0, sizeof words);
  memcpy(words, p, left);
  for (int i = 0; i < 4; ++i)
    lanes[i] = mix(lanes[i], words[i]);
  uint64_t sum = size;
  for (int i = 0; i < 4; ++i)
    sum = mix(sum, lanes[i]);
  return sum;
}

static int map_weights(handle_type *handle, const char *path, char *message,
                       size_t size) {
  const allot_description *program = handle->program;
  int file = open(path, O_RDONLY | O_CLOEXEC);
  if (file < 0)
    return fail(message, size, "%s: cannot be opened: %s", path,
                strerror(errno));
  off_t end = lseek(file, 0, SEEK_END);
  if (end != (off_t)program->weights_file_bytes) {
    close(file);
    return fail(message, size, "%s: has %lld bytes, the program wants %lld",
                path, (long long)end, (long long)program->weights_file_bytes);
  }
  void *mapping = mmap(NULL, (size_t)end, PROT_READ, MAP_PRIVATE, file, 0);
  int reason = errno;
  close(file);
  if (mapping == MAP_FAILED)
    return fail(message, size, "%s: cannot be mapped: %s", path,
                strerror(reason));
  handle->mapping = (const uint8_t *)mapping;
  handle->mapped = (size_t)end;
#ifdef MADV_HUGEPAGE
  (void)madvise(mapping, (size_t)end, MADV_HUGEPAGE);
#endif
  if (memcmp(mapping, ALLOT_WEIGHTS_MAGIC, strlen(ALLOT_WEIGHTS_MAGIC)) != 0)
    return fail(message, size, "%s: is no file of weights of this version",
                path);
  handle->table =
      (byte_memref *)malloc((size_t)(program->weights + 1) * sizeof(byte_memref));
  if (!handle->table)
    return fail(message, size, "no memory");
  for (int64_t i = 0; i < program->weights; ++i) {
    const allot_weight *weight = &program->weight[i];
    const uint8_t *data = handle->mapping + weight->offset;
    if (allot_checksum(data, (uint64_t)weight->bytes) != weight->checksum)
      return fail(message, size, "%s: weight '%s' has changed", path,
                  weight->name);
    byte_memref *memref = &handle->table[i];
    memref->allocated = memref->aligned = data;
    memref->offset = 0;
    memref->size = weight->bytes;
    memref->stride = 1;
  }
  return 0;
}

/* `folder`/`name`, to be freed; without a folder that of this library. */
static char *path_of(const allot_description *program, const char *folder) {
  Dl_info info;
  size_t length = 0;
  const char *name = program->weights_file;
  if (folder) {
    length = strlen(folder);
  } else if (dladdr((const void *)program, &info) && info.dli_fname) {
    folder = info.dli_fname;
    const char *slash = strrchr(folder, '/');
    length = slash ? (size_t)(slash - folder) + (slash == folder) : 0;
  }
  char *path = (char *)malloc(length + strlen(name) + 2);
  if (path)
    sprintf(path, "%.*s%s%s", (int)length, folder ? folder : "",
            length && folder[length - 1] != '/' ? "/" : "", name);
  return path;
}

void *allot_loader_open(const allot_description *program, const char *folder,
                        char *message, size_t size) {
  for (int64_t i = 0; i < program->features; ++i)
    if (!has_feature(program->feature[i])) {
      fail(message, size,
           "%s: this processor has no '%s', which the code needs (it is "
           "compiled for %s)",
           program->name, program->feature[i], program->cpu);
      return NULL;
    }
  handle_type *handle = (handle_type *)calloc(1, sizeof *handle);
  char *path = path_of(program, folder);
  if (!handle || !path) {
    fail(message, size, "no memory");
    free(handle);
    free(path);
    return NULL;
  }
  handle->program = program;
  handle->threads = omp_get_num_procs();
  int failed = map_weights(handle, path, message, size);
  free(path);
  if (failed) {
    allot_loader_close(handle);
    return NULL;
  }
  return handle;
}

void allot_loader_close(void *opened) {
  handle_type *handle = (handle_type *)opened;
  if (!handle)
    return;
  if (handle->mapping)
    munmap((void *)(uintptr_t)handle->mapping, handle->mapped);
  free(handle->table);
  free(handle);
}

void allot_loader_set_threads(void *handle, int threads) {
  ((handle_type *)handle)->threads =
      threads > 0 ? threads : omp_get_num_procs();
}

/*===--------------------------------------------------------------------===*
 * Running
 *===--------------------------------------------------------------------===*/

int64_t allot_loader_cache_bytes(const allot_description *program,
                                 int64_t batch, int64_t capacity) {
  for (int64_t i = 0; i < program->entries; ++i) {
    const allot_entry *entry = &program->entry[i];
    if (entry->cache < 0)
      continue;
    const allot_parameter *cache = &entry->parameters[entry->cache];
    if (batch <= 0 || capacity <= 0)
      return -1;
    int64_t bytes = cache->element_bytes;
    for (int64_t d = 0; d < cache->rank; ++d)
      if (__builtin_mul_overflow(bytes,
                                 d == 2   ? batch
                                 : d == 3 ? capacity
                                          : cache->shape[d],
                                 &bytes) ||
          bytes < 0)
        return -1;
    return bytes;
  }
  return 0;
}

static int input_error(const allot_entry *entry, const allot_parameter *input,
                       char *message, size_t size, const char *what,
                       int64_t value, int64_t wanted) {
  char text[160];
  snprintf(text, sizeof text, what, (long long)value, (long long)wanted);
  return fail(message, size, "entry '%s', input '%s': %s", entry->name,
              input->name, text);
}

/* `words`: the pointer, then the sizes. */
static int check_input(const allot_entry *entry, const allot_parameter *input,
                       const int64_t *words, char *message, size_t size) {
  if (!words[0])
    return input_error(entry, input, message, size, "the pointer is null", 0,
                       0);
  int64_t elements = 1;
  for (int64_t d = 0; d < input->rank; ++d) {
    int64_t given = words[1 + d];
    if (input->shape[d] >= 0 && given != input->shape[d])
      return input_error(entry, input, message, size,
                         "a size is %lld, wanted %lld", given,
                         input->shape[d]);
    if (input->limits && input->limits[d] > 0 && given > input->limits[d])
      return input_error(entry, input, message, size,
                         "a size is %lld, at most %lld are possible", given,
                         input->limits[d]);
    if (given <= 0 || __builtin_mul_overflow(elements, given, &elements) ||
        elements > INT64_MAX / 8)
      return input_error(entry, input, message, size,
                         "%lld is no possible size", given, 0);
  }
  if (input->ids != 0)
    for (int64_t i = 0; i < elements; ++i) {
      int64_t id = input->element_bytes == 8
                       ? ((const int64_t *)words[0])[i]
                       : ((const int32_t *)words[0])[i];
      int64_t lowest = input->ids < 0 ? -1 : 0,
              limit = input->ids < 0 ? -input->ids : input->ids;
      if (id < lowest || id >= limit)
        return input_error(entry, input, message, size,
                           "id %lld is not below %lld", id, limit);
    }
  return 0;
}

/* Sizes of one number agree. */
static int check_sizes(const allot_entry *entry, int64_t *const *words,
                       char *message, size_t size) {
  const allot_parameter *inputs = entry->parameters;
  for (int64_t i = 0; i < entry->inputs; ++i)
    for (int64_t d = 0; inputs[i].same && d < inputs[i].rank; ++d)
      for (int64_t j = 0; inputs[i].same[d] > 0 && j < i; ++j)
        for (int64_t e = 0; inputs[j].same && e < inputs[j].rank; ++e)
          if (inputs[j].same[e] == inputs[i].same[d] &&
              words[j][1 + e] != words[i][1 + d])
            return input_error(entry, &inputs[i], message, size,
                               "a size is %lld, but another input has %lld",
                               words[i][1 + d], words[j][1 + e]);
  return 0;
}

/* Of an entry with a cache: batch sizes agree, and every row's new tokens fit
 * behind those that it has. */
static int check_cache(const allot_entry *entry, int64_t *const *words,
                       char *message, size_t size) {
  const allot_parameter *inputs = entry->parameters;
  int64_t batch = words[entry->tokens][1], length = words[entry->tokens][2],
          capacity = words[entry->cache][4];
  const int64_t sizes[3] = {words[entry->count][1], words[entry->past][1],
                            words[entry->cache][3]};
  const int64_t which[3] = {entry->count, entry->past, entry->cache};
  for (int i = 0; i < 3; ++i)
    if (sizes[i] != batch)
      return input_error(entry, &inputs[which[i]], message, size,
                         "has %lld rows, there are %lld rows of tokens",
                         sizes[i], batch);
  for (int64_t b = 0; b < batch; ++b) {
    int64_t count = ((const int32_t *)words[entry->count][0])[b],
            past = ((const int32_t *)words[entry->past][0])[b];
    if (count < 1 || count > length)
      return input_error(entry, &inputs[entry->count], message, size,
                         "a row has %lld tokens, wanted 1 to %lld", count,
                         length);
    if (past < 0 || past > capacity - count)
      return input_error(
          entry, &inputs[entry->past], message, size,
          "%lld tokens and the new ones do not fit into a cache of %lld", past,
          capacity);
  }
  return 0;
}

/* Appends a memref descriptor: allocated and aligned pointer, offset, sizes,
 * strides. */
static int64_t *append_descriptor(int64_t *at, int64_t address,
                                  const int64_t *sizes, int64_t rank) {
  int64_t stride = 1;
  *at++ = address;
  *at++ = address;
  *at++ = 0;
  for (int64_t d = 0; d < rank; ++d)
    at[d] = sizes[d];
  for (int64_t d = rank; d-- > 0;) {
    at[rank + d] = stride;
    stride *= sizes[d];
  }
  return at + 2 * rank;
}

int allot_loader_run(const allot_entry *entry, const void *opened,
                     void *arguments, char *message, size_t size) {
  const handle_type *handle = (const handle_type *)opened;
  const allot_parameter *parameters = entry->parameters;
  int64_t all = entry->inputs + entry->outputs, descriptors = 5;
  if (!handle || !arguments)
    return fail(message, size, "entry '%s': there is no program or there are "
                               "no arguments",
                entry->name);
  for (int64_t i = 0; i < all; ++i)
    descriptors += 3 + 2 * parameters[i].rank;
  /* Pointers into the caller's struct, pointers for the callee, descriptors. */
  int64_t **words = (int64_t **)malloc(
      (size_t)(all + 1) * sizeof *words + (size_t)(all + 2) * sizeof(void *) +
      (size_t)descriptors * sizeof(int64_t));
  if (!words)
    return fail(message, size, "entry '%s': no memory", entry->name);
  void **pointers = (void **)(words + all + 1);
  int64_t *descriptor = (int64_t *)(pointers + all + 2);
  int64_t *at = (int64_t *)arguments, results = 0;
  int failed = 0;
  for (int64_t i = 0; i < all; ++i) {
    words[i] = at;
    if (i >= entry->inputs && parameters[i].alias >= 0)
      continue;
    results += i >= entry->inputs;
    at += 1 + parameters[i].rank;
    if (i < entry->inputs && !failed)
      failed = check_input(entry, &parameters[i], words[i], message, size);
  }
  int64_t *owned = at;
  if (!failed)
    failed = check_sizes(entry, words, message, size);
  if (!failed && entry->cache >= 0)
    failed = check_cache(entry, words, message, size);
  if (failed) {
    free(words);
    return failed;
  }

  int64_t n = 0, *next = descriptor;
  if (results) {
    pointers[n++] = next;
    for (int64_t i = entry->inputs; i < all; ++i)
      if (parameters[i].alias < 0)
        next += 3 + 2 * parameters[i].rank;
  }
  if (entry->takes_weights) {
    pointers[n++] = next;
    next = append_descriptor(next, (int64_t)(intptr_t)handle->table,
                             &handle->program->weights, 1);
  }
  for (int64_t i = 0; i < entry->inputs; ++i) {
    pointers[n++] = next;
    next = append_descriptor(next, words[i][0], words[i] + 1,
                             parameters[i].rank);
  }
  /* The number of threads belongs to the calling thread; it gets it back. */
  int before = omp_get_max_threads();
  if (before != handle->threads)
    omp_set_num_threads(handle->threads);
  entry->run(pointers);
  if (before != handle->threads)
    omp_set_num_threads(before);

  next = descriptor;
  for (int64_t i = entry->inputs; i < all; ++i) {
    const allot_parameter *output = &parameters[i];
    if (output->alias >= 0)
      continue;
    words[i][0] = next[1] + next[2] * output->element_bytes;
    for (int64_t d = 0; d < output->rank; ++d)
      words[i][1 + d] = next[3 + d];
    /* One buffer may be several results: it is freed once. */
    *owned = next[0];
    for (int64_t *earlier = at; earlier < owned; ++earlier)
      if (*earlier == *owned)
        *owned = 0;
    ++owned;
    next += 3 + 2 * output->rank;
  }
  free(words);
  return 0;
}

void allot_loader_free(const allot_entry *entry, void *arguments) {
  int64_t *at = (int64_t *)arguments, results = 0;
  for (int64_t i = 0; i < entry->inputs + entry->outputs; ++i)
    if (i < entry->inputs || entry->parameters[i].alias < 0)
      at += 1 + entry->parameters[i].rank;
  for (int64_t i = entry->inputs; i < entry->inputs + entry->outputs; ++i)
    results += entry->parameters[i].alias < 0;
  for (int64_t i = 0; i < results; ++i) {
    free((void *)(intptr_t)at[i]);
    at[i] = 0;
  }
}
