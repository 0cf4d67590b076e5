/* SPDX-License-Identifier: Apache-2.0 */
/*
 * What systemd is told; see notify.h.  The protocol is a datagram of text and
 * is promised to stay, so no library is needed for it (sd_notify(3), Notes).
 *
 * The address is read anew for each message: a systemd that has executed
 * itself again listens on a new socket of the same name.
 */
#include "shared/fby.h"

#include "master/base/notify.h"

#include <errno.h>
#include <stdarg.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "shared/base/clock.h"
#include "shared/base/log.h"
#include "shared/base/mem.h"
#include "shared/base/str.h"

/* The length of the address; 0 if there is none that we can use. */
static socklen_t
address(struct sockaddr_un *sun)
{
	const char *path = getenv("NOTIFY_SOCKET");
	size_t len;

	if (path == NULL || (path[0] != '/' && path[0] != '@'))
		return 0;
	len = strlen(path);
	if (len < 2 || len >= sizeof(sun->sun_path))
		return 0;
	memset(sun, 0, sizeof(*sun));
	sun->sun_family = AF_UNIX;
	memcpy(sun->sun_path, path, len);
	/* An abstract name begins with a NUL and has none at its end. */
	if (path[0] == '@')
		sun->sun_path[0] = '\0';
	return (socklen_t)(offsetof(struct sockaddr_un, sun_path) + len +
	    (path[0] == '/'));
}

/* What must not get lost waits for room; the rest comes again anyway. */
static void
tell(struct fby_notify *n, const char *text, bool wait)
{
	struct sockaddr_un sun;
	socklen_t len;

	if (n->fd == -1 || (len = address(&sun)) == 0)
		return;
	if (sendto(n->fd, text, strlen(text),
		MSG_NOSIGNAL | (wait ? 0 : MSG_DONTWAIT),
		(struct sockaddr *)&sun, len) != -1 ||
	    errno == EAGAIN)
		return;
	fby_warn("cannot tell systemd: %s: %s", getenv("NOTIFY_SOCKET"),
	    strerror(errno));
}

/* The time that systemd wants to hear from us within; 0: it does not. */
static int64_t
watchdog_ms(void)
{
	const char *usec = getenv("WATCHDOG_USEC");
	const char *pid = getenv("WATCHDOG_PID");
	char *end;
	long long us;

	if (usec == NULL)
		return 0;
	if (pid && strtoll(pid, NULL, 10) != (long long)getpid())
		return 0;
	us = strtoll(usec, &end, 10);
	return *end == '\0' && us >= 1000 ? us / 1000 : 0;
}

void
fby_notify_init(struct fby_notify *n)
{
	struct sockaddr_un sun;

	*n = (struct fby_notify){ .fd = -1 };
	if (address(&sun) == 0) {
		if (getenv("NOTIFY_SOCKET"))
			fby_warn("NOTIFY_SOCKET is no unix socket: %s",
			    getenv("NOTIFY_SOCKET"));
		return;
	}
	n->fd = socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (n->fd == -1) {
		fby_warn("cannot tell systemd: socket: %s", strerror(errno));
		return;
	}
	n->watchdog_ms = watchdog_ms();
	n->fed_at = fby_clock_mono();
}

void
fby_notify_fini(struct fby_notify *n)
{
	if (n->fd != -1)
		close(n->fd);
	free(n->status);
	*n = (struct fby_notify){ .fd = -1 };
}

void
fby_notify_ready(struct fby_notify *n)
{
	if (n->ready)
		return;
	n->ready = true;
	tell(n, "READY=1", true);
}

/*
 * With Type=notify-reload systemd compares the time with that of its signal,
 * to know that this is the answer; it must be in the same datagram.
 */
void
fby_notify_reloading(struct fby_notify *n)
{
	char text[64];

	snprintf(text, sizeof(text), "RELOADING=1\nMONOTONIC_USEC=%" PRId64,
	    fby_clock_mono_us());
	tell(n, text, true);
}

/*
 * Whatever systemd was told last must be READY=1, also if the reload came
 * before everything was ready: it would wait for ever.
 */
void
fby_notify_reloaded(struct fby_notify *n)
{
	n->ready = true;
	tell(n, "READY=1", true);
}

void
fby_notify_stopping(struct fby_notify *n)
{
	tell(n, "STOPPING=1", true);
}

void
fby_notify_status(struct fby_notify *n, const char *fmt, ...)
{
	va_list ap;
	char *text, *message;

	va_start(ap, fmt);
	text = fby_vasprintf(fmt, ap);
	va_end(ap);
	if (n->status && strcmp(n->status, text) == 0) {
		free(text);
		return;
	}
	free(n->status);
	n->status = text;
	message = fby_asprintf("STATUS=%s", text);
	/* A line ends a variable. */
	for (char *p = message; *p; p++)
		if (*p == '\n')
			*p = ' ';
	tell(n, message, false);
	free(message);
}

void
fby_notify_watchdog(struct fby_notify *n)
{
	int64_t now = fby_clock_mono();

	if (n->watchdog_ms == 0 || now - n->fed_at < n->watchdog_ms / 2)
		return;
	n->fed_at = now;
	tell(n, "WATCHDOG=1", false);
}
