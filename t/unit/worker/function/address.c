/* SPDX-License-Identifier: Apache-2.0 */
#include "shared/fby.h"

#include "t/unit/unit.h"

#include <arpa/inet.h>
#include <errno.h>
#include <unistd.h>

#include "worker/function/address.h"

static void
a_socket_is_a_path(void **state)
{
	struct fby_address a;
	char dir[200];

	(void)state;
	assert_int_equal(fby_address_unix(&a, "/run/f", "sink.sock"), 0);
	assert_int_equal(a.any.sa_family, AF_UNIX);
	assert_string_equal(a.un.sun_path, "/run/f/sink.sock");
	memset(dir, 'x', sizeof(dir));
	dir[sizeof(dir) - 1] = '\0';
	assert_int_equal(fby_address_unix(&a, dir, "sink.sock"), -1);
}

static void
an_endpoint_is_a_port_of_this_machine(void **state)
{
	static const char *const bads[] = { "", "http://", "127.0.0.1",
		"http://127.0.0.1:", "http://127.0.0.1:0",
		"http://127.0.0.1:65536", "http://127.0.0.1:55x1",
		"http://example.org:5551", "http://[::1:5551", "http://:5551" };
	struct fby_address a;

	(void)state;
	assert_int_equal(fby_address_endpoint(&a, "http://127.0.0.1:5551"), 0);
	assert_int_equal(a.in.sin_family, AF_INET);
	assert_int_equal(ntohs(a.in.sin_port), 5551);
	assert_int_equal(fby_address_endpoint(&a, "localhost:5552"), 0);
	assert_int_equal(ntohl(a.in.sin_addr.s_addr), INADDR_LOOPBACK);
	assert_int_equal(fby_address_endpoint(&a, "http://[::1]:5551"), 0);
	assert_int_equal(a.in6.sin6_family, AF_INET6);
	for (size_t i = 0; i < FBY_NELEM(bads); i++)
		assert_int_equal(fby_address_endpoint(&a, bads[i]), -1);
}

static void
what_is_not_there_says_so(void **state)
{
	struct fby_address a;

	(void)state;
	assert_int_equal(fby_address_unix(&a, "/nonexistent", "x.sock"), 0);
	assert_int_equal(fby_address_connect(&a), -1);
	assert_int_equal(errno, ENOENT);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(a_socket_is_a_path),
		cmocka_unit_test(an_endpoint_is_a_port_of_this_machine),
		cmocka_unit_test(what_is_not_there_says_so),
	};

	return UNIT_RUN(tests);
}
