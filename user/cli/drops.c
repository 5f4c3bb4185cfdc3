/* SPDX-License-Identifier: Apache-2.0 */
/* `xswan drops`: reads the pinned maps alone, so it works whichever daemon runs. */
#include "drops.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "cli.h"

static void add_sa(void *ctx, const struct sa_drops *sa)
{
	struct drops *d = ctx;
	struct sa_drops *grown;

	if (d->sa_count == DROPS_SAS_MAX) {
		d->sas_left_out++;
		return;
	}
	grown = reallocarray(d->sas, d->sa_count + 1, sizeof(*grown));
	if (!grown) {
		d->sas_left_out++;
		return;
	}
	d->sas = grown;
	d->sas[d->sa_count++] = *sa;
}

static int gather(struct drops *d, const char *instance)
{
	int err = counters_read_drops_apart(instance, &d->packets);

	err = err ? err : counters_read_ike(instance, d->ike);
	return err ? err : sa_drops_read(instance, add_sa, d);
}

static int explain(struct cli *cli, int err)
{
	if (err == -ENOENT)
		fprintf(cli->err, "xswan: instance %s has no maps: xswan-dp has not run here yet\n", cli->instance);
	else if (err == -EPROTO)
		fprintf(cli->err, "xswan: the maps of instance %s are of another version\n", cli->instance);
	else
		fprintf(cli->err, "xswan: cannot read the maps of instance %s: %s\n", cli->instance, strerror(-err));
	return err == -ENOENT ? CLI_UNREACHABLE : CLI_FAILED;
}

static int show(const struct drops *now, const struct drops *before, struct cli *cli)
{
	if (cli->json)
		return cli_print_json(cli, drops_json(now, before), cli->watch ? JSON_COMPACT : JSON_INDENT(2));
	if (cli->watch && cli->terminal)
		fputs("\033[H\033[J", cli->out); /* in place */
	drops_print(now, before, cli->out, cli->colour);
	if (cli->watch && !cli->terminal)
		putc('\n', cli->out);
	return CLI_OK;
}

int cli_drops(struct cli *cli, const char *operand)
{
	struct drops now = { 0 }, before = { 0 };
	bool again = false;
	int err, exit;

	do {
		err = gather(&now, cli->instance);
		exit = err ? explain(cli, err) : show(&now, again ? &before : NULL, cli);
		if (exit != CLI_OK || !cli->watch || fflush(cli->out))
			break;
		free(before.sas);
		before = now;
		now = (struct drops){ 0 };
		again = true;
		sleep(1);
	} while (true);
	free(now.sas);
	free(before.sas);
	return exit;
}
