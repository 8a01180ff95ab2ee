//! Stands between the program and libc (LD_PRELOAD) and lets calls on files of one folder fail: the Nth of a kind, or every one from it on.
//!
//! A control file of eight 64-bit words, shared in memory, says what; the test changes it while the program runs. `shim.rs` has the other half.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { KINDS, FIRST, LAST, SEEN, ACTION, FIRED, WORDS = 8 };
enum { WRITE = 1, SYNC = 2, OPEN = 4, TRUNCATE = 8, READ = 16, NAME = 32, MAP = 64, OPEN_TO_WRITE = 128 };
// Beyond every errno: half of it is written and said to be; half of it is written and EIO is said; nothing is written and all of it said to be.
enum { SHORT = 1000, TORN = 1001, LOST = 1002 };

static int64_t *control;
static const char *folder;
static size_t folder_length;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("FAULT_CONTROL");
    folder = getenv("FAULT_FOLDER");
    if (!path || !folder) return;
    folder_length = strlen(folder);
    int fd = (int)syscall(SYS_openat, AT_FDCWD, path, O_RDWR | O_CLOEXEC, 0);
    void *shared = fd < 0 ? MAP_FAILED : (void *)syscall(SYS_mmap, NULL, WORDS * sizeof(int64_t), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
    if (shared == MAP_FAILED) {
        fprintf(stderr, "shim: %s cannot be used\n", path);
        abort();
    }
    control = shared;
}

static int within(const char *path) {
    if (path[0] != '/') return 1;
    return strncmp(path, folder, folder_length) == 0 && (path[folder_length] == 0 || path[folder_length] == '/');
}

static int is_ours(int fd) {
    char link[64], path[4096];
    snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
    ssize_t length = readlink(link, path, sizeof path - 1);
    if (length < 0) return 0;
    path[length] = 0;
    return path[0] == '/' && within(path);
}

// What to do to this call: nothing, an errno, SHORT, TORN or LOST.
static int fault(int kind, int fd, const char *path) {
    if (!control) return 0;
    int64_t first = __atomic_load_n(&control[FIRST], __ATOMIC_SEQ_CST);
    if (!first || !(control[KINDS] & kind)) return 0;
    int before = errno;
    int ours = path ? within(path) : is_ours(fd);
    errno = before;
    if (!ours) return 0;
    int64_t number = __atomic_add_fetch(&control[SEEN], 1, __ATOMIC_SEQ_CST);
    if (number < first || number > control[LAST]) return 0;
    __atomic_add_fetch(&control[FIRED], 1, __ATOMIC_SEQ_CST);
    return (int)control[ACTION];
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define FAIL_IF(what) do { int failed = (what); if (failed) { errno = failed >= SHORT ? EIO : failed; return -1; } } while (0)

#define WRITTEN(whole, half, all) \
    int failed = fault(WRITE, fd, NULL); \
    if (!failed) return whole; \
    if (failed < SHORT) { errno = failed; return -1; } \
    if (failed == LOST) return (ssize_t)(all); \
    ssize_t done = half; \
    if (failed == TORN) { errno = EIO; return -1; } \
    return done

ssize_t write(int fd, const void *bytes, size_t count) { REAL(write); WRITTEN(real(fd, bytes, count), real(fd, bytes, count > 1 ? count / 2 : count), count); }
ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { REAL(pwrite); WRITTEN(real(fd, bytes, count, at), real(fd, bytes, count > 1 ? count / 2 : count, at), count); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { REAL(pwrite64); WRITTEN(real(fd, bytes, count, at), real(fd, bytes, count > 1 ? count / 2 : count, at), count); }
ssize_t writev(int fd, const struct iovec *parts, int count) { REAL(writev); WRITTEN(real(fd, parts, count), real(fd, parts, 1), parts[0].iov_len); }

int fsync(int fd) { REAL(fsync); FAIL_IF(fault(SYNC, fd, NULL)); return real(fd); }
int fdatasync(int fd) { REAL(fdatasync); FAIL_IF(fault(SYNC, fd, NULL)); return real(fd); }

int ftruncate(int fd, off_t length) { REAL(ftruncate); FAIL_IF(fault(TRUNCATE, fd, NULL)); return real(fd, length); }
int ftruncate64(int fd, off64_t length) { REAL(ftruncate64); FAIL_IF(fault(TRUNCATE, fd, NULL)); return real(fd, length); }
int posix_fallocate(int fd, off_t at, off_t length) { REAL(posix_fallocate); int failed = fault(WRITE, fd, NULL); return failed ? (failed >= SHORT ? EIO : failed) : real(fd, at, length); }
int fallocate(int fd, int mode, off_t at, off_t length) { REAL(fallocate); FAIL_IF(fault(WRITE, fd, NULL)); return real(fd, mode, at, length); }
int fallocate64(int fd, int mode, off64_t at, off64_t length) { REAL(fallocate64); FAIL_IF(fault(WRITE, fd, NULL)); return real(fd, mode, at, length); }

ssize_t read(int fd, void *bytes, size_t count) { REAL(read); FAIL_IF(fault(READ, fd, NULL)); return real(fd, bytes, count); }
ssize_t pread(int fd, void *bytes, size_t count, off_t at) { REAL(pread); FAIL_IF(fault(READ, fd, NULL)); return real(fd, bytes, count, at); }
ssize_t pread64(int fd, void *bytes, size_t count, off64_t at) { REAL(pread64); FAIL_IF(fault(READ, fd, NULL)); return real(fd, bytes, count, at); }

int linkat(int from, const char *old, int to, const char *new, int flags) { REAL(linkat); FAIL_IF(fault(NAME, -1, new)); return real(from, old, to, new, flags); }
int unlink(const char *path) { REAL(unlink); FAIL_IF(fault(NAME, -1, path)); return real(path); }
int rename(const char *old, const char *new) { REAL(rename); FAIL_IF(fault(NAME, -1, new)); return real(old, new); }

static int opening(const char *path, int flags) {
    int failed = fault(OPEN, -1, path);
    return failed || (flags & O_ACCMODE) == O_RDONLY ? failed : fault(OPEN_TO_WRITE, -1, path);
}

#define MODE(last) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, last); mode = va_arg(more, mode_t); va_end(more); }

int open(const char *path, int flags, ...) { REAL(open); MODE(flags); FAIL_IF(opening(path, flags)); return real(path, flags, mode); }
int open64(const char *path, int flags, ...) { REAL(open64); MODE(flags); FAIL_IF(opening(path, flags)); return real(path, flags, mode); }
int openat(int at, const char *path, int flags, ...) { REAL(openat); MODE(flags); FAIL_IF(opening(path, flags)); return real(at, path, flags, mode); }
int openat64(int at, const char *path, int flags, ...) { REAL(openat64); MODE(flags); FAIL_IF(opening(path, flags)); return real(at, path, flags, mode); }

void *mmap(void *at, size_t length, int protection, int flags, int fd, off_t offset) {
    REAL(mmap);
    int failed = fd < 0 ? 0 : fault(MAP, fd, NULL);
    if (failed) { errno = failed >= SHORT ? ENOMEM : failed; return MAP_FAILED; }
    return real(at, length, protection, flags, fd, offset);
}
void *mmap64(void *at, size_t length, int protection, int flags, int fd, off64_t offset) {
    REAL(mmap64);
    int failed = fd < 0 ? 0 : fault(MAP, fd, NULL);
    if (failed) { errno = failed >= SHORT ? ENOMEM : failed; return MAP_FAILED; }
    return real(at, length, protection, flags, fd, offset);
}
