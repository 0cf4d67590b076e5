/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Memory: jemalloc arenas for accounting, pools for lifetime; see mem.h.
 */
#include "shared/fby.h"

#include "shared/base/mem.h"

#include <fcntl.h>
#include <stdalign.h>
#include <stdarg.h>
#include <unistd.h>
#ifndef FBY_NO_JEMALLOC
#include <jemalloc/jemalloc.h>
#endif

#include "shared/base/file.h"
#include "shared/base/log.h"
#include "shared/base/str.h"

#define CHUNK_BYTES 4096
#define CHUNK_MAX (256 * 1024) /* of what is taken in advance */

const char *const fby_arena_names[FBY_ARENA_N] = {
	"main",
	"kafka",
	"config",
	"batch",
};

void
fby_mem_fatal(void)
{
	static const char text[] = "out of memory\n";
	ssize_t n = write(STDERR_FILENO, text, sizeof(text) - 1);

	(void)n;
	_exit(FBY_MEM_EXIT);
}

/* ---- arenas ----------------------------------------------------------- */

#ifndef FBY_NO_JEMALLOC

/*
 * librdkafka allocates fetch buffers of up to 1 MB in one thread and frees
 * them in another.  Untuned, jemalloc gives them back to the kernel and
 * faults them in again, which costs more than glibc's malloc does: keep dirty
 * pages (dirty_decay_ms:-1), and let a small request split a much larger free
 * extent (lg_extent_max_active_fit), without which they would pile up.
 * MALLOC_CONF in the environment overrides.
 */
extern const char *malloc_conf;
const char *malloc_conf =
    "narenas:1,oversize_threshold:0,"
    "lg_extent_max_active_fit:20,dirty_decay_ms:-1,muzzy_decay_ms:0";

static unsigned arena_index[FBY_ARENA_N];

void
fby_mem_init(void)
{
	size_t len = sizeof(unsigned);

	for (int i = FBY_ARENA_MAIN + 1; i < FBY_ARENA_N; i++)
		if (mallctl("arenas.create", &arena_index[i], &len, NULL, 0))
			arena_index[i] = 0;
}

void
fby_mem_thread_arena(enum fby_arena arena)
{
	mallctl("thread.arena", NULL, NULL, &arena_index[arena],
	    sizeof(unsigned));
}

uint64_t
fby_mem_arena(enum fby_arena arena)
{
	static const char *const kinds[] = { "small", "large" };
	uint64_t epoch = 1, total = 0;
	size_t n, len = sizeof(n);
	char name[64];

	mallctl("epoch", NULL, NULL, &epoch, sizeof(epoch));
	for (size_t i = 0; i < FBY_NELEM(kinds); i++) {
		snprintf(name, sizeof(name), "stats.arenas.%u.%s.allocated",
		    arena_index[arena], kinds[i]);
		if (mallctl(name, &n, &len, NULL, 0) == 0)
			total += n;
	}
	return total;
}

void *
fby_mem_get(enum fby_arena arena, size_t size)
{
	void *p = mallocx(size,
	    (int)MALLOCX_ARENA(arena_index[arena]) | MALLOCX_TCACHE_NONE);

	if (p == NULL)
		fby_mem_fatal();
	return p;
}

void
fby_mem_put(void *p)
{
	dallocx(p, MALLOCX_TCACHE_NONE);
}

#else

void
fby_mem_init(void)
{
}

void
fby_mem_thread_arena(enum fby_arena arena)
{
	(void)arena;
}

uint64_t
fby_mem_arena(enum fby_arena arena)
{
	(void)arena;
	return 0;
}

void *
fby_mem_get(enum fby_arena arena, size_t size)
{
	(void)arena;
	return fby_malloc(size);
}

void
fby_mem_put(void *p)
{
	free(p);
}

#endif

uint64_t
fby_mem_rss(void)
{
	unsigned long pages = 0;
	char buf[128];

	fby_file_read("/proc/self/statm", buf, sizeof(buf));
	if (sscanf(buf, "%*u %lu", &pages) != 1)
		return 0;
	return (uint64_t)pages * (uint64_t)sysconf(_SC_PAGESIZE);
}

/* ---- heap ------------------------------------------------------------- */

void *
fby_malloc(size_t size)
{
	void *p = malloc(size ? size : 1);

	if (p == NULL)
		fby_mem_fatal();
	return p;
}

void *
fby_calloc(size_t n, size_t size)
{
	void *p = calloc(n ? n : 1, size ? size : 1);

	if (p == NULL)
		fby_mem_fatal();
	return p;
}

void *
fby_realloc(void *old, size_t size)
{
	void *p = realloc(old, size ? size : 1);

	if (p == NULL)
		fby_mem_fatal();
	return p;
}

char *
fby_strndup(const char *s, size_t len)
{
	char *p = fby_malloc(len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *
fby_strdup(const char *s)
{
	return fby_strndup(s, strlen(s));
}

/* ---- pools ------------------------------------------------------------ */

struct chunk {
	struct chunk *next;
	size_t used, size;
	alignas(max_align_t) char data[];
};

struct cleanup {
	struct cleanup *next;
	fby_cleanup_fn fn;
	void *arg;
};

struct fby_pool {
	struct chunk *chunks; /* newest first */
	struct cleanup *cleanups;
	uint64_t bytes; /* of all chunks */
	enum fby_arena arena;
};

static struct chunk *
chunk_new(enum fby_arena arena, size_t size)
{
	struct chunk *c = fby_mem_get(arena, sizeof(*c) + size);

	c->next = NULL;
	c->used = 0;
	c->size = size;
	return c;
}

struct fby_pool *
fby_pool_new(enum fby_arena arena)
{
	struct fby_pool *pool = fby_calloc(1, sizeof(*pool));

	pool->arena = arena;
	pool->chunks = chunk_new(arena, CHUNK_BYTES - sizeof(struct chunk));
	pool->bytes = CHUNK_BYTES;
	return pool;
}

void
fby_pool_reset(struct fby_pool *pool)
{
	struct chunk *c;

	for (struct cleanup *cl = pool->cleanups; cl; cl = cl->next)
		cl->fn(cl->arg);
	pool->cleanups = NULL;
	while ((c = pool->chunks)->next != NULL) {
		pool->chunks = c->next;
		pool->bytes -= sizeof(*c) + c->size;
		fby_mem_put(c);
	}
	c->used = 0;
}

uint64_t
fby_pool_bytes(const struct fby_pool *pool)
{
	return pool->bytes;
}

void
fby_pool_free(struct fby_pool *pool)
{
	if (pool == NULL)
		return;
	fby_pool_reset(pool);
	fby_mem_put(pool->chunks);
	free(pool);
}

void *
fby_palloc(struct fby_pool *pool, size_t size)
{
	const size_t align = alignof(max_align_t);
	struct chunk *c = pool->chunks;
	void *p;

	size = (size + align - 1) & ~(align - 1);
	if (c->size - c->used < size) {
		c = chunk_new(pool->arena,
		    FBY_MAX(size, FBY_MIN(c->size * 2, CHUNK_MAX)));
		c->next = pool->chunks;
		pool->chunks = c;
		pool->bytes += sizeof(*c) + c->size;
	}
	p = c->data + c->used;
	c->used += size;
	return p;
}

void *
fby_pcalloc(struct fby_pool *pool, size_t size)
{
	return memset(fby_palloc(pool, size), 0, size);
}

void
fby_pool_cleanup(struct fby_pool *pool, fby_cleanup_fn fn, void *arg)
{
	struct cleanup *cl = fby_palloc(pool, sizeof(*cl));

	cl->fn = fn;
	cl->arg = arg;
	cl->next = pool->cleanups;
	pool->cleanups = cl;
}

char *
fby_pstrndup(struct fby_pool *pool, const char *s, size_t len)
{
	char *p = fby_palloc(pool, len + 1);

	memcpy(p, s, len);
	p[len] = '\0';
	return p;
}

char *
fby_pstrdup(struct fby_pool *pool, const char *s)
{
	return fby_pstrndup(pool, s, strlen(s));
}

char *
fby_psprintf(struct fby_pool *pool, const char *fmt, ...)
{
	va_list ap;
	char *heap, *p;

	va_start(ap, fmt);
	heap = fby_vasprintf(fmt, ap);
	va_end(ap);
	p = fby_pstrdup(pool, heap);
	free(heap);
	return p;
}
