/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <jansson.h>

/* cmd: those of its own; NULL: those of all. */
static void print_options(const struct option_def *options, const struct command *cmd, FILE *out)
{
	const struct option_def end = { .name = NULL };

	for (; options->name; options++)
		if (command_has_option(cmd, options))
			options_print((const struct option_def[]){ *options, end }, out);
}

void help_print(const struct option_def *options, FILE *out)
{
	char left[32];

	fprintf(out, "xswan: look at and steer an IPsec gateway.\n\n"
		     "usage: xswan [options] COMMAND\n\n");
	for (const struct command *cmd = commands; cmd->name; cmd++) {
		snprintf(left, sizeof(left), cmd->arity != ONE ? "%s [%s]" : "%s %s", cmd->name, cmd->operand ? cmd->operand : "");
		fprintf(out, "  %-24s %s\n", left, cmd->summary);
	}
	fprintf(out, "\noptions:\n");
	print_options(options, NULL, out);
	fprintf(out, "\n"
		     "Names are those of /etc/xswan/swanctl.conf. A first session:\n\n"
		     "  xswan status                 # what is configured, and what is up of it?\n"
		     "  xswan up net                 # negotiate the child `net`, watching\n"
		     "\n"
		     "Exit status: 0 done, 1 failed, 2 wrong usage, 3 daemon not reachable. More: xswan(8).\n");
}

void help_print_command(const struct option_def *options, const struct command *cmd, FILE *out)
{
	fprintf(out, "xswan %s%s%s: %s\n\n%s\noptions, beside those that `xswan help` shows:\n", cmd->name, cmd->operand ? " " : "",
		cmd->operand ? cmd->operand : "", cmd->summary, cmd->text);
	print_options(options, cmd, out);
}

static json_t *options_json(const struct option_def *options, const struct command *cmd)
{
	json_t *names = json_array();

	for (; options->name; options++)
		if (command_has_option(cmd, options))
			json_array_append_new(names, json_sprintf("--%s", options->name));
	return names;
}

static json_t *command_json(const struct option_def *options, const struct command *cmd)
{
	return json_pack("{s:s, s:s?, s:b, s:s, s:o}", "name", cmd->name, "operand", cmd->operand, "operand_needed",
			 cmd->operand && cmd->arity == ONE, "summary", cmd->summary, "options", options_json(options, cmd));
}

json_t *help_json(const struct option_def *options, const struct command *cmd)
{
	json_t *list;

	if (cmd)
		return command_json(options, cmd);
	list = json_array();
	for (cmd = commands; cmd->name; cmd++)
		json_array_append_new(list, command_json(options, cmd));
	return json_pack("{s:o, s:o}", "commands", list, "options", options_json(options, NULL));
}
