/* SPDX-License-Identifier: Apache-2.0 */
#include "cli.h"

#include <errno.h>
#include <string.h>

#include "../lib/options.h"

struct command {
	const char *name;
	int (*run)(struct cli *cli, const char *operand); /* NULL: help, which is done here */
	const char *operand; /* as help calls it; NULL: takes none */
	enum { ONE, OPTIONAL, WORDS } arity; /* WORDS: any number of them, which are joined */
	const char *summary;
	const char *text; /* what `xswan help NAME` teaches */
};

static const struct command commands[] = {
	{ "status", cli_status, NULL, ONE, "daemons, tunnels, traffic and drops on one screen",
	  "Shows whether xswan-ike and xswan-dp run and how each port and queue is attached, then\n"
	  "every configured connection: its IKE SA, and per child the selectors, algorithms, SPIs and\n"
	  "traffic, or why it is down. Then every reason for drops that has been counted.\n"
	  "\n"
	  "With --json the same as one object, described in xswan(8); for scripts.\n"
	  "\n"
	  "  xswan status\n"
	  "  xswan status --json | jq '.connections[].children[] | select(.up | not) | .name'\n" },
	{ "sas", cli_sas, "CONN", OPTIONAL, "every IKE SA and Child SA, with all that is known of it",
	  "As they are listed, of one connection or of all: SPIs, algorithms, addresses, ages, what is left of\n"
	  "their lives, selectors, traffic. The keys are those of vici's list-sas.\n"
	  "\n"
	  "With --json an array, an object for each IKE SA.\n"
	  "\n"
	  "  xswan sas site-b\n"
	  "  xswan sas --json | jq '.[] | keys[]'\n" },
	{ "conns", cli_conns, "CONN", OPTIONAL, "what is configured: connections and their children",
	  "Addresses, identities, lifetimes and children, with the keys of vici's list-conns.\n"
	  "\n"
	  "With --json an array, an object for each connection.\n"
	  "\n"
	  "  xswan conns\n"
	  "  xswan conns --json | jq -r '.[] | keys[]'   # names\n" },
	{ "certs", cli_certs, NULL, ONE, "certificates and revocation lists, and how long they are valid",
	  "Ours, those of authorities, and lists: subject, issuer, serial number, days left, file, and whether\n"
	  "there is a private key.\n"
	  "\n"
	  "With --json an array, described in xswan(8).\n"
	  "\n"
	  "  xswan certs --json | jq '.[] | select(.days_left < 30) | .file'\n" },
	{ "explain", cli_explain, "CONN[/CHILD]", ONE, "why a child is not up: its last attempt, in full",
	  "For each child, is it up, and what the last attempt that failed came to: what was received, what is\n"
	  "configured, the first difference, and what to change.\n"
	  "\n"
	  "With --json an array, an object for each child.\n"
	  "\n"
	  "  xswan explain site-b\n" },
	{ "log", cli_log, "CONN", OPTIONAL, "--follow: what xswan-ike logs, as it happens",
	  "Lines of the log from now on, of one connection or all, until interrupted.\n"
	  "\n"
	  "With --json one object a line.\n"
	  "\n"
	  "  xswan log --follow site-b\n" },
	{ "drops", cli_drops, NULL, ONE, "what was dropped and refused, by reason and by SA",
	  "Every reason for which packets were dropped since the maps were made, with the sentence that\n"
	  "says what it means, apart for the kernel (XDP and TC programs) and the workers; what IKE\n"
	  "refused; and the SAs that lost packets, each with its reasons.\n"
	  "\n"
	  "With --watch, once a second until interrupted, with the rate per second beside each count.\n"
	  "With --json one object, described in xswan(8), and with both one object a line.\n"
	  "\n"
	  "  xswan drops --watch\n"
	  "  xswan drops --json | jq '.drops | with_entries(select(.value.total > 0))'\n" },
	{ "trace", cli_trace, "FILTER", WORDS, "what becomes of packets, as it happens",
	  "A line for every place at which a packet that matches is seen: where it came in, what a\n"
	  "worker did with it, where it was sent, or why it was dropped. FILTER is in the words of\n"
	  "pcap-filter(7): [src|dst] host, net, port; proto, icmp, icmp6, tcp, udp, esp; ip, ip6; and\n"
	  "spi NUMBER, drop [REASON]; with and, or, not, ( ). Without one, everything matches.\n"
	  "A worker knows a packet by its inner addresses; outside, ESP has its outer ones and its SPI.\n"
	  "\n"
	  "With --json one object a line. Needs root. Tracing ends with this command.\n"
	  "\n"
	  "  xswan trace host 10.2.0.2 and icmp\n"
	  "  xswan trace drop and not drop replay\n" },
	{ "up", cli_up, "CHILD", ONE, "bring up a child of a connection, and wait for it",
	  "CHILD is the name of a child in swanctl.conf, or CONN/CHILD where two connections have a\n"
	  "child of that name. The negotiation is shown on standard error while it goes on, the\n"
	  "result on standard output. If it fails, the last lines say what was received, what is\n"
	  "configured, and what to change.\n"
	  "\n"
	  "  xswan up net\n"
	  "  xswan up site-b/net --timeout 10\n" },
	{ "restart", cli_restart, "CONN[/CHILD]", ONE, "close what is up of a connection and bring it up again",
	  "Without a CHILD, all children that are up or should be are begun anew; if there is none, all that\n"
	  "are configured. What was taken down by hand is wanted again. Packets are dropped until the new SA is\n"
	  "there, not sent in clear.\n"
	  "\n"
	  "  xswan restart site-b\n"
	  "  xswan restart site-b/net --timeout 10\n" },
	{ "rekey", cli_rekey, "CONN[/CHILD]", ONE, "new keys for an IKE SA, or for a Child SA, without a pause",
	  "Without a CHILD the IKE SA gets new keys, and keeps its Child SAs. It is begun at once and not waited\n"
	  "for; `xswan status` shows the outcome. What is not up cannot be rekeyed.\n"
	  "\n"
	  "  xswan rekey site-b\n"
	  "  xswan rekey site-b/net\n" },
	{ "down", cli_down, "CONN", ONE, "close a connection and its children, and wait for it",
	  "CONN is the name of a connection in swanctl.conf. The peer is told. What selectors protect\n"
	  "is dropped from then on, not sent in clear, until the connection is up again.\n"
	  "\n"
	  "  xswan down site-b\n" },
	{ "check", cli_check, "DIR", OPTIONAL, "what is wrong with a configuration, without a daemon",
	  "Reads swanctl.conf, what lies beside it, and xswan.conf from DIR (/etc/xswan), as xswan-ike would, and\n"
	  "says all that is wrong with it, by file, line and key; warns of what is likely not meant: certificates\n"
	  "that expire, selectors of two children that overlap, short secrets. Nothing is changed or sent.\n"
	  "\n"
	  "With --json one object, described in xswan(8). Exit status 1 if anything is wrong.\n"
	  "\n"
	  "  xswan check /root/new\n"
	  "  xswan check && xswan apply\n" },
	{ "diff", cli_diff, "DIR", OPTIONAL, "what a reload would change, and at what cost",
	  "Reads the configuration that xswan-ike was started with, or that in DIR, which its user has to be able\n"
	  "to read, and compares it with the running one. For each connection and child: none; update (taken\n"
	  "without touching SAs); rekey (a new Child SA before the old one goes); reconnect (down and up);\n"
	  "add; remove; and the keys, old -> new. Secrets are not shown. Settings of xswan.conf say what they\n"
	  "need: a reload (update) or a restart.\n"
	  "\n"
	  "Exit status: 0 no change, 1 changes, 2 the configuration is refused, 3 daemon not reachable.\n"
	  "\n"
	  "  xswan diff\n"
	  "  xswan diff /etc/xswan.new --json | jq '.connections[] | select(.action == \"reconnect\") | .name'\n" },
	{ "apply", cli_apply, "DIR", OPTIONAL, "take the configuration: all or nothing",
	  "What `xswan diff` shows is done. The whole configuration is read and checked first: with an error\n"
	  "in it nothing changes. Tunnels that do not change lose no packet. SIGHUP does the same.\n"
	  "DIR is for scripts, and has to be the directory that xswan-ike was started with.\n"
	  "\n"
	  "With --confirm SECONDS the former configuration comes back by itself unless `xswan confirm` is said in\n"
	  "time, whatever becomes of this session.\n"
	  "\n"
	  "  xswan apply --confirm 60 && ping -c 3 10.2.0.1 && xswan confirm\n" },
	{ "confirm", cli_confirm, NULL, ONE, "keep what `xswan apply --confirm` has taken",
	  "Without it the former configuration comes back when the time is over; `xswan status` shows how long\n"
	  "there is.\n"
	  "\n"
	  "  xswan confirm\n" },
	{ "version", cli_version, NULL, ONE, "version of this program and of the running xswan-ike",
	  "  xswan version\n" },
	{ "help", NULL, "COMMAND", OPTIONAL, "this page, or what a command does", "  xswan help up\n" },
};

#define COMMANDS (sizeof(commands) / sizeof(commands[0]))

static const struct command *find_command(const char *name)
{
	for (size_t i = 0; i < COMMANDS; i++)
		if (!strcmp(commands[i].name, name))
			return &commands[i];
	return NULL;
}

static void print_usage(const struct option_def *options, FILE *out)
{
	char left[32];

	fprintf(out, "xswan: look at and steer an IPsec gateway.\n\n"
		     "usage: xswan [options] COMMAND\n\n");
	for (size_t i = 0; i < COMMANDS; i++) {
		snprintf(left, sizeof(left), commands[i].arity != ONE ? "%s [%s]" : "%s %s", commands[i].name,
			 commands[i].operand ? commands[i].operand : "");
		fprintf(out, "  %-24s %s\n", left, commands[i].summary);
	}
	fprintf(out, "\noptions:\n");
	options_print(options, out);
	fprintf(out, "\n"
		     "Names are those of /etc/xswan/swanctl.conf. A first session:\n\n"
		     "  xswan status                 # what is configured, and what is up of it?\n"
		     "  xswan up net                 # negotiate the child `net`, watching\n"
		     "\n"
		     "Exit status: 0 done, 1 failed, 2 wrong usage, 3 daemon not reachable. More: xswan(8).\n");
}

static void print_command(const struct command *cmd, FILE *out)
{
	fprintf(out, "xswan %s%s%s: %s\n\n%s", cmd->name, cmd->operand ? " " : "", cmd->operand ? cmd->operand : "",
		cmd->summary, cmd->text);
}

static int usage_error(struct cli *cli, const char *what, const char *detail)
{
	fprintf(cli->err, "xswan: %s%s%s; see \"xswan --help\"\n", what, detail ? " " : "", detail ? detail : "");
	return CLI_USAGE;
}

static int show_help(struct cli *cli, const struct option_def *options, const char *name)
{
	const struct command *cmd = name ? find_command(name) : NULL;

	if (name && !cmd)
		return usage_error(cli, "no help on an unknown command", name);
	if (cmd)
		print_command(cmd, cli->out);
	else
		print_usage(options, cli->out);
	return CLI_OK;
}

static void fill_path(char path[static INSTANCE_PATH], const char *instance, const char *file)
{
	if (!path[0])
		instance_run_path(instance, file, path);
}

static int run_command(struct cli *cli, const struct command *cmd, const char *operand)
{
	if (cmd->operand && cmd->arity == ONE && !operand)
		return usage_error(cli, cmd->name, "needs a name after it");
	if (!cmd->operand && operand)
		return usage_error(cli, cmd->name, "takes nothing after it");
	if (instance_check(cli->instance))
		return usage_error(cli, "not a name of an instance (1-32 of A-Z a-z 0-9 _ -):", cli->instance);
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

int cli_run(struct cli *cli, int argc, char **argv)
{
	const struct option_def options[] = {
		{ 'i', "instance", OPTION_TEXT, "NAME", &cli->instance, 0, "which gateway of this machine (default)" },
		{ 'j', "json", OPTION_FLAG, NULL, &cli->json, 0, "one JSON object, for scripts" },
		{ 'w', "watch", OPTION_FLAG, NULL, &cli->watch, 0, "drops: again every second, with rates" },
		{ 'f', "follow", OPTION_FLAG, NULL, &cli->follow, 0, "log: what comes, until interrupted" },
		{ 't', "timeout", OPTION_NUMBER, "SECONDS", &cli->timeout, 86400,
		  "how long up and down wait (30; 0: for ever)" },
		{ 'c', "confirm", OPTION_NUMBER, "SECONDS", &cli->confirm, 86400,
		  "apply: back to what was before, unless confirmed in time" },
		{ 'h', "help", OPTION_FLAG, NULL, &cli->help, 0, "this page; after a command, what it does" },
		{ .name = NULL },
	};
	const struct command *cmd;
	char why[160], words[1024];
	const char *all;
	int operands;

	operands = options_parse(options, argc, argv, why, sizeof(why));
	if (operands < 0)
		return usage_error(cli, why, NULL);
	if (cli->help)
		return show_help(cli, options, operands ? argv[1] : NULL);
	if (!operands) {
		print_usage(options, cli->err);
		return CLI_USAGE;
	}
	cmd = find_command(argv[1]);
	if (!cmd)
		return usage_error(cli, "unknown command", argv[1]);
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
