/* The least that a microVM takes: the same libkrun, kernel, image root, CPUs and memory, and nothing of ours.
 * usage: floor LIBKRUN ROOT-FOLDER CPUS MEMORY-MIB CONSOLE-FILE; ROOT-FOLDER/init.krun is floor-init.c. */
#include <dlfcn.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

static void *library;

static void *symbol(const char *name) {
  void *found = dlsym(library, name);
  if (!found) {
    fprintf(stderr, "floor: no %s in libkrun\n", name);
    exit(125);
  }
  return found;
}

static void check(int result, const char *what) {
  if (result >= 0) return;
  fprintf(stderr, "floor: %s failed: %d\n", what, result);
  exit(125);
}

int main(int argc, char **argv) {
  if (argc != 6) return 125;
  library = dlopen(argv[1], RTLD_NOW);
  if (!library) {
    fprintf(stderr, "floor: %s\n", dlerror());
    return 125;
  }
  int32_t (*create)(void) = symbol("krun_create_ctx");
  int32_t (*config)(uint32_t, uint8_t, uint32_t) = symbol("krun_set_vm_config");
  int32_t (*root)(uint32_t, const char *) = symbol("krun_set_root");
  int32_t (*exec)(uint32_t, const char *, const char *const[], const char *const[]) = symbol("krun_set_exec");
  int32_t (*console)(uint32_t, const char *) = symbol("krun_set_console_output");
  int32_t (*enter)(uint32_t) = symbol("krun_start_enter");
  const char *const none[] = {NULL};
  int context = create();
  check(context, "krun_create_ctx");
  check(config(context, atoi(argv[3]), atoi(argv[4])), "krun_set_vm_config");
  check(root(context, argv[2]), "krun_set_root");
  check(exec(context, "/bin/true", none, none), "krun_set_exec");
  check(console(context, argv[5]), "krun_set_console_output");
  check(enter(context), "krun_start_enter");
  return 125;
}
