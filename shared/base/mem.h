/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: an arena says whose it is, a pool says how long it lives.
 *
 * Out of memory is fatal here and nowhere else: exit code FBY_EXIT_OOM, and
 * the supervisor starts the worker again; the ledger loses nothing.
 *
 * Arenas are jemalloc's.  A thread is bound to one (librdkafka's threads to
 * FBY_ARENA_KAFKA, ours to FBY_ARENA_MAIN), a pool takes its chunks from the
 * one it was made for.  In a build without jemalloc (sanitizers) arenas are
 * names only and fby_mem_arena() reports 0.
 */
#ifndef FBY_MEM_H
#define FBY_MEM_H

#include "shared/fby.h"

enum fby_arena {
	FBY_ARENA_MAIN,   /* our code and libevent */
	FBY_ARENA_KAFKA,  /* librdkafka's threads: fetch buffers */
	FBY_ARENA_CONFIG, /* manifests */
	FBY_ARENA_BATCH,  /* batches in flight */
	FBY_ARENA_N
};

extern const char *const fby_arena_names[FBY_ARENA_N];

/* Once, at start, before any thread. */
void fby_mem_init(void);

/* The calling thread allocates from this arena from now on. */
void fby_mem_thread_arena(enum fby_arena arena);

/* Bytes that the application holds in the arena.  Cost: microseconds. */
uint64_t fby_mem_arena(enum fby_arena arena);

/* Resident set of this process, in bytes, from /proc/self/statm. */
uint64_t fby_mem_rss(void);

/* From this arena, whatever the thread's is; freed by its own function. */
void *fby_mem_get(enum fby_arena arena, size_t size);
void fby_mem_put(void *p);

void *fby_malloc(size_t size);
void *fby_calloc(size_t n, size_t size);
void *fby_realloc(void *p, size_t size);
char *fby_strdup(const char *s);
char *fby_strndup(const char *s, size_t len);
#define FBY_MEM_EXIT 4 /* FBY_EXIT_OOM of proto.h */
FBY_NORETURN void fby_mem_fatal(void);

/*
 * A pool: objects with one birth and one death.  What is taken from it is
 * never freed alone.  Cleanups run in reverse order, before the memory goes.
 */
struct fby_pool;
typedef void (*fby_cleanup_fn)(void *arg);

struct fby_pool *fby_pool_new(enum fby_arena arena);
void fby_pool_free(struct fby_pool *pool);
void fby_pool_reset(struct fby_pool *pool); /* keeps the first chunk */
uint64_t fby_pool_bytes(const struct fby_pool *pool); /* all its chunks */
void fby_pool_cleanup(struct fby_pool *pool, fby_cleanup_fn fn, void *arg);
void *fby_palloc(struct fby_pool *pool, size_t size);  /* not cleared */
void *fby_pcalloc(struct fby_pool *pool, size_t size); /* cleared */
char *fby_pstrdup(struct fby_pool *pool, const char *s);
char *fby_pstrndup(struct fby_pool *pool, const char *s, size_t len);
char *fby_psprintf(struct fby_pool *pool, const char *fmt, ...)
    FBY_PRINTF(2, 3);

#endif
