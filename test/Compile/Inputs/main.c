// SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception
//
// A C program that knows a compiled model by its header alone.
//
//     main FOLDER generate STEPS ROW...    continues rows of tokens such as 7,8,9 in one batch
//     main FOLDER logits ROW               logits behind a prompt, as tensors.py prints them
//     main FOLDER concurrently STEPS ROW   the same from eight threads at once, each with its own cache
//     main FOLDER mistakes                 what a caller may do wrong
//
// FOLDER - is the folder of the library.

#include "small.h"
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { kRows = 8, kLength = 64 };

typedef struct {
  const small_program *program;
  int steps, rows, width;
  int32_t prompts[kRows][kLength], lengths[kRows], output[kRows][kLength];
  char message[256];
  int failed;
} job;

static void give_up(const char *message) {
  fprintf(stderr, "error: %s\n", message);
  exit(1);
}

static void read_row(job *j, const char *text) {
  int n = 0;
  for (char *end; n < kLength; ++n, text = end + 1) {
    j->prompts[j->rows][n] = (int32_t)strtol(text, &end, 10);
    if (*end != ',') {
      ++n;
      break;
    }
  }
  j->lengths[j->rows++] = n;
  j->width = n > j->width ? n : j->width;
}

/* One prefill for all rows, whatever their lengths, then steps. */
static void *generate(void *argument) {
  job *j = (job *)argument;
  int64_t capacity = j->width + j->steps;
  int64_t bytes = small_cache_bytes(j->rows, capacity);
  float *cache = (float *)calloc(1, (size_t)bytes);
  int32_t tokens[kRows * kLength], next[kRows], count[kRows], past[kRows];
  for (int b = 0; b < j->rows; ++b) {
    for (int t = 0; t < j->width; ++t)
      tokens[b * j->width + t] = t < j->lengths[b] ? j->prompts[b][t] : 0;
    memcpy(j->output[b], j->prompts[b], sizeof j->prompts[b]);
    count[b] = j->lengths[b];
    past[b] = 0;
  }
  small_decode_args d = {0};
  small_prefill_args p = {0};
  for (int step = 0; step < j->steps && !j->failed; ++step) {
    const float *logits;
    int64_t vocabulary;
    if (step == 0) {
      p.tokens = tokens;
      p.tokens_size[0] = j->rows;
      p.tokens_size[1] = j->width;
      p.count = count;
      p.past = past;
      p.count_size[0] = p.past_size[0] = j->rows;
      p.cache = cache;
      int64_t sizes[6] = {2, 2, j->rows, capacity, 1, 16};
      memcpy(p.cache_size, sizes, sizeof sizes);
      memcpy(d.cache_size, sizes, sizeof sizes);
      j->failed = small_prefill(j->program, &p, j->message, sizeof j->message);
      logits = p.logits;
      vocabulary = p.logits_size[1];
    } else {
      d.tokens = next;
      d.tokens_size[0] = j->rows;
      d.tokens_size[1] = 1;
      d.count = count;
      d.past = past;
      d.count_size[0] = d.past_size[0] = j->rows;
      d.cache = cache;
      j->failed = small_decode(j->program, &d, j->message, sizeof j->message);
      logits = d.logits;
      vocabulary = d.logits_size[1];
    }
    for (int b = 0; b < j->rows && !j->failed; ++b) {
      int32_t best = 0;
      for (int64_t i = 1; i < vocabulary; ++i)
        if (logits[b * vocabulary + i] > logits[b * vocabulary + best])
          best = (int32_t)i;
      past[b] += count[b];
      count[b] = 1;
      next[b] = j->output[b][past[b]] = best;
    }
    if (step == 0)
      small_prefill_free(&p);
    else
      small_decode_free(&d);
  }
  free(cache);
  return NULL;
}

static void print_rows(const job *j) {
  for (int b = 0; b < j->rows; ++b) {
    for (int t = 0; t < j->lengths[b] + j->steps; ++t)
      printf("%s%d", t ? " " : "", j->output[b][t]);
    printf("\n");
  }
}

static void concurrently(const job *model) {
  static job jobs[8];
  pthread_t threads[8];
  for (int i = 0; i < 8; ++i) {
    jobs[i] = *model;
    if (pthread_create(&threads[i], NULL, generate, &jobs[i]))
      give_up("no thread");
  }
  for (int i = 0; i < 8; ++i) {
    pthread_join(threads[i], NULL);
    if (jobs[i].failed)
      give_up(jobs[i].message);
    print_rows(&jobs[i]);
  }
}

static void mistakes(const small_program *program) {
  char message[256], tiny[12];
  int32_t tokens[2] = {1, 100000}, count[2] = {2, 2}, past[1] = {0};
  float *cache = (float *)calloc(1, (size_t)small_cache_bytes(1, 2));
  small_prefill_args p = {tokens, {1, 2}, count, {1}, past, {1}, cache, {2, 2, 1, 2, 1, 16}, NULL, {0, 0}, {NULL}};
#define TRY(CHANGE, UNDO)                                                      \
  CHANGE;                                                                      \
  printf("%d %s\n", small_prefill(program, &p, message, sizeof message),       \
         message);                                                             \
  UNDO;
  TRY((void)0, tokens[1] = 3)
  TRY(tokens[0] = -1, tokens[0] = 1)
  TRY(p.count = NULL, p.count = count)
  TRY(p.cache_size[5] = 15, p.cache_size[5] = 16)
  TRY(p.cache_size[3] = -2, p.cache_size[3] = 2)
  TRY(p.cache_size[2] = 2, p.cache_size[2] = 1)
  TRY(p.count_size[0] = 2, p.count_size[0] = 1)
  TRY(count[0] = 3, count[0] = 2)
  TRY(past[0] = 1, past[0] = 0)
  tokens[1] = -5;
  int status = small_prefill(program, &p, tiny, sizeof tiny);
  printf("%d %s\n", status, tiny);
  printf("%d\n", small_prefill(program, &p, NULL, 0));
  printf("%lld %lld %lld\n", (long long)small_cache_bytes(0, 1),
         (long long)small_cache_bytes(1, INT64_MAX / 2),
         (long long)small_cache_bytes(3, 5));
  tokens[1] = 3;
  printf("%d\n", small_prefill(program, &p, message, sizeof message));
  small_prefill_free(&p);
  small_prefill_free(&p);
  free(cache);
}

int main(int argc, char **argv) {
  char message[512];
  if (argc < 3)
    give_up("usage: see the source");
  small_program *program = small_open(strcmp(argv[1], "-") ? argv[1] : NULL, message, sizeof message);
  if (!program)
    give_up(message);
  small_set_threads(program, 2);
  static job j;
  j.program = program;
  if (!strcmp(argv[2], "mistakes")) {
    mistakes(program);
  } else if (!strcmp(argv[2], "logits") && argc == 4) {
    read_row(&j, argv[3]);
    float *cache = (float *)calloc(1, (size_t)small_cache_bytes(1, j.width));
    int32_t past = 0;
    small_prefill_args p = {j.prompts[0], {1, j.width}, j.lengths, {1}, &past, {1}, cache, {2, 2, 1, j.width, 1, 16}, NULL, {0, 0}, {NULL}};
    if (small_prefill(program, &p, message, sizeof message))
      give_up(message);
    printf("logits F32 %lldx%lld", (long long)p.logits_size[0], (long long)p.logits_size[1]);
    for (int64_t i = 0; i < p.logits_size[0] * p.logits_size[1]; ++i)
      printf(" %.6g", p.logits[i]);
    printf("\n");
    small_prefill_free(&p);
    free(cache);
  } else if (argc > 4 && argc - 4 <= kRows) {
    j.steps = atoi(argv[3]);
    for (int i = 4; i < argc; ++i)
      read_row(&j, argv[i]);
    if (!strcmp(argv[2], "concurrently")) {
      concurrently(&j);
    } else {
      generate(&j);
      if (j.failed)
        give_up(j.message);
      print_rows(&j);
    }
  } else {
    give_up("usage: see the source");
  }
  small_close(program);
  return 0;
}
