/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What a worker says of failures while its master does not read.
 */
#include "t/unit/unit.h"

#include <event2/event.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/boundary/channel.h"
#include "shared/boundary/ledger.h"

#include "worker/failure.h"

#define MANY 2000 /* more than a socket keeps */

static struct event_base *base;
static struct fby_failures failures;
static struct fby_channel ch;
static int other;

static void
on_msg(void *arg, const struct fby_msg *msg, int fd)
{
	(void)arg;
	(void)msg;
	(void)fd;
}

static void
on_closed(void *arg, const char *why)
{
	(void)arg;
	(void)why;
}

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	if ((base = event_base_new()) == NULL || fby_channel_pair(fds) == -1)
		return -1;
	fby_channel_init(&ch, base, fds[0], on_msg, on_closed, NULL);
	failures.ch = &ch;
	other = fds[1];
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fby_channel_fini(&ch);
	close(other);
	event_base_free(base);
	return 0;
}

/* As if a second had passed. */
static void
tell(int code)
{
	struct fby_failure_last last = { 0 };
	struct fby_msg_failure msg = {
		.row = FBY_NOROW,
		.role = FBY_FAILURE_SINK,
		.code = code,
	};

	failures.sent = 0;
	fby_failure_send(&failures, &last, &msg, "refused");
}

/* The code of the last one that has come; the socket is empty then. */
static int
last_code(void)
{
	struct fby_msg_failure msg = { .code = 0 };

	while (recv(other, &msg, sizeof(msg), MSG_DONTWAIT) > 0)
		;
	return msg.code;
}

static void
none_piles_up_while_the_master_does_not_read(void **state)
{
	(void)state;
	for (int code = 1; code <= MANY; code++)
		tell(code);
	assert_in_range(ch.queued, 0, 1);

	/* It reads again: what is said then comes through. */
	last_code();
	event_base_loop(base, EVLOOP_NONBLOCK);
	last_code();
	tell(MANY);
	assert_int_equal(last_code(), MANY);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
		    none_piles_up_while_the_master_does_not_read, setup,
		    teardown),
	};

	return UNIT_RUN(tests);
}
