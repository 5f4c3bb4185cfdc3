/* SPDX-License-Identifier: Apache-2.0 */
/*
 * The files that a configuration brings with it, certificates, keys, revocation lists, secrets, as they were when it was
 * read. When a client loads something, the configuration is made once more of the same files: it finds in them what it found
 * then, however far somebody has come meanwhile with writing others.
 */
#ifndef XSWAN_IKE_CONF_FILES_H
#define XSWAN_IKE_CONF_FILES_H

#include <stdbool.h>

#include "bytes.h"

struct conf_files;

/*
 * Keys and secrets are in OpenSSL's secure heap, as far as that reaches; a secret that everybody may read is none. A file that
 * is asked for as two kinds is two: what one is for does not come from what the other has.
 */
enum conf_file_kind { CONF_FILE_PUBLIC, CONF_FILE_KEY, CONF_FILE_SECRET };

struct conf_files *conf_files_new(void); /* NULL: out of memory */
void conf_files_free(struct conf_files *f); /* NULL is nothing; wipes all of it */

/*
 * The content of a file of at most `max` bytes, which stays f's. Only regular files are read, and none is waited for. 0, or
 * -errno with a few words in why, which do not have the path.
 */
int conf_files_read(struct conf_files *f, const char *path, enum conf_file_kind kind, size_t max, struct span *content,
		    char *why, size_t why_size) __attribute__((warn_unused_result));
bool conf_files_find(const struct conf_files *f, const char *path, enum conf_file_kind kind,
		     struct span *content); /* what has been read */
/* To be read again when it is asked for again. */
void conf_files_forget(struct conf_files *f, const char *path, enum conf_file_kind kind);

/*
 * The names in a directory, sorted, without those that begin with a dot; f's, and ends with NULL. A directory that is
 * not there has none. 0 or -errno as above.
 */
int conf_files_list(struct conf_files *f, const char *dir, const char *const **names, char *why, size_t why_size)
	__attribute__((warn_unused_result));

#endif
