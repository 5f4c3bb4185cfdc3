/* SPDX-License-Identifier: Apache-2.0 */
#include "dp_state.h"

#include <errno.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "instance.h"

/*
 * The daemon holds a lock on its pid file as long as it lives. The number in it is looked at
 * first, so that the lock is only tried, for an instant, when some process has that number.
 */
static pid_t locked_pid(const char *path)
{
	char text[16] = "";
	pid_t pid = 0;
	int fd;

	fd = open(path, O_RDONLY | O_CLOEXEC);
	if (fd < 0)
		return 0;
	if (read(fd, text, sizeof(text) - 1) > 0)
		pid = atoi(text);
	if (pid <= 0 || (kill(pid, 0) && errno == ESRCH) || !flock(fd, LOCK_SH | LOCK_NB) || errno != EWOULDBLOCK)
		pid = 0;
	close(fd);
	return pid;
}

void dp_state_load(struct dp_state *dp, const char *instance, const char *pid_path, const char *ports_path)
{
	char path[INSTANCE_PATH];
	json_error_t error;

	*dp = (struct dp_state){ .pid = locked_pid(pid_path) };
	dp->pinned = !access(instance_pin_path(instance, "sa_in", path), F_OK);
	if (!dp->pid)
		return; /* the file, if any, is of a process that has gone */
	dp->ports = json_load_file(ports_path, 0, &error);
	if (!dp->ports)
		snprintf(dp->note, sizeof(dp->note), "no list of ports: %s", error.text);
	else if (!json_is_object(dp->ports)) {
		snprintf(dp->note, sizeof(dp->note), "no list of ports: %s is not a JSON object", ports_path);
		json_decref(dp->ports);
		dp->ports = NULL;
	}
}

void dp_state_free(struct dp_state *dp)
{
	json_decref(dp->ports);
	dp->ports = NULL;
}
