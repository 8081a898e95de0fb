/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A sealed stub behind a Unix socket, for tests of the owner's side: stub/core in the toy machine,
 * with libsodium where the module has the kernel's library. It serves one connection after the
 * other; each is a new session on the machine's link.
 *
 * sealed_stub SOCKET POLICY [EVIDENCE]: prints "stub-key HEX" when it listens.
 */
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "host/clock.h"
#include "host/crypto/sodium.h"
#include "host/policy_file.h"
#include "tests/fake/stub_machine.h"

enum { CHUNK = 65536, LOOK_MS = 1, CPUS = 2 };

static int listen_at(const char *path)
{
	struct sockaddr_un at = { .sun_family = AF_UNIX };
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);

	if (fd < 0 || strlen(path) >= sizeof(at.sun_path))
		return -1;
	strcpy(at.sun_path, path);
	return bind(fd, (struct sockaddr *)&at, sizeof(at)) || listen(fd, 1) ? -1 : fd;
}

static bool send_all(int fd, const uint8_t *data, size_t len)
{
	while (len) {
		ssize_t n = send(fd, data, len, MSG_NOSIGNAL);

		if (n <= 0)
			return false;
		data += n;
		len -= (size_t)n;
	}
	return true;
}

/* Until the client is gone, or the stub wants no more of it. What the machine's link has no room
 * for yet waits here. */
static void serve(struct stub_machine *m, int fd)
{
	static uint8_t in[CHUNK], out[CHUNK];
	size_t have = 0, len;
	uint32_t before = __atomic_load_n(&m->hung_up, __ATOMIC_ACQUIRE);
	int64_t then = clock_ms();
	bool ended;

	for (;;) {
		struct pollfd poller = { .fd = fd, .events = have < sizeof(in) ? POLLIN : 0 };
		int64_t now;

		if (poll(&poller, 1, LOOK_MS) > 0) {
			ssize_t n = recv(fd, in + have, sizeof(in) - have, 0);

			if (n <= 0)
				return;
			have += (size_t)n;
		}
		now = clock_ms();
		stub_machine_pass(m, (uint64_t)(now - then));
		then = now;
		len = stub_machine_send(m, in, have);
		have -= len;
		memmove(in, in + len, have);
		ended = __atomic_load_n(&m->hung_up, __ATOMIC_ACQUIRE) != before;
		while ((len = stub_machine_receive(m, out, sizeof(out))) != 0)
			if (!send_all(fd, out, len))
				return;
		if (ended)
			return;
	}
}

static size_t read_evidence(const char *path, uint8_t *ret)
{
	FILE *f = fopen(path, "rb");
	size_t len;

	if (!f)
		return 0;
	len = fread(ret, 1, LINK_EVIDENCE_MAX, f);
	fclose(f);
	return len;
}

int main(int argc, char **argv)
{
	static uint8_t evidence[LINK_EVIDENCE_MAX];
	static struct policy_file policy;
	static struct stub_seal seal = { .crypto = &sodium_crypto };
	static const struct stub_config config = { .policy = &policy.policy, .seal = &seal };
	struct stub_machine *m;
	struct err err;
	int fd, client, i;

	if (argc < 3 || policy_file_read(argv[2], &policy, &err) ||
	    !sodium_random32(NULL, seal.secret) || (fd = listen_at(argv[1])) < 0)
		return 1;
	noise_public(seal.crypto, seal.public, seal.secret);
	memcpy(seal.policy_hash, policy.hash, NOISE_KEY);
	m = stub_machine_create(CPUS);
	stub_machine_start(m, &config, true);
	if (argc > 3 && !stub_set_evidence(&m->stub, evidence, read_evidence(argv[3], evidence)))
		return 1;
	printf("stub-key ");
	for (i = 0; i < NOISE_KEY; i++)
		printf("%02x", seal.public[i]);
	putchar('\n');
	fflush(stdout);
	while ((client = accept(fd, NULL, NULL)) >= 0) {
		stub_machine_connect(m);
		serve(m, client);
		stub_machine_disconnect(m);
		close(client);
	}
	return 0;
}
