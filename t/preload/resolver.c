/* SPDX-License-Identifier: Apache-2.0 */
/*
 * A resolver that stops answering, for t/728-resolver.t: while the file that
 * RESOLVER_HANGS names is there no look-up comes back.  The file gets a byte
 * for each that does not.
 */
#include "shared/fby.h"

#include <dlfcn.h>
#include <fcntl.h>
#include <netdb.h>
#include <unistd.h>

typedef int resolve_fn(const char *node, const char *service,
    const struct addrinfo *hints, struct addrinfo **list);

int
getaddrinfo(const char *node, const char *service, const struct addrinfo *hints,
    struct addrinfo **list)
{
	const char *path = getenv("RESOLVER_HANGS");
	resolve_fn *fn;
	void *p = dlsym(RTLD_NEXT, "getaddrinfo");

	int fd = path ? open(path, O_WRONLY | O_APPEND | O_CLOEXEC) : -1;

	if (fd != -1 && write(fd, ".", 1) == 1)
		for (;;)
			pause();
	/* ISO C has no other way from void * to a function. */
	memcpy(&fn, &p, sizeof(p));
	return fn(node, service, hints, list);
}
