/* SPDX-License-Identifier: Apache-2.0 */
#include <unistd.h>

#include "cli.h"

int main(int argc, char **argv)
{
	struct cli cli = {
		.instance = INSTANCE_DEFAULT,
		.out = stdout,
		.err = stderr,
		.terminal = isatty(STDOUT_FILENO),
		.err_terminal = isatty(STDERR_FILENO),
	};
	int status = cli_run(&cli, argc, argv);

	/* a full disk or a closed pipe must not look like success */
	if (fflush(stdout) && status == CLI_OK) {
		perror("xswan: standard output");
		return CLI_FAILED;
	}
	return status;
}
