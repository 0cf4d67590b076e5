/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Derived records; see derived.h.
 */
#include "shared/fby.h"

#include "worker/derived.h"

#include "worker/content.h"

static struct fby_family *
family_of(const struct fby_record *rec)
{
	return rec->content != NULL ? rec->content->family : NULL;
}

struct fby_family *
fby_derived_of(const struct fby_record *rec)
{
	return rec->content != NULL ? rec->content->made : NULL;
}

static struct fby_family *
new_family(struct fby_record *rec, size_t n)
{
	struct fby_family *f = fby_content_alloc(rec->b,
	    sizeof(*f) + n * sizeof(f->rec[0]));

	*f = (struct fby_family){
		.parent = rec,
		.n = n,
		.open = n,
		.outcome = FBY_OUTCOME_DROPPED,
	};
	return f;
}

struct fby_record *
fby_derived_make(struct fby_record *rec, size_t n)
{
	struct fby_content *own = fby_content_own(rec), *contents;
	struct fby_family *f;

	FBY_BUG_ON(n < 1 || own->made != NULL);
	if (n == 1)
		return rec;
	f = new_family(rec, n);
	contents = fby_content_alloc(rec->b, n * sizeof(*contents));
	for (size_t i = 0; i < n; i++) {
		contents[i] = *own;
		contents[i].family = f;
		contents[i].said = NULL;
		f->rec[i] = (struct fby_record){
			.b = rec->b,
			.msg = rec->msg,
			.content = &contents[i],
			.index = rec->index,
		};
	}
	own->made = f;
	return f->rec;
}

const struct fby_record *
fby_derived_root(const struct fby_record *rec)
{
	const struct fby_family *f;

	while ((f = family_of(rec)) != NULL)
		rec = f->parent;
	return rec;
}

bool
fby_derived_is_last(const struct fby_record *rec)
{
	const struct fby_family *f;

	while ((f = family_of(rec)) != NULL) {
		if (rec != &f->rec[f->n - 1])
			return false;
		rec = f->parent;
	}
	return true;
}

static unsigned
depth(const struct fby_record *rec)
{
	const struct fby_family *f;
	unsigned n = 0;

	for (; (f = family_of(rec)) != NULL; rec = f->parent)
		n++;
	return n;
}

int
fby_derived_compare(const struct fby_record *a, const struct fby_record *b)
{
	uint64_t x = fby_record_seq(a), y = fby_record_seq(b);
	unsigned m, n;

	if (x != y)
		return x > y ? 1 : -1;
	/* Up to two that are of the same family, or the same. */
	for (m = depth(a), n = depth(b); m > n; m--)
		a = family_of(a)->parent;
	for (; n > m; n--)
		b = family_of(b)->parent;
	while (family_of(a) != family_of(b)) {
		a = family_of(a)->parent;
		b = family_of(b)->parent;
	}
	return (a > b) - (a < b);
}

const char *
fby_derived_suffix(const struct fby_record *rec, char buf[FBY_DERIVED_SUFFIX])
{
	const struct fby_family *f = family_of(rec);
	size_t len;

	buf[0] = '\0';
	if (f == NULL)
		return buf;
	fby_derived_suffix(f->parent, buf);
	len = strlen(buf);
	snprintf(buf + len, FBY_DERIVED_SUFFIX - len, "-%zu",
	    (size_t)(rec - f->rec));
	return buf;
}

struct fby_record *
fby_derived_end(struct fby_record *rec, enum fby_outcome *outcome)
{
	struct fby_family *f;

	while ((f = family_of(rec)) != NULL) {
		FBY_BUG_ON(rec->msg == NULL);
		rec->msg = NULL;
		f->outcome = FBY_MAX(f->outcome, *outcome);
		if (--f->open > 0)
			return NULL;
		*outcome = f->outcome;
		rec = f->parent;
	}
	return rec;
}
