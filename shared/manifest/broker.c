/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Broker addresses, as written in `brokers`: are they any, and do two lists
 * have one in common?  Nothing is looked up.
 */
#include "shared/fby.h"

#include "shared/manifest/tables.h"

#include <ctype.h>

#include "shared/base/mem.h"
#include "shared/base/units.h"
#include "shared/manifest/manifest.h"

#define PORT "9092" /* librdkafka's, where there is none */
#define PORT_MAX 65535

/* One address out of "a:1, SSL://b:2": host and port borrowed as spans. */
struct address {
	const char *host, *port; /* port may be NULL */
	size_t host_len, port_len;
	bool is_numeric; /* IPv6, in brackets or not */
};

static const char *
skip_scheme(const char *p, size_t *len)
{
	const char *end = memmem(p, *len, "://", 3);

	if (end == NULL)
		return p;
	*len -= (size_t)(end + 3 - p);
	return end + 3;
}

static void
split(const char *p, size_t len, struct address *a)
{
	const char *colon, *close;

	p = skip_scheme(p, &len);
	*a = (struct address){ .host = p, .host_len = len };
	if (len > 0 && *p == '[' && (close = memchr(p, ']', len)) != NULL) {
		a->is_numeric = true;
		a->host = p + 1;
		a->host_len = (size_t)(close - p - 1);
		colon = close + 1 < p + len ? close + 1 : NULL;
	} else {
		colon = memchr(p, ':', len);
		if (colon &&
		    memchr(colon + 1, ':', len - (size_t)(colon + 1 - p))) {
			a->is_numeric = true;
			colon = NULL;
		} else if (colon) {
			a->host_len = (size_t)(colon - p);
		}
	}
	if (colon) {
		/* What follows a bracket and is no colon is no port either. */
		a->port = *colon == ':' ? colon + 1 : colon;
		a->port_len = (size_t)(p + len - a->port);
	}
}

static bool
is_made_of(const char *p, size_t len, const char *also)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)p[i]) && !strchr(also, p[i]))
			return false;
	return len > 0;
}

static bool
is_port(const char *p, size_t len)
{
	unsigned long n = 0;

	if (len == 0 || len > 5)
		return false;
	for (size_t i = 0; i < len; i++) {
		if (!isdigit((unsigned char)p[i]))
			return false;
		n = n * 10 + (unsigned long)(p[i] - '0');
	}
	return n > 0 && n <= PORT_MAX;
}

/* The next of the addresses that commas part; false: there is none. */
static bool
next_address(const char **p, const char **from, size_t *len)
{
	if (**p == '\0')
		return false;
	*from = *p + strspn(*p, " ");
	*len = strcspn(*from, ",");
	*p = *from + *len;
	*p += **p == ',';
	while (*len > 0 && (*from)[*len - 1] == ' ')
		(*len)--;
	return true;
}

const char *
fby_manifest_broker_fault(const char *broker)
{
	const char *p = broker, *from;
	struct address a;
	size_t len;

	if (broker[strspn(broker, " ,")] == '\0')
		return "which is empty";
	if (strstr(broker, "${") || strstr(broker, "$(") ||
	    strstr(broker, "{{"))
		return "a variable that nobody has expanded";
	while (next_address(&p, &from, &len)) {
		if (len == 0)
			continue;
		split(from, len, &a);
		if (!is_made_of(a.host, a.host_len,
			a.is_numeric ? ":.%" : "-._"))
			return "which is no host name";
		if (a.port && !is_port(a.port, a.port_len))
			return "whose port is no number from 1 to 65535";
	}
	return NULL;
}

static bool
is_same(const struct address *a, const struct address *b)
{
	const char *pa = a->port ? a->port : PORT;
	const char *pb = b->port ? b->port : PORT;
	const size_t na = a->port ? a->port_len : strlen(PORT);
	const size_t nb = b->port ? b->port_len : strlen(PORT);

	return na == nb && memcmp(pa, pb, na) == 0 &&
	    a->host_len == b->host_len &&
	    strncasecmp(a->host, b->host, a->host_len) == 0;
}

static bool
has_address(const struct fby_kafka *k, const struct address *a)
{
	struct address other;
	const char *from;
	size_t len;

	for (size_t i = 0; i < k->brokers.n; i++)
		for (const char *p = k->brokers.v[i];
		     next_address(&p, &from, &len);) {
			split(from, len, &other);
			if (len > 0 && is_same(&other, a))
				return true;
		}
	return false;
}

bool
fby_manifest_share_broker(const struct fby_kafka *a, const struct fby_kafka *b)
{
	struct address one;
	const char *from;
	size_t len;

	for (size_t i = 0; i < a->brokers.n; i++)
		for (const char *p = a->brokers.v[i];
		     next_address(&p, &from, &len);) {
			split(from, len, &one);
			if (len > 0 && has_address(b, &one))
				return true;
		}
	return false;
}
