/* SPDX-License-Identifier: Apache-2.0 */
#include "listen.h"

#include <errno.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "../lib/log.h"

/* A socket that a killed process left refuses connections; only then may it be removed. */
static int remove_stale(const struct sockaddr_un *address)
{
	struct stat st;
	int fd, err = 0;

	if (lstat(address->sun_path, &st))
		return errno == ENOENT ? 0 : -errno;
	if (!S_ISSOCK(st.st_mode))
		return -EEXIST;
	fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd < 0)
		return -errno;
	if (!connect(fd, (const struct sockaddr *)address, sizeof(*address)) || errno == EAGAIN)
		err = -EADDRINUSE;
	else if (errno != ECONNREFUSED && errno != ENOENT)
		err = -errno;
	else if (unlink(address->sun_path) && errno != ENOENT)
		err = -errno;
	close(fd);
	return err;
}

static int listen_on(struct vici_listener *l)
{
	struct stat st;
	int err;

	l->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (l->fd < 0)
		return -errno;
	err = remove_stale(&l->address);
	if (err)
		return err;
	/* bind() gives the file the socket's mode: at no moment is it open to others */
	if (fchmod(l->fd, 0600) || bind(l->fd, (struct sockaddr *)&l->address, sizeof(l->address)))
		return -errno;
	if (lstat(l->address.sun_path, &st))
		return -errno;
	l->dev = st.st_dev;
	l->ino = st.st_ino;
	return listen(l->fd, 16) ? -errno : 0;
}

int vici_listen(struct vici_listener *l, const char *path)
{
	int err = -ENAMETOOLONG;

	*l = (struct vici_listener){ .fd = -1, .address.sun_family = AF_UNIX };
	if (strlen(path) < sizeof(l->address.sun_path)) {
		strcpy(l->address.sun_path, path);
		err = listen_on(l);
	}
	if (err) {
		log_error("vici: cannot listen on %s: %s", path,
			  err == -EADDRINUSE ? "another process does" : strerror(-err));
		vici_listener_close(l);
	}
	return err;
}

void vici_listener_close(struct vici_listener *l)
{
	struct stat st;

	if (l->ino && !lstat(l->address.sun_path, &st) && st.st_dev == l->dev && st.st_ino == l->ino)
		unlink(l->address.sun_path);
	if (l->fd >= 0)
		close(l->fd);
	*l = (struct vici_listener){ .fd = -1 };
}
