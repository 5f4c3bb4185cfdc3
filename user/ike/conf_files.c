/* SPDX-License-Identifier: Apache-2.0 */
#include "conf_files.h"

#include <dirent.h>
#include <errno.h>
#include <fcntl.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include <openssl/crypto.h>

#include "../lib/account.h"
#include "../lib/table.h"

struct conf_file {
	struct table_entry by_path;
	struct conf_file *next;
	char *path;
	enum conf_file_kind kind;
	uint8_t *data;
	size_t len;
};

struct conf_directory {
	struct conf_directory *next;
	char *path;
	const char **names;
};

struct conf_files {
	struct table by_path;
	struct conf_file *files;
	struct conf_directory *directories;
	size_t secure; /* bytes in OpenSSL's secure heap */
};

#define SECURE_MAX (256u << 10) /* the heap is small, and for what is computed with, first of all */

struct conf_files *conf_files_new(void)
{
	struct conf_files *f = calloc(1, sizeof(*f));

	if (!f || table_init(&f->by_path)) {
		free(f);
		return NULL;
	}
	return f;
}

/* Wiped whatever it is: what is in a file is not always what belongs there. */
static void free_file(struct conf_file *file)
{
	OPENSSL_secure_clear_free(file->data, file->len + 1);
	free(file->path);
	free(file);
}

static void free_directory(struct conf_directory *d)
{
	for (const char **name = d->names; name && *name; name++)
		free((char *)*name);
	free(d->names);
	free(d->path);
	free(d);
}

void conf_files_free(struct conf_files *f)
{
	if (!f)
		return;
	while (f->files) {
		struct conf_file *next = f->files->next;

		free_file(f->files);
		f->files = next;
	}
	while (f->directories) {
		struct conf_directory *next = f->directories->next;

		free_directory(f->directories);
		f->directories = next;
	}
	table_free(&f->by_path);
	free(f);
}

/* ---- one file ---- */

static const char *kind_of(mode_t mode)
{
	if (S_ISDIR(mode))
		return "a directory, not a file";
	if (S_ISFIFO(mode))
		return "a FIFO, not a file";
	return S_ISSOCK(mode) ? "a socket, not a file" : "a device, not a file";
}

/* There may be thousands of keys: what has no room in the secure heap is locked like all memory, and wiped all the same. */
static uint8_t *allocate(struct conf_files *f, enum conf_file_kind kind, size_t size)
{
	uint8_t *data = NULL;

	if (kind != CONF_FILE_PUBLIC && f->secure + size <= SECURE_MAX)
		data = OPENSSL_secure_malloc(size);
	if (!data)
		return OPENSSL_malloc(size);
	f->secure += size;
	return data;
}

static int read_all(int fd, uint8_t *data, size_t len)
{
	size_t have = 0;

	while (have < len) {
		const ssize_t got = read(fd, data + have, len - have);

		if (got < 0 && errno != EINTR)
			return -errno;
		if (!got)
			return -EIO;
		if (got > 0)
			have += (size_t)got;
	}
	return 0;
}

static int read_open(struct conf_files *f, int fd, struct conf_file *file, enum conf_file_kind kind, size_t max, char *why,
		     size_t why_size)
{
	struct stat st;

	if (fstat(fd, &st))
		return -errno;
	if (!S_ISREG(st.st_mode) || !st.st_size) {
		snprintf(why, why_size, "%s", S_ISREG(st.st_mode) ? "empty" : kind_of(st.st_mode));
		return -EINVAL;
	}
	if ((size_t)st.st_size > max) {
		snprintf(why, why_size, "%lld bytes: larger than %zu", (long long)st.st_size, max);
		return -EFBIG;
	}
	if (kind == CONF_FILE_SECRET && st.st_mode & (S_IROTH | S_IWOTH)) {
		snprintf(why, why_size, "mode %04o: this is open to everybody on the machine: chmod o= %s",
			 (unsigned int)st.st_mode & 07777, file->path);
		return -EPERM;
	}
	file->len = (size_t)st.st_size;
	file->data = allocate(f, kind, file->len + 1);
	return file->data ? read_all(fd, file->data, file->len) : -ENOMEM;
}

static void explain(const char *path, int err, char *why, size_t why_size)
{
	struct stat st;

	if (err == ENOENT && !lstat(path, &st) && S_ISLNK(st.st_mode))
		snprintf(why, why_size, "a link to something that is not there");
	else if (err == EIO)
		snprintf(why, why_size, "cannot be read, or has become shorter meanwhile");
	else
		account_explain(path, err, why, why_size);
}

/* O_NONBLOCK: a FIFO that nobody writes to would be waited for. */
static int read_path(struct conf_files *f, struct conf_file *file, enum conf_file_kind kind, size_t max, char *why,
		     size_t why_size)
{
	const char *path = file->path;
	const int fd = open(path, O_RDONLY | O_CLOEXEC | O_NONBLOCK | O_NOCTTY);
	int err = fd < 0 ? -errno : 0;

	*why = '\0';
	if (!err)
		err = read_open(f, fd, file, kind, max, why, why_size);
	if (fd >= 0)
		close(fd);
	if (err == -ENXIO) /* a socket */
		snprintf(why, why_size, "not a file");
	if (err && !*why)
		explain(path, -err, why, why_size);
	return err;
}

static uint64_t path_key(const char *path)
{
	return table_hash_text(0, path);
}

static struct conf_file *find(const struct conf_files *f, const char *path, enum conf_file_kind kind)
{
	struct table_entry *e = table_find(&f->by_path, path_key(path));

	for (; e; e = table_next(e)) {
		struct conf_file *file = table_container(e, struct conf_file, by_path);

		if (file->kind == kind && !strcmp(file->path, path))
			return file;
	}
	return NULL;
}

int conf_files_read(struct conf_files *f, const char *path, enum conf_file_kind kind, size_t max, struct span *content,
		    char *why, size_t why_size)
{
	struct conf_file *file = find(f, path, kind);
	int err;

	if (!file) {
		file = calloc(1, sizeof(*file));
		if (!file || !(file->path = strdup(path))) {
			free(file);
			snprintf(why, why_size, "out of memory");
			return -ENOMEM;
		}
		file->kind = kind;
		err = read_path(f, file, kind, max, why, why_size);
		if (err) {
			free_file(file);
			return err;
		}
		file->next = f->files;
		f->files = file;
		table_add(&f->by_path, &file->by_path, path_key(path));
	}
	*content = (struct span){ file->data, file->len };
	return 0;
}

bool conf_files_find(const struct conf_files *f, const char *path, enum conf_file_kind kind, struct span *content)
{
	const struct conf_file *file = find(f, path, kind);

	if (file)
		*content = (struct span){ file->data, file->len };
	return file;
}

void conf_files_forget(struct conf_files *f, const char *path, enum conf_file_kind kind)
{
	struct conf_file *file = find(f, path, kind), **at = &f->files;

	if (!file)
		return;
	while (*at != file)
		at = &(*at)->next;
	*at = file->next;
	table_remove(&f->by_path, &file->by_path);
	free_file(file);
}

/* ---- a directory ---- */

static int is_visible(const struct dirent *entry)
{
	return entry->d_name[0] != '.';
}

/* -ENOENT: not there, so it has no names. */
static int scan(struct conf_directory *d, const char *path)
{
	struct dirent **entries = NULL;
	int count = scandir(path, &entries, is_visible, alphasort), err = count < 0 && errno != ENOENT ? -errno : 0;

	d->path = strdup(path);
	d->names = calloc(count > 0 ? (size_t)count + 1 : 1, sizeof(*d->names));
	if (!err && (!d->path || !d->names))
		err = -ENOMEM;
	for (int i = 0; i < count; i++) {
		if (!err && !(d->names[i] = strdup(entries[i]->d_name)))
			err = -ENOMEM;
		free(entries[i]);
	}
	free(entries);
	return err;
}

int conf_files_list(struct conf_files *f, const char *dir, const char *const **names, char *why, size_t why_size)
{
	struct conf_directory *d = f->directories;
	int err;

	while (d && strcmp(d->path, dir))
		d = d->next;
	if (!d) {
		d = calloc(1, sizeof(*d));
		err = d ? scan(d, dir) : -ENOMEM;
		if (err) {
			account_explain(dir, -err, why, why_size);
			if (d)
				free_directory(d);
			return err;
		}
		d->next = f->directories;
		f->directories = d;
	}
	*names = d->names;
	return 0;
}
