/* measure FILE COMMAND [ARGUMENT]...
 *
 * Runs a command to its end, writes into FILE what it took, and ends as it ended. A process of its own and
 * small, because Linux counts into a process's peak memory that of the one which it was forked from.
 *
 *     wall seconds, CPU seconds, peak bytes */
#define _GNU_SOURCE
#include <stdio.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

static double seconds(struct timeval t) { return t.tv_sec + t.tv_usec / 1e6; }

int main(int count, char **words) {
  struct timespec begin, end;
  struct rusage usage;
  int status;
  if (count < 3) return 64;
  clock_gettime(CLOCK_MONOTONIC, &begin);
  pid_t child = fork();
  if (child == 0) {
    execvp(words[2], words + 2);
    perror(words[2]);
    _exit(127);
  }
  if (child < 0 || wait4(child, &status, 0, &usage) != child) return 71;
  clock_gettime(CLOCK_MONOTONIC, &end);
  FILE *out = fopen(words[1], "w");
  if (!out) return 74;
  fprintf(out, "%.6f %.6f %ld\n", end.tv_sec - begin.tv_sec + (end.tv_nsec - begin.tv_nsec) / 1e9,
          seconds(usage.ru_utime) + seconds(usage.ru_stime), usage.ru_maxrss * 1024);
  fclose(out);
  return WIFEXITED(status) ? WEXITSTATUS(status) : 128 + WTERMSIG(status);
}
