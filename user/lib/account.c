/* SPDX-License-Identifier: Apache-2.0 */
#include "account.h"

#include <errno.h>
#include <grp.h>
#include <pwd.h>
#include <stdio.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

int account_find(struct account *a, const struct gateway_conf *conf, char *why, size_t why_size)
{
	const struct passwd *user;

	if (!strcmp(conf->user, "root"))
		return -ENOENT;
	errno = 0;
	user = getpwnam(conf->user);
	if (!user && !conf->user_named)
		return -ENOENT;
	if (!user || !user->pw_uid) {
		snprintf(why, why_size, "ike.user: %s: %s", conf->user,
			 user	 ? "is root by another name"
			 : errno ? strerror(errno)
				 : "there is no such user");
		return user || !errno ? -EINVAL : -errno;
	}
	*a = (struct account){ .uid = user->pw_uid, .gid = user->pw_gid };
	strcpy(a->name, conf->user);
	return 0;
}

static const char *group_name(gid_t gid, char *number, size_t size)
{
	const struct group *group = getgrgid(gid);

	snprintf(number, size, "%u", (unsigned int)gid);
	return group ? group->gr_name : number;
}

const char *account_explain(const char *path, int err, char *out, size_t size)
{
	char group[16];
	struct stat st;

	if (err != EACCES || stat(path, &st)) {
		snprintf(out, size, "%s%s", strerror(err), err == EACCES ? " (in a directory above it)" : "");
		return out;
	}
	snprintf(out, size, "%s: mode %04o, owner %u, group %u, and this program runs as user %u: chgrp %s %s && chmod %s %s",
		 strerror(err), (unsigned int)st.st_mode & 07777, (unsigned int)st.st_uid, (unsigned int)st.st_gid,
		 (unsigned int)geteuid(), group_name(getegid(), group, sizeof(group)), path,
		 S_ISDIR(st.st_mode) ? "0750" : "0640", path);
	return out;
}
