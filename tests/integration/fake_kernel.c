/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * Stands in front of the C library of one process, cvmdbg-attest, and answers as the kernel of a
 * SEV-SNP guest would: /dev/sev-guest, and configfs-tsm below a folder of the test's. What it
 * answers and where it notes what it was asked for is in the environment. Built and used by
 * test_verify.py.
 */
#include <dlfcn.h>
#include <errno.h>
#include <stdarg.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

enum { CERTS_MAX = 0x4000, RESPONSE = 4000, FIRMWARE_AND_HOST_ERROR_SHIFT = 32 };

static size_t load(const char *variable, void *ret, size_t size)
{
	const char *path = getenv(variable);
	FILE *file = path ? fopen(path, "r") : NULL;
	size_t len = file ? fread(ret, 1, size, file) : 0;

	if (file)
		fclose(file);
	return len;
}

static void save(const char *path, const void *data, size_t len)
{
	FILE *file = fopen(path, "w");

	if (!file || fwrite(data, 1, len, file) != len || fclose(file))
		abort();
}

/* --- /dev/sev-guest --- */

int open(const char *path, int flags, ...)
{
	int (*real)(const char *, int, ...) = dlsym(RTLD_NEXT, "open");
	va_list args;
	int mode;

	va_start(args, flags);
	mode = va_arg(args, int);
	va_end(args);
	if (strcmp(path, "/dev/sev-guest"))
		return real(path, flags, mode);
	if (getenv("FAKE_RESPONSE"))
		return real("/dev/null", flags, mode);
	errno = ENOENT;
	return -1;
}

int ioctl(int fd, unsigned long number, ...)
{
	struct {
		uint64_t version, request, response, error;
	} * call;
	struct {
		uint8_t data[64];
		uint32_t vmpl;
		uint8_t zero[28];
		uint64_t certs;
		uint32_t certs_len;
	} * request;
	va_list args;

	(void)fd;
	va_start(args, number);
	call = va_arg(args, void *);
	va_end(args);
	request = (void *)(uintptr_t)call->request;
	call->error = 0;
	if (getenv("FAKE_TOO_LONG") && request->certs_len) {
		call->error = 1ull << FIRMWARE_AND_HOST_ERROR_SHIFT;
		errno = EIO;
		return -1;
	}
	if (number != 0xc0205302 || call->version != 1 || request->vmpl ||
	    (request->certs_len && request->certs_len != CERTS_MAX) || request->certs % 4096 ||
	    getenv("FAKE_REFUSAL")) {
		call->error = 2ull << FIRMWARE_AND_HOST_ERROR_SHIFT | 0x16;
		errno = EIO;
		return -1;
	}
	save(getenv("FAKE_ASKED"), request->data, sizeof(request->data));
	memset((void *)(uintptr_t)call->response, 0, RESPONSE);
	load("FAKE_RESPONSE", (void *)(uintptr_t)call->response, RESPONSE);
	load("FAKE_CERTS", (void *)(uintptr_t)request->certs, request->certs_len);
	return 0;
}

/* --- configfs-tsm: an entry is a folder that comes with its files --- */

static const char *const names[] = { "inblob", "outblob", "auxblob", "provider", "generation" };

static const char *file_of(const char *entry, const char *name)
{
	static char path[512];

	snprintf(path, sizeof(path), "%s/%s", entry, name);
	return path;
}

int mkdir(const char *entry, mode_t mode)
{
	int (*real)(const char *, mode_t) = dlsym(RTLD_NEXT, "mkdir");
	static uint8_t data[CERTS_MAX];
	const char *provider = getenv("FAKE_PROVIDER");

	if (real(entry, mode))
		return -1;
	save(file_of(entry, "inblob"), "", 0);
	save(file_of(entry, "generation"), "1\n", 2);
	save(file_of(entry, "provider"), provider, strlen(provider));
	save(file_of(entry, "outblob"), data, load("FAKE_OUTBLOB", data, sizeof(data)));
	if (getenv("FAKE_CERTS"))
		save(file_of(entry, "auxblob"), data, load("FAKE_CERTS", data, sizeof(data)));
	return 0;
}

int rmdir(const char *entry)
{
	int (*real)(const char *) = dlsym(RTLD_NEXT, "rmdir");
	size_t i;

	rename(file_of(entry, "inblob"), getenv("FAKE_ASKED"));
	for (i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		unlink(file_of(entry, names[i]));
	return real(entry);
}
