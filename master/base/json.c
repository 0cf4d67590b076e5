/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Values for JSON; see json.h.
 */
#include "shared/fby.h"

#include "master/base/json.h"

#include "shared/base/mem.h"
#include "shared/base/str.h"

void
fby_json_set(json_t *o, const char *key, json_t *value)
{
	/* Takes the reference; fails only without memory. */
	if (json_object_set_new_nocheck(o, key, value) == -1)
		fby_mem_fatal();
}

json_t *
fby_json_known(int64_t n)
{
	return n < 0 ? json_null() : json_integer(n);
}

json_t *
fby_json_text(const char *text)
{
	struct fby_str s;
	json_t *value;

	if (text == NULL)
		return json_null();
	if ((value = json_string(text)) != NULL)
		return value;
	/* Not UTF-8. */
	fby_str_init(&s);
	fby_str_escape(&s, text, strlen(text));
	value = json_string(s.p);
	fby_str_fini(&s);
	return value ? value : json_null();
}

json_t *
fby_json_count(uint64_t n)
{
	return json_integer((json_int_t)n);
}

/* One digit behind the point is what a rate is good for. */
json_t *
fby_json_rate(double per_s)
{
	return json_real((double)(int64_t)(per_s * 10 + 0.5) / 10);
}
