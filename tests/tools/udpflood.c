/* SPDX-License-Identifier: Apache-2.0 */
/*
 * Sends or receives UDP datagrams as fast as one core can, or at a given rate, for the benchmark.
 *
 *   udpflood recv PORT SECONDS                      until SECONDS are over, or 0.5 s after the last datagram
 *   udpflood send ADDRESS PORT SIZE RATE SECONDS    RATE in packets per second; 0: as fast as possible; SIGTERM ends it
 *
 * Both print one JSON object. SIZE is the UDP payload. Datagrams of eight octets and more are numbered from zero, in host
 * byte order, and the receiver says how many came again; with several senders that says nothing.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <inttypes.h>
#include <signal.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

#define BATCH 64
#define SIZE_MAX_UDP 9000
#define SECOND 1000000000ull
#define IDLE (SECOND / 2)
#define NUMBERS (1u << 24) /* as many are told apart */
#define TICK 5000 /* paced batches per second */

static char buffer[BATCH][SIZE_MAX_UDP];

static uint8_t seen[NUMBERS / 8];

static volatile sig_atomic_t ended;

static void on_term(int sig)
{
	ended = 1;
}

static bool came_again(const char *data, size_t len)
{
	uint64_t number;
	uint8_t bit;
	bool again;

	if (len < sizeof(number))
		return false;
	memcpy(&number, data, sizeof(number));
	if (number >= NUMBERS)
		return false;
	bit = 1 << (number % 8);
	again = seen[number / 8] & bit;
	seen[number / 8] |= bit;
	return again;
}

static void number_batch(uint64_t first, int count, size_t size)
{
	for (int i = 0; i < count && size >= sizeof(first); i++, first++)
		memcpy(buffer[i], &first, sizeof(first));
}

static uint64_t now(void)
{
	struct timespec t;

	clock_gettime(CLOCK_MONOTONIC, &t);
	return t.tv_sec * SECOND + t.tv_nsec;
}

static void sleep_until(uint64_t t)
{
	struct timespec at = { .tv_sec = t / SECOND, .tv_nsec = t % SECOND };

	clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &at, NULL);
}

static void prepare(struct mmsghdr *msgs, struct iovec *iov, size_t size)
{
	for (int i = 0; i < BATCH; i++) {
		iov[i] = (struct iovec){ .iov_base = buffer[i], .iov_len = size };
		msgs[i] = (struct mmsghdr){ .msg_hdr = { .msg_iov = &iov[i], .msg_iovlen = 1 } };
	}
}

static int fail(const char *what)
{
	fprintf(stderr, "udpflood: %s: %s\n", what, strerror(errno));
	return 1;
}

static int open_receiver(uint16_t port)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct timeval wait = { .tv_usec = 50000 };
	int size = 64 << 20, fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (fd < 0)
		return -1;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof(size)))
		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	setsockopt(fd, SOL_SOCKET, SO_RCVTIMEO, &wait, sizeof(wait));
	return bind(fd, (struct sockaddr *)&addr, sizeof(addr)) ? -1 : fd;
}

static int receive(uint16_t port, uint64_t seconds)
{
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	uint64_t packets = 0, bytes = 0, again = 0, first = 0, last = 0, end = now() + seconds * SECOND;
	int fd = open_receiver(port);

	if (fd < 0)
		return fail("cannot receive");
	prepare(msgs, iov, SIZE_MAX_UDP);
	for (uint64_t t = now(); t < end && !(packets && t - last > IDLE); t = now()) {
		int n = recvmmsg(fd, msgs, BATCH, MSG_WAITFORONE, NULL);

		if (n < 0 && errno != EAGAIN && errno != EINTR)
			return fail("recvmmsg");
		if (n <= 0)
			continue;
		last = now();
		first = packets ? first : last;
		packets += n;
		for (int i = 0; i < n; i++) {
			bytes += msgs[i].msg_len;
			again += came_again(buffer[i], msgs[i].msg_len);
		}
	}
	printf("{\"packets\": %" PRIu64 ", \"bytes\": %" PRIu64 ", \"again\": %" PRIu64 ", \"seconds\": %.6f}\n", packets,
	       bytes, again, (double)(last - first) / SECOND);
	close(fd);
	return 0;
}

/* How many are due now; sleeps when none is. */
static int due(uint64_t start, uint64_t sent, uint64_t rate)
{
	uint64_t owed;

	if (!rate)
		return BATCH;
	owed = (uint64_t)((double)(now() - start) * rate / SECOND);
	if (owed > sent)
		return owed - sent < BATCH ? (int)(owed - sent) : BATCH;
	sleep_until(now() + SECOND / TICK);
	return 0;
}

static int send_all(const char *address, uint16_t port, size_t size, uint64_t rate, double seconds)
{
	struct sockaddr_in addr = { .sin_family = AF_INET, .sin_port = htons(port) };
	struct mmsghdr msgs[BATCH];
	struct iovec iov[BATCH];
	uint64_t start, end, sent = 0;
	int fd = socket(AF_INET, SOCK_DGRAM, 0);

	if (inet_pton(AF_INET, address, &addr.sin_addr) != 1 || size < 1 || size > SIZE_MAX_UDP) {
		errno = EINVAL;
		return fail(address);
	}
	if (fd < 0 || connect(fd, (struct sockaddr *)&addr, sizeof(addr)))
		return fail(address);
	prepare(msgs, iov, size);
	start = now();
	end = start + (uint64_t)(seconds * SECOND);
	signal(SIGTERM, on_term);
	while (!ended && now() < end) {
		int n = due(start, sent, rate);

		number_batch(sent, n, size);
		n = n ? sendmmsg(fd, msgs, n, 0) : 0;
		/* a receiver that is not there yet, or a full queue: neither ends the flood */
		if (n < 0 && errno != ECONNREFUSED && errno != ENOBUFS && errno != EAGAIN)
			return fail("sendmmsg");
		sent += n > 0 ? n : 0;
	}
	printf("{\"packets\": %" PRIu64 ", \"seconds\": %.6f}\n", sent, (double)(now() - start) / SECOND);
	close(fd);
	return 0;
}

int main(int argc, char **argv)
{
	if (argc == 4 && !strcmp(argv[1], "recv"))
		return receive(atoi(argv[2]), atoi(argv[3]));
	if (argc == 7 && !strcmp(argv[1], "send"))
		return send_all(argv[2], atoi(argv[3]), atoi(argv[4]), strtoull(argv[5], NULL, 10), atof(argv[6]));
	fprintf(stderr, "usage: udpflood recv PORT SECONDS\n       udpflood send ADDRESS PORT SIZE RATE SECONDS\n");
	return 2;
}
