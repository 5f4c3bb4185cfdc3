/* SPDX-License-Identifier: Apache-2.0 */
#include "instance.h"

#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

#include "log.h"

int instance_check(const char *name)
{
	size_t len = strlen(name);

	if (len < 1 || len > 32)
		return -EINVAL;
	if (strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789_-") != len)
		return -EINVAL;
	return 0;
}

const char *instance_run_path(const char *name, const char *file, char out[static INSTANCE_PATH])
{
	snprintf(out, INSTANCE_PATH, "/run/xswan/%s/%s", name, file);
	return out;
}

const char *instance_pin_path(const char *name, const char *file, char out[static INSTANCE_PATH])
{
	snprintf(out, INSTANCE_PATH, "/sys/fs/bpf/xswan/%s/%s", name, file);
	return out;
}

static int make_run_dir(const char *name)
{
	char path[INSTANCE_PATH];

	if (mkdir("/run/xswan", 0755) && errno != EEXIST)
		return -errno;
	if (mkdir(instance_run_path(name, "", path), 0755) && errno != EEXIST)
		return -errno;
	return 0;
}

static int lock(const char *name, const char *program, int *other)
{
	char file[40], path[INSTANCE_PATH], text[16] = "";
	int fd, err;

	snprintf(file, sizeof(file), "%s.pid", program);
	fd = open(instance_run_path(name, file, path), O_RDWR | O_CREAT | O_CLOEXEC, 0644);
	if (fd < 0)
		return -errno;
	if (flock(fd, LOCK_EX | LOCK_NB)) {
		err = errno == EWOULDBLOCK ? -EBUSY : -errno;
		if (read(fd, text, sizeof(text) - 1) < 0)
			text[0] = '\0';
		*other = atoi(text);
		close(fd);
		return err;
	}
	snprintf(text, sizeof(text), "%d\n", (int)getpid());
	if (ftruncate(fd, 0) || write(fd, text, strlen(text)) < 0) {
		err = -errno;
		close(fd);
		return err;
	}
	return 0; /* fd stays open: it is the lock */
}

int instance_take(const char *name, const char *program)
{
	int other = 0, err = instance_check(name);

	if (err) {
		log_error("instance '%s': the name is 1 to 32 of letters, digits, '_' and '-'", name);
		return err;
	}
	umask(022); /* a service manager's may keep the other daemon, another user, out */
	err = make_run_dir(name);
	if (!err)
		err = lock(name, program, &other);
	if (err == -EBUSY)
		log_error("instance %s has a running %s already: process %d", name, program, other);
	else if (err)
		log_error("/run/xswan/%s/%s.pid: %s", name, program, strerror(-err));
	return err;
}
