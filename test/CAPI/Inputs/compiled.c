/* Links what embed.c compiled, and knows its header alone: the logits are those that embed.c got, to the bit.

     compiled IDS LOGITS

   IDS is raw i32 [2, T], LOGITS raw f32.

   SPDX-License-Identifier: Apache-2.0 WITH LLVM-exception */

#include "small.h"
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

static void *readRaw(const char *path, long *size) {
  FILE *file = fopen(path, "rb");
  void *data;
  if (!file || fseek(file, 0, SEEK_END) || (*size = ftell(file)) <= 0)
    exit(2);
  rewind(file);
  data = malloc((size_t)*size);
  if (!data || fread(data, 1, (size_t)*size, file) != (size_t)*size)
    exit(2);
  fclose(file);
  return data;
}

int main(int argc, char **argv) {
  char message[256];
  long idBytes = 0, logitBytes = 0;
  small_program *program;
  small_logits_args args = {0};
  int32_t *ids;
  float *wanted;
  size_t count;
  int same;
  if (argc != 3)
    return 2;
  program = small_open(NULL, message, sizeof message);
  if (!program) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  ids = readRaw(argv[1], &idBytes);
  args.input_ids = ids;
  args.input_ids_size[0] = 2;
  args.input_ids_size[1] = idBytes / 8;
  wanted = readRaw(argv[2], &logitBytes);
  if (small_logits(program, &args, message, sizeof message)) {
    fprintf(stderr, "%s\n", message);
    return 1;
  }
  count = (size_t)(args.logits_size[0] * args.logits_size[1] * args.logits_size[2]);
  same = count * sizeof(float) == (size_t)logitBytes && !memcmp(args.logits, wanted, (size_t)logitBytes);
  printf("%lu logits, %s\n", (unsigned long)count, same ? "the same" : "others");
  small_logits_free(&args);
  small_close(program);
  free(ids);
  free(wanted);
  return !same;
}
