/* A library for LD_PRELOAD that counts every call by which a process changes what lies under one folder, and at a given
 * one kills the process, or lets it fail like a full or broken disk does. Calls elsewhere are left alone.
 *
 * What counts: creating or emptying a file, write, ftruncate, rename, link, unlink, mkdir, rmdir; and fsync where a call
 * fails, for a kill before or after it leaves the same. SQLite's own calls count like Python's. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <limits.h>
#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/types.h>
#include <sys/uio.h>
#include <unistd.h>

enum { COUNT, KILL, TEAR, FAIL_ONCE, FAIL_ON };
#define DESCRIPTORS 4096

static char folder[PATH_MAX], told[PATH_MAX];
static int mode = COUNT, wrong = 0, armed = 0;
static long at = 0, count = 0;
static char ours[DESCRIPTORS];
#define CALLS 65536
static char kinds[CALLS + 1];

/* From now on, in this process: what happens (mode) at which call (counted from 1) under which folder. */
void sd_faults_arm(const char *under, int what, long number, int error) {
  snprintf(folder, sizeof folder, "%s", under);
  mode = what, at = number, wrong = error, count = 0, armed = 1, told[0] = 0;
  memset(kinds, 0, sizeof kinds);
  memset(ours, 0, sizeof ours);
}

long sd_faults_disarm(void) { armed = 0; return count; }

/* The last call that was counted, for whoever reads a report. */
const char *sd_faults_last(void) { return told; }

/* A letter for each call: w and p write. */
const char *sd_faults_kinds(void) { return kinds; }

static int inside(int at_fd, const char *path) {
  char full[2 * PATH_MAX], link[64];
  if (!armed || !path) return 0;
  if (path[0] == '/') return !strncmp(path, folder, strlen(folder));
  ssize_t length;
  if (at_fd == AT_FDCWD) {
    if (!getcwd(full, PATH_MAX)) return 0;
    return !strncmp(full, folder, strlen(folder));
  }
  snprintf(link, sizeof link, "/proc/self/fd/%d", at_fd);
  length = readlink(link, full, PATH_MAX - 1);
  if (length < 0) return 0;
  full[length] = 0;
  return !strncmp(full, folder, strlen(folder));
}

static int tracked(int fd) { return armed && fd >= 0 && fd < DESCRIPTORS && ours[fd]; }

/* Whether this call is to fail; dies if it is the one to be killed at, after half of `blob` if that is torn. */
static int fault(const char *call, const char *path, int fd, const void *blob, size_t size, off_t offset) {
  if (count < CALLS) kinds[count] = call[0];
  count++;
  snprintf(told, sizeof told, "%s %.3000s", call, path ? path : "");
  if (mode == COUNT || count < at) return 0;
  if (mode == KILL || mode == TEAR) {
    if (mode == TEAR && blob && size > 1) {
      if (offset < 0) syscall(SYS_write, fd, blob, size / 2);
      else syscall(SYS_pwrite64, fd, blob, size / 2, offset);
    }
    syscall(SYS_exit_group, 137);
  }
  if (mode == FAIL_ONCE && count > at) return 0;
  if (wrong == ENOSPC && (!strcmp(call, "unlink") || !strcmp(call, "rmdir"))) return 0; /* takes no room */
  errno = wrong;
  return 1;
}

#define REAL(name) (__typeof__(&name))dlsym(RTLD_NEXT, #name)

#define OPENS(name)                                                                              \
  int name(const char *path, int flags, ...) {                                                   \
    va_list rest;                                                                                \
    va_start(rest, flags);                                                                       \
    mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                      \
    va_end(rest);                                                                                \
    int under = inside(AT_FDCWD, path), changes = 0;                                             \
    if (under && (flags & O_ACCMODE) != O_RDONLY)                                                \
      changes = (flags & O_TRUNC) || ((flags & O_CREAT) && access(path, F_OK));                  \
    if (changes && fault("open", path, -1, NULL, 0, -1)) return -1;                              \
    int fd = (REAL(name))(path, flags, bits);                                                    \
    if (fd >= 0 && fd < DESCRIPTORS) ours[fd] = under ? 1 : 0;                                   \
    return fd;                                                                                   \
  }
OPENS(open)
OPENS(open64)

#define OPENATS(name)                                                                            \
  int name(int where, const char *path, int flags, ...) {                                        \
    va_list rest;                                                                                \
    va_start(rest, flags);                                                                       \
    mode_t bits = flags & (O_CREAT | O_TMPFILE) ? va_arg(rest, mode_t) : 0;                      \
    va_end(rest);                                                                                \
    int under = inside(where, path), changes = 0;                                                \
    if (under && (flags & O_ACCMODE) != O_RDONLY)                                                \
      changes = (flags & O_TRUNC) || ((flags & O_CREAT) && faccessat(where, path, F_OK, 0));     \
    if (changes && fault("open", path, -1, NULL, 0, -1)) return -1;                              \
    int fd = (REAL(name))(where, path, flags, bits);                                             \
    if (fd >= 0 && fd < DESCRIPTORS) ours[fd] = under ? 1 : 0;                                   \
    return fd;                                                                                   \
  }
OPENATS(openat)
OPENATS(openat64)

int close(int fd) {
  if (fd >= 0 && fd < DESCRIPTORS) ours[fd] = 0;
  return (REAL(close))(fd);
}

ssize_t write(int fd, const void *blob, size_t size) {
  if (tracked(fd) && fault("write", NULL, fd, blob, size, -1)) return -1;
  return (REAL(write))(fd, blob, size);
}

#define PWRITES(name, kind)                                                                      \
  ssize_t name(int fd, const void *blob, size_t size, kind offset) {                             \
    if (tracked(fd) && fault("pwrite", NULL, fd, blob, size, offset)) return -1;                 \
    return (REAL(name))(fd, blob, size, offset);                                                 \
  }
PWRITES(pwrite, off_t)
PWRITES(pwrite64, off64_t)

ssize_t writev(int fd, const struct iovec *parts, int n) {
  if (tracked(fd) && fault("write", NULL, fd, NULL, 0, -1)) return -1;
  return (REAL(writev))(fd, parts, n);
}

#define SENDS(name, kind)                                                                        \
  ssize_t name(int to, int from, kind *offset, size_t size) {                                    \
    if (tracked(to) && fault("write", NULL, to, NULL, 0, -1)) return -1;                         \
    return (REAL(name))(to, from, offset, size);                                                 \
  }
ssize_t sendfile(int, int, off_t *, size_t);
ssize_t sendfile64(int, int, off64_t *, size_t);
SENDS(sendfile, off_t)
SENDS(sendfile64, off64_t)

#define TRUNCATES(name, kind)                                                                    \
  int name(int fd, kind size) {                                                                  \
    if (tracked(fd) && fault("truncate", NULL, fd, NULL, 0, -1)) return -1;                      \
    return (REAL(name))(fd, size);                                                               \
  }
TRUNCATES(ftruncate, off_t)
TRUNCATES(ftruncate64, off64_t)

static int syncs(int fd) { return tracked(fd) && mode >= FAIL_ONCE; }
int fsync(int fd) { return syncs(fd) && fault("fsync", NULL, fd, NULL, 0, -1) ? -1 : (REAL(fsync))(fd); }
int fdatasync(int fd) { return syncs(fd) && fault("fsync", NULL, fd, NULL, 0, -1) ? -1 : (REAL(fdatasync))(fd); }

int rename(const char *from, const char *to) {
  if (inside(AT_FDCWD, to) && fault("rename", to, -1, NULL, 0, -1)) return -1;
  return (REAL(rename))(from, to);
}
int renameat(int a, const char *from, int b, const char *to) {
  if (inside(b, to) && fault("rename", to, -1, NULL, 0, -1)) return -1;
  return (REAL(renameat))(a, from, b, to);
}
int link(const char *from, const char *to) {
  if (inside(AT_FDCWD, to) && fault("link", to, -1, NULL, 0, -1)) return -1;
  return (REAL(link))(from, to);
}
int linkat(int a, const char *from, int b, const char *to, int flags) {
  if (inside(b, to) && fault("link", to, -1, NULL, 0, -1)) return -1;
  return (REAL(linkat))(a, from, b, to, flags);
}
int unlink(const char *path) {
  if (inside(AT_FDCWD, path) && fault("unlink", path, -1, NULL, 0, -1)) return -1;
  return (REAL(unlink))(path);
}
int unlinkat(int where, const char *path, int flags) {
  if (inside(where, path) && fault("unlink", path, -1, NULL, 0, -1)) return -1;
  return (REAL(unlinkat))(where, path, flags);
}
int rmdir(const char *path) {
  if (inside(AT_FDCWD, path) && fault("rmdir", path, -1, NULL, 0, -1)) return -1;
  return (REAL(rmdir))(path);
}
int mkdir(const char *path, mode_t bits) {
  if (inside(AT_FDCWD, path) && fault("mkdir", path, -1, NULL, 0, -1)) return -1;
  return (REAL(mkdir))(path, bits);
}
int mkdirat(int where, const char *path, mode_t bits) {
  if (inside(where, path) && fault("mkdir", path, -1, NULL, 0, -1)) return -1;
  return (REAL(mkdirat))(where, path, bits);
}
