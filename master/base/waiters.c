/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Those that wait for one result; see waiters.h.
 */
#include "shared/fby.h"

#include "master/base/waiters.h"

#include "shared/base/mem.h"

struct fby_waiter {
	struct fby_waiter *next;
	fby_waiter_fn *fn;
	void *arg;
};

void
fby_waiters_add(struct fby_waiter **list, fby_waiter_fn *fn, void *arg)
{
	struct fby_waiter *w;

	if (fn == NULL)
		return;
	w = fby_malloc(sizeof(*w));
	w->fn = fn;
	w->arg = arg;
	w->next = *list;
	*list = w;
}

void
fby_waiters_forget(struct fby_waiter **list, const void *arg)
{
	for (struct fby_waiter *w; (w = *list) != NULL;) {
		if (arg && w->arg != arg) {
			list = &w->next;
			continue;
		}
		*list = w->next;
		free(w);
	}
}

void
fby_waiters_tell(struct fby_waiter **list, bool ok, const char *text)
{
	for (struct fby_waiter *w; (w = *list) != NULL;) {
		*list = w->next;
		w->fn(w->arg, ok, text);
		free(w);
	}
}
