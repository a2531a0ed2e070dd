// Linked beside yardstick.c, which stays as it is: says at the end how much CPU time the whole run had, so that a run
// that had to share its core can be told. Its own file, as renaming `main` would change what is measured.
#include <stdio.h>
#include <sys/resource.h>
#include <time.h>

static struct timespec begun;

__attribute__((constructor)) static void begin(void) { clock_gettime(CLOCK_MONOTONIC, &begun); }

__attribute__((destructor)) static void end(void) {
  struct timespec now;
  struct rusage used;
  clock_gettime(CLOCK_MONOTONIC, &now);
  getrusage(RUSAGE_SELF, &used);
  double wall = (now.tv_sec - begun.tv_sec) * 1e3 + (now.tv_nsec - begun.tv_nsec) / 1e6;
  double cpu = (used.ru_utime.tv_sec + used.ru_stime.tv_sec) * 1e3 + (used.ru_utime.tv_usec + used.ru_stime.tv_usec) / 1e3;
  fprintf(stderr, "{\"wallMs\":%.3f,\"cpuMs\":%.3f}\n", wall, cpu);
}
