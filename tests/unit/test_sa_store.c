/* SPDX-License-Identifier: Apache-2.0 */
/* Slots and SPIs; Child SAs added, moved and removed, and what becomes of them when xswan-dp refuses, is silent or restarts. */
#include <cap-ng.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "../../user/ike/sa_pair.h"
#include "../../user/lib/log.h"
#include "../../user/lib/secmem.h"
#include "sa_store_fixture.h"

static void test_slots_fifo(void **state)
{
	struct slots s;

	assert_int_equal(slots_init(&s, 5), 0);
	assert_int_equal(slots_take(&s), 1);
	assert_int_equal(slots_take(&s), 2);
	slots_give(&s, 1);
	slots_give(&s, 1); /* twice is once */
	assert_int_equal(slots_take(&s), 3); /* not the one just given back */
	assert_int_equal(slots_take(&s), 4);
	assert_int_equal(slots_take(&s), 1);
	assert_int_equal(slots_take(&s), 0); /* 0 itself is never handed out */
	slots_give(&s, 0);
	assert_int_equal(slots_take(&s), 0);
	slots_give(&s, 4);
	slots_give(&s, 3);
	assert_true(slots_take_this(&s, 3));
	assert_false(slots_take_this(&s, 3));
	assert_false(slots_take_this(&s, 2));
	assert_int_equal(slots_take(&s), 4);
	assert_int_equal(slots_take(&s), 0);
	slots_give(&s, 2);
	slots_give(&s, 1);
	assert_true(slots_take_this(&s, 2)); /* from within the queue, and back to its end */
	slots_give(&s, 2);
	assert_int_equal(slots_take(&s), 1);
	assert_int_equal(slots_take(&s), 2);
	assert_int_equal(slots_take(&s), 0);
	slots_destroy(&s);
}

static void test_spis(void **state)
{
	struct world *w = *state;
	uint32_t spi, slot, different = 0, first_high = 0;

	for (uint32_t i = 1; i < XSWAN_SA_SLOTS; i++) {
		assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
		slot = XSWAN_SPI_SLOT(spi);
		assert_int_equal(slot, i); /* each once, 0 never */
		assert_true(spi >= XSWAN_SA_SLOTS); /* high bits never zero: RFC 4303 section 2.1 */
		if (i == 1)
			first_high = spi / XSWAN_SA_SLOTS;
		different += spi / XSWAN_SA_SLOTS != first_high;
	}
	assert_true(different > XSWAN_SA_SLOTS / 2); /* random */
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), -ENOSPC);
	sa_store_spi_free(w->store, 5 * XSWAN_SA_SLOTS + 77);
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
	assert_int_equal(XSWAN_SPI_SLOT(spi), 77);
}

static void test_add_order(void **state)
{
	struct world *w = *state;

	add(w, 1);
	note_maps(&w->dp);
	assert_string_equal(w->dp.journal, "add in (0 in, 0 out, tunnel down 0) "
					   "add out (1 in, 0 out, tunnel down 0) "
					   "(1 in, 1 out, tunnel up 1) ");
}

static void test_remove_order(void **state)
{
	struct world *w = *state;
	uint64_t id = add(w, 1);

	w->dp.journal[0] = '\0';
	sa_store_remove(w->store, id);
	assert_string_equal(w->dp.journal, "remove out (0 in, 0 out, tunnel down 0) "
					   "remove in (0 in, 0 out, tunnel down 0) ");
	w->dp.journal[0] = '\0';
	sa_store_remove(w->store, id); /* gone: nothing happens */
	assert_string_equal(w->dp.journal, "");
}

static void test_entries(void **state)
{
	struct world *w = *state;
	struct child_install c = install_of(w, 2);
	const struct xswan_sa *in, *out;
	const struct xswan_tunnel *tunnel = &w->maps.tunnels.map[w->child[2].tunnel];
	uint64_t id;

	c.encap = c.esn = true;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	in = &w->maps.in[c.slot_in];
	assert_int_equal(ntohl(in->spi), c.spi_in);
	assert_memory_equal(in->src, "\xc0\x00\x02\x02\0\0", 6);
	assert_memory_equal(in->dst, "\xc0\x00\x02\x01\0\0", 6);
	assert_int_equal(ntohs(in->sport), 61000);
	assert_int_equal(ntohs(in->dport), 4500);
	assert_int_equal(in->family, 4);
	assert_int_equal(in->mode, XSWAN_MODE_TUNNEL);
	assert_int_equal(in->alg, XSWAN_ALG_AES_GCM_16_256);
	assert_int_equal(in->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP | XSWAN_SA_ESN);
	assert_int_equal(in->mtu, 0);
	assert_int_equal(in->tunnel, w->child[2].tunnel);

	out = &w->maps.out[tunnel->sa_out];
	assert_int_equal(tunnel->state, XSWAN_TUNNEL_UP);
	assert_int_equal(ntohl(out->spi), c.spi_out);
	assert_memory_equal(out->src, "\xc0\x00\x02\x01\0\0", 6);
	assert_memory_equal(out->dst, "\xc0\x00\x02\x02\0\0", 6);
	assert_int_equal(ntohs(out->sport), 4500);
	assert_int_equal(ntohs(out->dport), 61000);
	/* 1500 - 20 IP - 8 UDP - 8 ESP - 8 IV - 16 ICV = 1440, less 2 of trailer */
	assert_int_equal(out->mtu, 1438);
	assert_int_equal(tunnel->mtu, 1438);
	assert_true(in->uid && out->uid && in->uid != out->uid);

	assert_memory_equal(&w->dp.last[XSWAN_DP_IN].sa, in, sizeof(*in));
	assert_memory_equal(&w->dp.last[XSWAN_DP_OUT].sa, out, sizeof(*out));
	assert_int_equal(w->dp.last[XSWAN_DP_IN].slot, c.slot_in);
	assert_int_equal(w->dp.last[XSWAN_DP_IN].replay_window, 64);
	assert_int_equal(w->dp.last[XSWAN_DP_OUT].replay_window, 0);
	assert_int_equal(w->dp.last[XSWAN_DP_IN].key_len, KEY_LEN);
	assert_memory_equal(w->dp.last[XSWAN_DP_IN].key, key_in, KEY_LEN);
	assert_memory_equal(w->dp.last[XSWAN_DP_OUT].key, key_out, KEY_LEN);
	assert_int_equal(w->dp.last[XSWAN_DP_OUT].local_ts_count, 1);
	assert_memory_equal(&w->dp.last[XSWAN_DP_OUT].remote_ts[0], &any_ts, sizeof(any_ts));
}

/* Mode and headers: transport mode has none of the latter, and a peer that takes no TFC padding gets none. */
static void test_headers(void **state)
{
	struct world *w = *state;
	const struct { bool transport, no_tfc; uint8_t mode, header, dscp; uint16_t tfc; uint32_t mtu, dummies; } table[] = {
		{ false, false, XSWAN_MODE_TUNNEL, XSWAN_HEADER_SET_DSCP, 46, 1000, 1446, 20 },
		{ false, true, XSWAN_MODE_TUNNEL, XSWAN_HEADER_SET_DSCP, 46, 0, 1446, 0 },
		{ true, false, XSWAN_MODE_TRANSPORT, 0, 0, 0, 1466, 20 },
		{ true, true, XSWAN_MODE_TRANSPORT, 0, 0, 0, 1466, 0 },
	};

	w->child[1].header = XSWAN_HEADER_SET_DSCP;
	w->child[1].dscp = 46;
	w->child[1].tfc = 1000;
	w->child[1].dummy_rate = 20;
	for (size_t i = 0; i < sizeof(table) / sizeof(table[0]); i++) {
		struct child_install c = install_of(w, 1);
		const struct xswan_sa *out;
		uint64_t id;

		c.transport = table[i].transport;
		c.no_tfc = table[i].no_tfc;
		assert_int_equal(sa_store_add(w->store, &c, &id), 0);
		out = &w->maps.out[w->maps.tunnels.map[w->child[1].tunnel].sa_out];
		assert_int_equal(out->mode, table[i].mode);
		assert_int_equal(out->header, table[i].header);
		assert_int_equal(out->dscp, table[i].dscp);
		assert_int_equal(out->tfc, table[i].tfc);
		assert_int_equal(out->mtu, table[i].mtu);
		assert_int_equal(w->dp.last[XSWAN_DP_OUT].dummy_rate, table[i].dummies);
		assert_int_equal(w->dp.last[XSWAN_DP_IN].dummy_rate, 0);
		assert_int_equal(w->maps.in[c.slot_in].mode, table[i].mode);
		assert_int_equal(w->maps.in[c.slot_in].header, table[i].header);
		sa_store_remove(w->store, id);
	}
}

/* They reach the dataplane; and an SA is found by what the dataplane calls it. */
static void test_limits(void **state)
{
	const struct child_limits limits = { .bytes = { 1, 2 }, .packets = { 3, 4 }, .time = { 5, 6 } };
	struct world *w = *state;
	const struct xswan_dp_sa_add *in = &w->dp.last[XSWAN_DP_IN], *out = &w->dp.last[XSWAN_DP_OUT];
	struct child_install c = install_of(w, 1);
	uint64_t id;

	c.limits = limits;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	assert_memory_equal(&in->bytes, &limits, sizeof(limits));
	assert_memory_equal(&out->bytes, &limits, sizeof(limits));
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_IN, in->slot, in->sa.uid), id);
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_OUT, out->slot, out->sa.uid), id);
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_OUT, out->slot, in->sa.uid), 0);
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_OUT, XSWAN_SA_SLOTS, 1), 0);
	sa_store_remove(w->store, id);
	assert_int_equal(sa_store_find(w->store, XSWAN_DP_OUT, out->slot, out->sa.uid), 0);
}

/* A refusal of the dataplane at either step leaves nothing in the maps, and the SPI with the engine. */
static void test_add_fails(void **state)
{
	struct world *w = *state;

	for (int step = 1; step <= 2; step++) {
		struct child_install c = install_of(w, 1);
		uint64_t id;

		w->dp = (struct dp){ .maps = &w->maps, .fail_at = step, .fail_with = -ENOMEM };
		assert_int_equal(sa_store_add(w->store, &c, &id), -ENOMEM);
		w->dp.journal[0] = '\0';
		note_maps(&w->dp);
		assert_string_equal(w->dp.journal, "(0 in, 0 out, tunnel down 0) ");
		assert_int_equal(w->dp.calls, step == 1 ? 1 : 3); /* the inbound half is taken back */
		w->dp.fail_at = 0;
		assert_int_equal(sa_store_add(w->store, &c, &id), 0); /* the slot is still reserved for it */
		sa_store_remove(w->store, id);
	}
}

static void expect_slots_left(struct world *w, uint32_t count)
{
	uint32_t spi;

	for (uint32_t i = 0; i < count; i++)
		assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), -ENOSPC);
}

/* Without an answer xswan-dp may have the SA: it is removed as soon as that can be said, and its slot waits until then.
 */
static void test_add_unanswered(void **state)
{
	static const struct {
		int step;
		const char *said_later;
	} cases[] = {
		{ 1, "remove in (0 in, 0 out, tunnel down 0) " },
		{ 2, "remove in (0 in, 0 out, tunnel down 0) remove out (0 in, 0 out, tunnel down 0) " },
	};
	struct world *w = *state;
	struct child_install c = install_of(w, 1);
	uint64_t id;

	for (int i = 0; i < 2; i++) {
		w->dp = (struct dp){ .maps = &w->maps, .fail_at = cases[i].step, .fail_with = -ETIMEDOUT };
		assert_int_equal(sa_store_add(w->store, &c, &id), -ETIMEDOUT);
		w->dp.gone = false;
		w->dp.journal[0] = '\0';
		assert_int_equal(sa_store_resync(w->store, false, NULL, NULL), 0);
		assert_string_equal(w->dp.journal, cases[i].said_later);
	}
	w->dp = (struct dp){ .maps = &w->maps, .fail_at = 1, .fail_with = -ETIMEDOUT };
	assert_int_equal(sa_store_add(w->store, &c, &id), -ETIMEDOUT);
	sa_store_spi_free(w->store, c.spi_in); /* the engine gives up, but the slot is not free yet */
	expect_slots_left(w, XSWAN_SA_SLOTS - 2);
	w->dp.gone = false;
	assert_int_equal(sa_store_resync(w->store, false, NULL, NULL), 0);
	expect_slots_left(w, 1);
}

static void test_add_refuses_nonsense(void **state)
{
	struct world *w = *state;
	struct child_install good = install_of(w, 1), c;
	struct conf_child no_tunnel = w->child[1];
	uint64_t id;

	no_tunnel.tunnel = 0;
	c = good, c.child = &no_tunnel;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.slot_in++;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.key_len = XSWAN_DP_KEY_MAX + 1;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.key_len = 0;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.local_ts_count = XSWAN_DP_TS_MAX + 1;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.remote_ts_count = 0;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EINVAL);
	c = good, c.remote.addr.family = 6;
	assert_int_equal(sa_store_add(w->store, &c, &id), -EAFNOSUPPORT);
	assert_int_equal(w->dp.calls, 0);
	assert_int_equal(sa_store_add(w->store, &good, &id), 0);
	assert_int_equal(sa_store_add(w->store, &good, &id), -EINVAL); /* the slot is taken */
}

static void test_withdraw_keeps_spi(void **state)
{
	struct world *w = *state;
	struct child_install c = install_of(w, 1);
	uint64_t id;

	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	sa_store_withdraw(w->store, id);
	assert_int_equal(w->maps.tunnels.map[1].state, XSWAN_TUNNEL_DOWN);
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
}

static void test_query(void **state)
{
	struct world *w = *state;
	uint64_t id = add(w, 1);
	uint32_t slot_in = XSWAN_SPI_SLOT(id), slot_out = w->maps.tunnels.map[1].sa_out;
	struct xswan_sa_stat in, out;

	w->in_stat[slot_in] = (struct xswan_sa_stat){ .uid = w->maps.in[slot_in].uid, .packets = 5, .drops = 2 };
	w->out_stat[slot_out] = (struct xswan_sa_stat){ .uid = 12345, .packets = 99 }; /* an earlier SA's */
	assert_int_equal(sa_store_query(w->store, id, &in, &out), 0);
	assert_int_equal(in.packets, 5);
	assert_int_equal(in.drops, 2);
	assert_int_equal(out.packets, 0);
	assert_int_equal(sa_store_query(w->store, id ^ XSWAN_SA_SLOTS, &in, &out), -ENOENT); /* same slot, other SPI */
}

/* Both directions, in the maps and in xswan-dp; the entries stay live, and what comes after a restart is where it is now. */
static void test_move(void **state)
{
	struct world *w = *state;
	struct child_path path = { { { 4, { 192, 0, 2, 1 } }, 4500 }, { { 4, { 198, 51, 100, 9 } }, 20000 },
				   true, true, CHILD_IN | CHILD_OUT };
	const struct endpoint remote = path.remote;
	struct child_install c = install_of(w, 1);
	const struct xswan_sa *in = &w->maps.in[c.slot_in], *out;
	uint64_t id;

	c.encap = c.follow = true;
	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	out = &w->maps.out[w->maps.tunnels.map[1].sa_out];
	assert_int_equal(in->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP | XSWAN_SA_FOLLOW);
	assert_int_equal(out->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP);
	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_move(w->store, id, &path), 0);
	assert_string_equal(w->dp.journal, "move in move out ");
	assert_memory_equal(in->src, remote.addr.ip, 16);
	assert_memory_equal(out->dst, remote.addr.ip, 16);
	assert_int_equal(in->sport, htons(20000));
	assert_int_equal(out->dport, htons(20000));
	assert_int_equal(in->dport, htons(4500));
	assert_int_equal(in->flags, XSWAN_SA_LIVE | XSWAN_SA_UDP_ENCAP | XSWAN_SA_FOLLOW);
	w->dp.fail_at = w->dp.calls + 1;
	w->dp.fail_with = -ETIMEDOUT;
	assert_int_equal(sa_store_move(w->store, id, &path), -ETIMEDOUT);
	w->dp.gone = false;
	assert_int_equal(sa_store_resync(w->store, true, NULL, NULL), 0);
	assert_int_equal(w->dp.last[XSWAN_DP_OUT].sa.dport, htons(20000));
	assert_int_equal(sa_store_move(w->store, id + 1, &path), -ENOENT);
}

static void on_lost(void *ctx, uint64_t id)
{
	*(uint64_t *)ctx = id;
}

static void test_restart_of_dataplane(void **state)
{
	struct world *w = *state;
	struct child_install c = install_of(w, 1);
	struct xswan_dp_sa_add before[3];
	uint64_t id, lost = 0;

	assert_int_equal(sa_store_add(w->store, &c, &id), 0);
	memcpy(before, w->dp.last, sizeof(before));
	memset(w->dp.last, 0, sizeof(w->dp.last));
	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_resync(w->store, true, on_lost, &lost), 0);
	assert_string_equal(w->dp.journal, "add in (1 in, 1 out, tunnel up 1) add out (1 in, 1 out, tunnel up 1) ");
	assert_memory_equal(before, w->dp.last, sizeof(before)); /* the same uid, key and selectors */
	assert_int_equal(lost, 0);

	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_resync(w->store, false, on_lost, &lost), 0); /* the same xswan-dp: it has them */
	assert_string_equal(w->dp.journal, "");

	w->dp.stat_map_id++; /* the counters are gone: never the same key again */
	assert_int_equal(sa_store_resync(w->store, true, on_lost, &lost), 0);
	assert_string_equal(w->dp.journal, "");
	assert_int_equal(lost, id);

	w->dp.stat_map_id--;
	lost = 0;
	w->dp.calls = 0;
	w->dp.fail_at = 2; /* this one is refused: it cannot carry traffic either */
	w->dp.fail_with = -ERANGE;
	assert_int_equal(sa_store_resync(w->store, true, on_lost, &lost), 0);
	assert_int_equal(lost, id);

	for (int i = 0; i < 2; i++) {
		lost = 0;
		w->dp.calls = 0;
		w->dp.gone = false;
		w->dp.fail_with = i ? -ETIMEDOUT : -EPROTO; /* no answer, or none to this: not the SA's fault */
		assert_int_equal(sa_store_resync(w->store, true, on_lost, &lost), w->dp.fail_with);
		assert_int_equal(lost, 0);
	}
}

/* A removal that could not be said is said later, and its slots stay taken until then. */
static void test_removal_while_away(void **state)
{
	struct world *w = *state;
	uint64_t id = add(w, 1);
	uint32_t spi;

	w->dp.calls = 0;
	w->dp.fail_at = 2; /* the inbound one */
	w->dp.fail_with = -ENOTCONN;
	sa_store_remove(w->store, id);
	for (uint32_t i = 2; i < XSWAN_SA_SLOTS; i++)
		assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), -ENOSPC);
	w->dp.journal[0] = '\0';
	assert_int_equal(sa_store_resync(w->store, false, NULL, NULL), 0);
	assert_string_equal(w->dp.journal, "remove in (0 in, 0 out, tunnel down 0) ");
	assert_int_equal(sa_store_spi_alloc(w->store, &spi), 0);
	assert_int_equal(XSWAN_SPI_SLOT(spi), XSWAN_SPI_SLOT(id));
}

/* 8 MiB may be locked by default, and half of it goes to private keys and key exchanges. */
static void test_locked_memory_of_many(void **state)
{
	static struct sa_pair *pairs[20000];
	struct child_install c = install_of(*state, 1);
	const size_t before = secmem_total();

	for (size_t i = 0; i < 20000; i++) {
		const int err = sa_pair_new(&c, 7, &pairs[i]);

		if (err == -EPERM || err == -ENOMEM || err == -EAGAIN)
			skip(); /* RLIMIT_MEMLOCK */
		assert_int_equal(err, 0);
		assert_memory_equal(pairs[i]->keys, key_in, KEY_LEN);
		assert_memory_equal(pairs[i]->keys + KEY_LEN, key_out, KEY_LEN);
	}
	assert_true(secmem_total() - before <= 4u << 20);
	for (size_t i = 0; i < 20000; i++)
		sa_pair_free(pairs[i]);
}

static void count_hint(void *ctx, enum log_level level, const char *line)
{
	*(int *)ctx += level == LOG_LEVEL_ERROR && strstr(line, "no locked memory") && strstr(line, "LimitMEMLOCK=");
}

/* 0: no more memory may be locked; SAs are refused when what is mapped is full, and that is told once. */
static int told_once(struct world *w)
{
	const struct child_install c = install_of(w, 1);
	struct sa_pair *pair;
	int hints = 0, err = 0;

	capng_clear(CAPNG_SELECT_CAPS);
	if (capng_apply(CAPNG_SELECT_CAPS) || setrlimit(RLIMIT_MEMLOCK, &(struct rlimit){ 4096, 4096 }))
		return 99;
	log_set_hook(count_hint, &hints);
	for (int i = 0; i < 100000 && !err; i++)
		err = sa_pair_new(&c, 7, &pair);
	if (err != -ENOMEM || sa_pair_new(&c, 7, &pair) != -ENOMEM)
		return 1;
	return hints != 1;
}

static void test_limit_is_told_once(void **state)
{
	int status;
	pid_t pid;

#ifdef __SANITIZE_ADDRESS__
	skip(); /* the sanitizer replaces mlock(2) by nothing */
#endif
	pid = fork();
	assert_true(pid >= 0);
	if (!pid)
		_exit(told_once(*state));
	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_slots_fifo),
		STORE_TEST(test_spis),
		STORE_TEST(test_add_order),
		STORE_TEST(test_remove_order),
		STORE_TEST(test_entries),
		STORE_TEST(test_headers),
		STORE_TEST(test_limits),
		STORE_TEST(test_add_fails),
		STORE_TEST(test_add_refuses_nonsense),
		STORE_TEST(test_withdraw_keeps_spi),
		STORE_TEST(test_move),
		STORE_TEST(test_query),
		STORE_TEST(test_restart_of_dataplane),
		STORE_TEST(test_removal_while_away),
		STORE_TEST(test_locked_memory_of_many),
		STORE_TEST(test_limit_is_told_once),
		STORE_TEST(test_add_unanswered),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
