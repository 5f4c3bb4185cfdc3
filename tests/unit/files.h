/* SPDX-License-Identifier: Apache-2.0 */
/* Configuration files for a test: a directory of its own, and messages without its name. */
#ifndef XSWAN_TESTS_FILES_H
#define XSWAN_TESTS_FILES_H

#include <ftw.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

static char files_dir[] = "/tmp/xswan-test-XXXXXX";

static inline int files_begin(void **state)
{
	strcpy(files_dir + strlen(files_dir) - 6, "XXXXXX");
	return mkdtemp(files_dir) ? 0 : -1;
}

static inline int files_remove(const char *path, const struct stat *st, int type, struct FTW *at)
{
	return remove(path);
}

static inline int files_end(void **state)
{
	return nftw(files_dir, files_remove, 8, FTW_DEPTH | FTW_PHYS);
}

static inline void files_path(char out[256], const char *name)
{
	snprintf(out, 256, "%s/%s", files_dir, name);
}

/* Until the next call. */
static inline const char *files_in(const char *name)
{
	static char path[256];

	files_path(path, name);
	return path;
}

static inline void files_put_bytes(const char *name, const void *data, size_t len)
{
	char path[256];
	FILE *f;

	files_path(path, name);
	f = fopen(path, "w");
	assert_non_null(f);
	assert_int_equal(fwrite(data, 1, len, f), len);
	assert_int_equal(fclose(f), 0);
}

static inline void files_put(const char *name, const char *text)
{
	files_put_bytes(name, text, strlen(text));
}

static inline void files_mkdir(const char *name)
{
	char path[256];

	files_path(path, name);
	assert_true(mkdir(path, 0755) == 0);
}

static inline void files_delete(const char *name)
{
	char path[256];

	files_path(path, name);
	assert_int_equal(remove(path), 0);
}

/* Takes "/tmp/xswan-test-…/" out of a message, wherever it is. */
static inline const char *files_relative(char *text)
{
	size_t len = strlen(files_dir) + 1;
	char *at;

	while ((at = strstr(text, files_dir)))
		memmove(at, at + len, strlen(at + len) + 1);
	return text;
}

#endif
