/* SPDX-License-Identifier: Apache-2.0 */
/* Where plaintext and keys are written. */
#ifndef XSWAN_CLI_CAPTURE_FILE_H
#define XSWAN_CLI_CAPTURE_FILE_H

#include <errno.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/*
 * A file that is made or overwritten is ours, under this name alone, and nobody else may open it; a pipe or a device stays
 * what it is. -1: errno; EPERM: it is somebody else's, who could open it again, and is left as it is.
 */
static inline int capture_file_open(const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;
	int err = 0;

	if (fd < 0 || (!fstat(fd, &st) && !S_ISREG(st.st_mode)))
		return fd;
	if (st.st_uid != geteuid() || st.st_nlink != 1)
		err = EPERM;
	else if (fchmod(fd, 0600) || ftruncate(fd, 0))
		err = errno;
	if (!err)
		return fd;
	close(fd);
	errno = err;
	return -1;
}

#endif
