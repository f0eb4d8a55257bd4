/*===- Loader.h - what a compiled library says about itself -----*- C -*-===*
 *
 * SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
 *
 *===--------------------------------------------------------------------===*
 *
 * The library of a compiled folder holds the code of the entries, one constant
 * of type allot_description, this loader (as object code), and for each
 * function of the C header a call of the loader. There is no other state: a
 * description is constant, everything that changes belongs to the caller.
 *
 *===--------------------------------------------------------------------===*/

#ifndef ALLOT_RUNTIME_LOADER_H
#define ALLOT_RUNTIME_LOADER_H

#include <stddef.h>
#include <stdint.h>

#ifdef __cplusplus
extern "C" {
#endif

/* Version of the structs and functions below. */
#define ALLOT_LOADER_VERSION 2
/* The first bytes of a file of weights; the first weight lies at offset 64. */
#define ALLOT_WEIGHTS_MAGIC "allot weights 1\n"
#define ALLOT_WEIGHTS_HEADER 64

/* All members are 8 bytes, so that layout is the same for every compiler. */
typedef struct {
  const char *name;
  int64_t element_bytes;
  int64_t rank;
  const int64_t *shape; /* negative: any size */
  int64_t
      ids; /* values are 0 .. ids - 1; 0: anything; below 0: -1 .. -ids - 1 */
  int64_t alias;        /* of outputs: the input whose memory it is, or -1 */
  const int64_t *limits; /* largest sizes, 0: any; null: none */
  const int64_t *same;   /* sizes of inputs with one number agree, 0: with none; null: none */
} allot_parameter;

typedef struct {
  const char *name;
  void (*run)(void **);
  int64_t takes_weights;
  int64_t inputs, outputs;
  const allot_parameter *parameters; /* inputs, then outputs */
  /* Of an entry with a cache, the inputs for tokens and so on; -1: it has none. */
  int64_t tokens, count, past, cache;
} allot_entry;

typedef struct {
  const char *name;
  int64_t offset, bytes;
  uint64_t checksum;
} allot_weight;

typedef struct {
  int64_t version;
  const char *name;
  const char *digest; /* of the manifest's member `program` */
  const char *cpu;
  int64_t features;
  const char *const *feature;
  const char *weights_file;
  int64_t weights_file_bytes;
  int64_t weights;
  const allot_weight *weight;
  int64_t entries;
  const allot_entry *entry;
} allot_description;

/* The checksum of weights that the loader computes; also by the compiler. */
uint64_t allot_checksum(const void *bytes, uint64_t size);

/* What the functions of a program's header call. Pointers to arguments are
 * structs as the header writes them: for each input a pointer and its sizes, for
 * each output (but for those updated in place) the same, then one pointer per
 * such output to the memory to free. */
void *allot_loader_open(const allot_description *program, const char *folder,
                        char *message, size_t size);
void allot_loader_close(void *handle);
void allot_loader_set_threads(void *handle, int threads);
int64_t allot_loader_cache_bytes(const allot_description *program,
                                 int64_t batch, int64_t capacity);
int allot_loader_run(const allot_entry *entry, const void *handle,
                     void *arguments, char *message, size_t size);
void allot_loader_free(const allot_entry *entry, void *arguments);

#ifdef __cplusplus
}
#endif

#endif
