/* SPDX-License-Identifier: Apache-2.0 */
/* The rings of `xswan capture`: what workers put in comes out, once and in order, and what finds no room is counted. */
#include <arpa/inet.h>
#include <errno.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>
#include <sys/mman.h>
#include <unistd.h>

#include <cmocka.h>

#include "../../user/cli/capture_source.h"
#include "../../user/dp/capture.h"
#include "../../user/dp/esp_sa.h"

#define RINGS 2u
#define TUNNEL 7u
#define OTHER_TUNNEL 131071u /* the last */
#define INTERFACE 3u

static struct world {
	struct capture_slot slot;
	struct capture_source source;
	struct esp_sa sa, other;
	uint8_t data[ESP_BATCH][1500];
	struct esp_packet packets[ESP_BATCH];
} w;

static void begin(uint32_t snaplen)
{
	char why[128] = "";
	const int fd = capture_begin(&w.slot, snaplen, why, sizeof(why));

	assert_true(fd >= 0);
	w.source = (struct capture_source){ .fd = -1, .size = lseek(fd, 0, SEEK_END), .rings = RINGS };
	w.source.shared = mmap(NULL, w.source.size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	assert_true(w.source.shared != MAP_FAILED);
	close(fd);
	assert_int_equal(w.source.shared->version, XSWAN_CAPTURE_VERSION);
	assert_int_equal(w.source.shared->rings, RINGS);
	w.source.ring_size = w.source.shared->ring_size;
	w.source.shared->interface[TUNNEL] = INTERFACE;
}

static int set_up(void **state)
{
	memset(&w, 0, sizeof(w));
	w.slot.rings = RINGS;
	w.sa.config = (struct xswan_sa){ .tunnel = TUNNEL, .spi = htonl(0xc0000001) };
	w.other.config = (struct xswan_sa){ .tunnel = OTHER_TUNNEL, .spi = htonl(0xc0000002) };
	return 0;
}

static int tear_down(void **state)
{
	capture_source_close(&w.source);
	capture_end(&w.slot);
	assert_null(w.slot.now);
	return 0;
}

/* No IP header that means anything to the checksum: 45 and zeros are protocol 0. */
static struct esp_packet *packet(uint32_t i, uint32_t len, uint32_t number)
{
	w.packets[i] = (struct esp_packet){ .data = w.data[i], .len = len, .sa = &w.sa };
	memset(w.data[i], 0, sizeof(w.data[i]));
	w.data[i][0] = 0x45;
	memcpy(w.data[i] + 20, &number, sizeof(number));
	return &w.packets[i];
}

/* The oldest record that is there has this number. */
static const struct xswan_capture_record *expect(uint32_t number)
{
	const struct xswan_capture_record *record;
	uint32_t got;

	capture_source_look(&w.source, false);
	record = capture_source_next(&w.source);
	assert_non_null(record);
	memcpy(&got, (const uint8_t *)(record + 1) + 20, sizeof(got));
	assert_int_equal(got, number);
	assert_int_equal(record->interface, INTERFACE);
	assert_int_equal(record->tunnel, TUNNEL);
	return record;
}

static void expect_none(void)
{
	capture_source_look(&w.source, true);
	assert_null(capture_source_next(&w.source));
}

static void test_sealed(void **state)
{
	const struct xswan_capture_record *record;

	begin(0);
	packet(0, 84, 10);
	packet(1, 1500, 11);
	packet(2, 41, 12);
	packet(3, 84, 13)->sa = &w.other;
	packet(4, 84, 14)->dummy = true;
	capture_sealing(w.slot.now, 0, w.packets, 5);
	expect_none(); /* until it is known what becomes of them */
	memset(w.data, 0xee, sizeof(w.data)); /* sealed in place */
	w.packets[0].seq = 1000;
	w.packets[1].drop = XSWAN_DROP_TS_MISMATCH;
	w.packets[2].seq = 1001;
	capture_sealed(w.slot.now, 0, w.packets, 5);

	record = expect(10);
	assert_int_equal(record->kind, XSWAN_CAPTURE_OUT);
	assert_int_equal(record->seq, 1000);
	assert_int_equal(record->spi, htonl(0xc0000001));
	assert_int_equal(record->len, 84);
	assert_int_equal(record->caplen, 84);
	capture_source_drop(&w.source, record);
	record = expect(12);
	assert_int_equal(record->seq, 1001);
	assert_int_equal(record->len, 41);
	capture_source_drop(&w.source, record);
	expect_none();
	assert_int_equal(capture_source_lost(&w.source, INTERFACE), 0);
}

static void test_opened(void **state)
{
	const struct xswan_capture_record *record;

	begin(64);
	packet(0, 84, 20)->seq = 5;
	packet(1, 84, 21)->drop = XSWAN_DROP_REPLAY;
	packet(2, 64, 22);
	capture_opened(w.slot.now, 1, w.packets, 3);
	record = expect(20);
	assert_int_equal(record->kind, XSWAN_CAPTURE_IN);
	assert_int_equal(record->seq, 5);
	assert_int_equal(record->len, 84);
	assert_int_equal(record->caplen, 64);
	assert_int_equal(record->size, sizeof(*record) + 64);
	capture_source_drop(&w.source, record);
	record = expect(22);
	assert_int_equal(record->len, 64);
	assert_int_equal(record->caplen, 64);
	capture_source_drop(&w.source, record);
	expect_none();

	w.source.shared->interface[TUNNEL] = 0; /* no longer wanted */
	packet(0, 84, 23);
	capture_opened(w.slot.now, 1, w.packets, 1);
	expect_none();
}

/*
 * Packets of all lengths, read now and then, so that the ring's end lies at every place in a record. Behind the last
 * one there is nothing.
 */
static void test_around(void **state)
{
	uint32_t written = 0, read = 0;

	begin(0);
	for (int round = 0; round < 4000; round++) {
		for (uint32_t i = 0; i < 16; i++)
			packet(i, 24 + (written * 37) % 1400, written + i);
		capture_opened(w.slot.now, 1, w.packets, 16);
		written += 16;
		while (read + 1000 < written)
			capture_source_drop(&w.source, expect(read++));
	}
	while (read < written)
		capture_source_drop(&w.source, expect(read++));
	expect_none();
	assert_int_equal(capture_source_lost(&w.source, INTERFACE), 0);
	assert_true(written * 700ull > 2ull * w.source.ring_size);
}

static void test_full(void **state)
{
	const struct xswan_capture_record *record;
	uint32_t written = 0, read = 0;

	begin(0);
	while (!capture_source_lost(&w.source, INTERFACE)) {
		packet(0, 1400, written++);
		capture_opened(w.slot.now, 0, w.packets, 1);
	}
	assert_int_equal(written - 1, w.source.ring_size / (sizeof(*record) + 1400));
	/* one that is dropped while it is sealed is not missed */
	packet(0, 1400, 0);
	packet(1, 1400, 1);
	capture_sealing(w.slot.now, 0, w.packets, 2);
	w.packets[0].drop = XSWAN_DROP_TOO_BIG;
	capture_sealed(w.slot.now, 0, w.packets, 2);
	assert_int_equal(capture_source_lost(&w.source, INTERFACE), 2);
	/* the other worker has its own */
	packet(0, 1400, 0);
	capture_opened(w.slot.now, 1, w.packets, 1);
	assert_int_equal(capture_source_lost(&w.source, INTERFACE), 2);

	for (; read < written - 1; read++)
		capture_source_drop(&w.source, expect(read));
	capture_source_drop(&w.source, expect(0));
	expect_none();
	packet(0, 1400, 4711);
	capture_opened(w.slot.now, 0, w.packets, 1);
	capture_source_drop(&w.source, expect(4711));
	assert_int_equal(capture_source_lost(&w.source, INTERFACE), 2);
}

/* Whoever captures may write into the memory what he likes: a worker only counts. */
static void test_lies(void **state)
{
	struct xswan_capture_ring *ring;

	begin(0);
	ring = (void *)(w.source.shared + 1);
	packet(0, 100, 1);
	for (uint64_t tail = 1; tail; tail <<= 1) {
		ring->tail = tail;
		capture_opened(w.slot.now, 0, w.packets, 1);
	}
	assert_int_equal(ring->head, 0);
	assert_int_equal(capture_source_lost(&w.source, INTERFACE), 64);
	ring->tail = 0;
	ring->head = 12345;
	w.source.shared->ring_size = w.source.shared->rings = 1;
	capture_opened(w.slot.now, 0, w.packets, 1);
	capture_source_drop(&w.source, expect(1));
}

static void test_order(void **state)
{
	begin(0);
	packet(0, 84, 1);
	capture_opened(w.slot.now, 1, w.packets, 1);
	packet(0, 84, 2);
	capture_opened(w.slot.now, 0, w.packets, 1);
	packet(1, 84, 3);
	/* it is not sealed yet when another worker is done with a younger one */
	capture_sealing(w.slot.now, 1, w.packets + 1, 1);
	packet(0, 84, 4);
	capture_opened(w.slot.now, 0, w.packets, 1);
	capture_source_drop(&w.source, expect(1));
	capture_source_look(&w.source, false);
	assert_null(capture_source_next(&w.source)); /* worker 1 has nothing older than its last one */
	capture_sealed(w.slot.now, 1, w.packets + 1, 1);
	for (uint32_t number = 2; number <= 4; number++)
		capture_source_drop(&w.source, expect(number));
	expect_none();
}

static void test_one_at_a_time(void **state)
{
	char why[128] = "";

	begin(0);
	assert_int_equal(capture_begin(&w.slot, 0, why, sizeof(why)), -EBUSY);
	assert_non_null(strstr(why, "one at a time"));
	capture_source_close(&w.source);
	capture_end(&w.slot);
	assert_null(capture_now(&w.slot));
	begin(0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(test_sealed, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_opened, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_around, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_full, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_lies, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(test_one_at_a_time, set_up, tear_down),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
