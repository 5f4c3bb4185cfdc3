/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <errno.h>
#include <string.h>

#include <jansson.h>

#include "../lib/log.h"
#include "../lib/paint.h"

#define TIMEOUT_DEFAULT 30

static bool is_given(const struct option_def *option)
{
	switch (option->kind) {
	case OPTION_FLAG:
		return *(bool *)option->value;
	case OPTION_TEXT:
		return *(const char **)option->value;
	default:
		return *(unsigned int *)option->value != CLI_UNSET;
	}
}

/* One that a command has no use for was meant for something: it is not just left aside. */
static const struct option_def *find_useless(const struct option_def *options, const struct command *cmd)
{
	for (; options->name; options++)
		if (!command_has_option(NULL, options) && !command_has_option(cmd, options) && is_given(options))
			return options;
	return NULL;
}

static int usage_error(struct cli *cli, const char *what, const char *detail)
{
	fprintf(cli->err, "xswan: %s%s%s; see \"xswan --help\"\n", what, detail ? " " : "", detail ? detail : "");
	return CLI_USAGE;
}

static int show_help(struct cli *cli, const struct option_def *options, const char *name)
{
	const struct command *cmd = name ? command_find(name) : NULL;

	if (name && !cmd)
		return usage_error(cli, "no help on an unknown command", name);
	if (cli->json)
		return cli_print_json(cli, help_json(options, cmd), JSON_INDENT(2));
	if (cmd)
		help_print_command(options, cmd, cli->out);
	else
		help_print(options, cli->out);
	return CLI_OK;
}

static void fill_path(char path[static INSTANCE_PATH], const char *instance, const char *file)
{
	if (!path[0])
		instance_run_path(instance, file, path);
}

static int check_options(struct cli *cli, const struct option_def *options, const struct command *cmd)
{
	const struct option_def *useless = find_useless(options, cmd);
	char what[64];

	if (useless) {
		snprintf(what, sizeof(what), "%s takes no --%s", cmd->name, useless->name);
		return usage_error(cli, what, NULL);
	}
	if (!cli->confirm)
		return usage_error(cli, "--confirm takes 1 second or more", NULL);
	if (instance_check(cli->instance))
		return usage_error(cli, "not a name of an instance (1-32 of A-Z a-z 0-9 _ -):", cli->instance);
	if (cli->confirm == CLI_UNSET)
		cli->confirm = 0;
	if (cli->timeout == CLI_UNSET)
		cli->timeout = TIMEOUT_DEFAULT;
	return CLI_OK;
}

static int run_command(struct cli *cli, const struct command *cmd, const char *operand)
{
	if (cmd->operand && cmd->arity == ONE && !operand)
		return usage_error(cli, cmd->name, "needs a name after it");
	if (!cmd->operand && operand)
		return usage_error(cli, cmd->name, "takes nothing after it");
	fill_path(cli->vici_path, cli->instance, "vici");
	fill_path(cli->ports_path, cli->instance, "ports.json");
	fill_path(cli->dp_pid_path, cli->instance, "xswan-dp.pid");
	return cmd->run(cli, operand);
}

/* The rest of the line, as the words of a language are written. */
static const char *join_words(char **words, int count, char *out, size_t size)
{
	size_t used = 0;

	out[0] = '\0';
	for (int i = 0; i < count && used < size; i++)
		used += snprintf(out + used, size - used, "%s%s", i ? " " : "", words[i]);
	return used < size ? out : NULL;
}

/* operands: argv[1] is the command's name, and what follows is its own */
static int run_words(struct cli *cli, const struct option_def *options, const struct command *cmd, int operands, char **argv)
{
	char words[1024];
	const char *all;

	if (cmd->arity == WORDS) {
		all = join_words(argv + 2, operands - 1, words, sizeof(words));
		return all ? run_command(cli, cmd, all) : usage_error(cli, cmd->name, "takes fewer words");
	}
	if (operands > 2)
		return usage_error(cli, "one too many:", argv[3]);
	if (!cmd->run)
		return show_help(cli, options, operands == 2 ? argv[2] : NULL);
	return run_command(cli, cmd, operands == 2 ? argv[2] : NULL);
}

int cli_run(struct cli *cli, int argc, char **argv)
{
	const char *color = "auto";
	const struct option_def options[] = {
		{ 'i', "instance", OPTION_TEXT, "NAME", &cli->instance, 0, "which gateway of this machine (default)" },
		{ 'j', "json", OPTION_FLAG, NULL, &cli->json, 0, "JSON on standard output, for scripts" },
		{ 0, "color", OPTION_TEXT, "WHEN", &color, 0, PAINT_WORDS },
		{ 'h', "help", OPTION_FLAG, NULL, &cli->help, 0, "this page; after a command, what it does" },
		{ 'w', "watch", OPTION_FLAG, NULL, &cli->watch, 0, "again every second, with rates" },
		{ 'f', "follow", OPTION_FLAG, NULL, &cli->follow, 0, "the last lines, and what comes, until interrupted" },
		{ 'n', "lines", OPTION_NUMBER, "NUMBER", &cli->lines, 1000000, "the last so many (with --follow 10)" },
		{ 0, "since", OPTION_TEXT, "TIME", &cli->since, 0, "from then on: 10m, 14:30, \"2026-11-27 14:30\"" },
		{ 0, "level", OPTION_TEXT, "LEVEL", &cli->level, 0, "error, warning, info (default) or debug, and what matters more" },
		{ 't', "timeout", OPTION_NUMBER, "SECONDS", &cli->timeout, 86400, "how long to wait (30; 0: for ever)" },
		{ 'c', "confirm", OPTION_NUMBER, "SECONDS", &cli->confirm, 86400,
		  "back to what was before, unless confirmed in time" },
		{ 'o', "output", OPTION_TEXT, "FILE", &cli->output, 0, "not to standard output" },
		{ 0, "esp-keys", OPTION_TEXT, "FILE", &cli->esp_keys, 0, "keys of the SAs, for Wireshark" },
		{ 0, "count", OPTION_NUMBER, "NUMBER", &cli->count, 1000000000, "end after so many packets" },
		{ 0, "seconds", OPTION_NUMBER, "NUMBER", &cli->seconds, 86400, "end after so long" },
		{ 0, "snaplen", OPTION_NUMBER, "BYTES", &cli->snaplen, 65535, "so much of each packet; else all" },
		{ .name = NULL },
	};
	const struct command *cmd;
	char why[160];
	int operands;

	cli->lines = cli->timeout = cli->confirm = cli->count = cli->seconds = cli->snaplen = CLI_UNSET;
	operands = options_parse(options, argc, argv, why, sizeof(why));
	if (operands < 0)
		return usage_error(cli, why, NULL);
	if (paint_decide(color, cli->terminal, &cli->colour))
		return usage_error(cli, "--color takes " PAINT_WORDS ", not", color);
	if (cli->help)
		return show_help(cli, options, operands ? argv[1] : NULL);
	if (!operands) {
		help_print(options, cli->err);
		return CLI_USAGE;
	}
	cmd = command_find(argv[1]);
	if (!cmd)
		return usage_error(cli, "unknown command", argv[1]);
	if (check_options(cli, options, cmd))
		return CLI_USAGE;
	return run_words(cli, options, cmd, operands, argv);
}

int cli_print_json(struct cli *cli, json_t *json, size_t flags)
{
	const int err = !json || json_dumpf(json, cli->out, flags);

	if (err)
		fprintf(cli->err, "xswan: cannot write JSON: out of memory, or no room to write to\n");
	putc('\n', cli->out);
	json_decref(json);
	return err ? CLI_FAILED : CLI_OK;
}

int cli_connect(struct cli *cli, struct vici_client *client)
{
	int err = vici_client_open(client, cli->instance, cli->vici_path, VICI_CLIENT_TIMEOUT);

	if (err)
		fprintf(cli->err, "xswan: %s\n", client->error);
	return err ? CLI_UNREACHABLE : CLI_OK;
}

int cli_request_failed(struct cli *cli, const struct vici_client *client, int err)
{
	fprintf(cli->err, "xswan: %s\n", client->error);
	return err == -EREMOTEIO || err == -EOPNOTSUPP ? CLI_FAILED : CLI_UNREACHABLE;
}
