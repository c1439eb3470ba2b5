/* Kills a worker where it holds the lock of the zone: loaded before libcrypto
   and libc (LD_PRELOAD), it stands in for functions that are called there. The
   file $KILL_INSIDE-<what> arms it for one death: the one whose unlink succeeds
   dies. */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/syscall.h>
#include <unistd.h>

static char lookup[4096], claim[4096];

/* nginx's workers have no environment. */
__attribute__((constructor)) static void remember(void)
{
    const char *path = getenv("KILL_INSIDE");
    if (path) {
        snprintf(lookup, sizeof(lookup), "%s-lookup", path);
        snprintf(claim, sizeof(claim), "%s-claim", path);
    }
}

static void die_if_armed(const char *path)
{
    if (path[0] && unlink(path) == 0) syscall(SYS_kill, getpid(), SIGKILL);
}

/* Of the digest of a client key with one in the zone. */
int CRYPTO_memcmp(const void *a, const void *b, size_t size)
{
    const volatile unsigned char *x = a, *y = b;
    unsigned char differs = 0;
    if (size == 32) die_if_armed(lookup);
    for (size_t i = 0; i < size; i++) differs |= x[i] ^ y[i];
    return differs;
}

/* Whether the process of a worker's row is there. */
int kill(pid_t pid, int sig)
{
    if (sig == 0) die_if_armed(claim);
    return (int)syscall(SYS_kill, pid, sig);
}
