/* A clock that jumps: put before the C library (LD_PRELOAD), it adds to the time of day the
   nanoseconds that the file NARROWS_CLOCK begins with. What waits until a time of day, which the
   system knows by its own clock, waits until that time less as much. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <linux/futex.h>
#include <pthread.h>
#include <semaphore.h>
#include <stdarg.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define SECOND 1000000000LL

static long raw(long n, long a, long b, long c, long d, long e, long f) {
    long found;
    register long r10 __asm__("r10") = d, r8 __asm__("r8") = e, r9 __asm__("r9") = f;
    __asm__ volatile("syscall" : "=a"(found) : "a"(n), "D"(a), "S"(b), "d"(c), "r"(r10), "r"(r8),
                     "r"(r9) : "rcx", "r11", "memory");
    return found;
}

static long long jump(void) {
    static volatile long long *place;
    if (!place) {
        const char *name = getenv("NARROWS_CLOCK");
        int file = name ? (int)raw(SYS_openat, AT_FDCWD, (long)name, O_RDONLY, 0, 0, 0) : -1;
        if (file < 0) return 0;
        long at = raw(SYS_mmap, 0, 4096, PROT_READ, MAP_SHARED, file, 0);
        raw(SYS_close, file, 0, 0, 0, 0, 0);
        if (at < 0 && at > -4096) return 0;
        place = (volatile long long *)at;
    }
    return *place;
}

static struct timespec moved(const struct timespec *time, long long by) {
    long long all = time->tv_sec * SECOND + time->tv_nsec + by;
    if (all < 0) all = 0;
    return (struct timespec){all / SECOND, all % SECOND};
}

int clock_gettime(clockid_t id, struct timespec *time) {
    long found = raw(SYS_clock_gettime, id, (long)time, 0, 0, 0, 0);
    if (found) { errno = (int)-found; return -1; }
    if (id == CLOCK_REALTIME || id == CLOCK_REALTIME_COARSE) *time = moved(time, jump());
    return 0;
}

int gettimeofday(struct timeval *restrict time, void *restrict zone) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    time->tv_sec = now.tv_sec;
    time->tv_usec = now.tv_nsec / 1000;
    return 0;
}

time_t time(time_t *at) {
    struct timespec now;
    clock_gettime(CLOCK_REALTIME, &now);
    if (at) *at = now.tv_sec;
    return now.tv_sec;
}

int pthread_cond_timedwait(pthread_cond_t *c, pthread_mutex_t *m, const struct timespec *until) {
    /* a condition may go by another clock, which is hours since the start and not years */
    static int (*next)(pthread_cond_t *, pthread_mutex_t *, const struct timespec *);
    if (!next) next = dlsym(RTLD_NEXT, "pthread_cond_timedwait");
    struct timespec then = until->tv_sec > 1000000000 ? moved(until, -jump()) : *until;
    return next(c, m, &then);
}

int pthread_cond_clockwait(pthread_cond_t *c, pthread_mutex_t *m, clockid_t id,
                           const struct timespec *until) {
    static int (*next)(pthread_cond_t *, pthread_mutex_t *, clockid_t, const struct timespec *);
    if (!next) next = dlsym(RTLD_NEXT, "pthread_cond_clockwait");
    struct timespec then = id == CLOCK_REALTIME ? moved(until, -jump()) : *until;
    return next(c, m, id, &then);
}

int sem_timedwait(sem_t *s, const struct timespec *until) {
    static int (*next)(sem_t *, const struct timespec *);
    if (!next) next = dlsym(RTLD_NEXT, "sem_timedwait");
    struct timespec then = moved(until, -jump());
    return next(s, &then);
}

long syscall(long n, ...) {
    va_list rest;
    va_start(rest, n);
    long a = va_arg(rest, long), b = va_arg(rest, long), c = va_arg(rest, long);
    long d = va_arg(rest, long), e = va_arg(rest, long), f = va_arg(rest, long);
    va_end(rest);
    struct timespec then;
    if (n == SYS_futex && d && (b & FUTEX_CLOCK_REALTIME)) {
        then = moved((const struct timespec *)d, -jump());
        d = (long)&then;
    }
    long found = raw(n, a, b, c, d, e, f);
    if (found < 0 && found > -4096) { errno = (int)-found; return -1; }
    return found;
}
