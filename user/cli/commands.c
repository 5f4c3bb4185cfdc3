/* SPDX-License-Identifier: Apache-2.0 */
#include "command.h"

#include <string.h>

const struct command commands[] = {
	{ "status", cli_status, "CONN", OPTIONAL, "daemons, tunnels, traffic and drops on one screen",
	  "Shows whether xswan-ike and xswan-dp run and how each port and queue is attached, then\n"
	  "every configured connection, or one: its IKE SA, and per child the selectors, algorithms, SPIs and\n"
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
	{ "log", cli_log, "CONN", OPTIONAL, "what xswan-ike logged last, and with --follow logs now",
	  "The last lines of the log, about one connection or all: as many as fit a megabyte, since xswan-ike was\n"
	  "started; what is older is in the journal, or wherever xswan.conf sends it. With --follow the last ten,\n"
	  "and what comes, until interrupted; with --level debug also what is logged nowhere else.\n"
	  "\n"
	  "With --json one object a line, described in xswan(8).\n"
	  "\n"
	  "  xswan log site-b --since 10m\n"
	  "  xswan log --level warning --lines 20\n"
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
	{ "capture", cli_capture, "CONN[/CHILD]", ONE, "what a tunnel carries, in clear, for tcpdump or Wireshark",
	  "Inner packets of a connection, or of one child, as pcapng: those that come in once they have been opened\n"
	  "and are within the selectors, those that go out before they are sealed. Each child is an interface of\n"
	  "that name; each packet has its direction, nanoseconds, and SPI and sequence number as a comment.\n"
	  "\n"
	  "Written to standard output, or with -o to a file that root alone can read, until interrupted, or until\n"
	  "--count or --seconds is over; --snaplen cuts packets. What comes too fast is counted, and said at the end.\n"
	  "\n"
	  "With --esp-keys also the keys of the SAs, in a file of Wireshark's (esp_sa), if xswan.conf has\n"
	  "capture_keys = yes: who has it reads all that these SAs have carried, and will.\n"
	  "\n"
	  "With --json, which takes -o, the figures at the end are one object. Needs root.\n"
	  "\n"
	  "  xswan capture net | tcpdump -nr -\n"
	  "  xswan capture site-b/net -o net.pcapng --seconds 60\n" },
	{ "up", cli_up, "CHILD|CONN", ONE, "bring up a child, or those of a connection, and wait",
	  "CHILD is the name of a child in swanctl.conf, or CONN/CHILD where two connections have a\n"
	  "child of that name; CONN that of a connection, whose children are brought up one after the\n"
	  "other, if no child is called so. The negotiation is shown on standard error while it goes on, the\n"
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
	{ "down", cli_down, "CONN[/CHILD]", ONE, "close a connection and its children, or one child",
	  "CONN is the name of a connection in swanctl.conf. The peer is told. What selectors protect\n"
	  "is dropped from then on, not sent in clear, until the connection, or the CHILD, is up again.\n"
	  "\n"
	  "  xswan down site-b\n"
	  "  xswan down site-b/net\n" },
	{ "check", cli_check, "DIR", OPTIONAL, "what is wrong with a configuration, without a daemon",
	  "Reads swanctl.conf, what lies beside it, and xswan.conf from DIR (/etc/xswan), as xswan-ike would, and\n"
	  "says all that is wrong with it, by file, line and key; warns of what is likely not meant: certificates\n"
	  "that expire, selectors of two children that overlap, short secrets. Nothing is changed or sent.\n"
	  "\n"
	  "With --json one object, described in xswan(8). Exit status 1 if anything is wrong.\n"
	  "\n"
	  "  xswan check /root/new\n"
	  "  xswan check && xswan apply\n" },
	{ "doctor", cli_doctor, "DIR", OPTIONAL, "what is wrong on this machine, and what mends it",
	  "Looks at kernel, network cards and queues, daemons, ports, sysctls, routes, MTUs, clock and certificates,\n"
	  "with or without the daemons running. Each check is ok, warn or fail, or unknown where it cannot be asked\n"
	  "just now, with the command that would make it ok. Nothing is changed or sent. As root it sees more.\n"
	  "DIR is where xswan.conf is (/etc/xswan).\n"
	  "\n"
	  "With --json one object, described in xswan(8). Exit status 1 if any check fails.\n"
	  "\n"
	  "  xswan doctor\n"
	  "  xswan doctor --json | jq -r '.checks[] | select(.level == \"fail\") | .remedy'\n" },
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
	{ .name = NULL },
};

const struct command *command_find(const char *name)
{
	for (const struct command *cmd = commands; cmd->name; cmd++)
		if (!strcmp(cmd->name, name))
			return cmd;
	return NULL;
}

/* ---- options: those of one command or two alone ---- */

static const struct {
	const char *option, *commands; /* with a space before and after each */
} scopes[] = {
	{ "watch", " drops " },
	{ "follow", " log " },
	{ "lines", " log " },
	{ "since", " log " },
	{ "level", " log " },
	{ "timeout", " up restart down " },
	{ "confirm", " apply " },
	{ "output", " capture " },
	{ "esp-keys", " capture " },
	{ "count", " capture " },
	{ "seconds", " capture " },
	{ "snaplen", " capture " },
};

/* NULL: of all. */
static const char *scope_of(const struct option_def *option)
{
	for (size_t i = 0; i < sizeof(scopes) / sizeof(scopes[0]); i++)
		if (!strcmp(scopes[i].option, option->name))
			return scopes[i].commands;
	return NULL;
}

bool command_has_option(const struct command *cmd, const struct option_def *option)
{
	const char *scope = scope_of(option);
	char word[32];

	if (!cmd || !scope)
		return !cmd && !scope;
	snprintf(word, sizeof(word), " %s ", cmd->name);
	return strstr(scope, word);
}
