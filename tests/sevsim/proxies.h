/* SPDX-License-Identifier: MIT OR GPL-2.0-only */
/*
 * The public sockets. Each proxy has one listener and one client at a time, as QEMU has; the main
 * loop polls what *_fds gives and calls *_ready. All run in the main thread.
 */
#ifndef TESTS_SEVSIM_PROXIES_H
#define TESTS_SEVSIM_PROXIES_H

#include "sim.h"

/* Listener while nobody is connected, else the client; -1: nothing to wait for. */
int qmp_proxy_fd(void);
void qmp_proxy_listen(int listener);
void qmp_proxy_ready(void);

int gdb_proxy_fd(void);
/* "unix:PATH[,...]", "tcp::PORT[,...]" or "none", as QEMU's gdbserver command takes it. 0 or -1. */
int gdb_proxy_open(const char *device);
void gdb_proxy_ready(void);
/* The VM stopped by itself while a client waits: its stop reply. */
void gdb_proxy_stopped(const char *reply);
/* What query-chardev shows for it, or NULL when it is not open. */
json_t *gdb_proxy_chardev(void);

int control_listen(void);
void control_ready(int listener);
/* The client side: sevsim ctl, and handing over an agent's listener. */
int control_request(const char *dir, json_t *words, int fd, json_t **ret);

#endif
