/* SPDX-License-Identifier: Apache-2.0 */
#include "unit_credentials.h"

#include <errno.h>
#include <limits.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "../lib/log.h"
#include "conf_files.h"

static struct conf_files *taken; /* NULL: there is no such directory */

static const char *directory(void)
{
	const char *dir = getenv("CREDENTIALS_DIRECTORY");

	return dir && *dir == '/' ? dir : NULL;
}

static int path_of(const char *name, char path[static PATH_MAX])
{
	return (size_t)snprintf(path, PATH_MAX, "%s/%s", directory(), name) < PATH_MAX ? 0 : -ENAMETOOLONG;
}

static int take(const char *name)
{
	char path[PATH_MAX], why[512] = "path too long";
	struct span content;
	int err = path_of(name, path);

	if (!err)
		err = conf_files_read(taken, path, CONF_FILE_KEY, UNIT_CREDENTIAL_MAX, &content, why, sizeof(why));
	if (err)
		log_debug("credential '%s' of the unit is not taken: %s", name, why);
	return err == -ENOMEM ? err : 0;
}

int unit_credentials_take(void)
{
	const char *dir = directory();
	const char *const *names = NULL;
	char why[512];
	int err;

	unit_credentials_free();
	if (!dir)
		return 0;
	taken = conf_files_new();
	if (!taken)
		return -ENOMEM;
	err = conf_files_list(taken, dir, &names, why, sizeof(why));
	if (err)
		log_warn("credentials of the unit: %s: %s", dir, why);
	for (const char *const *name = names; !err && *name; name++)
		err = take(*name);
	return err == -ENOMEM ? err : 0;
}

void unit_credentials_free(void)
{
	conf_files_free(taken);
	taken = NULL;
}

int unit_credential_find(const char *name, struct span *content, char *why, size_t why_size)
{
	char path[PATH_MAX];

	if (!*name || *name == '.' || strchr(name, '/')) {
		snprintf(why, why_size, "this is no name of a credential");
		return -EINVAL;
	}
	if (!taken) {
		snprintf(why, why_size,
			 "there is no $CREDENTIALS_DIRECTORY: only the unit has credentials, by LoadCredential=%s:PATH and its "
			 "relatives",
			 name);
		return -ENOENT;
	}
	if (!path_of(name, path) && conf_files_find(taken, path, CONF_FILE_KEY, content))
		return 0;
	snprintf(why, why_size,
		 "the unit had no such credential when it was started, or one of more than %u bytes: LoadCredential=%s:PATH, and "
		 "systemctl restart",
		 UNIT_CREDENTIAL_MAX, name);
	return -ENOENT;
}
