/* SPDX-License-Identifier: Apache-2.0 */
#include "t/unit/unit.h"

#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "master/base/notify.h"
#include "shared/base/clock.h"

static int listener = -1;
static char path[108];

/* What systemd has been told; "" if nothing. */
static const char *
heard(void)
{
	static char text[256];
	ssize_t n = recv(listener, text, sizeof(text) - 1, MSG_DONTWAIT);

	text[n > 0 ? n : 0] = '\0';
	return text;
}

static void
listen_at(const char *address)
{
	struct sockaddr_un sun = { .sun_family = AF_UNIX };
	size_t len = strlen(address);

	memcpy(sun.sun_path, address, len);
	if (address[0] == '@')
		sun.sun_path[0] = '\0';
	listener = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	assert_int_equal(bind(listener, (struct sockaddr *)&sun,
			     (socklen_t)(offsetof(struct sockaddr_un,
					     sun_path) +
				 len)),
	    0);
	setenv("NOTIFY_SOCKET", address, 1);
}

static int
listen_at_file(void **state)
{
	(void)state;
	snprintf(path, sizeof(path), "/tmp/fby-notify-%d", (int)getpid());
	listen_at(path);
	return 0;
}

static int
listen_at_abstract(void **state)
{
	char address[64];

	(void)state;
	path[0] = '\0';
	snprintf(address, sizeof(address), "@fby-notify-%d", (int)getpid());
	listen_at(address);
	return 0;
}

static int
stop_listening(void **state)
{
	(void)state;
	close(listener);
	if (path[0])
		unlink(path);
	unsetenv("NOTIFY_SOCKET");
	unsetenv("WATCHDOG_USEC");
	unsetenv("WATCHDOG_PID");
	return 0;
}

static void
ready_is_said_once_and_after_each_reload(void **state)
{
	struct fby_notify n;
	int64_t before = fby_clock_mono_us(), then;

	(void)state;
	fby_notify_init(&n);
	fby_notify_ready(&n);
	assert_string_equal(heard(), "READY=1");
	fby_notify_ready(&n);
	assert_string_equal(heard(), "");
	fby_notify_reloading(&n);
	assert_int_equal(sscanf(heard(), "RELOADING=1\nMONOTONIC_USEC=%" SCNd64,
			     &then),
	    1);
	assert_in_range(then, before, fby_clock_mono_us());
	fby_notify_reloaded(&n);
	assert_string_equal(heard(), "READY=1");
	fby_notify_stopping(&n);
	assert_string_equal(heard(), "STOPPING=1");
	fby_notify_fini(&n);
}

static void
a_status_is_one_line_and_said_when_it_changes(void **state)
{
	struct fby_notify n;

	(void)state;
	fby_notify_init(&n);
	fby_notify_status(&n, "lag %d\nand READY=1", 5);
	assert_string_equal(heard(), "STATUS=lag 5 and READY=1");
	fby_notify_status(&n, "lag %d\nand READY=1", 5);
	assert_string_equal(heard(), "");
	fby_notify_status(&n, "lag 6");
	assert_string_equal(heard(), "STATUS=lag 6");
	fby_notify_fini(&n);
}

static void
the_watchdog_is_fed_at_half_its_time(void **state)
{
	struct fby_notify n;

	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	fby_notify_init(&n);
	assert_int_equal(n.watchdog_ms, 30000);
	fby_notify_watchdog(&n);
	assert_string_equal(heard(), "");
	n.fed_at -= 15000;
	fby_notify_watchdog(&n);
	assert_string_equal(heard(), "WATCHDOG=1");
	fby_notify_fini(&n);
}

static void
the_watchdog_of_another_process_is_not_fed(void **state)
{
	struct fby_notify n;

	(void)state;
	setenv("WATCHDOG_USEC", "30000000", 1);
	setenv("WATCHDOG_PID", "1", 1);
	fby_notify_init(&n);
	n.fed_at -= 60000;
	fby_notify_watchdog(&n);
	assert_string_equal(heard(), "");
	fby_notify_fini(&n);
}

static void
without_a_socket_nothing_happens(void **state)
{
	struct fby_notify n;

	(void)state;
	unsetenv("NOTIFY_SOCKET");
	fby_notify_init(&n);
	assert_int_equal(n.fd, -1);
	fby_notify_ready(&n);
	fby_notify_status(&n, "x");
	fby_notify_stopping(&n);
	fby_notify_fini(&n);
}

#define TEST(fn, setup) \
	cmocka_unit_test_setup_teardown(fn, setup, stop_listening)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		TEST(ready_is_said_once_and_after_each_reload, listen_at_file),
		TEST(ready_is_said_once_and_after_each_reload,
		    listen_at_abstract),
		TEST(a_status_is_one_line_and_said_when_it_changes,
		    listen_at_abstract),
		TEST(the_watchdog_is_fed_at_half_its_time, listen_at_abstract),
		TEST(the_watchdog_of_another_process_is_not_fed,
		    listen_at_abstract),
		TEST(without_a_socket_nothing_happens, listen_at_abstract),
	};

	return UNIT_RUN(tests);
}
