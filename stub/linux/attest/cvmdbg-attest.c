/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * cvmdbg-attest, run in a SEV-SNP guest that carries the stub: has the processor sign a report for
 * the stub's key and policy, and hands it to the stub, which shows it to debuggers as evidence.
 * Needs the C library alone. Judges nothing: the owner's side does (host/attest/verify.h).
 *
 * Not run on SEV hardware so far; its tests stand in for the kernel.
 */
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>

#include "host/attest/evidence.h"

enum {
	REPORT_DATA = 64,
	REPORT_BYTES = 1184,
	CERTS_MAX = 0x4000, /* as much as the driver takes: SEV_FW_BLOB_MAX_SIZE */
	CERTS_TOO_LONG = 1, /* for CERTS_MAX: SNP_GUEST_VMM_ERR_INVALID_LEN */
	TRIES = 8,	    /* while others use the same interface */
	PATH_BYTES = 256,
};

static const char usage[] =
	"usage: cvmdbg-attest [--output FILE] [--device FILE] [--tsm DIR]\n"
	"\n"
	"Get an attestation report for the debug stub in this guest and hand it to the stub.\n"
	"\n"
	"  --output FILE  write the evidence there, not to the stub\n"
	"  --device FILE  the stub (default /dev/cvmdbg)\n"
	"  --tsm DIR      where reports come from (default /sys/kernel/config/tsm/report)\n";

/* A directory of ours in configfs, which must not stay behind. */
static char tsm_entry[PATH_BYTES];

static void die(const char *fmt, ...) __attribute__((noreturn, format(printf, 1, 2)));

static void die(const char *fmt, ...)
{
	va_list args;

	fputs("cvmdbg-attest: ", stderr);
	va_start(args, fmt);
	vfprintf(stderr, fmt, args);
	va_end(args);
	fputc('\n', stderr);
	if (tsm_entry[0])
		rmdir(tsm_entry);
	exit(1);
}

/* --- files --- */

/* Up to @size bytes of a file; returns how many, or -1 with errno. */
static ssize_t read_file(const char *path, void *ret, size_t size)
{
	int fd = open(path, O_RDONLY | O_CLOEXEC);
	size_t len = 0;
	ssize_t n;

	if (fd < 0)
		return -1;
	while (len < size && (n = read(fd, (char *)ret + len, size - len)) != 0) {
		if (n < 0) {
			int error = errno;

			close(fd);
			errno = error;
			return -1;
		}
		len += (size_t)n;
	}
	close(fd);
	return (ssize_t)len;
}

/* In one write, as the kernel's files want it. -1: errno. */
static int write_file(const char *path, int flags, const void *data, size_t len)
{
	int fd = open(path, O_WRONLY | O_CLOEXEC | flags, 0644);
	ssize_t n;
	int error;

	if (fd < 0)
		return -1;
	errno = EIO; /* for a short write */
	n = write(fd, data, len);
	error = errno;
	if (close(fd) == 0 && n == (ssize_t)len)
		return 0;
	errno = error;
	return -1;
}

/* --- the stub --- */

static int digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* The line "report-data HEX" of what the module says of itself. */
static void read_report_data(const char *device, uint8_t ret[REPORT_DATA])
{
	static const char key[] = "report-data ";
	char text[1024], *p;
	ssize_t len = read_file(device, text, sizeof(text) - 1);
	size_t i;

	if (len < 0 && errno == ENOENT)
		die("%s is not there: the stub is not loaded, or its policy says \"channel plain\"",
		    device);
	if (len < 0)
		die("%s: %s", device, strerror(errno));
	text[len] = '\0';
	p = strstr(text, key);
	if (!p)
		die("%s does not say what the report is for", device);
	p += sizeof(key) - 1;
	for (i = 0; i < REPORT_DATA; i++, p += 2) {
		if (digit(p[0]) < 0 || digit(p[1]) < 0)
			die("%s: report-data is no %d bytes in hexadecimal", device, REPORT_DATA);
		ret[i] = (uint8_t)(digit(p[0]) << 4 | digit(p[1]));
	}
}

/* --- a report by configfs-tsm, Linux 6.7 and later (Documentation/ABI/testing/configfs-tsm) --- */

struct answer {
	uint8_t report[REPORT_BYTES];
	uint8_t certs[CERTS_MAX];
	size_t certs_len;
};

static const char *entry_file(const char *entry, const char *name)
{
	static char path[PATH_BYTES];

	if ((size_t)snprintf(path, sizeof(path), "%s/%s", entry, name) >= sizeof(path))
		die("%s: too long", entry);
	return path;
}

static long generation(const char *entry)
{
	char text[32] = "";

	if (read_file(entry_file(entry, "generation"), text, sizeof(text) - 1) < 0)
		die("%s: %s", entry_file(entry, "generation"), strerror(errno));
	return strtol(text, NULL, 10);
}

/* One attempt; false: somebody else wrote to the same entry meanwhile. */
static bool ask_tsm_once(const char *entry, const uint8_t *report_data, struct answer *ret)
{
	char provider[32] = "";
	long before;
	ssize_t n;

	if (write_file(entry_file(entry, "inblob"), 0, report_data, REPORT_DATA))
		die("%s: %s", entry_file(entry, "inblob"), strerror(errno));
	before = generation(entry);
	if (read_file(entry_file(entry, "provider"), provider, sizeof(provider) - 1) < 0 ||
	    strncmp(provider, "sev_guest", 9))
		die("%s is for another kind of guest than SEV-SNP: \"%.*s\"", entry,
		    (int)strcspn(provider, "\n"), provider);
	n = read_file(entry_file(entry, "outblob"), ret->report, sizeof(ret->report));
	if (n < 0 && errno == EWOULDBLOCK)
		return false;
	if (n < 0)
		die("the processor gives no report: %s: %s", entry_file(entry, "outblob"),
		    strerror(errno));
	if (n != REPORT_BYTES)
		die("%s has %zd bytes, not a report's %d", entry_file(entry, "outblob"), n,
		    REPORT_BYTES);
	n = read_file(entry_file(entry, "auxblob"), ret->certs, sizeof(ret->certs));
	ret->certs_len = n < 0 ? 0 : (size_t)n; /* a host need not have certificates */
	return generation(entry) == before;
}

/* False: this kernel has no configfs-tsm. */
static bool ask_tsm(const char *dir, const uint8_t *report_data, struct answer *ret)
{
	char entry[PATH_BYTES];
	bool done = false;
	int i;

	if ((size_t)snprintf(entry, sizeof(entry), "%s/cvmdbg-%d", dir, (int)getpid()) >=
	    sizeof(entry))
		die("%s: too long", dir);
	if (mkdir(entry, 0700)) {
		if (errno == ENOENT || errno == ENXIO)
			return false;
		die("%s: %s", entry, strerror(errno));
	}
	memcpy(tsm_entry, entry, sizeof(entry));
	for (i = 0; i < TRIES && !done; i++)
		done = ask_tsm_once(entry, report_data, ret);
	if (!done)
		die("%s: others keep using it", entry);
	rmdir(entry);
	tsm_entry[0] = '\0';
	return true;
}

/* --- a report by /dev/sev-guest, Linux 5.19 and later (include/uapi/linux/sev-guest.h) --- */

static const char sev_guest[] = "/dev/sev-guest";

struct sev_request {
	uint8_t user_data[REPORT_DATA];
	uint32_t vmpl;
	uint8_t reserved[28];
	uint64_t certs_address;
	uint32_t certs_len, padding;
};

struct sev_response {
	uint32_t status, size;
	uint8_t reserved[24], report[REPORT_BYTES], rest[4000 - 32 - REPORT_BYTES];
};

struct sev_call {
	uint8_t version, padding[7];
	uint64_t request, response;
	uint32_t firmware_error, vmm_error;
};

static_assert(sizeof(struct sev_request) == 112, "struct snp_ext_report_req");
static_assert(offsetof(struct sev_request, certs_address) == 96, "struct snp_ext_report_req");
static_assert(sizeof(struct sev_response) == 4000, "struct snp_report_resp");
static_assert(offsetof(struct sev_response, report) == 0x20, "MSG_REPORT_RSP");
static_assert(sizeof(struct sev_call) == 32, "struct snp_guest_request_ioctl");
static_assert(offsetof(struct sev_call, firmware_error) == 24, "struct snp_guest_request_ioctl");

#define SEV_GET_EXT_REPORT _IOWR('S', 2, struct sev_call)
static_assert(SEV_GET_EXT_REPORT == 0xc0205302, "SNP_GET_EXT_REPORT");

static void ask_sev_guest(const char *tsm, const uint8_t *report_data, struct answer *ret)
{
	static uint8_t certs[CERTS_MAX] __attribute__((aligned(4096)));
	static struct sev_response response;
	struct sev_request request = {
		.certs_address = (uintptr_t)certs,
		.certs_len = sizeof(certs),
	};
	struct sev_call call = {
		.version = 1,
		.request = (uintptr_t)&request,
		.response = (uintptr_t)&response,
	};
	int fd = open(sev_guest, O_RDWR | O_CLOEXEC), failed;

	if (fd < 0 && errno == ENOENT)
		die("neither %s nor %s is there: this is no SEV-SNP guest, or its kernel lacks the "
		    "driver (modprobe sev-guest) or configfs (mount -t configfs none "
		    "/sys/kernel/config)",
		    tsm, sev_guest);
	if (fd < 0)
		die("%s: %s", sev_guest, strerror(errno));
	memcpy(request.user_data, report_data, REPORT_DATA);
	failed = ioctl(fd, SEV_GET_EXT_REPORT, &call);
	if (failed && call.vmm_error == CERTS_TOO_LONG) {
		request.certs_len = 0; /* a report alone */
		failed = ioctl(fd, SEV_GET_EXT_REPORT, &call);
	}
	if (failed)
		die("the processor gives no report: %s: %s (firmware error 0x%x, host error 0x%x)",
		    sev_guest, strerror(errno), call.firmware_error, call.vmm_error);
	close(fd);
	if (response.status || response.size != REPORT_BYTES)
		die("the processor refuses a report: status 0x%x, %u bytes", response.status,
		    response.size);
	memcpy(ret->report, response.report, REPORT_BYTES);
	memcpy(ret->certs, certs, sizeof(certs));
	ret->certs_len = request.certs_len;
}

/* --- evidence --- */

/* The host fills the table; when it is no use the owner needs certificates of their own. */
static struct evidence_part usable_certs(const struct answer *answer)
{
	struct evidence_part certs = { answer->certs, answer->certs_len };
	int len = evidence_certs_len(certs);

	certs.len = len < 0 ? 0 : (size_t)len;
	if (certs.len > EVIDENCE_MAX - EVIDENCE_HEADER - 2 * EVIDENCE_ITEM - REPORT_BYTES)
		certs.len = 0;
	if (!certs.len) {
		fputs("cvmdbg-attest: the host gives no certificates; who verifies needs --ask and "
		      "--vcek\n",
		      stderr);
		certs.data = NULL;
	}
	return certs;
}

/* Returns its length in @ret. */
static size_t make_evidence(const struct answer *answer, uint8_t ret[EVIDENCE_MAX])
{
	struct evidence evidence = {
		.report = { answer->report, REPORT_BYTES },
		.certs = usable_certs(answer),
	};
	int len = evidence_encode(&evidence, ret, EVIDENCE_MAX);

	if (len < 0)
		die("the evidence does not fit in %d bytes", EVIDENCE_MAX);
	return (size_t)len;
}

int main(int argc, char **argv)
{
	static const struct option options[] = {
		{ "output", required_argument, NULL, 'o' },
		{ "device", required_argument, NULL, 'd' },
		{ "tsm", required_argument, NULL, 't' },
		{ "help", no_argument, NULL, 'h' },
		{ NULL, 0, NULL, 0 },
	};
	const char *output = NULL, *device = "/dev/cvmdbg", *tsm = "/sys/kernel/config/tsm/report";
	static uint8_t evidence[EVIDENCE_MAX];
	static struct answer answer;
	uint8_t report_data[REPORT_DATA];
	int option, failed;
	size_t len;

	while ((option = getopt_long(argc, argv, "h", options, NULL)) != -1) {
		switch (option) {
		case 'o':
			output = optarg;
			break;
		case 'd':
			device = optarg;
			break;
		case 't':
			tsm = optarg;
			break;
		case 'h':
			fputs(usage, stdout);
			return 0;
		default:
			fputs(usage, stderr);
			return 2;
		}
	}
	if (optind != argc) {
		fputs(usage, stderr);
		return 2;
	}
	read_report_data(device, report_data);
	if (!ask_tsm(tsm, report_data, &answer))
		ask_sev_guest(tsm, report_data, &answer);
	if (memcmp(answer.report + 0x50, report_data, REPORT_DATA))
		die("the report is for something else than what was asked for");
	len = make_evidence(&answer, evidence);
	if (output)
		failed = write_file(output, O_CREAT | O_TRUNC, evidence, len);
	else
		failed = write_file(device, 0, evidence, len);
	if (failed)
		die("%s: %s", output ? output : device, strerror(errno));
	return 0;
}
