/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Addresses of functions; see address.h.
 */
#include "shared/fby.h"

#include "worker/function/address.h"

#include <arpa/inet.h>
#include <errno.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <unistd.h>

int
fby_address_unix(struct fby_address *a, const char *dir, const char *name)
{
	int n;

	memset(a, 0, sizeof(*a));
	a->un.sun_family = AF_UNIX;
	n = snprintf(a->un.sun_path, sizeof(a->un.sun_path), "%s/%s", dir,
	    name);
	a->len = sizeof(a->un);
	return n >= 0 && (size_t)n < sizeof(a->un.sun_path) ? 0 : -1;
}

static int
set_port(in_port_t *port, const char *text)
{
	unsigned long n = 0;

	if (*text == '\0' || strlen(text) > 5 ||
	    strspn(text, "0123456789") != strlen(text))
		return -1;
	n = strtoul(text, NULL, 10);
	*port = htons((uint16_t)n);
	return n >= 1 && n <= 65535 ? 0 : -1;
}

static int
set_host(struct fby_address *a, const char *host, const char *port)
{
	if (strcmp(host, "localhost") == 0)
		host = "127.0.0.1";
	if (inet_pton(AF_INET, host, &a->in.sin_addr) == 1) {
		a->in.sin_family = AF_INET;
		a->len = sizeof(a->in);
		return set_port(&a->in.sin_port, port);
	}
	if (inet_pton(AF_INET6, host, &a->in6.sin6_addr) == 1) {
		a->in6.sin6_family = AF_INET6;
		a->len = sizeof(a->in6);
		return set_port(&a->in6.sin6_port, port);
	}
	return -1;
}

int
fby_address_endpoint(struct fby_address *a, const char *text)
{
	static const char scheme[] = "http://";
	char host[64];
	const char *colon;
	size_t n;

	memset(a, 0, sizeof(*a));
	if (strncmp(text, scheme, sizeof(scheme) - 1) == 0)
		text += sizeof(scheme) - 1;
	colon = strrchr(text, ':');
	if (colon == NULL)
		return -1;
	n = (size_t)(colon - text);
	if (n >= 2 && text[0] == '[' && colon[-1] == ']') {
		text++;
		n -= 2;
	}
	if (n >= sizeof(host))
		return -1;
	memcpy(host, text, n);
	host[n] = '\0';
	return set_host(a, host, colon + 1);
}

int
fby_address_connect(const struct fby_address *a)
{
	int fd = socket(a->any.sa_family,
	    SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	int on = 1, error;

	if (fd == -1)
		return -1;
	if (a->any.sa_family != AF_UNIX)
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof(on));
	if (connect(fd, &a->any, a->len) == 0 || errno == EINPROGRESS)
		return fd;
	error = errno;
	close(fd);
	errno = error;
	return -1;
}
