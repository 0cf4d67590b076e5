/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Signals in the first milliseconds of main(), for t/230-first-moments.t.
 *
 * The master is sent what EARLY_SIGNALS lists ("1 10 12") when it sets up
 * jansson, a worker when it asks for its slot: before either has an event
 * loop, or any handler in it.
 */
#include "shared/fby.h"

#include <dlfcn.h>
#include <signal.h>

#include <jansson.h>

#include "shared/boundary/proto.h"

typedef char *getenv_fn(const char *name);
typedef void set_alloc_fn(json_malloc_t malloc_fn, json_free_t free_fn);

/* ISO C has no other way from void * to a function. */
static void
find(const char *name, void *fn)
{
	void *p = dlsym(RTLD_NEXT, name);

	memcpy(fn, &p, sizeof(p));
}

static char *
real_getenv(const char *name)
{
	static getenv_fn *fn;

	if (fn == NULL)
		find("getenv", &fn);
	return fn(name);
}

static void
send_early(void)
{
	const char *list = real_getenv("EARLY_SIGNALS");
	char *end;

	for (; list && *list; list = end) {
		int signo = (int)strtol(list, &end, 10);

		if (end == list)
			return;
		raise(signo);
	}
}

char *
getenv(const char *name)
{
	if (strcmp(name, FBY_ENV_SLOT) == 0)
		send_early();
	return real_getenv(name);
}

void
json_set_alloc_funcs(json_malloc_t malloc_fn, json_free_t free_fn)
{
	static set_alloc_fn *fn;

	if (fn == NULL)
		find("json_set_alloc_funcs", &fn);
	fn(malloc_fn, free_fn);
	send_early();
}
