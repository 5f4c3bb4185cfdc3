/* SPDX-License-Identifier: Apache-2.0 */
/* check: the daemon's own reading of a configuration, by the xswan-ike that was installed with this program. */
#include "cli.h"

#include <errno.h>
#include <limits.h>
#include <string.h>
#include <unistd.h>

/* The program beside this one. */
static int sibling(const char *name, char path[static PATH_MAX])
{
	const ssize_t len = readlink("/proc/self/exe", path, PATH_MAX - 1);
	char *end;

	if (len < 0)
		return -errno;
	path[len] = '\0';
	end = strrchr(path, '/') + 1;
	if (strlen(name) >= (size_t)(path + PATH_MAX - end))
		return -ENAMETOOLONG;
	strcpy(end, name);
	return 0;
}

int cli_check(struct cli *cli, const char *operand)
{
	const char *dir = operand ? operand : CONFIG_DIR_DEFAULT;
	char path[PATH_MAX];
	int err = sibling("xswan-ike", path);

	if (!err) {
		execl(path, path, "--check", "--config", dir, cli->colour ? "--color=always" : "--color=never",
		      cli->json ? "--json" : (char *)NULL, (char *)NULL);
		err = -errno;
	}
	fprintf(cli->err, "xswan: %s: %s\n", path, strerror(-err));
	return CLI_FAILED;
}
