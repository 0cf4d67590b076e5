/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What stands between the operator and a good night; see trouble.h.
 */
#include "shared/fby.h"

#include "master/trouble.h"

#include "shared/log.h"
#include "shared/str.h"

#include "master/master.h"

const char *const fby_trouble_names[] = {
#define T(name, word) word,
	FBY_TROUBLES(T)
#undef T
};

void
fby_trouble_set(struct fby_master *mst, enum fby_trouble t, const char *fmt,
    ...)
{
	va_list ap;
	char *text;
	size_t len;

	va_start(ap, fmt);
	text = fby_vasprintf(fmt, ap);
	va_end(ap);
	for (len = strlen(text); len > 0 && text[len - 1] == '\n';)
		text[--len] = '\0';
	if (mst->troubles[t] && strcmp(mst->troubles[t], text) == 0) {
		free(text);
		return;
	}
	fby_warn("%s: %s", fby_trouble_names[t], text);
	free(mst->troubles[t]);
	mst->troubles[t] = text;
	fby_notify_status(&mst->notify, "%s: %s", fby_trouble_names[t], text);
}

void
fby_trouble_over(struct fby_master *mst, enum fby_trouble t)
{
	if (mst->troubles[t] == NULL)
		return;
	fby_notice("%s: over (was: %s)", fby_trouble_names[t],
	    mst->troubles[t]);
	free(mst->troubles[t]);
	mst->troubles[t] = NULL;
}
