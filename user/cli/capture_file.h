/* SPDX-License-Identifier: Apache-2.0 */
/* Where plaintext and keys are written. */
#ifndef XSWAN_CLI_CAPTURE_FILE_H
#define XSWAN_CLI_CAPTURE_FILE_H

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

/* Of a file that is made or overwritten nobody else can read it; a pipe or a device stays what it is. -1: errno. */
static inline int capture_file_open(const char *path)
{
	const int fd = open(path, O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC | O_NOFOLLOW, 0600);
	struct stat st;

	if (fd >= 0 && (fstat(fd, &st) || (S_ISREG(st.st_mode) && fchmod(fd, 0600)))) {
		close(fd);
		return -1;
	}
	return fd;
}

#endif
