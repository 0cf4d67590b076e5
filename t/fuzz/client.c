/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The client of a hostile master: whatever comes out of the socket, what is
 * printed is UTF-8, and nothing in it that a terminal would act on.
 *
 * The first byte says which command is given (low bits), whether standard
 * output is a terminal (0x80), whether it wants JSON (0x40), and whether it is
 * narrow (0x20).  The others are the answer.
 */
#include "shared/fby.h"

#include <signal.h>
#include <stdio.h>
#include <sys/socket.h>
#include <unistd.h>

#include "shared/base/str.h"

#include "master/base/control_socket.h"
#include "master/base/rundir.h"
#include "master/cli/client.h"
#include "master/cli/target.h"
#include "t/fuzz/fuzz.h"

static const uint8_t *answer;
static size_t answer_len;
static bool is_terminal;

/* ---- where the master is ---------------------------------------------- */

char *
fby_target_find(const char *dir, char *const *files, size_t nfiles)
{
	(void)files;
	(void)nfiles;
	return strdup(dir);
}

int
fby_rundir_open(const char *path, bool any_owner, struct fby_str *why)
{
	(void)path;
	(void)any_owner;
	(void)why;
	return dup(STDIN_FILENO);
}

/* It has answered before it was asked, and has gone. */
int
fby_control_socket_connect(int dir, int64_t timeout_ms)
{
	int fds[2];

	(void)dir;
	(void)timeout_ms;
	FBY_BUG_ON(
	    socketpair(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0, fds) == -1);
	FBY_BUG_ON(send(fds[1], answer, answer_len, MSG_NOSIGNAL) !=
	    (ssize_t)answer_len);
	close(fds[1]);
	return fds[0];
}

/* In place of the C library's. */
int
isatty(int fd)
{
	(void)fd;
	return is_terminal;
}

/* ---- what is printed -------------------------------------------------- */

/* Without the colours that the client itself has put there. */
static void
strip_colors(char *text)
{
	static const char *const ours[] = { "\033[0m", "\033[1m", "\033[1;31m",
		"\033[33m", "\033[32m" };
	char *to = text;

	while (*text) {
		size_t n = 0;

		for (size_t i = 0; i < FBY_NELEM(ours); i++)
			if (strncmp(text, ours[i], strlen(ours[i])) == 0)
				n = strlen(ours[i]);
		if (n == 0)
			*to++ = *text++;
		text += n;
	}
	*to = '\0';
}

static void
check(char *text, size_t len)
{
	FBY_BUG_ON(strlen(text) != len);
	if (is_terminal)
		strip_colors(text);
	FBY_BUG_ON(!fuzz_is_utf8(text));
	FBY_BUG_ON(!fuzz_is_printable(text));
}

static int
act(const struct fby_client *cl, unsigned what)
{
	switch (what % 5) {
	case 0:
	case 1:
		return fby_client_status(cl);
	case 2:
		return fby_client_reload(cl);
	case 3:
		return fby_client_skip(cl, "orders/1@2");
	default:
		return fby_client_watermark(cl, "reset");
	}
}

/* ---- a run ------------------------------------------------------------ */

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static char dir[] = "/nonexistent";
	FILE *const streams[] = { stdout, stderr };
	struct fby_client cl = { .dir = dir, .yes = true };
	char *text[2];
	size_t len[2];
	int status;

	if (size == 0)
		return 0;
	is_terminal = data[0] & 0x80;
	cl.json = data[0] & 0x40;
	if (data[0] & 0x20)
		setenv("COLUMNS", "40", 1);
	else
		unsetenv("COLUMNS");
	answer = data + 1;
	answer_len = size - 1;
	stdout = open_memstream(&text[0], &len[0]);
	stderr = open_memstream(&text[1], &len[1]);
	FBY_BUG_ON(stdout == NULL || stderr == NULL);
	status = act(&cl, data[0] & 0x1f);
	fclose(stdout);
	fclose(stderr);
	stdout = streams[0];
	stderr = streams[1];
	FBY_BUG_ON(status != 0 && status != 1);
	/* JSON for another program is as it is. */
	if (is_terminal || !cl.json)
		check(text[0], len[0]);
	check(text[1], len[1]);
	free(text[0]);
	free(text[1]);
	return 0;
}

int
LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	fuzz_quiet();
	signal(SIGPIPE, SIG_IGN);
	setenv("TERM", "xterm", 1);
	unsetenv("NO_COLOR");
	return 0;
}
