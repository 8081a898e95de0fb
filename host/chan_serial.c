/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * A serial line to a stub inside a guest: a terminal, or a socket that QEMU has made the other end
 * of a UART. What is said besides the caller's bytes is in protocol/serial_line.h.
 */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <termios.h>
#include <unistd.h>

#include "host/chan_stub.h"
#include "host/cleanup.h"
#include "host/clock.h"
#include "protocol/serial_line.h"

/* A packet that was cut off would swallow the byte: it gets an end that is no checksum. */
static const uint8_t serial_end[] = { '#', 'z', 'z', SERIAL_LINE_END };
static const uint8_t serial_alive[] = { SERIAL_LINE_ALIVE };

enum { SERIAL_END_MS = 3000 }; /* a UART's 115200 baud, and what a debugger has under way */

/* The same rules over either kind of line. */
struct serial_chan {
	struct chan chan;
	struct chan *line;
	struct serial_track sent;
	int64_t sent_ms;
};

static struct serial_chan *to_serial(struct chan *c)
{
	return CONTAINER_OF(c, struct serial_chan, chan);
}

static ssize_t serial_read(struct chan *c, void *buf, size_t len)
{
	struct serial_chan *s = to_serial(c);

	return s->line->ops->read(s->line, buf, len);
}

static ssize_t serial_write(struct chan *c, const void *buf, size_t len)
{
	struct serial_chan *s = to_serial(c);
	ssize_t i, n = s->line->ops->write(s->line, buf, len);

	for (i = 0; i < n; i++)
		(void)serial_track_byte(&s->sent, ((const uint8_t *)buf)[i]);
	if (n > 0)
		s->sent_ms = clock_ms();
	return n;
}

static void serial_tick(struct chan *c)
{
	struct serial_chan *s = to_serial(c);

	if (!s->sent.inside && clock_ms() - s->sent_ms >= SERIAL_LINE_ALIVE_MS)
		(void)serial_write(c, serial_alive, 1);
}

/*
 * QEMU before 9.0 drops what it has not read yet when the other side of a socket closes: both kinds
 * of events are ready and the hang-up may come first (chardev/char-socket.c, hup_source). A half
 * that is closed is no hang-up: QEMU reads to its end and then closes its own.
 */
static void await_end(struct chan *line)
{
	int64_t until = clock_ms() + SERIAL_END_MS;
	uint8_t unwanted[512];

	if (shutdown(line->wfd, SHUT_WR))
		return; /* a terminal, which delivers what it was given */
	while (clock_ms() < until && line->ops->read(line, unwanted, sizeof(unwanted)) >= 0)
		(void)poll(&(struct pollfd){ .fd = line->rfd, .events = POLLIN }, 1, CHAN_TICK_MS);
}

static void serial_destroy(struct chan *c)
{
	struct serial_chan *s = to_serial(c);

	(void)s->line->ops->write(s->line, serial_end, sizeof(serial_end));
	await_end(s->line);
	chan_destroy(s->line);
	free(s);
}

static const struct chan_ops serial_ops = {
	.read = serial_read,
	.write = serial_write,
	.destroy = serial_destroy,
	.tick = serial_tick,
};

/* Takes @line, on failure too. */
static int begin(struct chan *line, struct chan **ret, struct err *err)
{
	struct serial_chan *s = calloc(1, sizeof(*s));

	if (!s) {
		chan_destroy(line);
		return err_set(err, ST_NOMEM, "out of memory");
	}
	s->line = line;
	s->chan = (struct chan){ .ops = &serial_ops, .rfd = line->rfd, .wfd = line->wfd };
	if (serial_write(&s->chan, serial_end, sizeof(serial_end)) != sizeof(serial_end)) {
		serial_destroy(&s->chan);
		return err_set(err, ST_IO, "the line takes no bytes");
	}
	*ret = &s->chan;
	return 0;
}

/* --- terminals --- */

struct tty_chan {
	struct chan chan;
	struct termios saved;
};

static ssize_t moved(ssize_t n)
{
	if (n >= 0)
		return n;
	return errno == EAGAIN || errno == EINTR ? 0 : ST_GONE;
}

/* With VMIN and VTIME 0, 0 bytes mean that there are none (termios(3)), or that the line hung up.
 */
static ssize_t tty_read(struct chan *c, void *buf, size_t len)
{
	struct pollfd p = { .fd = c->rfd };
	ssize_t n = read(c->rfd, buf, len);

	if (n)
		return moved(n);
	return poll(&p, 1, 0) > 0 && p.revents & POLLHUP ? ST_GONE : 0;
}

static ssize_t tty_write(struct chan *c, const void *buf, size_t len)
{
	return moved(write(c->wfd, buf, len));
}

static void tty_destroy(struct chan *c)
{
	struct tty_chan *t = CONTAINER_OF(c, struct tty_chan, chan);

	(void)tcsetattr(c->rfd, TCSANOW, &t->saved);
	close(c->rfd);
	free(t);
}

static const struct chan_ops tty_ops = {
	.read = tty_read,
	.write = tty_write,
	.destroy = tty_destroy,
};

static int make_raw(int fd, struct termios *saved, struct err *err)
{
	struct termios raw;

	if (tcgetattr(fd, saved))
		return err_set(err, ST_INVAL, "this is not a terminal");
	raw = *saved;
	cfmakeraw(&raw);
	cfsetspeed(&raw, B115200); /* as the stub's UART; a pseudo-terminal does not care */
	raw.c_cflag |= CLOCAL;
	raw.c_cc[VMIN] = raw.c_cc[VTIME] = 0;
	return tcsetattr(fd, TCSANOW, &raw) ? err_sys(err, "tcsetattr") : 0;
}

int chan_connect_serial(const char *path, struct chan **ret, struct err *err)
{
	AUTO_CLOSE int fd = open(path, O_RDWR | O_CLOEXEC | O_NOCTTY | O_NONBLOCK);
	struct termios saved;
	struct tty_chan *t;
	int status;

	if (fd < 0)
		return err_sys(err, "opening it");
	status = make_raw(fd, &saved, err);
	if (status)
		return status;
	t = malloc(sizeof(*t));
	if (!t)
		return err_set(err, ST_NOMEM, "out of memory");
	/* What somebody else's session left unread. */
	(void)tcflush(fd, TCIFLUSH);
	*t = (struct tty_chan){ .saved = saved };
	t->chan.ops = &tty_ops;
	t->chan.rfd = t->chan.wfd = take_fd(&fd);
	return begin(&t->chan, ret, err);
}

int chan_connect_serial_socket(const char *path, struct chan **ret, struct err *err)
{
	struct chan *line;
	int status = chan_connect_unix(path, &line, err);

	return status ? status : begin(line, ret, err);
}
