/* SPDX-License-Identifier: Apache-2.0 */
/* The user that xswan-ike runs as, and what to tell a person when that user may not read a file. */
#ifndef XSWAN_ACCOUNT_H
#define XSWAN_ACCOUNT_H

#include <stddef.h>
#include <sys/types.h>

#include "gateway_conf.h"

struct account {
	char name[GATEWAY_USER];
	uid_t uid;
	gid_t gid;
};

/*
 * Whom xswan.conf names. 0; -ENOENT: nobody but root, for "root" is named, or the default is not there; else -errno, with
 * a sentence in why.
 */
int account_find(struct account *a, const struct gateway_conf *conf, char *why, size_t why_size);

/* Why `path` could not be opened: strerror(err), and if permission is missing, whose, and the command that gives it. */
const char *account_explain(const char *path, int err, char *out, size_t size);

#endif
