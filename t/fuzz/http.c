/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The HTTP listener, through a real connection: evhttp reads the request,
 * ours is which page it gets, and that evhttp is asked for the right thing.
 *
 * Bytes are sent as they are, but for these: 0xff lets the master's loop turn,
 * 0xfe ends the sending side, 0xfd makes the master unready or ready.
 */
#include "shared/fby.h"

#include "t/unit/master/fake_master.h"

#include <arpa/inet.h>
#include <event2/event.h>
#include <signal.h>
#include <sys/socket.h>

#include "master/admin/http.h"
#include "shared/base/clock.h"
#include "t/fuzz/fuzz.h"

/*
 * What has ended is looked for on each turn and not after a while: with
 * thousands of connections a second there would be too many, for us alone.
 */
#define fby_clock_tv(ms) ((struct timeval){ 0, (ms) / 1000 })
#include "master/admin/http_guard.c"
#undef fby_clock_tv

/* Accept, read, three for what is made, write, and one for what follows. */
#define TURNS 7

static struct sockaddr_in address;

static void
turn(void)
{
	/* NONBLOCK alone goes on for as long as a timer is due at once. */
	for (int i = 0; i < TURNS; i++)
		event_base_loop(mst.ctx.base, EVLOOP_ONCE | EVLOOP_NONBLOCK);
}

/*
 * A connection that the server closes first keeps its two addresses for a
 * minute, and one address of ours has too few ports for that: we have many.
 */
static struct sockaddr_in
next_address(void)
{
	static uint32_t n;

	return (struct sockaddr_in){
		.sin_family = AF_INET,
		.sin_addr.s_addr = htonl(INADDR_LOOPBACK + 1 + n++ % 10000),
	};
}

static int
connect_client(void)
{
	const struct linger linger = { .l_onoff = 1 };
	const struct sockaddr_in ours = next_address();
	const int later = 1; /* the port is chosen with the server's address */
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);

	FBY_BUG_ON(fd == -1 ||
	    setsockopt(fd, SOL_SOCKET, SO_LINGER, &linger, sizeof(linger)) ==
		-1 ||
	    setsockopt(fd, IPPROTO_IP, IP_BIND_ADDRESS_NO_PORT, &later,
		sizeof(later)) == -1 ||
	    bind(fd, (const struct sockaddr *)&ours, sizeof(ours)) == -1 ||
	    connect(fd, (struct sockaddr *)&address, sizeof(address)) == -1);
	return fd;
}

static void
say(int fd, const uint8_t *p, size_t len)
{
	if (len > 0)
		(void)!send(fd, p, len, MSG_NOSIGNAL | MSG_DONTWAIT);
}

/* Whatever was sent, the answers are HTTP, and the metrics are whole. */
static void
read_answers(int fd)
{
	static char text[1 << 17];
	const char *type, *next;
	size_t len = 0;
	ssize_t n;

	while (len < sizeof(text) - 1 &&
	    (n = recv(fd, text + len, sizeof(text) - 1 - len, MSG_DONTWAIT)) >
		0)
		len += (size_t)n;
	text[len] = '\0';
	if (len == 0)
		return;
	FBY_BUG_ON(strncmp(text, "HTTP/", 5) != 0);
	FBY_BUG_ON(strlen(text) != len);
	type = strstr(text, "Content-Type: application/openmetrics-text");
	if (type == NULL || len == sizeof(text) - 1)
		return;
	next = strstr(type, "\r\n\r\n");
	FBY_BUG_ON(next == NULL);
	/* HEAD has nothing there. */
	if (next[4] == '#')
		FBY_BUG_ON(strstr(next, "\n# EOF\n") == NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	int fd = connect_client();
	size_t from = 0;

	unready = NULL;
	for (size_t i = 0; i < size; i++) {
		if (data[i] < 0xfd)
			continue;
		say(fd, data + from, i - from);
		from = i + 1;
		if (data[i] == 0xff)
			turn();
		else if (data[i] == 0xfe)
			shutdown(fd, SHUT_WR);
		else
			unready = unready ? NULL : "no worker is ready";
	}
	say(fd, data + from, size - from);
	turn();
	read_answers(fd);
	close(fd);
	turn();
	return 0;
}

/* The parts lie where the leak checker does not look for pointers. */
static void
fake_gone(void)
{
	fake_master_gone(NULL);
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	const char *port;

	(void)argc;
	(void)argv;
	fuzz_quiet();
	signal(SIGPIPE, SIG_IGN); /* as in signal.c */
	manifest.host.http_listen = "127.0.0.1:0";
	atexit(fake_gone);
	if (fake_master(NULL) == -1 ||
	    (mst.ctx.base = event_base_new()) == NULL ||
	    (mst.http = fby_http_open(&mst)) == NULL)
		abort();
	port = strrchr(mst.http_address, ':');
	address.sin_family = AF_INET;
	address.sin_port = htons((uint16_t)strtoul(port + 1, NULL, 10));
	address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
	return 0;
}
