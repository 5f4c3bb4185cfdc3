/* SPDX-License-Identifier: Apache-2.0 */
#include <stdlib.h>
#include <unistd.h>

#include "cli.h"

int main(int argc, char **argv)
{
	struct cli cli = {
		.instance = INSTANCE_DEFAULT,
		.timeout = 30,
		.out = stdout,
		.err = stderr,
		.colour = isatty(STDOUT_FILENO) && !getenv("NO_COLOR"),
	};
	int status = cli_run(&cli, argc, argv);

	/* a full disk or a closed pipe must not look like success */
	if (fflush(stdout) && status == CLI_OK) {
		perror("xswan: standard output");
		return CLI_FAILED;
	}
	return status;
}
