/* SPDX-License-Identifier: Apache-2.0 */
/*
 * onpty ANSWER COMMAND...: run a command on a terminal of its own, type ANSWER
 * and the return key when it asks, show what the terminal shows, and exit as
 * the command does.
 */
#include "shared/fby.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/ioctl.h>
#include <sys/wait.h>
#include <unistd.h>

static void
die(const char *what)
{
	perror(what);
	exit(125);
}

static void
run_on(const char *terminal, char **argv)
{
	int fd = -1;

	if (setsid() == -1 || (fd = open(terminal, O_RDWR)) == -1)
		die(terminal);
	ioctl(fd, TIOCSCTTY, 0);
	for (int i = 0; i <= 2; i++)
		if (dup2(fd, i) == -1)
			die("dup2");
	if (fd > 2)
		close(fd);
	execvp(argv[0], argv);
	die(argv[0]);
}

static void
type(int fd, const char *answer)
{
	if (dprintf(fd, "%s\n", answer) < 0)
		die("write");
}

int
main(int argc, char **argv)
{
	char seen[4096] = "", buf[512];
	int fd, status;
	size_t len = 0;
	ssize_t n;
	pid_t pid;
	bool asked = false;

	if (argc < 3)
		return 125;
	fd = posix_openpt(O_RDWR | O_NOCTTY | O_CLOEXEC);
	if (fd == -1 || grantpt(fd) == -1 || unlockpt(fd) == -1)
		die("pty");
	if ((pid = fork()) == -1)
		die("fork");
	if (pid == 0)
		run_on(ptsname(fd), argv + 2);
	/* EIO: nobody has it open any more, or nobody yet. */
	while ((n = read(fd, buf, sizeof(buf))) > 0 ||
	    (errno == EIO && waitpid(pid, &status, WNOHANG) == 0)) {
		if (n <= 0)
			continue;
		fwrite(buf, 1, (size_t)n, stdout);
		if ((size_t)n > sizeof(seen) - 1 - len)
			n = (ssize_t)(sizeof(seen) - 1 - len);
		memcpy(seen + len, buf, (size_t)n);
		seen[len += (size_t)n] = '\0';
		if (!asked && strstr(seen, "[y/N] ")) {
			type(fd, argv[1]);
			asked = true;
		}
	}
	if (waitpid(pid, &status, 0) == -1 && errno != ECHILD)
		die("waitpid");
	return WIFEXITED(status) ? WEXITSTATUS(status) : 126;
}
