//! Stands between the program and libc (LD_PRELOAD) and writes down what it does to the files of one folder, in order: writes, truncations, flushes, names.
//!
//! The calls themselves go through. `power.rs` makes of the journal what a disk may hold after a power cut. What SQLite makes anew at each start (-shm) is left out.

#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/sendfile.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/uio.h>
#include <unistd.h>

enum { WRITE = 1, TRUNCATE, SYNC, SYNC_FOLDER, CREATE, UNLINK, RENAME, LINK };

static int journal = -1;
static const char *folder;
static size_t folder_length;
static pthread_mutex_t order = PTHREAD_MUTEX_INITIALIZER;

__attribute__((constructor)) static void begin(void) {
    const char *path = getenv("POWER_JOURNAL");
    folder = getenv("POWER_FOLDER");
    if (!path || !folder) return;
    folder_length = strlen(folder);
    journal = (int)syscall(SYS_openat, AT_FDCWD, path, O_WRONLY | O_APPEND | O_CLOEXEC, 0);
    if (journal < 0) abort();
}

// One append for each deed, so that it is in the journal whole.
static void note(uint64_t kind, uint64_t file, uint64_t at, const void *bytes, size_t count) {
    uint64_t head[4] = {kind, file, at, count};
    struct iovec parts[2] = {{head, sizeof head}, {(void *)bytes, count}};
    if (syscall(SYS_writev, journal, parts, 2) != (long)(sizeof head + count)) abort();
}

static int is_kept(const char *path) {
    size_t length = strlen(path);
    if (length >= 4 && strcmp(path + length - 4, "-shm") == 0) return 0;
    return path[0] != '/' || (strncmp(path, folder, folder_length) == 0 && path[folder_length] == '/');
}

static int is_ours(const char *path) { return journal >= 0 && is_kept(path); }

static const char *name_of(const char *path) {
    const char *slash = strrchr(path, '/');
    return slash ? slash + 1 : path;
}

// The file's number, or 0 if it is none of ours; 1 is the folder.
static uint64_t file_of(int fd) {
    if (journal < 0) return 0;
    int before = errno;
    uint64_t file = 0;
    struct stat status;
    char link[64], path[4096];
    if (fstat(fd, &status) == 0 && (S_ISREG(status.st_mode) || S_ISDIR(status.st_mode))) {
        snprintf(link, sizeof link, "/proc/self/fd/%d", fd);
        ssize_t length = readlink(link, path, sizeof path - 1);
        if (length > 0) {
            path[length] = 0;
            if (S_ISDIR(status.st_mode)) file = strcmp(path, folder) == 0;
            else if (is_kept(path)) file = status.st_ino;
        }
    }
    errno = before;
    return file;
}

static void note_names(uint64_t kind, const char *old, const char *new) {
    char names[8192];
    int length = snprintf(names, sizeof names, "%s/%s", name_of(old), name_of(new));
    note(kind, 0, 0, names, (size_t)length);
}

#define REAL(name) static __typeof__(&name) real; if (!real) real = (__typeof__(&name))dlsym(RTLD_NEXT, #name)
#define IN_ORDER(type, ours, call, noted) do { \
    if (!(ours)) return call; \
    pthread_mutex_lock(&order); \
    type done = call; \
    if (done >= 0) noted; \
    pthread_mutex_unlock(&order); \
    return done; \
} while (0)

ssize_t pwrite(int fd, const void *bytes, size_t count, off_t at) { REAL(pwrite); uint64_t file = file_of(fd); IN_ORDER(ssize_t, file, real(fd, bytes, count, at), note(WRITE, file, at, bytes, done)); }
ssize_t pwrite64(int fd, const void *bytes, size_t count, off64_t at) { REAL(pwrite64); uint64_t file = file_of(fd); IN_ORDER(ssize_t, file, real(fd, bytes, count, at), note(WRITE, file, at, bytes, done)); }
ssize_t write(int fd, const void *bytes, size_t count) { REAL(write); uint64_t file = file_of(fd); IN_ORDER(ssize_t, file, real(fd, bytes, count), note(WRITE, file, lseek(fd, 0, SEEK_CUR) - done, bytes, done)); }
// A part at a time: that is a short write, which every caller expects.
ssize_t writev(int fd, const struct iovec *parts, int count) {
    REAL(writev);
    return count > 0 && file_of(fd) ? write(fd, parts[0].iov_base, parts[0].iov_len) : real(fd, parts, count);
}
// What is copied within the kernel would not be seen. Callers go on with read and write.
ssize_t copy_file_range(int from, off64_t *at, int to, off64_t *there, size_t count, unsigned flags) {
    REAL(copy_file_range);
    if (file_of(to)) { errno = ENOSYS; return -1; }
    return real(from, at, to, there, count, flags);
}
ssize_t sendfile64(int to, int from, off64_t *at, size_t count) {
    REAL(sendfile64);
    if (file_of(to)) { errno = ENOSYS; return -1; }
    return real(to, from, at, count);
}

#define NOTE_SYNC note(file == 1 ? SYNC_FOLDER : SYNC, file, 0, NULL, 0)
int fsync(int fd) { REAL(fsync); uint64_t file = file_of(fd); IN_ORDER(int, file, real(fd), NOTE_SYNC); }
int fdatasync(int fd) { REAL(fdatasync); uint64_t file = file_of(fd); IN_ORDER(int, file, real(fd), NOTE_SYNC); }

int ftruncate(int fd, off_t length) { REAL(ftruncate); uint64_t file = file_of(fd); IN_ORDER(int, file, real(fd, length), note(TRUNCATE, file, length, NULL, 0)); }
int ftruncate64(int fd, off64_t length) { REAL(ftruncate64); uint64_t file = file_of(fd); IN_ORDER(int, file, real(fd, length), note(TRUNCATE, file, length, NULL, 0)); }

int linkat(int from, const char *old, int to, const char *new, int flags) { REAL(linkat); IN_ORDER(int, is_ours(new), real(from, old, to, new, flags), note_names(LINK, old, new)); }
int rename(const char *old, const char *new) { REAL(rename); IN_ORDER(int, is_ours(new), real(old, new), note_names(RENAME, old, new)); }
int unlink(const char *path) { REAL(unlink); IN_ORDER(int, is_ours(path), real(path), note(UNLINK, 0, 0, name_of(path), strlen(name_of(path)))); }

static void note_open(const char *path, int fd, int flags, int was_there) {
    uint64_t file = file_of(fd);
    if (!file) return;
    if (!was_there) note(CREATE, file, 0, name_of(path), strlen(name_of(path)));
    else if (flags & O_TRUNC) note(TRUNCATE, file, 0, NULL, 0);
}

#define MODE(last) \
    mode_t mode = 0; \
    if (flags & (O_CREAT | O_TMPFILE)) { va_list more; va_start(more, last); mode = va_arg(more, mode_t); va_end(more); }
#define OPENED(call) \
    int was_there = 1; \
    IN_ORDER(int, (flags & (O_CREAT | O_TRUNC)) && is_ours(path), (was_there = access(path, F_OK) == 0, call), note_open(path, done, flags, was_there))

int open(const char *path, int flags, ...) { REAL(open); MODE(flags); OPENED(real(path, flags, mode)); }
int open64(const char *path, int flags, ...) { REAL(open64); MODE(flags); OPENED(real(path, flags, mode)); }
int openat(int at, const char *path, int flags, ...) { REAL(openat); MODE(flags); OPENED(real(at, path, flags, mode)); }
int openat64(int at, const char *path, int flags, ...) { REAL(openat64); MODE(flags); OPENED(real(at, path, flags, mode)); }
