/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Keys go when they are not needed any more: what is looked for in all memory of this process that could hold them. Each
 * search finds what is there first, or it would prove nothing.
 */
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>

#include "../../user/ike/engine_state.h"
#include "../../user/ike/ike_sa.h"
#include "pair.h"

#define PIECE 16 /* bytes of a key: as many are no coincidence */
#define WINDOW (1u << 20)
#define PSK "a secret of this test alone, and of no other"

#if defined(__SANITIZE_ADDRESS__)
#define ENDLESS_MEMORY true /* the sanitizer's shadow */
#else
#define ENDLESS_MEMORY false
#endif

static uint8_t *window; /* of memory that is looked through; not looked through itself */

/* Kept inverted, so that it is not found where it is kept. */
struct pattern {
	uint8_t inverted[PIECE];
};

static struct pattern pattern_of(const void *secret)
{
	struct pattern p;

	for (int i = 0; i < PIECE; i++)
		p.inverted[i] = ~((const uint8_t *)secret)[i];
	return p;
}

static int count_in(const uint8_t *data, size_t len, const struct pattern *p)
{
	const uint8_t first = ~p->inverted[0];
	int count = 0;

	for (const uint8_t *at = data; len >= PIECE && (at = memchr(at, first, data + len - PIECE + 1 - at)); at++) {
		int same = 1;

		while (same < PIECE && (at[same] ^ p->inverted[same]) == 0xff)
			same++;
		count += same == PIECE;
	}
	return count;
}

static int count_in_region(int mem, uint64_t from, uint64_t to, const struct pattern *p)
{
	int count = 0;

	for (uint64_t at = from; at < to; at += WINDOW - PIECE + 1) {
		const size_t want = to - at < WINDOW ? to - at : WINDOW;
		const ssize_t got = pread(mem, window, want, (off_t)at);

		count += got > 0 ? count_in(window, (size_t)got, p) : 0;
		if (want < WINDOW)
			break;
	}
	return count;
}

/* In every private writable mapping: heap, stack, anonymous memory, data. */
static int count_in_memory(const struct pattern *p)
{
	FILE *maps = fopen("/proc/self/maps", "re");
	int mem = open("/proc/self/mem", O_RDONLY | O_CLOEXEC), count = 0;
	unsigned long from, to;
	char line[512], mode[8];

	assert_true(maps && mem >= 0);
	while (fgets(line, sizeof(line), maps)) {
		if (sscanf(line, "%lx-%lx %7s", &from, &to, mode) != 3 || strcmp(mode, "rw-p"))
			continue;
		if ((uintptr_t)window < from || (uintptr_t)window >= to)
			count += count_in_region(mem, from, to, p);
	}
	fclose(maps);
	close(mem);
	return count;
}

static const struct ike_keys *keys_of(struct side *s)
{
	return &s->e->sas->keys;
}

static struct world *up(const char *ike)
{
	struct params a = default_a(), b = default_b();
	struct world *w;

	a.psk = b.psk = PSK;
	a.ike = b.ike = ike;
	w = world_new_with(&a, &b, NULL);
	assert_int_equal(engine_initiate(w->a.e, "gw", "net", NULL, w->now), 0);
	world_run(w, SEC);
	assert_int_equal(list_sas(&w->a).count, 1);
	assert_int_equal(list_sas(&w->b).count, 1);
	return w;
}

/* SK_pi and SK_pr are for AUTH alone (RFC 7296 section 2.15). */
static void auth_keys_go(void **state)
{
	static const uint8_t zero[PRF_MAX];
	struct world *w = up(NULL);

	for (int i = 0; i < 2; i++) {
		const struct ike_keys *keys = keys_of(i ? &w->a : &w->b);

		assert_memory_equal(keys->sk_pi, zero, sizeof(zero));
		assert_memory_equal(keys->sk_pr, zero, sizeof(zero));
		assert_memory_not_equal(keys->sk_d, zero, 32);
	}
	world_free(w);
}

static void end(const char *ike)
{
	struct world *w = up(ike);
	struct pattern d = pattern_of(keys_of(&w->a)->sk_d), ei = pattern_of(keys_of(&w->a)->sk_ei),
		       er = pattern_of(keys_of(&w->a)->sk_er), psk = pattern_of(PSK);

	assert_true(count_in_memory(&d) >= 2); /* at both ends */
	assert_true(count_in_memory(&ei) >= 2);
	assert_true(count_in_memory(&psk) >= 2);
	engine_terminate_ike(w->a.e, "gw", 0, w->now);
	world_run(w, 100 * SEC);
	assert_int_equal(list_sas(&w->a).count, 0);
	assert_int_equal(list_sas(&w->b).count, 0);
	assert_int_equal(count_in_memory(&d), 0);
	assert_int_equal(count_in_memory(&ei), 0);
	assert_int_equal(count_in_memory(&er), 0);
	world_free(w);
	assert_int_equal(count_in_memory(&psk), 0);
}

static void keys_go_with_their_sa(void **state)
{
	if (ENDLESS_MEMORY)
		skip();
	end("aes256gcm16-prfsha256-x25519");
	end("aes256-sha512-ecp384");
	end("chacha20poly1305-prfsha384-modp2048");
}

/* A stranger's half-open IKE SA, and an engine that ends with IKE SAs. */
static void keys_go_unfinished(void **state)
{
	struct params a = default_a(), b = default_b();
	struct ike_datagram datagram;
	struct pattern d, ei;
	struct world *w;

	if (ENDLESS_MEMORY)
		skip();
	w = world_new_with(&a, &b, NULL);
	engine_initiate(w->a.e, "gw", "net", NULL, w->now);
	assert_true(engine_output(w->a.e, &datagram, w->now));
	engine_input(w->b.e, &w->b.addr, &w->a.addr, datagram.data, datagram.len, w->now);
	d = pattern_of(keys_of(&w->b)->sk_d);
	assert_true(count_in_memory(&d) >= 1);
	engine_timeout(w->b.e, w->now += 31 * SEC);
	engine_timeout(w->b.e, w->now);
	assert_int_equal(count_in_memory(&d), 0);
	world_free(w);

	w = up(NULL);
	d = pattern_of(keys_of(&w->b)->sk_d);
	ei = pattern_of(keys_of(&w->b)->sk_ei);
	world_free(w);
	assert_int_equal(count_in_memory(&d), 0);
	assert_int_equal(count_in_memory(&ei), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(auth_keys_go),
		cmocka_unit_test(keys_go_with_their_sa),
		cmocka_unit_test(keys_go_unfinished),
	};

	window = mmap(NULL, WINDOW, PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
	if (window == MAP_FAILED)
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
