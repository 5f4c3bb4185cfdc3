/* SPDX-License-Identifier: Apache-2.0 */
/* The program `xswan`: one table of commands, each a function of its own file. */
#ifndef XSWAN_CLI_CLI_H
#define XSWAN_CLI_CLI_H

#include <limits.h>
#include <stdbool.h>
#include <stdio.h>

#include <jansson.h>

#include "../lib/instance.h"
#include "../vici/client.h"

#define CLI_UNSET UINT_MAX /* of a number: the option was not given */

enum cli_exit { CLI_OK, CLI_FAILED, CLI_USAGE, CLI_UNREACHABLE };

struct cli {
	const char *instance;
	bool json, help, watch, follow;
	bool terminal, err_terminal; /* what out and err are */
	bool colour; /* on out */
	unsigned int timeout; /* seconds; of up and down */
	unsigned int confirm; /* seconds; of apply; 0: at once and for good */
	unsigned int lines; /* of log; or CLI_UNSET */
	const char *since, *level; /* of log; or NULL */
	const char *output, *esp_keys; /* of capture; NULL: out; none */
	unsigned int count, seconds, snaplen; /* of capture; or CLI_UNSET */
	FILE *out, *err;
	const char *root; /* before the paths in /proc and /sys that doctor reads; NULL but in tests */
	/* where the instance's daemons are; filled from `instance` where empty */
	char vici_path[INSTANCE_PATH], ports_path[INSTANCE_PATH], dp_pid_path[INSTANCE_PATH];
};

/* Parses argv and runs the command. Returns enum cli_exit. */
int cli_run(struct cli *cli, int argc, char **argv);

/* Connects, or says on err why not; the exit status. */
int cli_connect(struct cli *cli, struct vici_client *client) __attribute__((warn_unused_result));
/* Says client->error on err and returns the exit status that belongs to a failed request. */
int cli_request_failed(struct cli *cli, const struct vici_client *client, int err);

/* Prints it and a newline, and drops it. The exit status: NULL is out of memory. */
int cli_print_json(struct cli *cli, json_t *json, size_t flags);

/* The commands; `operand` is what follows the name, or NULL. */
int cli_status(struct cli *cli, const char *operand);
int cli_drops(struct cli *cli, const char *operand);
int cli_capture(struct cli *cli, const char *operand);
int cli_trace(struct cli *cli, const char *operand);
int cli_up(struct cli *cli, const char *operand);
int cli_restart(struct cli *cli, const char *operand);
int cli_rekey(struct cli *cli, const char *operand);
int cli_down(struct cli *cli, const char *operand);
int cli_sas(struct cli *cli, const char *operand);
int cli_conns(struct cli *cli, const char *operand);
int cli_certs(struct cli *cli, const char *operand);
int cli_log(struct cli *cli, const char *operand);
int cli_explain(struct cli *cli, const char *operand);
int cli_check(struct cli *cli, const char *operand);
int cli_doctor(struct cli *cli, const char *operand);
int cli_diff(struct cli *cli, const char *operand);
int cli_apply(struct cli *cli, const char *operand);
int cli_confirm(struct cli *cli, const char *operand);
int cli_version(struct cli *cli, const char *operand);

#endif
