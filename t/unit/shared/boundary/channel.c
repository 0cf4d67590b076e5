/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include "shared/boundary/channel.h"

#include <event2/event.h>
#include <fcntl.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

struct end {
	struct fby_channel ch;
	unsigned got, closed;
	const char *why;
	uint64_t next_epoch;
	int fd; /* that came along */
};

static struct event_base *base;
static struct end a, b;

static void
on_msg(void *arg, const struct fby_msg *msg, int fd)
{
	struct end *e = arg;

	e->got++;
	if (msg->type == FBY_MSG_GRANT)
		assert_true(((const struct fby_msg_grant *)msg)->epoch ==
		    e->next_epoch++);
	if (fd != -1)
		e->fd = fd;
}

static void
on_closed(void *arg, const char *why)
{
	struct end *e = arg;

	e->closed++;
	e->why = why;
}

static int
setup(void **state)
{
	int fds[2];

	(void)state;
	memset(&a, 0, sizeof(a));
	memset(&b, 0, sizeof(b));
	b.fd = -1;
	base = event_base_new();
	if (fby_channel_pair(fds) == -1)
		return -1;
	fby_channel_init(&a.ch, base, fds[0], on_msg, on_closed, &a);
	fby_channel_init(&b.ch, base, fds[1], on_msg, on_closed, &b);
	return 0;
}

static int
teardown(void **state)
{
	(void)state;
	fby_channel_fini(&a.ch);
	fby_channel_fini(&b.ch);
	event_base_free(base);
	return 0;
}

static void
turn(void)
{
	for (int i = 0; i < 2000; i++)
		event_base_loop(base, EVLOOP_NONBLOCK);
}

static void
a_flood_is_queued_and_arrives_in_order(void **state)
{
	(void)state;
	for (uint64_t i = 0; i < 20000; i++) {
		struct fby_msg_grant msg = { .epoch = i };

		fby_channel_send(&a.ch, FBY_MSG_GRANT, &msg.msg, sizeof(msg),
		    -1);
	}
	turn();
	assert_int_equal(b.got, 20000);
	assert_int_equal(b.closed, 0);
}

static void
a_descriptor_travels_with_its_message(void **state)
{
	struct fby_msg msg;
	struct stat sa, sb;
	int fd = open("/dev/null", O_RDONLY);

	(void)state;
	fby_channel_send(&a.ch, FBY_MSG_MANIFEST, &msg, sizeof(msg), fd);
	turn();
	assert_int_equal(b.got, 1);
	assert_int_not_equal(b.fd, -1);
	assert_int_equal(fstat(fd, &sa), 0);
	assert_int_equal(fstat(b.fd, &sb), 0);
	assert_true(sa.st_ino == sb.st_ino);
	close(fd);
	close(b.fd);
}

static void
the_end_of_the_other_side_is_seen_once(void **state)
{
	(void)state;
	fby_channel_fini(&a.ch);
	turn();
	assert_int_equal(b.closed, 1);
	assert_null(b.why);
	assert_false(fby_channel_is_open(&b.ch));
}

static void
a_packet_that_breaks_the_rules_closes_the_channel(void **state)
{
	struct fby_msg_ready msg = { .msg = { .type = FBY_MSG_READY,
					 .abi = FBY_ABI,
					 .size = sizeof(msg) } };

	(void)state;
	assert_true(send(a.ch.fd, &msg, sizeof(msg) - 1, 0) > 0);
	turn();
	assert_int_equal(b.got, 0);
	assert_int_equal(b.closed, 1);
	assert_non_null(b.why);
}

static void
another_abi_closes_the_channel(void **state)
{
	struct fby_msg_ready msg = { .msg = { .type = FBY_MSG_READY,
					 .abi = FBY_ABI + 1,
					 .size = sizeof(msg) } };

	(void)state;
	assert_true(send(a.ch.fd, &msg, sizeof(msg), 0) > 0);
	turn();
	assert_int_equal(b.got, 0);
	assert_int_equal(b.closed, 1);
}

static void
send_descriptors(const void *bytes, size_t len, size_t n)
{
	const int fds[2] = { STDERR_FILENO, STDERR_FILENO };
	union {
		struct cmsghdr align;
		char bytes[CMSG_SPACE(sizeof(fds))];
	} control = { .bytes = { 0 } };
	struct iovec iov = { (void *)(uintptr_t)bytes, len };
	struct msghdr mh = {
		.msg_iov = &iov,
		.msg_iovlen = 1,
		.msg_control = &control,
		.msg_controllen = CMSG_SPACE(n * sizeof(int)),
	};

	control.align.cmsg_level = SOL_SOCKET;
	control.align.cmsg_type = SCM_RIGHTS;
	control.align.cmsg_len = CMSG_LEN(n * sizeof(int));
	memcpy(CMSG_DATA(&control.align), fds, n * sizeof(int));
	assert_int_equal(sendmsg(a.ch.fd, &mh, 0), len);
}

/* What comes along and has no taker is closed; the next number tells. */
static void
check_no_descriptor_stays(const void *bytes, size_t len, size_t n)
{
	int before = dup(STDERR_FILENO), gaps[2], after;

	close(before);
	send_descriptors(bytes, len, n);
	turn();
	assert_int_equal(b.got, 0);
	assert_int_equal(b.closed, 1);
	assert_int_equal(a.closed, 1);
	/* Both ends have left one. */
	gaps[0] = dup(STDERR_FILENO);
	gaps[1] = dup(STDERR_FILENO);
	after = dup(STDERR_FILENO);
	assert_int_equal(after, before);
	close(after);
	close(gaps[1]);
	close(gaps[0]);
}

static void
descriptors_that_nobody_asked_for_do_not_stay(void **state)
{
	struct fby_msg msg = { .type = FBY_MSG_REOPEN,
		.abi = FBY_ABI,
		.size = sizeof(msg) };

	(void)state;
	check_no_descriptor_stays(&msg, sizeof(msg), 2);
}

static void
an_empty_packet_leaves_no_descriptor_behind(void **state)
{
	(void)state;
	check_no_descriptor_stays("", 0, 1);
}

int
main(void)
{
#define TEST(fn) cmocka_unit_test_setup_teardown(fn, setup, teardown)
	const struct CMUnitTest tests[] = {
		TEST(a_flood_is_queued_and_arrives_in_order),
		TEST(a_descriptor_travels_with_its_message),
		TEST(the_end_of_the_other_side_is_seen_once),
		TEST(a_packet_that_breaks_the_rules_closes_the_channel),
		TEST(another_abi_closes_the_channel),
		TEST(descriptors_that_nobody_asked_for_do_not_stay),
		TEST(an_empty_packet_leaves_no_descriptor_behind),
	};

	return UNIT_RUN(tests);
}
