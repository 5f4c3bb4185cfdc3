/* SPDX-License-Identifier: Apache-2.0 */
/* check: the daemon's own reading of a configuration, by the xswan-ike that was installed with this program. */
#include "cli.h"

#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <string.h>
#include <sys/wait.h>
#include <unistd.h>

#include "progress.h"

#define TICK_MS 200

/* The program beside this one. */
static int sibling(const char *name, char path[static PATH_MAX])
{
	const ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *end;

	if (len < 0)
		return -errno;
	path[len] = '\0';
	end = strrchr(path, '/') + 1;
	if (strlen(name) >= (size_t)(path + PATH_MAX - end))
		return -ENAMETOOLONG;
	strcpy(end, name);
	return 0;
}

/* What it prints comes out of *from. Its process, or -errno. */
static pid_t begin(const struct cli *cli, const char *path, const char *dir, int *from)
{
	int ends[2];
	pid_t pid;

	if (pipe2(ends, O_CLOEXEC))
		return -errno;
	pid = fork();
	if (!pid) {
		dup2(ends[1], STDOUT_FILENO);
		execl(path, path, "--check", "--config", dir, cli->colour ? "--color=always" : "--color=never",
		      cli->json ? "--json" : (char *)NULL, (char *)NULL);
		fprintf(stderr, "xswan: %s: %s\n", path, strerror(errno));
		_exit(CLI_FAILED);
	}
	if (pid < 0)
		pid = -errno;
	close(ends[1]);
	*from = ends[0];
	return pid;
}

static void copy(const struct cli *cli, int from, const char *dir)
{
	struct pollfd pfd = { .fd = from, .events = POLLIN };
	struct progress progress;
	char text[65536];
	ssize_t n = 1;

	progress_begin(&progress, cli, "checking %s", dir);
	while (n > 0 || (n < 0 && errno == EINTR)) {
		if (!poll(&pfd, 1, TICK_MS)) {
			progress_show(&progress);
			continue;
		}
		n = read(from, text, sizeof(text));
		progress_clear(&progress);
		if (n > 0)
			fwrite(text, 1, n, cli->out);
	}
}

int cli_check(struct cli *cli, const char *operand)
{
	const char *dir = operand ? operand : CONFIG_DIR_DEFAULT;
	char path[PATH_MAX];
	int from = -1, status, err = sibling("xswan-ike", path);
	const pid_t pid = err ? err : begin(cli, path, dir, &from);

	if (pid < 0) {
		fprintf(cli->err, "xswan: %s: %s\n", path, strerror(-pid));
		if (from >= 0)
			close(from);
		return CLI_FAILED;
	}
	copy(cli, from, dir);
	close(from);
	while (waitpid(pid, &status, 0) < 0 && errno == EINTR)
		;
	if (WIFEXITED(status))
		return WEXITSTATUS(status);
	fprintf(cli->err, "xswan: %s was ended by signal %d\n", path, WTERMSIG(status));
	return CLI_FAILED;
}
